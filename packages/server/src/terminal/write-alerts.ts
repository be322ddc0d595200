import type { AlertRuleStatus, AlertsResponse } from '@throughline/trace/client';
import { quantityText } from '../quantity-text.ts';
import { countOf } from './count-text.ts';
import { safeText } from './safe-text.ts';
import { type Line, piece, type Screen, type Style } from './screen.ts';
import { padEnd, wrap } from './text-width.ts';
import { ageOf } from './write-search.ts';

/** `throughline alerts list`: how many rules fire, and each rule with what was measured last; those that fire first. */
export function writeAlerts({ file, problem, rules, channels }: AlertsResponse, nowMs: number, screen: Screen): Line[] {
  const paragraph = (text: string, ...styles: readonly Style[]): Line[] =>
    wrap(text, screen.width).map((line): Line => [piece(line, ...styles)]);
  if (file === null) return paragraph('No alerts: the collector has no --alerts-file', 'bold');
  const firing = rules.filter(({ state }) => state === 'firing').length;
  const sorted = rules.toSorted((a, b) => ORDER[a.state] - ORDER[b.state]);
  return [
    ...paragraph(
      firing === 0
        ? 'No rule fires'
        : `${firing} of ${countOf(rules.length, 'rule')} ${firing === 1 ? 'fires' : 'fire'}`,
      'bold',
      firing === 0 ? 'green' : 'red',
    ),
    ...(problem === null
      ? []
      : paragraph(`Warning: the file is not used as it is now: ${safeText(problem)}`, 'yellow')),
    ...(rules.length === 0 ? [] : [[]]),
    ...sorted.flatMap((rule) => writeRule(rule, nowMs, screen)),
    [],
    ...paragraph(`${safeText(file)}, ${countOf(channels.length, 'channel')}`, 'dim'),
  ];
}

const ORDER = { firing: 0, pending: 1, ok: 2 } as const;
const MARKS: Readonly<Record<AlertRuleStatus['state'], readonly [mark: string, Style]>> = {
  firing: ['✖', 'red'],
  pending: ['▲', 'yellow'],
  ok: ['✔', 'green'],
};
const STATE_WIDTH = 8;

function writeRule(rule: AlertRuleStatus, nowMs: number, screen: Screen): Line[] {
  const [mark, style] = MARKS[rule.state];
  const indent = ` ${mark} `;
  const room = screen.width - indent.length - STATE_WIDTH;
  const after = rule.since === null ? '' : `, ${rule.state} ${sinceOf(rule.since, nowMs)}`;
  const facts = wrap(`${measuredOf(rule)}${after}`, screen.width - indent.length);
  const notes = [
    ...(rule.problem === null ? [] : [`not evaluated: ${safeText(rule.problem)}`]),
    ...(rule.silencedUntil === null || Date.parse(rule.silencedUntil) <= nowMs
      ? []
      : [`silenced until ${safeText(rule.silencedUntil)}`]),
  ].flatMap((note) => wrap(note, screen.width - indent.length));
  return [
    [piece(`${indent}${padEnd(rule.state, STATE_WIDTH)}`, style), piece(padEnd(safeText(rule.name), room), 'bold')],
    ...facts.map((text): Line => [piece(' '.repeat(indent.length)), piece(text)]),
    ...notes.map((text): Line => [piece(' '.repeat(indent.length)), piece(text, 'yellow')]),
  ];
}

function sinceOf(since: string, nowMs: number): string {
  const age = ageOf(String(BigInt(Date.parse(since)) * 1_000_000n), nowMs);
  return age === 'now' ? 'since now' : `for ${age}`;
}

const WATCHED: Readonly<Record<AlertRuleStatus['watch'], string>> = {
  rate: 'rate',
  errors: 'errors',
  latency: 'latency',
  unusual: 'unusual',
};

/** `errors of checkout POST /pay: 2.1% (1.4% to 3.1%) of 812 requests, limit above 2%`. */
function measuredOf(rule: AlertRuleStatus): string {
  const { watch, quantile, unit, limit, value, lower, upper, requests, verdict, service, operation } = rule;
  const more = [
    ...(rule.kind === null ? [] : [rule.kind]),
    ...Object.entries(rule.attributes).map(([k, v]) => `${k}=${v}`),
  ];
  const name = [service ?? 'every service', ...(operation === null ? [] : [operation])].join(' ');
  const selection = more.length === 0 ? name : `${name} (${more.join(', ')})`;
  const what = `${watch === 'latency' && quantile !== null ? `p${Number((quantile * 100).toPrecision(4))}` : WATCHED[watch]} of ${safeText(selection)}`;
  const bound = limit === null ? '' : `, limit ${limit.direction} ${quantityText(unit, limit.value)}`;
  if (verdict === null && value === null) return `${what}: not evaluated yet${bound}`;
  const count = countOf(Math.round(requests), watch === 'unusual' ? 'trace' : 'request');
  if (value === null) return `${what}: ${verdict === 'within' ? 'nothing' : 'nothing to say'}, ${count}${bound}`;
  const interval =
    lower === null ? '' : ` (${quantityText(unit, lower)} to ${upper === null ? 'any' : quantityText(unit, upper)})`;
  const few = verdict === 'few' ? ', too few to say' : '';
  return `${what}: ${watch === 'unusual' ? 'score ' : ''}${quantityText(unit, value)}${interval} of ${count}${few}${bound}`;
}
