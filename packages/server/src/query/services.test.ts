import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXTENT_SQL } from './search-windows.ts';
import { findOperations, findServices, operationsSql, servicesSql } from './services.ts';
import type { TestStore } from './testing/test-store.ts';
import { aStoredSpan, openTestStore, TEST_START_NS } from './testing/test-store.ts';
import { spanCountsSql, traceSummariesSql } from './trace-summary.ts';

const ALWAYS = { fromUnixNano: null, toUnixNano: null };

describe('services and operations', () => {
  let store: TestStore;
  beforeAll(async () => {
    store = await openTestStore();
    await store.store([
      aStoredSpan({ service: 'web', name: 'GET /', startNs: TEST_START_NS }),
      aStoredSpan({ service: 'web', name: 'GET /', startNs: TEST_START_NS + 1n, statusCode: 2 }),
      aStoredSpan({ service: 'web', name: 'POST /', startNs: TEST_START_NS + 86_400_000_000_000n }),
      aStoredSpan({ service: "o'brien", name: '\n', startNs: TEST_START_NS }),
    ]);
  });
  afterAll(() => store.close());

  const counts = async (fromUnixNano: bigint | null, toUnixNano: bigint | null) => {
    const services = await findServices(store.context, { fromUnixNano, toUnixNano });
    return services.map(({ name, spanCount }) => [name, spanCount]);
  };

  it('counts every stored span of every service when no range is given', async () => {
    expect(await findServices(store.context, ALWAYS)).toEqual([
      {
        name: "o'brien",
        spanCount: 1,
        errorCount: 0,
        operationCount: 1,
        firstSeenUnixNano: String(TEST_START_NS),
        lastSeenUnixNano: String(TEST_START_NS),
      },
      {
        name: 'web',
        spanCount: 3,
        errorCount: 1,
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
    expect(await findOperations(store.context, 'web', ALWAYS)).toEqual([
      { name: 'GET /', spanCount: 2, errorCount: 1 },
      { name: 'POST /', spanCount: 1, errorCount: 0 },
    ]);
    expect(await findOperations(store.context, "o'brien", ALWAYS)).toMatchObject([{ name: '\n' }]);
    expect(await findOperations(store.context, "' OR 1", ALWAYS)).toEqual([]);
  });
});

describe('the SQL of the smaller questions', () => {
  it('reads as written here', async () => {
    const range = { fromUnixNano: TEST_START_NS, toUnixNano: TEST_START_NS + 1n };
    const ids = ['ab'.repeat(16), 'cd'.repeat(16)];
    await expect(servicesSql(ALWAYS)).toMatchFileSnapshot('snapshots/services.sql');
    await expect(operationsSql("o'brien", range)).toMatchFileSnapshot('snapshots/operations.sql');
    await expect(traceSummariesSql(ids)).toMatchFileSnapshot('snapshots/trace-summaries.sql');
    await expect(EXTENT_SQL).toMatchFileSnapshot('snapshots/stored-extent.sql');
    await expect(spanCountsSql(ids)).toMatchFileSnapshot('snapshots/span-counts.sql');
  });
});
