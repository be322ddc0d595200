import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ALL_COUNTED } from '../storage/span-visibility.ts';
import { singleServerTables } from '../storage/tables.ts';
import { minutesSampleSql, sampleRequests, spansSampleSql, type RequestSelection } from './sample-requests.ts';
import { storedSource } from './span-sources.ts';
import { idOf } from './testing/plain-search.ts';
import { aStoredSpan, openTestStore, TEST_START_NS, type StoredSpan, type TestStore } from './testing/test-store.ts';

const MINUTE_NS = 60_000_000_000n;
const BEGIN = Number(TEST_START_NS / MINUTE_NS + 1n) * 60;
const SHOP: RequestSelection = { service: 'shop', operation: null, kind: null, tags: [] };

/** Ten requests a minute for ten minutes, of which one fails; each calls a database. */
function spans(): StoredSpan[] {
  return Array.from({ length: 100 }, (_, at) => {
    const startNs = BigInt(BEGIN) * 1_000_000_000n + (BigInt(at) * MINUTE_NS) / 10n;
    const trace = { traceId: idOf(at * 7919 + 1), startNs, traceState: at < 50 ? '' : 'ot=th:8' };
    const operation = at % 2 === 0 ? 'GET /' : 'POST /buy';
    return [
      aStoredSpan({
        ...trace,
        spanId: idOf(1, 16),
        name: operation,
        kind: 2,
        statusCode: at % 10 === 3 ? 2 : 0,
        durationNs: BigInt(at + 1) * 1_000_000n,
        attributes: { tenant: at % 4 === 0 ? 'acme' : "o'ther" },
      }),
      aStoredSpan({ ...trace, spanId: idOf(2, 16), parentSpanId: idOf(1, 16), name: 'SELECT', kind: 3 }),
    ];
  }).flat();
}

describe('requests of a time', () => {
  let store: TestStore;
  beforeAll(async () => {
    store = await openTestStore();
    await store.store(spans());
  });
  afterAll(() => store.close());

  const sample = (selection: Partial<RequestSelection>, fromMinute = 0, toMinute = 10) =>
    sampleRequests(
      store.context,
      { ...SHOP, ...selection },
      { fromSecond: BEGIN + fromMinute * 60, toSecond: BEGIN + toMinute * 60 },
      () => 0,
    );

  it('are counted by what they stand for, and say as much as those that are stored', async () => {
    const { count, errors, effectiveCount, durations } = await sample({});
    // The second half is sampled one in two.
    expect([count, errors]).toEqual([150, 15]);
    expect(effectiveCount).toBeGreaterThan(80);
    expect(effectiveCount).toBeLessThanOrEqual(100);
    expect(durations.reduce((sum, bucket) => sum + bucket.count, 0)).toBe(150);
    const { fromNs, toNs } = durations.at(0)!;
    expect(fromNs <= 1_000_000 && 1_000_000 < toNs).toBe(true);
  });

  it('are those of whole minutes', async () => {
    expect(await sample({}, 0, 1)).toMatchObject({ count: 10, errors: 1, effectiveCount: 10 });
    expect(await sample({}, 3, 5)).toMatchObject({ count: 20, errors: 2 });
    expect(await sample({}, 20, 30)).toEqual({ count: 0, errors: 0, effectiveCount: 0, durations: [] });
  });

  it('are those of an operation, of a kind, and with attributes', async () => {
    expect(await sample({ operation: 'POST /buy' }, 0, 5)).toMatchObject({ count: 25, errors: 5 });
    expect(await sample({ kind: 3 }, 0, 5)).toMatchObject({ count: 50, errors: 0, effectiveCount: 50 });
    expect(await sample({ kind: 2 }, 5, 10)).toMatchObject({ count: 100, errors: 10, effectiveCount: 50 });
    expect(await sample({ tags: [{ key: 'tenant', value: 'acme' }] }, 0, 5)).toMatchObject({ count: 13 });
    expect(await sample({ tags: [{ key: 'tenant', value: "o'ther" }], operation: 'GET /' }, 0, 5)).toMatchObject({
      count: 12,
    });
    expect(await sample({ service: "none'; DROP" })).toMatchObject({ count: 0 });
  });

  it('say no more of their share of failures than those that failed say', async () => {
    // Of some all are stored, and none failed; of others one in 128 is stored, and three of these failed.
    const mixed = await openTestStore();
    try {
      await mixed.store(
        Array.from({ length: 1_040 }, (_, at) => {
          const isRare = at < 40;
          return aStoredSpan({
            traceId: idOf(at * 7919 + 1),
            spanId: idOf(1, 16),
            startNs: BigInt(BEGIN) * 1_000_000_000n + BigInt(at),
            traceState: isRare ? 'ot=th:fe' : '',
            kind: 2,
            statusCode: at < 3 ? 2 : 0,
          });
        }),
      );
      const found = await sampleRequests(
        mixed.context,
        { ...SHOP, kind: 2 },
        { fromSecond: BEGIN, toSecond: BEGIN + 60 },
        () => 0,
      );
      expect([found.count, found.errors]).toEqual([1_000 + 40 * 128, 3 * 128]);
      expect(found.effectiveCount * (found.errors / found.count)).toBeCloseTo(3, 9);
    } finally {
      await mixed.close();
    }
  });

  it('are the same by spans as by the tables of minutes', async () => {
    // Every one has this attribute of its resource or none: the condition on the kind makes it look at spans.
    const [byTables, bySpans] = await Promise.all([sample({}, 0, 5), sample({ kind: 2 }, 0, 5)]);
    expect(bySpans).toEqual(byTables);
  });

  it('are asked for in SQL as written here', async () => {
    const tables = singleServerTables();
    const uncounted = { countedUntil: 7, seconds: { first: 60, last: 119 }, hasLate: false };
    const live = { ...ALL_COUNTED.view(), fresh: [{ first: 8, last: 9 }], uncounted };
    const query = {
      service: "o'brien",
      operation: 'GET /',
      groupBy: 'service',
      fromSecond: 60,
      toSecond: 360,
      stepSeconds: 60,
      seriesMax: 1,
    } as const;
    await expect(minutesSampleSql(tables, live, query)).toMatchFileSnapshot('snapshots/sample-minutes.sql');
    const selection = { service: "o'brien", operation: null, kind: 3, tags: [{ key: 'tenant', value: 'a' }] };
    const sql = spansSampleSql(storedSource(tables), selection, { fromSecond: 60, toSecond: 360 }, true);
    await expect(sql).toMatchFileSnapshot('snapshots/sample-spans.sql');
  });
});
