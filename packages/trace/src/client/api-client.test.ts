import { describe, expect, test } from 'vitest';
import { ApiClient, ApiClientError } from './api-client.ts';
import { MISSING_SHARDS_HEADER, SHARDS_HEADER } from './partial-answer.ts';
import { SPANS_IN_TRACE_HEADER } from './trace-response.ts';

/** A fetch that answers always the same, and keeps what it was asked. */
function aFetch(answer: () => Response) {
  const urls: string[] = [];
  const fetchOnce: typeof fetch = (input) => {
    urls.push(typeof input === 'string' ? input : 'not a string');
    return Promise.resolve().then(answer);
  };
  return { fetch: fetchOnce, urls };
}

const json =
  (body: unknown, status = 200) =>
  () =>
    Response.json(body, { status });

/** A client whose collector answers with these headers. */
const clientOf = (headers: Record<string, string>): ApiClient =>
  new ApiClient('', { fetch: aFetch(() => Response.json({ body: true }, { headers })).fetch });

describe('ApiClient', () => {
  test('asks for each route with its parameters', async () => {
    const { fetch, urls } = aFetch(json({}));
    const client = new ApiClient('http://127.0.0.1:4319/', { fetch });
    await client.services({ from: '1', to: '2' });
    await client.operations('a/b', {});
    await client.operations('..', {});
    await client.attributeValues('..', { prefix: 'a' });
    await client.traces({ service: 'web', status: 'error', minDurationMs: 1.5, tags: ['a=b=c', 'd=&'], limit: 5 });
    await client.headlines(['aa', 'bb']);
    await client.trace('aa');
    await client.story('aa');
    await client.traceSampling('aa');
    await client.sampling('a b');
    await client.sampling();
    await client.system();
    expect(urls.map((url) => url.replace('http://127.0.0.1:4319/api/v1', ''))).toEqual([
      '/services?from=1&to=2',
      '/operations?service=a%2Fb',
      '/operations?service=..',
      '/attribute-values?key=..&prefix=a',
      '/traces?service=web&status=error&minDurationMs=1.5&limit=5&tag=a%3Db%3Dc&tag=d%3D%26',
      '/headlines?ids=aa%2Cbb',
      '/traces/aa',
      '/traces/aa/story',
      '/traces/aa/sampling',
      '/sampling?service=a+b',
      '/sampling',
      '/system',
    ]);
  });

  test('says of a trace and its story what the headers say that they lack', async () => {
    const partial = { missingShards: 1, shards: 3 };
    const marked = { [MISSING_SHARDS_HEADER]: '1', [SHARDS_HEADER]: '3' };
    expect(await clientOf(marked).trace('aa')).toEqual({ body: true, partial });
    expect(await clientOf(marked).story('aa')).toEqual({ body: true, partial });
    const large = { ...marked, [SPANS_IN_TRACE_HEADER]: '7' };
    expect(await clientOf(large).trace('aa')).toEqual({ body: true, partial, spansInTrace: 7 });
    expect(await clientOf({}).trace('aa')).toEqual({ body: true });
    expect(await clientOf({}).story('aa')).toEqual({ body: true });
  });

  test('asks the server of the page when the base is empty', async () => {
    const { fetch, urls } = aFetch(json({ services: [] }));
    expect(await new ApiClient('', { fetch }).services()).toEqual({ services: [] });
    expect(urls).toEqual(['/api/v1/services']);
  });

  test('asks behind a prefix, and for the operation without a name', async () => {
    const { fetch, urls } = aFetch(json({ traces: [] }));
    await new ApiClient('/tracing/', { fetch }).traces({ operation: '' });
    expect(urls).toEqual(['/tracing/api/v1/traces?operation=']);
  });

  test.each([
    [json({ error: { code: 'trace_not_found', message: 'no trace aa' } }, 404), 'trace_not_found', 404, 'no trace aa'],
    [json({ oops: true }, 500), 'invalid_response', 500, 'without a reason'],
    [json(null, 500), 'invalid_response', 500, 'not in JSON'],
    [() => new Response('<html>', { status: 502 }), 'invalid_response', 502, 'not in JSON'],
    [() => new Response('<html>', { status: 414 }), 'request_too_long', 414, 'shorter filters'],
    [
      () => {
        throw new TypeError('fetch failed');
      },
      'unreachable',
      0,
      'cannot be reached',
    ],
  ])('rejects with an ApiClientError that says what was wrong', async (answer, code, status, message) => {
    const { fetch } = aFetch(answer);
    const error: unknown = await new ApiClient('', { fetch }).trace('aa').catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ApiClientError);
    expect(error).toMatchObject({ code, status, message: expect.stringContaining(message) });
  });

  test('rejects with the reason of the signal when aborted', async () => {
    const { fetch } = aFetch(() => {
      throw new DOMException('aborted', 'AbortError');
    });
    const reason = new Error('the page was left');
    const request = new ApiClient('', { fetch }).trace('aa', { signal: AbortSignal.abort(reason) });
    await expect(request).rejects.toBe(reason);
  });
});
