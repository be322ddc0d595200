import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { INSIGHT_LIMITS } from '../insight/insight-limits.ts';
import { InsightThread } from '../insight/insight-thread.ts';
import { WindowComparer } from '../insight/window-comparer.ts';
import { Headlines } from '../query/headlines.ts';
import { QUERY_LIMITS } from '../query/limits.ts';
import { idOf } from '../query/testing/plain-search.ts';
import {
  aStoredSpan,
  openTestStore,
  TEST_START_NS,
  type StoredSpan,
  type TestStore,
} from '../query/testing/test-store.ts';
import { TraceReader } from '../query/trace-reader.ts';
import { NEW_STATE, type AlertState } from './alert-state.ts';
import { evaluationStepMs, Evaluator } from './evaluator.ts';
import { parseAlertRules } from './rules/read-rules.ts';
import type { AlertRule } from './rules/rule.ts';
import { NO_FINDINGS } from './tell-alert.ts';

const MINUTE_MS = 60_000;
const MS_NS = 1_000_000n;
const BEGIN_MS = Math.ceil(Number(TEST_START_NS / MS_NS) / (15 * MINUTE_MS)) * 15 * MINUTE_MS;
const MINUTES = 100;
/** From here on payment is slow, and every fourth request of the shop fails; … */
const SLOW = 70;
/** … from here on all is well again. */
const WELL = 80;

/**
 * Forty requests a minute, each of which asks payment; five a minute of a service that has few, and one in three
 * minutes of one that has fewer.
 */
function spans(): StoredSpan[] {
  return Array.from({ length: MINUTES * 40 }, (_, at) => {
    const minute = Math.floor(at / 40);
    const isBad = minute >= SLOW && minute < WELL;
    const startNs = (BigInt(BEGIN_MS) + (BigInt(at) * BigInt(MINUTE_MS)) / 40n) * MS_NS;
    const tookMs = BigInt((isBad ? 400 : 20) + (at % 5));
    const trace = { traceId: idOf(at * 7919 + 1) };
    const failed = isBad && at % 4 === 0 ? { statusCode: 2 } : {};
    return [
      aStoredSpan({
        ...trace,
        ...failed,
        spanId: idOf(1, 16),
        service: 'shop',
        name: 'POST /buy',
        kind: 2,
        startNs,
        durationNs: (tookMs + 10n) * MS_NS,
      }),
      aStoredSpan({
        ...trace,
        spanId: idOf(2, 16),
        parentSpanId: idOf(1, 16),
        service: 'shop',
        name: 'POST',
        kind: 3,
        startNs: startNs + MS_NS,
        durationNs: (tookMs + 2n) * MS_NS,
      }),
      aStoredSpan({
        ...trace,
        spanId: idOf(3, 16),
        parentSpanId: idOf(2, 16),
        service: 'payment',
        name: 'POST /pay',
        kind: 2,
        startNs: startNs + 2n * MS_NS,
        durationNs: tookMs * MS_NS,
      }),
      ...(at % 8 === 0
        ? [
            aStoredSpan({
              traceId: idOf(at * 7919 + 2),
              ...failed,
              spanId: idOf(1, 16),
              service: 'rare',
              kind: 2,
              startNs,
            }),
          ]
        : []),
      ...(at % 120 === 0
        ? [
            aStoredSpan({
              traceId: idOf(at * 7919 + 3),
              ...failed,
              spanId: idOf(1, 16),
              service: 'rarest',
              kind: 2,
              startNs,
            }),
          ]
        : []),
    ];
  }).flat();
}

const rulesOf = (text: string): AlertRule => parseAlertRules(`rules:\n  - {name: a, ${text}}\n`, 'x', 1).rules.at(0)!;
const at = (minute: number): number => BEGIN_MS + minute * MINUTE_MS;
const firingSince = (beyondMinute: number, began = beyondMinute): AlertState => ({
  ...NEW_STATE,
  status: 'firing',
  beyondMs: at(beyondMinute),
  incident: {
    dedupKey: 'k',
    firedMs: at(beyondMinute),
    beganMs: at(began),
    notifiedMs: null,
    notifications: 0,
    channels: [],
  },
});

describe('a rule is evaluated', () => {
  let store: TestStore;
  let thread: InsightThread;
  let reader: TraceReader;
  let evaluator: Evaluator;
  const signal = new AbortController().signal;
  beforeAll(async () => {
    store = await openTestStore();
    await store.store(spans());
    const ofInsight = { registry: new Registry(), limits: INSIGHT_LIMITS };
    const workerPath = new URL('../../dist/insight/insight-worker.js', import.meta.url);
    thread = new InsightThread({ ...ofInsight, workerPath });
    const windows = new WindowComparer({ ...ofInsight, thread });
    reader = new TraceReader({ registry: new Registry(), limits: QUERY_LIMITS });
    evaluator = new Evaluator({
      query: store.context,
      windows,
      headlines: new Headlines(QUERY_LIMITS, reader),
      countedUntil: () => () => 0,
      resolveWindowMs: 3_600_000,
    });
  });
  afterAll(async () => {
    await Promise.all([thread.close(), reader.close()]);
    await store.close();
  });
  const evaluate = (rule: AlertRule, minute: number, state = NEW_STATE) =>
    evaluator.evaluate(rule, state, 1, at(minute), signal);

  it('by the requests of its window', async () => {
    const errors = rulesOf('watch: errors, of: {service: shop, operation: POST /buy}, above: 5%');
    expect(await evaluate(errors, 60)).toMatchObject({ verdict: 'within', value: 0, requests: 200 });
    expect(await evaluate(errors, 75)).toMatchObject({ verdict: 'beyond', value: 0.25, requests: 200 });
    const latency = rulesOf('watch: latency, quantile: p90, of: {service: payment, kind: server}, above: 100ms');
    expect((await evaluate(latency, 60)).verdict).toBe('within');
    const slow = await evaluate(latency, 75);
    expect(slow.verdict).toBe('beyond');
    expect(slow.value! / 400e6).toBeCloseTo(1, 0);
    const rate = rulesOf('watch: rate, of: {service: shop, operation: POST /buy}, below: 10/m');
    expect(await evaluate(rate, 60)).toMatchObject({ verdict: 'within', value: 40 / 60 });
    // Nothing begins before the first minute.
    expect(await evaluate(rate, -10)).toMatchObject({ verdict: 'beyond', value: 0 });
    expect((await evaluate(errors, -10)).verdict).toBe('none');
  });

  it('over all windows since the last bad one where each of few requests says nothing', async () => {
    // Five requests a minute: where 25 are all well, a fifth may fail.
    const rule = rulesOf('watch: errors, of: {service: rare}, above: 10%');
    expect((await evaluate(rule, 75)).verdict).toBe('beyond');
    expect((await evaluate(rule, 90)).verdict).toBe('undecided');
    expect((await evaluate(rule, 90, firingSince(WELL))).verdict).toBe('undecided');
    expect(await evaluate(rule, 100, firingSince(WELL))).toMatchObject({
      verdict: 'within',
      requests: 100,
      windowMs: 20 * MINUTE_MS,
    });
    // Most windows have none.
    const rarest = rulesOf(
      'watch: errors, of: {service: rarest}, above: 50%, window: 1m, minRequests: 5, confidence: 0.8',
    );
    expect((await evaluate(rarest, 99)).verdict).toBe('none');
    expect((await evaluate(rarest, 90, firingSince(WELL))).verdict).toBe('none');
    expect(await evaluate(rarest, 99, firingSince(79))).toMatchObject({ verdict: 'within', requests: 6 });
    // It never fires by what is long over.
    expect((await evaluate(rule, 90, firingSince(60))).verdict).toBe('undecided');
  });

  it('by what is unusual, against what was before the incident', async () => {
    const rule = rulesOf('watch: unusual, of: {service: payment}, baseline: 1h, window: 6m');
    expect(evaluationStepMs(rule)).toBe(2 * MINUTE_MS);
    expect((await evaluate(rule, 68)).verdict).toBe('within');
    const found = await evaluate(rule, 77);
    expect(found).toMatchObject({ verdict: 'beyond', findings: { suspect: { service: 'payment' } } });
    expect(found.value).toBeGreaterThan(0);
    // An incident that goes on is compared with the time before it.
    expect((await evaluate(rule, 80, firingSince(76, 70))).verdict).toBe('beyond');
    // Of one that lasts the time before is not stored any more: what has lasted for so long is usual by now.
    const short = rulesOf('watch: unusual, of: {service: payment}, baseline: 10m, window: 6m');
    expect((await evaluate(short, 60, firingSince(-16, -20))).verdict).toBe('within');
    // Another service is likelier to be the cause: of one that is unusual, too, nothing is said to be well.
    for (const [service, verdict] of [
      ['rare', 'undecided'],
      ['another', 'within'],
    ]) {
      const other = rulesOf(`watch: unusual, of: {service: ${service}}, baseline: 1h, window: 6m`);
      expect([service, (await evaluate(other, 77)).verdict]).toEqual([service, verdict]);
    }
    expect((await evaluate(rulesOf('watch: unusual, baseline: 1h, window: 6m'), 77)).verdict).toBe('beyond');
    expect((await evaluate(rulesOf('watch: unusual, baseline: 1h, window: 6m'), -10)).verdict).toBe('none');
  });

  it('and what may be the cause is looked for, with an example', async () => {
    const rule = rulesOf('watch: errors, of: {service: shop}, above: 2%');
    const found = await evaluator.find(rule, { beganMs: at(SLOW) }, at(78), NO_FINDINGS, signal);
    expect(found).toMatchObject({
      suspect: { service: expect.stringMatching(/^(?:shop|payment)$/) as string },
      example: { traceId: expect.stringMatching(/^[0-9a-f]{32}$/) as string },
    });
    expect(found.example!.headline).not.toBe('');
    const slow = rulesOf('watch: latency, of: {service: payment}, above: 350ms');
    const example = (await evaluator.find(slow, { beganMs: at(60) }, at(90), NO_FINDINGS, signal)).example!;
    const minute =
      (spans().find(({ traceId }) => traceId === example.traceId)!.startNs / MS_NS - BigInt(BEGIN_MS)) /
      BigInt(MINUTE_MS);
    expect([minute >= SLOW, minute < WELL]).toEqual([true, true]);
    // A message without it is better than none.
    const left = AbortSignal.abort(new Error('too late'));
    expect(await evaluator.find(rule, { beganMs: at(SLOW) }, at(78), NO_FINDINGS, left)).toEqual(NO_FINDINGS);
  });

  it('not at all where a query fails', async () => {
    const rule = rulesOf('watch: errors, of: {service: shop}, above: 2%');
    const left = AbortSignal.abort(new Error('too late'));
    await expect(evaluator.evaluate(rule, NEW_STATE, 1, at(60), left)).rejects.toThrow('too late');
  });
});
