import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { plainSpansSql } from './summaries-of-few-spans.ts';
import { ALL_COUNTED } from '../storage/span-visibility.ts';
import { extentSql } from './search-windows.ts';
import { storedSource } from './span-sources.ts';
import { findOperations, findServices, operationsSql, servicesSql } from './services.ts';
import { prng } from './testing/prng.ts';
import type { TestStore } from './testing/test-store.ts';
import { aStoredSpan, openTestStore, TEST_START_NS } from './testing/test-store.ts';
import { weightsSql } from './weights.ts';
import { spanCountsSql, topSpansSql, traceSummariesSql } from './trace-summary.ts';
import { traceTimesSql } from './trace-times.ts';
import { singleServerTables } from '../storage/tables.ts';

const TABLES = singleServerTables();
const STORED = storedSource(TABLES);

const ALWAYS = { fromUnixNano: null, toUnixNano: null };

describe('services and operations', () => {
  let store: TestStore;
  beforeAll(async () => {
    store = await openTestStore();
    await store.store([
      aStoredSpan({ service: 'web', name: 'GET /', startNs: TEST_START_NS }),
      aStoredSpan({ service: 'web', name: 'GET /', startNs: TEST_START_NS + 1n, statusCode: 2, traceState: 'ot=th:c' }),
      aStoredSpan({ service: 'web', name: 'POST /', startNs: TEST_START_NS + 86_400_000_000_000n }),
      aStoredSpan({ service: "o'brien", name: '\n', startNs: TEST_START_NS }),
    ]);
  });
  afterAll(() => store.close());

  const counts = async (fromUnixNano: bigint | null, toUnixNano: bigint | null) => {
    const services = await findServices(store.context, { fromUnixNano, toUnixNano });
    return services.map(({ name, spanCount }) => [name, spanCount]);
  };

  it('do not keep who leaves while derived tables are made anew', async () => {
    const leaving = new AbortController();
    const visibility = { ...ALL_COUNTED, settled: () => new Promise<void>(() => {}) };
    const answer = findServices({ ...store.context, visibility, signal: leaving.signal }, ALWAYS);
    leaving.abort(new Error('left'));
    await expect(answer).rejects.toThrow('left');
  });

  it('counts every stored span of every service when no range is given', async () => {
    expect(await findServices(store.context, ALWAYS)).toEqual([
      {
        name: "o'brien",
        isOthers: false,
        spanCount: 1,
        errorCount: 0,
        estimatedSpanCount: 1,
        estimatedErrorCount: 0,
        estimate: { basis: 'exact', relativeError: 0 },
        errorRateInterval: [0, 0],
        operationCount: 1,
        firstSeenUnixNano: String(TEST_START_NS),
        lastSeenUnixNano: String(TEST_START_NS),
      },
      {
        name: 'web',
        isOthers: false,
        spanCount: 3,
        errorCount: 1,
        estimatedSpanCount: 6,
        estimatedErrorCount: 4,
        estimate: { basis: 'estimated', relativeError: expect.any(Number) as number },
        errorRateInterval: [expect.any(Number), expect.any(Number)],
        operationCount: 2,
        firstSeenUnixNano: String(TEST_START_NS),
        lastSeenUnixNano: String(TEST_START_NS + 86_400_000_000_000n),
      },
    ]);
  });

  it('counts the spans that start in a range, both ends included, to the nanosecond', async () => {
    expect(await counts(TEST_START_NS + 1n, TEST_START_NS + 1n)).toEqual([['web', 1]]);
    expect(await counts(TEST_START_NS + 1n, null)).toEqual([['web', 2]]);
    expect(await counts(null, TEST_START_NS - 1n)).toEqual([]);
    expect(await counts(0n, 2n ** 63n - 1n)).toEqual([
      ["o'brien", 1],
      ['web', 3],
    ]);
  });

  it('lists the operations of one service and none of a service that is not known', async () => {
    expect(await findOperations(store.context, 'web', ALWAYS)).toMatchObject([
      { name: 'GET /', spanCount: 2, errorCount: 1, estimatedSpanCount: 5, estimatedErrorCount: 4 },
      { name: 'POST /', spanCount: 1, errorCount: 0, estimatedSpanCount: 1, estimatedErrorCount: 0 },
    ]);
    expect(await findOperations(store.context, "o'brien", ALWAYS)).toMatchObject([{ name: '\n' }]);
    expect(await findOperations(store.context, "' OR 1", ALWAYS)).toEqual([]);
  });
});

describe('spans of which it is not known for how many they stand', () => {
  it('make a count biased where their SDK states thresholds, and count 1 where it does not', async () => {
    await using store = await openTestStore();
    const ours = { 'telemetry.sdk.name': 'throughline' };
    await store.store([
      aStoredSpan({ service: 'unknown', resource: ours }),
      aStoredSpan({ service: 'unknown', resource: ours, traceState: 'ot=th:8' }),
      aStoredSpan({ service: 'known', resource: ours, traceState: 'ot=th:0' }),
      aStoredSpan({ service: 'foreign', resource: { 'telemetry.sdk.name': 'opentelemetry' } }),
    ]);
    const services = await findServices(store.context, ALWAYS);
    expect(services.map(({ name, estimate, errorRateInterval }) => [name, estimate, errorRateInterval?.[0]])).toEqual([
      ['foreign', { basis: 'exact', relativeError: 0 }, 0],
      ['known', { basis: 'exact', relativeError: 0 }, 0],
      ['unknown', { basis: 'biased', relativeError: null }, 0],
    ]);
    const operations = await findOperations(store.context, 'unknown', ALWAYS);
    expect(operations).toMatchObject([{ name: 'GET /', estimatedSpanCount: 3, estimate: { basis: 'biased' } }]);
  });
});

describe('ranges that are longer than a step of the rollup', () => {
  it('count what a plain look at all spans counts, wherever they begin and end', async () => {
    await using store = await openTestStore();
    const random = prng(11);
    const spans = Array.from({ length: 600 }, (_, index) =>
      aStoredSpan({
        spanId: (index + 1).toString(16).padStart(16, '0'),
        service: `service-${index % 3}`,
        name: `operation-${index % 5}`,
        statusCode: index % 4 === 0 ? 2 : 0,
        startNs: TEST_START_NS + BigInt(Math.floor(random() * 7_200_000)) * 1_000_000n,
      }),
    );
    await store.store(spans);
    const moment = fc.option(
      fc.oneof(
        fc.bigInt(-1_000_000_000n, 7_300_000_000_000n).map((offset) => TEST_START_NS + offset),
        // The very begin and end of quarters of an hour.
        fc
          .integer({ min: 0, max: 9 })
          .chain((quarter) =>
            fc
              .constantFrom(-1n, 0n)
              .map((offset) => 1_699_999_200_000_000_000n + BigInt(quarter) * 900_000_000_000n + offset),
          ),
      ),
    );
    await fc.assert(
      fc.asyncProperty(moment, moment, async (fromUnixNano, toUnixNano) => {
        const inRange = spans.filter(
          ({ startNs }) => (fromUnixNano ?? startNs) <= startNs && startNs <= (toUnixNano ?? startNs),
        );
        const found = await findServices(store.context, { fromUnixNano, toUnixNano });
        expect(found.map(({ name, spanCount, errorCount }) => [name, spanCount, errorCount])).toEqual(
          [0, 1, 2]
            .map((n) => inRange.filter(({ service }) => service === `service-${n}`))
            .filter(({ length }) => length > 0)
            .map((own) => [own[0]?.service, own.length, own.filter(({ statusCode }) => statusCode === 2).length]),
        );
        const first = found
          .map(({ firstSeenUnixNano }) => BigInt(firstSeenUnixNano))
          .toSorted((a, b) => (a < b ? -1 : 1));
        const starts = inRange.map(({ startNs }) => startNs).toSorted((a, b) => (a < b ? -1 : 1));
        expect(first[0]).toBe(starts[0]);
      }),
      { numRuns: 60, seed: 3 },
    );
  });
});

describe('the SQL of the smaller queries', () => {
  it('reads as written here', async () => {
    const range = { fromUnixNano: TEST_START_NS, toUnixNano: TEST_START_NS + 1n };
    const view = ALL_COUNTED.view();
    const ids = ['ab'.repeat(16), 'cd'.repeat(16)];
    await expect(servicesSql(TABLES, view, ALWAYS)).toMatchFileSnapshot('snapshots/services.sql');
    await expect(operationsSql(TABLES, view, "o'brien", range)).toMatchFileSnapshot('snapshots/operations.sql');
    const weights = { range, service: "o'brien", groupBy: 'operation', of: 'requests' } as const;
    await expect(weightsSql(TABLES, weights)).toMatchFileSnapshot('snapshots/weights.sql');
    const within = [
      { first: 1_700_000_000, last: 1_700_000_010 },
      { first: 1_700_000_100, last: 1_700_000_110 },
    ];
    await expect(traceSummariesSql([STORED], ids, within)).toMatchFileSnapshot('snapshots/trace-summaries.sql');
    await expect(topSpansSql(STORED, [STORED], ids, within)).toMatchFileSnapshot('snapshots/top-spans.sql');
    await expect(plainSpansSql(STORED, ['start_s >= toDateTime(toUInt32(1700000000))'], 100)).toMatchFileSnapshot(
      'snapshots/few-spans.sql',
    );
    await expect(traceTimesSql(TABLES, ids)).toMatchFileSnapshot('snapshots/trace-times.sql');
    await expect(extentSql(STORED)).toMatchFileSnapshot('snapshots/stored-extent.sql');
    await expect(spanCountsSql([STORED], ids, within)).toMatchFileSnapshot('snapshots/span-counts.sql');
  });
});
