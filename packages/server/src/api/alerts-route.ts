import type { AlertRuleStatus, AlertsResponse } from '@throughline/trace/client';
import type { Alerts, RuleStatus } from '../alerts/alerts.ts';
import type { RuleFile } from '../alerts/rule-file.ts';
import { UNITS } from '../alerts/tell-alert.ts';
import { json } from '../http/response.ts';
import { route, type Route } from '../http/route.ts';
import { alertsSchema } from './alert-schemas.ts';

/** `GET /api/v1/alerts`. */
export function alertsRoute(alerts: Pick<Alerts, 'status'>, file: Pick<RuleFile, 'path' | 'problem' | 'rules'>): Route {
  return route({
    path: '/api/v1/alerts',
    operationId: 'listAlerts',
    summary: 'The rules of the file of alerts with their states, and what was measured last',
    answers: { description: 'The rules with their states', schema: alertsSchema },
    usesStore: false,
    answer: async () => {
      const rules = await alerts.status();
      return json<AlertsResponse>({
        file: file.path,
        problem: file.problem,
        rules: rules.map(statusOf),
        channels: file.rules.channels.map(({ name, type }) => ({ name, type })),
      });
    },
  });
}

function statusOf({ rule, state, reading, problem }: RuleStatus): AlertRuleStatus {
  const { of } = rule;
  const { incident } = state;
  return {
    name: rule.name,
    watch: rule.watch,
    severity: rule.severity,
    service: of.service,
    operation: of.operation,
    kind: of.kind,
    attributes: Object.fromEntries(of.attributes.map(({ key, value }) => [key, value])),
    limit: rule.limit,
    unit: UNITS[rule.watch],
    quantile: rule.watch === 'latency' ? rule.quantile : null,
    windowSeconds: rule.windowMs / 1_000,
    forSeconds: rule.forMs / 1_000,
    confidence: rule.confidence,
    notify: [...rule.notify],
    silencedUntil: isoOf(rule.silencedUntilMs),
    state: state.status,
    since: state.evaluatedMs === null ? null : isoOf(state.sinceMs),
    evaluatedAt: isoOf(state.evaluatedMs),
    verdict: state.verdict,
    problem,
    value: reading?.value ?? null,
    lower: reading?.lower ?? null,
    upper: reading?.upper ?? null,
    requests: reading?.requests ?? 0,
    dedupKey: incident?.dedupKey ?? null,
    notifiedAt: isoOf(incident?.notifiedMs ?? null),
  };
}

function isoOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
