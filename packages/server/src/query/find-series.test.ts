import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ALL_COUNTED, type SpanView } from '../storage/span-visibility.ts';
import { findSeries } from './find-series.ts';
import { seriesNamesSql, seriesSql, type SeriesQuery } from './series-sql.ts';
import type { StoredSpan, TestStore } from './testing/test-store.ts';
import { aStoredSpan, openTestStore } from './testing/test-store.ts';
import { singleServerTables } from '../storage/tables.ts';

const TABLES = singleServerTables();

/** A whole hour. */
const HOUR = 1_700_002_800;
const HOURLY: SeriesQuery = {
  service: null,
  operation: null,
  groupBy: 'service',
  fromSecond: HOUR,
  toSecond: HOUR + 3_600,
  stepSeconds: 3_600,
  seriesMax: 10,
};

/** All counts have come. */
const WHOLE = (): number => Infinity;

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
    const { series, truncated } = await findSeries(store.context, HOURLY, WHOLE);
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
    const { series } = await findSeries(store.context, { ...HOURLY, stepSeconds, service: 'web' }, WHOLE);
    const [{ requestCount, p50Ns } = { requestCount: [], p50Ns: [] }] = series;
    expect(requestCount).toHaveLength(3_600 / stepSeconds);
    expect(requestCount.reduce((sum, count) => sum + count, 0)).toBe(101);
    expect(requestCount[0]).toBe(Math.min(stepSeconds, 100) + (stepSeconds === 3_600 ? 1 : 0));
    expect(p50Ns.map((value) => value === null)).toEqual(requestCount.map((count) => count === 0));
  });

  it('is off by at most 4.5% in a percentile', async () => {
    const { series } = await findSeries(store.context, { ...HOURLY, service: 'web', operation: 'GET /' }, WHOLE);
    expect(off(series[0]?.p50Ns[0], 50)).toBeLessThan(0.045);
    expect(off(series[0]?.p90Ns[0], 90)).toBeLessThan(0.045);
    expect(off(series[0]?.p99Ns[0], 99)).toBeLessThan(0.045);
  });

  it('tells the operations of a service apart, and says when there are more than were asked for', async () => {
    const byOperation = { ...HOURLY, groupBy: 'operation', service: 'web' } as const;
    const { series } = await findSeries(store.context, byOperation, WHOLE);
    expect(series.map(({ operation, requestCount }) => [operation, requestCount])).toEqual([
      ['GET /', [100]],
      ['POST /', [1]],
    ]);
    const first = await findSeries(store.context, { ...byOperation, seriesMax: 1 }, WHOLE);
    expect(first).toMatchObject({ truncated: true, series: [{ operation: 'GET /', requestCount: [100] }] });
    expect(await findSeries(store.context, { ...HOURLY, service: "' OR 1" }, WHOLE)).toEqual({
      series: [],
      truncated: false,
    });
  });

  it('asks in SQL as written here', async () => {
    await expect(seriesNamesSql(TABLES, ALL_COUNTED.view(), HOURLY)).toMatchFileSnapshot('snapshots/series-names.sql');
    const query = { ...HOURLY, groupBy: 'operation', service: "o'brien", stepSeconds: 60 } as const;
    await expect(seriesSql(TABLES, LIVE, query, [["o'brien", 'x']], 100)).toMatchFileSnapshot(
      'snapshots/series-minutes.sql',
    );
    await expect(seriesSql(TABLES, LIVE, { ...HOURLY, stepSeconds: 10 }, null, 100)).toMatchFileSnapshot(
      'snapshots/series-spans.sql',
    );
  });
});

/** While some spans are fresh and some not counted. */
const LIVE: SpanView = {
  ...ALL_COUNTED.view(),
  fresh: [{ first: 7, last: 9 }],
  uncounted: { countedUntil: 3, seconds: { first: HOUR, last: HOUR + 60 }, hasLate: false },
};

/** In the first minute of the hour, with durations in the bucket of 1 ms. */
const counted = (service: string, operation: string, status: number, requests: number, minute = 0): string =>
  `(toDateTime(${HOUR + minute * 60}), '${service}', '${operation}', 1, ${status}, 159, ${requests}, ${requests * 1e6})`;

/** The counts of `web` are whole until a second of the hour, those of the others for all of it. */
const until =
  (second: number) =>
  (service: string | null): number =>
    (HOUR + (service === 'web' ? second : 3_600)) * 1000;

const kept = (service: string, count: number, second: number, traceState: string) =>
  Array.from({ length: count }, (_, index) =>
    at(second, { service, traceState, traceId: (index + 1).toString(16).padStart(32, '0') }),
  );

describe('findSeries where the SDKs have counted', () => {
  let store: TestStore;
  beforeAll(async () => {
    store = await openTestStore();
    await store.context.engine
      .command(`INSERT INTO throughline.counted_1m (time, service_name, operation, kind, status, bucket, requests, duration_sum_ns) SELECT * FROM VALUES(
'time DateTime, service_name String, operation String, kind UInt8, status UInt8, bucket UInt16, requests UInt64, duration_sum_ns Float64',
${[
  counted('web', 'GET /', 0, 950),
  counted('web', 'GET /', 2, 50),
  counted('web', 'GET /rare', 0, 7),
  counted('partly', 'GET /', 0, 5),
  counted('begun', 'GET /', 0, 60, 1),
].join(', ')})`);
    await store.context.engine
      .command(`INSERT INTO throughline.counted_1h (time, service_name, operation, kind, status, bucket, requests, duration_sum_ns)
SELECT toStartOfHour(time), service_name, operation, kind, status, bucket, requests, duration_sum_ns FROM throughline.counted_1m`);
    await store.store([
      ...kept('web', 8, 5, 'ot=th:fd'),
      ...kept('partly', 40, 5, 'ot=th:8'),
      ...kept('begun', 10, 5, ''),
      ...kept('begun', 14, 65, 'ot=th:c'),
    ]);
  });
  afterAll(() => store.close());

  it.each([60, 3_600])('answers what they have counted, exactly, in steps of %i s', async (stepSeconds) => {
    const { series } = await findSeries(store.context, { ...HOURLY, stepSeconds, service: 'web' }, WHOLE);
    expect(series).toHaveLength(1);
    const [web] = series;
    expect(web).toMatchObject({ source: 'requestMetrics', estimate: { basis: 'exact', relativeError: 0 } });
    expect(web?.errorRateInterval).toEqual([50 / 1_007, 50 / 1_007]);
    expect([web?.requestCount[0], web?.estimatedRequestCount[0], web?.estimatedErrorCount[0]]).toEqual([8, 1_007, 50]);
    expect(off(web?.p99Ns[0], 1)).toBeLessThan(0.045);
    expect(web?.p99Ns[1] ?? null).toBeNull();
  });

  it('has operations of which no trace was kept, the most requested first', async () => {
    const byOperation = { ...HOURLY, groupBy: 'operation', service: 'web' } as const;
    const { series } = await findSeries(store.context, byOperation, WHOLE);
    expect(series.map(({ operation, estimatedRequestCount }) => [operation, estimatedRequestCount])).toEqual([
      ['GET /', [1_000]],
      ['GET /rare', [7]],
    ]);
    const first = await findSeries(store.context, { ...byOperation, seriesMax: 1 }, WHOLE);
    expect(first).toMatchObject({ truncated: true, series: [{ operation: 'GET /' }] });
  });

  it('is an estimate in steps that end after the counts of their service are whole', async () => {
    const minutes = { ...HOURLY, stepSeconds: 60 };
    const of = async (query: SeriesQuery, second: number) => {
      const { series } = await findSeries(store.context, query, until(second));
      return series.find(({ service }) => service === 'web');
    };
    expect((await of(minutes, 60))?.estimate).toEqual({ basis: 'exact', relativeError: 0 });
    // Eight are kept, which stand for 683: there were more, as far as is counted.
    const open = await of(minutes, 59.999);
    expect(open?.estimatedRequestCount[0]).toBe(1_007);
    expect(open?.estimate.basis).toBe('estimated');
    expect(open?.estimate.relativeError).toBeGreaterThan(0.4);
    // The minute is over, and the hour is not.
    expect((await of(HOURLY, 3_599))?.estimate.basis).toBe('estimated');
    // Of an operation that keeps nothing there are as many as are counted so far, at least.
    const rare = await of({ ...minutes, groupBy: 'operation', service: 'web', operation: 'GET /rare' }, 0);
    expect(rare).toMatchObject({ source: 'requestMetrics', estimate: { basis: 'estimated', relativeError: null } });
    expect(rare?.estimatedRequestCount[0]).toBe(7);
    // What another service waits for makes no difference.
    const { series } = await findSeries(store.context, { ...minutes, service: 'begun' }, until(0));
    expect(series).toMatchObject([{ source: 'requestMetrics', estimate: { basis: 'exact' } }]);
  });

  it('goes by the spans where these tell of more, and in steps of which nothing was counted', async () => {
    const { series } = await findSeries(store.context, { ...HOURLY, stepSeconds: 60, service: 'partly' }, WHOLE);
    expect(series).toMatchObject([{ source: 'spans', estimate: { basis: 'estimated' } }]);
    expect(series[0]?.estimatedRequestCount[0]).toBe(80);
    const begun = await findSeries(store.context, { ...HOURLY, stepSeconds: 60, service: 'begun' }, WHOLE);
    expect(begun.series).toMatchObject([{ source: 'requestMetrics', estimate: { basis: 'exact' } }]);
    expect(begun.series[0]?.estimatedRequestCount.slice(0, 3)).toEqual([10, 60, 0]);
    // Shorter steps than a minute are counted by nobody.
    const short = await findSeries(
      store.context,
      {
        ...HOURLY,
        stepSeconds: 10,
        toSecond: HOUR + 120,
        service: 'begun',
      },
      WHOLE,
    );
    expect(short.series).toMatchObject([{ source: 'spans', estimate: { basis: 'estimated' } }]);
  });
});
