import { ApiClient } from '../packages/trace/dist/client/index.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCollector, type Collector } from './support/collector.ts';
import { HOUR_MS, LONG_TRACE, storeTheTraces } from './support/questions.ts';

const window = { fromUnixNano: `${HOUR_MS}000000`, toUnixNano: `${HOUR_MS + 3_600_000}000000` };
const selection = { status: 'error' };

describe('what sets a selection apart, over the API', () => {
  let collector: Collector;
  let client: ApiClient;
  beforeAll(async () => {
    collector = await startCollector();
    client = new ApiClient(collector.apiUrl);
    await storeTheTraces([collector]);
  });
  afterAll(() => collector.stop());

  it('is said as an association, with how much was looked at', async () => {
    const tags = [String.raw`http.method=GET`];
    const answer = await client.attributesApart({ window, selection: { service: 'db', tags } });
    expect(answer).toMatchObject({
      ...window,
      selected: { spanCount: 20, readCount: 20 },
      others: { spanCount: 20, readCount: 20 },
      attributes: [{ key: 'http.method', value: 'GET', share: 1, otherShare: 0 }],
    });
    expect(answer.text).toContain('associated');
    const failed = await client.attributesApart({ window, selection: { status: 'error' }, limit: 1 });
    expect(failed).toMatchObject({ selected: { spanCount: 8 }, attributes: [] });
    expect(await client.trace(LONG_TRACE)).toBeDefined();
  });

  it.each([
    [{}, 'window'],
    [{ window }, 'selection'],
    [{ window, selection: {} }, 'status'],
    [{ window, selection: { service: 'db', operation: 'x' } }, 'others'],
    [{ window, selection: { status: 'bad' } }, 'error'],
    [{ window, selection: { ...selection, tags: ['novalue'] } }, 'key=value'],
    [{ window, selection: { ...selection, tags: Array.from({ length: 21 }, () => 'a=b') } }, '20'],
    [{ window, selection: { ...selection, minDurationMs: -1 } }, 'minDurationMs'],
    [{ window, selection: { ...selection, maxDurationMs: 1e300 } }, 'maxDurationMs'],
    [{ window, selection: { ...selection, service: 'x'.repeat(5_000) } }, 'service'],
    [{ window, selection, limit: 0 }, 'limit'],
    [{ window, selection, of: 1 }, 'of'],
    [{ window, selection, others: { tags: ['x'] } }, 'others.tags[0]'],
    [{ window: { fromUnixNano: '2', toUnixNano: '1' }, selection }, 'window'],
    [{ window: { fromUnixNano: '1', toUnixNano: '9999999999999999999' }, selection }, '2262'],
  ])('asked for with %j gets a 400 with the reason', async (body, words) => {
    const response = await fetch(`${collector.apiUrl}/api/v1/attributes/apart`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const { error } = (await response.json()) as { error: { code: string; message: string } };
    expect([response.status, error.code]).toEqual([400, expect.stringMatching(/^invalid_(selection|windows)$/)]);
    expect(error.message).toContain(words);
  });

  it.each([
    { service: `'; DROP TABLE spans; --\u0000\u001B[31m`, status: 'error' },
    { operation: '日本\u202E', tags: [String.raw`a\=b\\'=c'`] },
    { minDurationMs: 0.000001, maxDurationMs: 0 },
  ] as const)('of the odd selection %j is answered', async (odd) => {
    const given = {
      window: { fromUnixNano: '0', toUnixNano: '9223372036854775807' },
      selection: { ...odd, tags: [...(odd.tags ?? [])] },
    };
    expect((await client.attributesApart(given)).attributes).toEqual([]);
  });
});
