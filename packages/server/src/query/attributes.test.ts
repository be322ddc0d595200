import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SpanVisibility } from '../storage/span-visibility.ts';
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
      { key: 'long', estimatedSpanCount: 1 },
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

  it('is asked for as everything is, so that what came lately is counted soon', async () => {
    const visibility = new SpanVisibility();
    await findAttributeKeys({ ...store.context, visibility }, ALL);
    await findAttributeValues({ ...store.context, visibility }, 'region', ALL);
    expect(visibility.queries).toBe(2);
  });

  it('leaves out days outside of the range', async () => {
    const range = { fromUnixNano: NEXT_DAY, toUnixNano: 2n ** 63n - 1n };
    expect(await findAttributeKeys(store.context, { ...ALL, range })).toEqual([
      { key: 'http.method', estimatedSpanCount: 1 },
    ]);
  });

  it('asks in SQL as written here', async () => {
    const query = { prefix: "it's", range: { fromUnixNano: TEST_START_NS, toUnixNano: NEXT_DAY }, limit: 5 };
    await expect(attributeKeysSql(store.context.engine.tables, query)).toMatchFileSnapshot(
      'snapshots/attribute-keys.sql',
    );
    await expect(attributeValuesSql(store.context.engine.tables, "o'k", query)).toMatchFileSnapshot(
      'snapshots/attribute-values.sql',
    );
  });
});

/** A third of them are too long to complete anything. */
function valueAt(index: number): string {
  return index % 3 === 0 ? 'x'.repeat(300) : `value ${index}`;
}

describe('the count of a key', () => {
  const spans = Array.from({ length: 3_000 }, (_, index) =>
    aStoredSpan({
      spanId: (index + 1).toString(16).padStart(16, '0'),
      attributes: {
        every: valueAt(index),
        ...(index % 2 === 0 ? { half: 'x' } : {}),
        ...(index === 0 ? { '': 'x' } : {}),
      },
    }),
  );

  it('is that of all spans that have it, however many values it has and however long', async () => {
    await using store = await openTestStore();
    await store.store(spans);
    expect(await findAttributeKeys(store.context, ALL)).toEqual([
      { key: 'every', estimatedSpanCount: 3_000 },
      { key: 'half', estimatedSpanCount: 1_500 },
    ]);
    const values = await findAttributeValues(store.context, 'every', { ...ALL, limit: 10_000 });
    // Of a thousand in 65,536 slots some share one.
    expect(values.length).toBeGreaterThan(950);
    expect(values.filter(({ value }) => !/^value \d+$/.test(value))).toEqual([]);
  });

  it('is its own, where two thousand keys come together', async () => {
    await using store = await openTestStore();
    const keys = Array.from({ length: 2_000 }, (_, index) => `key.${index}`);
    await store.store([aStoredSpan({ attributes: Object.fromEntries(keys.map((key) => [key, 'x'])) })]);
    await store.context.engine.command('OPTIMIZE TABLE throughline.attribute_values FINAL');
    const found = await findAttributeKeys(store.context, { ...ALL, limit: 10_000 });
    // Of two thousand in a million slots, one or two may fall into a taken one.
    expect(found.length).toBeGreaterThan(1_990);
    expect(found.filter(({ estimatedSpanCount }) => estimatedSpanCount === 1).length).toBeGreaterThan(1_990);
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
