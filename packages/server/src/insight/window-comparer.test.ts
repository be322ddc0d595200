import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { idOf } from '../query/testing/plain-search.ts';
import {
  aStoredSpan,
  openTestStore,
  TEST_START_NS,
  type StoredSpan,
  type TestStore,
} from '../query/testing/test-store.ts';
import { INSIGHT_LIMITS } from './insight-limits.ts';
import { InsightThread } from './insight-thread.ts';
import { WindowComparer } from './window-comparer.ts';

const workerPath = new URL('../../dist/insight/insight-worker.js', import.meta.url);
const SECOND_NS = 1_000_000_000n;
const MS_NS = 1_000_000n;
const TRACES = 400;
const HOUR_NS = 3_600n * SECOND_NS;
const BASELINE = { fromUnixNano: TEST_START_NS, toUnixNano: TEST_START_NS + HOUR_NS };
const INCIDENT = { fromUnixNano: TEST_START_NS + 2n * HOUR_NS, toUnixNano: TEST_START_NS + 3n * HOUR_NS };

/** web calls payment, which takes so long. */
function traces(fromUnixNano: bigint, firstId: number, paymentMs: bigint): StoredSpan[] {
  return Array.from({ length: TRACES }, (_, at) => {
    const startNs = fromUnixNano + (HOUR_NS * BigInt(at)) / BigInt(TRACES);
    const base = { traceId: idOf((firstId + at) * 7919 + 1) };
    const wave = BigInt(at % 5) * MS_NS;
    const durationNs = paymentMs * MS_NS + wave;
    return [
      aStoredSpan({
        ...base,
        spanId: idOf(1, 16),
        service: 'web',
        name: 'POST /buy',
        kind: 2,
        startNs,
        durationNs: durationNs + 8n * MS_NS,
      }),
      aStoredSpan({
        ...base,
        spanId: idOf(2, 16),
        parentSpanId: idOf(1, 16),
        service: 'web',
        name: 'POST',
        kind: 3,
        startNs: startNs + MS_NS,
        durationNs: durationNs + 2n * MS_NS,
      }),
      aStoredSpan({
        ...base,
        spanId: idOf(3, 16),
        parentSpanId: idOf(2, 16),
        service: 'payment',
        name: 'POST /pay',
        kind: 2,
        startNs: startNs + 2n * MS_NS,
        durationNs,
        resource: { 'k8s.pod.name': `pay-${at % 2}`, 'service.version': '1.4.2' },
      }),
    ];
  }).flat();
}

describe('two windows of stored traces', () => {
  let store: TestStore;
  beforeAll(async () => {
    store = await openTestStore();
    await store.store([...traces(BASELINE.fromUnixNano, 0, 20n), ...traces(INCIDENT.fromUnixNano, TRACES, 300n)]);
  });
  afterAll(() => store.close());

  const compare = async (limits: Partial<typeof INSIGHT_LIMITS> = {}) => {
    const registry = new Registry();
    const all = { registry, limits: { ...INSIGHT_LIMITS, ...limits } };
    const thread = new InsightThread({ ...all, workerPath });
    const windows = new WindowComparer({ ...all, thread });
    try {
      const { explanation, changes } = await windows.compare(store.context, BASELINE, INCIDENT);
      return { explanation, changes, metrics: await registry.metrics() };
    } finally {
      await thread.close();
    }
  };

  test('are compared whole while they have few spans', async () => {
    const { explanation, changes, metrics } = await compare();
    expect(explanation).toMatchObject({
      conclusion: 'found',
      suspects: [{ service: 'payment', operation: 'POST /pay', resource: null }],
      baseline: { spanCount: 3 * TRACES, readTraceCount: TRACES, readSpanCount: 3 * TRACES },
      incident: { spanCount: 3 * TRACES, readTraceCount: TRACES, readSpanCount: 3 * TRACES },
    });
    expect(changes.map(({ kind, service }) => [kind, service])).toEqual([
      ['slower', 'payment'],
      ['slower', 'web'],
    ]);
    expect(metrics).toContain('throughline_insight_sampled_windows_total 0');
    expect(metrics).toContain('throughline_insight_questions_total{question="windows",outcome="answered"} 1');
  });

  test('are sampled by whole traces where they have more spans than are read', async () => {
    const { explanation, metrics } = await compare({ windowSpansMax: 400 });
    const { baseline, incident, suspects } = explanation;
    expect(suspects[0]).toMatchObject({ service: 'payment' });
    for (const { spanCount, readTraceCount, readSpanCount } of [baseline, incident]) {
      expect(spanCount).toBe(3 * TRACES);
      expect(readSpanCount).toBe(3 * readTraceCount);
      expect(readTraceCount).toBeGreaterThan(60);
      expect(readTraceCount).toBeLessThan(220);
    }
    expect(metrics).toContain('throughline_insight_sampled_windows_total 2');
  });

  test('leave out traces that are longer than is read, and say that too few are left', async () => {
    const { explanation } = await compare({ traceLengthMs: 1 });
    // Of the last slice all that is read ends where it ends.
    expect(explanation.incident.readTraceCount).toBeLessThanOrEqual(TRACES);
    const { explanation: short } = await compare({ traceLengthMs: 1_000 });
    expect(short.incident.readTraceCount).toBe(TRACES);
  });

  test('that nobody waits for any more are given up', async () => {
    const registry = new Registry();
    const thread = new InsightThread({ registry, limits: INSIGHT_LIMITS, workerPath });
    const windows = new WindowComparer({ registry, limits: INSIGHT_LIMITS, thread });
    const leaving = new AbortController();
    const asked = windows.compare({ ...store.context, signal: leaving.signal }, BASELINE, INCIDENT);
    leaving.abort(new Error('left'));
    await expect(asked).rejects.toThrow('left');
    expect(await registry.metrics()).toContain(
      'throughline_insight_questions_total{question="windows",outcome="left"} 1',
    );
    await thread.close();
  });
});
