import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SeriesQuestion } from './series.ts';
import { findSeries, seriesNamesSql, seriesSql } from './series.ts';
import type { StoredSpan, TestStore } from './testing/test-store.ts';
import { aStoredSpan, openTestStore } from './testing/test-store.ts';

/** A whole hour. */
const HOUR = 1_700_002_800;
const HOURLY: SeriesQuestion = {
  service: null,
  operation: null,
  groupBy: 'service',
  fromSecond: HOUR,
  toSecond: HOUR + 3_600,
  stepSeconds: 3_600,
  seriesMax: 10,
};

let spans = 0;
const at = (second: number, overrides: Partial<StoredSpan> = {}): StoredSpan =>
  aStoredSpan({
    spanId: (++spans).toString(16).padStart(16, '0'),
    startNs: BigInt(HOUR + second) * 1_000_000_000n,
    ...overrides,
  });
const off = (given: string | null | undefined, exactMs: number): number =>
  Math.abs(Number(given) / (exactMs * 1e6) - 1);

const child = { parentSpanId: 'f'.repeat(16) };

describe('findSeries', () => {
  let store: TestStore;
  beforeAll(async () => {
    store = await openTestStore();
    await store.store([
      ...Array.from({ length: 100 }, (_, index) =>
        at(index, { service: 'web', durationNs: BigInt(index + 1) * 1_000_000n }),
      ),
      at(3_599, { service: 'web', name: 'POST /', statusCode: 2, traceState: 'ot=th:8' }),
      // Not requests: inside of a service, and to another one.
      at(5, { ...child, service: 'web', kind: 1 }),
      at(5, { ...child, service: 'web', kind: 3 }),
      at(5, { ...child, service: 'shop', kind: 2 }),
      at(65, { ...child, service: 'shop', kind: 5 }),
      at(3_600, { service: 'late' }),
    ]);
  });
  afterAll(() => store.close());

  it('counts the requests of every service, and errors, with their weights', async () => {
    const { series, truncated } = await findSeries(store.context, HOURLY);
    expect(truncated).toBe(false);
    expect(series).toMatchObject([
      {
        service: 'web',
        operation: null,
        requestCount: [101],
        errorCount: [1],
        estimatedRequestCount: [102],
        estimatedErrorCount: [2],
      },
      { service: 'shop', requestCount: [2], errorCount: [0] },
    ]);
  });

  it.each([1, 60, 3_600])('has a value for each step of %i s, whichever table it is read from', async (stepSeconds) => {
    const { series } = await findSeries(store.context, { ...HOURLY, stepSeconds, service: 'web' });
    const [{ requestCount, p50Ns } = { requestCount: [], p50Ns: [] }] = series;
    expect(requestCount).toHaveLength(3_600 / stepSeconds);
    expect(requestCount.reduce((sum, count) => sum + count, 0)).toBe(101);
    expect(requestCount[0]).toBe(Math.min(stepSeconds, 100) + (stepSeconds === 3_600 ? 1 : 0));
    expect(p50Ns.map((value) => value === null)).toEqual(requestCount.map((count) => count === 0));
  });

  it('is off by at most 4.5 % in a percentile', async () => {
    const { series } = await findSeries(store.context, { ...HOURLY, service: 'web', operation: 'GET /' });
    expect(off(series[0]?.p50Ns[0], 50)).toBeLessThan(0.045);
    expect(off(series[0]?.p90Ns[0], 90)).toBeLessThan(0.045);
    expect(off(series[0]?.p99Ns[0], 99)).toBeLessThan(0.045);
  });

  it('tells the operations of a service apart, and says when there are more than were asked for', async () => {
    const byOperation = { ...HOURLY, groupBy: 'operation', service: 'web' } as const;
    const { series } = await findSeries(store.context, byOperation);
    expect(series.map(({ operation, requestCount }) => [operation, requestCount])).toEqual([
      ['GET /', [100]],
      ['POST /', [1]],
    ]);
    const first = await findSeries(store.context, { ...byOperation, seriesMax: 1 });
    expect(first).toMatchObject({ truncated: true, series: [{ operation: 'GET /', requestCount: [100] }] });
    expect(await findSeries(store.context, { ...HOURLY, service: "' OR 1" })).toEqual({ series: [], truncated: false });
  });

  it('asks in SQL as written here', async () => {
    await expect(seriesNamesSql(HOURLY)).toMatchFileSnapshot('snapshots/series-names.sql');
    const question = { ...HOURLY, groupBy: 'operation', service: "o'brien", stepSeconds: 60 } as const;
    await expect(seriesSql(question, [["o'brien", 'x']], 100)).toMatchFileSnapshot('snapshots/series-minutes.sql');
    await expect(seriesSql({ ...HOURLY, stepSeconds: 10 }, null, 100)).toMatchFileSnapshot(
      'snapshots/series-spans.sql',
    );
  });
});
