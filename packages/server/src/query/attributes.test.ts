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
