import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { attributeKeysSql, attributeValuesSql, findAttributeKeys, findAttributeValues } from './attributes.ts';
import type { TestStore } from './testing/test-store.ts';
import { aStoredSpan, openTestStore, TEST_START_NS } from './testing/test-store.ts';

const ALL = { prefix: '', range: { fromUnixNano: null, toUnixNano: null }, limit: 100 };
const NEXT_DAY = TEST_START_NS + 86_400_000_000_000n;

describe('what completes a search', () => {
  let store: TestStore;
  beforeAll(async () => {
    store = await openTestStore();
    await store.store([
      aStoredSpan({
        spanId: '1'.repeat(16),
        attributes: { 'http.method': 'GET', long: 'x'.repeat(300) },
        resource: { region: 'eu' },
      }),
      aStoredSpan({ spanId: '2'.repeat(16), attributes: { 'http.method': 'GET' }, resource: { region: 'us' } }),
      aStoredSpan({ spanId: '3'.repeat(16), attributes: { 'http.method': "P'UT" }, startNs: NEXT_DAY }),
    ]);
  });
  afterAll(() => store.close());

  it('knows the keys of spans and resources, the most frequent first', async () => {
    expect(await findAttributeKeys(store.context, ALL)).toEqual([
      { key: 'http.method', estimatedSpanCount: 3 },
      { key: 'region', estimatedSpanCount: 2 },
    ]);
    expect(await findAttributeKeys(store.context, { ...ALL, prefix: 're' })).toMatchObject([{ key: 'region' }]);
    expect(await findAttributeKeys(store.context, { ...ALL, prefix: "'" })).toEqual([]);
    expect(await findAttributeKeys(store.context, { ...ALL, limit: 1 })).toHaveLength(1);
  });

  it('knows the values of a key, and no values that nobody would type', async () => {
    expect(await findAttributeValues(store.context, 'http.method', ALL)).toEqual([
      { value: 'GET', estimatedSpanCount: 2 },
      { value: "P'UT", estimatedSpanCount: 1 },
    ]);
    expect(await findAttributeValues(store.context, 'http.method', { ...ALL, prefix: 'P' })).toHaveLength(1);
    expect(await findAttributeValues(store.context, 'long', ALL)).toEqual([]);
    expect(await findAttributeValues(store.context, 'none', ALL)).toEqual([]);
  });

  it('leaves out days outside of the range', async () => {
    const range = { fromUnixNano: NEXT_DAY, toUnixNano: 2n ** 63n - 1n };
    expect(await findAttributeKeys(store.context, { ...ALL, range })).toEqual([
      { key: 'http.method', estimatedSpanCount: 1 },
    ]);
  });

  it('asks in SQL as written here', async () => {
    const question = { prefix: "it's", range: { fromUnixNano: TEST_START_NS, toUnixNano: NEXT_DAY }, limit: 5 };
    await expect(attributeKeysSql(question)).toMatchFileSnapshot('snapshots/attribute-keys.sql');
    await expect(attributeValuesSql("o'k", question)).toMatchFileSnapshot('snapshots/attribute-values.sql');
  });
});

const SPANS = 600_000;
/** Every hundredth span is rare, and all of those are kept; of the common ones, one of sixteen. */
const SPANS_SQL = `SELECT number, number % 100 = 7 AS is_rare, cityHash64('random', number) % 65536 AS random16
FROM numbers(${SPANS})`;

describe('what completes a search over sampled spans', () => {
  it('is counted by how many spans there were, not by how many are stored', async () => {
    await using store = await openTestStore();
    await store.store([
      ...['1', '2', '3'].map((id) => aStoredSpan({ spanId: id.repeat(16), attributes: { kept: 'always' } })),
      aStoredSpan({ spanId: '4'.repeat(16), attributes: { kept: 'sometimes' }, traceState: 'a=1,ot=th:c' }),
      aStoredSpan({ spanId: '5'.repeat(16), attributes: { kept: 'sometimes' }, traceState: 'ot=th:8' }),
      aStoredSpan({ spanId: '6'.repeat(16), resource: { region: 'eu' }, traceState: 'ot=th:f' }),
    ]);
    expect(await findAttributeKeys(store.context, ALL)).toEqual([
      { key: 'region', estimatedSpanCount: 16 },
      { key: 'kept', estimatedSpanCount: 9 },
    ]);
    expect(await findAttributeValues(store.context, 'kept', ALL)).toEqual([
      { value: 'sometimes', estimatedSpanCount: 6 },
      { value: 'always', estimatedSpanCount: 3 },
    ]);
  });

  it('estimates them also where only some spans of an insert are looked at', async () => {
    await using store = await openTestStore();
    await store.context.engine.command(`INSERT INTO throughline.spans
  (trace_id, span_id, service, name, trace_state, start_s, start_ns, attrs_k, attrs_v, attrs_t)
SELECT toFixedString(unhex(leftPad(hex(number + 1), 32, '0')), 16), toFixedString(unhex(leftPad(hex(number + 1), 16, '0')), 8),
  'shop', 'GET /', if(is_rare, '', 'ot=th:f'), toDateTime(1700000000), 1700000000000000000,
  ['kind'], [if(is_rare, 'rare', 'common')], [1]
FROM (${SPANS_SQL}) WHERE is_rare OR random16 >= 61440
SETTINGS max_insert_block_size = 1000000, min_insert_block_size_rows = 1000000, max_threads = 1`);
    await store.count();
    const values = await findAttributeValues(store.context, 'kind', ALL);
    expect(values.map(({ value }) => value)).toEqual(['common', 'rare']);
    const [common, rare] = values.map(({ estimatedSpanCount }) => estimatedSpanCount);
    expect(Math.abs((common ?? 0) / (SPANS * 0.99) - 1)).toBeLessThan(0.1);
    expect(Math.abs((rare ?? 0) / (SPANS * 0.01) - 1)).toBeLessThan(0.2);
  });
});
