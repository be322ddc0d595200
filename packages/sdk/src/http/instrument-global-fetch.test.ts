import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createTestTracer } from '../testing.ts';
import { instrumentGlobalFetch } from './instrument-global-fetch.ts';

// By Node's own `fetch`, of which the instrumentation for undici is not asked here.
const server = createServer((request, response) => {
  const { method, headers } = request;
  request.resume().on('end', () => {
    response.statusCode = request.url?.startsWith('/missing') === true ? 404 : 200;
    response.end(JSON.stringify({ method, parent: headers['traceparent'], own: headers['x-own'] }));
  });
});
const { tracer, spans, reset } = createTestTracer();
let url = '';
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(reset);
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

it('makes a client span of each call, once, and carries its identity along', async () => {
  const before = globalThis.fetch;
  const removals = [instrumentGlobalFetch(tracer, {}), instrumentGlobalFetch(tracer, {})];
  const calls: (() => Promise<Response>)[] = [
    () => fetch(`${url}/a?token=1`, { method: 'post', body: 'x', headers: { 'x-own': 'kept', traceparent: 'theirs' } }),
    () => fetch(new URL(url), { headers: [['x-own', 'kept']] }),
    () => fetch(new Request(url, { method: 'PUT', body: 'x', headers: { 'x-own': 'kept' } })),
  ];
  for (const [at, call] of calls.entries()) {
    reset();
    const answer = (await (await call()).json()) as Record<string, string>;
    const [span, ...more] = spans();
    expect(more).toEqual([]);
    expect(answer).toEqual({
      method: ['POST', 'GET', 'PUT'][at],
      own: 'kept',
      parent: `00-${span?.traceId}-${span?.spanId}-03`,
    });
    expect(span?.kind).toBe('client');
    expect(span?.attributes).toMatchObject({ 'http.response.status_code': 200, 'server.address': '127.0.0.1' });
  }
  for (const remove of removals.toReversed()) remove();
  expect(globalThis.fetch).toBe(before);
});

it('records what failed, skips what is ignored, and lets a wrong call fail as it does', async () => {
  const remove = instrumentGlobalFetch(tracer, { ignoreOutgoing: ({ path }) => path === '/ignored' });
  await (await fetch(`${url}/missing?token=1`)).text();
  await (await fetch(`${url}/ignored`)).text();
  await expect(fetch('no url')).rejects.toThrow(TypeError);
  await expect(fetch('http://127.0.0.1:1')).rejects.toThrow(TypeError);
  await expect(fetch(url, { signal: AbortSignal.abort() })).rejects.toThrow('aborted');
  remove();
  expect(spans().map(({ status, attributes }) => [status, attributes['error.type']])).toEqual([
    ['error', '404'],
    ['error', expect.anything()],
    ['unset', undefined],
  ]);
  expect(spans()[0]?.attributes['url.full']).toBe(`${url}/missing?token=REDACTED`);
});
