import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { effectiveNumber, errorRateInterval, estimateOf } from './estimate.ts';
import { findSeries } from './find-series.ts';
import { findOperations, findServices } from './services.ts';
import { openTestStore, type TestStore } from './testing/test-store.ts';

const WHOLE = (): number => Infinity;
const ALWAYS = { fromUnixNano: null, toUnixNano: null };

describe('what a count is worth', () => {
  it('is exact where everything was kept, and cannot be told where a weight is not known', () => {
    expect(estimateOf({ count: 7, variance: 0, unknown: 0 })).toEqual({ basis: 'exact', relativeError: 0 });
    expect(estimateOf({ count: 7, variance: 12, unknown: 1 })).toEqual({ basis: 'biased', relativeError: null });
  });

  it('follows from the variance', () => {
    // 100 kept of about 1,000: the variance is 100 · 10 · 9.
    const weighed = { count: 1_000, variance: 9_000, unknown: 0 };
    expect(estimateOf(weighed)).toEqual({ basis: 'estimated', relativeError: expect.closeTo(0.188, 3) as number });
    expect(effectiveNumber(weighed)).toBeCloseTo(111.1, 1);
  });

  it('is an interval of Wilson for the error rate', () => {
    expect(errorRateInterval(0, { count: 0, variance: 0, unknown: 0 })).toBeNull();
    expect(errorRateInterval(5, { count: 100, variance: 0, unknown: 0 })).toEqual([0.05, 0.05]);
    // As tables have it for 5 of 100.
    const [low, high] = errorRateInterval(500, { count: 10_000, variance: 1e6, unknown: 0 }) ?? [];
    expect([low, high]).toEqual([expect.closeTo(0.0215, 4), expect.closeTo(0.1118, 4)]);
    expect(errorRateInterval(5, { count: 100, variance: 0, unknown: 5 })?.[1]).toBeCloseTo(0.1118, 4);
    expect(errorRateInterval(0, { count: 1_000, variance: 9_000, unknown: 0 })?.[0]).toBe(0);
  });
});

/** Services that are sampled alike, and the traces of each. */
const SERVICES = 400;
const TRACES = 600;
/** A whole hour. */
const HOUR = 1_700_002_800;

/** A hash that a test draws with: always the same numbers of 0 to `below`. */
const drawn = (what: string, below: number): string => `toUInt32(cityHash64('${what}', trace_number) % ${below})`;

/**
 * Every trace has up to 13 spans in its service, of which the first three are requests, and one in ten fails as a
 * whole. Half of the traces are kept with a probability of 1/4, the others of 1/16.
 */
const TRACES_SQL = `SELECT trace_number, intDiv(trace_number, ${TRACES}) AS service_number,
  1 + ${drawn('spans', 5)} * ${drawn('more spans', 4)} AS spans, ${drawn('error', 10)} = 0 AS fails,
  ${drawn('operation', 2)} AS kind_of_trace, cityHash64('random', trace_number) % 65536 AS random16
FROM (SELECT number AS trace_number FROM numbers(${SERVICES * TRACES}))`;

const share = (values: readonly boolean[]): number => values.filter(Boolean).length / values.length;
const covers = (estimated: number, relativeError: number | null, actual: number): boolean =>
  Math.abs(estimated - actual) <= estimated * (relativeError ?? Number.NaN);

describe('the intervals of sampled counts, over 400 simulated services', () => {
  let store: TestStore;
  let truth: { spans: number; requests: number; errors: number }[];

  beforeAll(async () => {
    store = await openTestStore();
    await store.context.engine.command(`INSERT INTO throughline.spans
  (trace_id, span_id, parent_span_id, service, name, kind, status_code, trace_state, start_s, start_ns, duration_ns)
SELECT toFixedString(unhex(leftPad(hex(trace_number + 1), 32, '0')), 16), toFixedString(unhex(leftPad(hex(trace_number * 16 + span + 1), 16, '0')), 8),
  toFixedString(unhex('00000000000000ff'), 8), concat('service-', toString(service_number)), concat('operation-', toString(span % 2)),
  if(span < 3, 2, 1), if(fails, 2, 0), if(kind_of_trace = 0, 'ot=th:c', 'ot=th:f'),
  toDateTime(${HOUR} + trace_number % 3600), toInt64(${HOUR} + trace_number % 3600) * 1000000000, 1000
FROM (SELECT *, arrayJoin(range(spans)) AS span FROM (${TRACES_SQL}) WHERE random16 >= if(kind_of_trace = 0, 49152, 61440))
SETTINGS max_insert_block_size = 4000000, min_insert_block_size_rows = 4000000, max_threads = 1`);
    await store.count();
    const bytes = await store.context.engine.query(
      `SELECT service_number, toUInt32(sum(spans)), toUInt32(sum(least(spans, 3))), toUInt32(sum(spans * fails)) FROM (${TRACES_SQL})
GROUP BY service_number ORDER BY service_number`,
      { format: 'JSONCompactEachRow', timeoutMs: 240_000 },
    );
    truth = new TextDecoder()
      .decode(bytes)
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as number[])
      .map(([, spans = 0, requests = 0, errors = 0]) => ({ spans, requests, errors }));
  });
  afterAll(() => store.close());

  const trueOf = (service: string) =>
    truth[Number(service.slice('service-'.length))] ?? { spans: 0, requests: 0, errors: 0 };

  it('hold the true number of spans in 95 of 100 cases, which intervals that forget traces do not', async () => {
    const services = await findServices(store.context, ALWAYS);
    expect(services).toHaveLength(SERVICES);
    expect(services.every(({ estimate }) => estimate.basis === 'estimated')).toBe(true);
    const covered = services.map(({ name, estimatedSpanCount, estimate }) =>
      covers(estimatedSpanCount, estimate.relativeError, trueOf(name).spans),
    );
    expect(share(covered)).toBeGreaterThan(0.92);
    expect(share(covered)).toBeLessThan(0.98);
    const forgetful = services.map(({ name, spanCount, estimatedSpanCount }) => {
      const weight = estimatedSpanCount / spanCount;
      return covers(estimatedSpanCount, 1.96 * Math.sqrt((weight - 1) / estimatedSpanCount), trueOf(name).spans);
    });
    expect(share(forgetful)).toBeLessThan(0.65);
    const off = services.map(({ name, estimatedSpanCount }) => estimatedSpanCount / trueOf(name).spans - 1);
    expect(Math.abs(off.reduce((sum, each) => sum + each, 0) / SERVICES)).toBeLessThan(0.02);
  });

  it('hold the true error rate', async () => {
    const services = await findServices(store.context, ALWAYS);
    const covered = services.map(({ name, errorRateInterval: interval }) => {
      const { spans, errors } = trueOf(name);
      return interval !== null && interval[0] <= errors / spans && errors / spans <= interval[1];
    });
    expect(share(covered)).toBeGreaterThan(0.92);
  });

  it('hold the true number of requests of an hour, in one answer and in the parts of it', async () => {
    for (const stepSeconds of [60, 3_600]) {
      const { series } = await findSeries(
        store.context,
        {
          service: null,
          operation: null,
          groupBy: 'service',
          fromSecond: HOUR,
          toSecond: HOUR + 3_600,
          stepSeconds,
          seriesMax: SERVICES,
        },
        WHOLE,
      );
      const covered = series.map(({ service, estimatedRequestCount, estimate }) => {
        const estimated = estimatedRequestCount.reduce((sum, count) => sum + count, 0);
        return covers(estimated, estimate.relativeError, trueOf(service).requests);
      });
      expect(covered).toHaveLength(SERVICES);
      expect(share(covered)).toBeGreaterThan(0.92);
      expect(share(covered)).toBeLessThan(0.98);
    }
  });

  it('are wider for an operation than for nothing less than its service, and for ranges within a quarter', async () => {
    const [first] = await findServices(store.context, ALWAYS);
    const operations = await findOperations(store.context, first?.name ?? '', ALWAYS);
    for (const { estimate } of operations) {
      expect(estimate.relativeError).toBeGreaterThan((first?.estimate.relativeError ?? 0) * 0.9);
    }
    const second = BigInt(HOUR + 100) * 1_000_000_000n;
    const [part] = await findServices(store.context, { fromUnixNano: second, toUnixNano: second + 300_000_000_000n });
    expect(part?.estimate.relativeError).toBeGreaterThan(first?.estimate.relativeError ?? 1);
  });

  it('hide the 99th percentile of fewer than 500 effective requests', async () => {
    const query = { service: null, operation: null, groupBy: 'service', seriesMax: 1 } as const;
    const { series } = await findSeries(
      store.context,
      {
        ...query,
        fromSecond: HOUR,
        toSecond: HOUR + 3_600,
        stepSeconds: 3_600,
      },
      WHOLE,
    );
    expect(series[0]?.p50Ns[0]).not.toBeNull();
    expect(series[0]?.p99Ns[0]).toBeNull();
  });
});
