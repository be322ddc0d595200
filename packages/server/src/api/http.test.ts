import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:http';
import { connect } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import { EngineError } from '../query/rows.ts';
import { json } from './answer.ts';
import { healthRoutes } from './health-routes.ts';
import type { ApiLimits } from './limits.ts';
import { ApiServer } from './http.ts';
import type { Route } from './route.ts';
import { route } from './route.ts';
import { StaticUi } from './static-ui.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

interface Running {
  readonly port: number;
  readonly registry: Registry;
  readonly get: (path: string, options?: Asked) => Promise<Answered>;
}

interface Asked {
  readonly method?: string;
  readonly headers?: Record<string, string>;
}

interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

async function serve(routes: readonly Route[], limits: Partial<ApiLimits> = {}): Promise<Running> {
  const registry = new Registry();
  const log = pino({ level: 'silent' });
  const api = new ApiServer({ routes, ui: new StaticUi(new Map()), hostNames: ['box'], log, registry, limits });
  const { port } = await api.start('127.0.0.1', 0);
  stops.push(() => api.close(0));
  return { port, registry, get: (path, options) => ask(port, path, options) };
}

/** Plain requests: fetch would correct the path and the Host header. */
async function ask(port: number, path: string, { method = 'GET', headers = {} }: Asked = {}): Promise<Answered> {
  const sent = request({ port, host: '127.0.0.1', path, method, headers, agent: false });
  sent.end();
  const [response] = await once(sent, 'response');
  let body = '';
  for await (const chunk of response.setEncoding('utf8')) body += chunk;
  return { status: response.statusCode, headers: response.headers, body };
}

function aRoute(path: string, answer: (signal: AbortSignal) => unknown, asksStore = true): Route {
  return route({
    path,
    summary: path,
    answers: { description: 'anything' },
    asksStore,
    answer: async ({ signal }) => json(await answer(signal)),
  });
}

const failing = (path: string, error: Error): Route => aRoute(path, () => Promise.reject(error));

const codeOf = ({ body }: Answered): string => (JSON.parse(body) as { error: { code: string } }).error.code;

describe('ApiServer', () => {
  it('answers a route and decodes the parameters in its path', async () => {
    const echo = route({
      path: '/api/v1/things/{name}/parts',
      summary: 'Echo',
      answers: { description: 'the name' },
      asksStore: false,
      answer: ({ path }) => json(path),
    });
    const { get } = await serve([echo]);
    expect(JSON.parse((await get('/api/v1/things/a%2Fb%20c/parts')).body)).toEqual({ name: 'a/b c' });
    expect(codeOf(await get('/api/v1/things/%E0%A4/parts'))).toBe('invalid_path');
    expect((await get('/api/v1/things//parts')).status).toBe(404);
  });

  it('answers HEAD with the headers of GET and no body', async () => {
    const { get } = await serve([aRoute('/api/v1/x', () => 'hello')]);
    const head = await get('/api/v1/x', { method: 'HEAD' });
    expect(head).toMatchObject({ status: 200, body: '' });
    expect(head.headers['content-length']).toBe('8');
  });

  it('answers 404 for an unknown path and 405 with Allow for another method', async () => {
    const { get } = await serve([aRoute('/api/v1/x', () => 1)]);
    expect(await get('/api/v1/y')).toMatchObject({ status: 404 });
    expect(codeOf(await get('/api/v1/x/'))).toBe('not_found');
    expect(codeOf(await get('//evil.example/api/v1/x'))).toBe('not_found');
    const posted = await get('/api/v1/x', { method: 'POST' });
    expect(posted).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
    expect(codeOf(posted)).toBe('method_not_allowed');
  });

  it('answers 403 to pages from elsewhere, whatever their browser says of them, and follows links from there', async () => {
    const { get } = await serve([aRoute('/api/v1/x', () => ({}))]);
    const statusFor = async (headers: Record<string, string>) =>
      (await get('/api/v1/x', { headers: { host: 'localhost', ...headers } })).status;
    const foreign = [
      { origin: 'https://evil.example' },
      { origin: 'http://localhost.evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' },
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' },
    ];
    expect(await Promise.all(foreign.map(statusFor))).toEqual(foreign.map(() => 403));
    const own = [
      {},
      { origin: 'http://localhost:4319' },
      { origin: 'http://box' },
      { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors' },
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' },
    ];
    expect(await Promise.all(own.map(statusFor))).toEqual(own.map(() => 200));
  });

  it('answers 403 to a host name that is not its own, so that no page can rebind its name to us', async () => {
    const { port, get } = await serve([aRoute('/api/v1/x', () => 1)]);
    const statusFor = async (host: string) => (await get('/api/v1/x', { headers: { host } })).status;
    for (const own of [
      `localhost:${port}`,
      '127.0.0.1',
      `[::1]:${port}`,
      'BOX:80',
      'a.localhost',
      'localhost.',
      '10.1.2.3',
    ]) {
      expect([own, await statusFor(own)]).toEqual([own, 200]);
    }
    for (const other of ['evil.example', 'localhost.evil.example', 'box.evil', 'localhost@evil', '[::1', ':80']) {
      expect([other, await statusFor(other)]).toEqual([other, 403]);
    }
  });

  it('forbids everything to the page that it does not need', async () => {
    const { get } = await serve([aRoute('/api/v1/x', () => 1)]);
    const { headers } = await get('/api/v1/x');
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' });
    expect(headers['content-security-policy']).toContain("default-src 'none'; script-src 'self';");
    expect(headers['content-security-policy']).not.toContain('unsafe');
  });

  it('answers what became of the store: 503 with Retry-After, 504, and 500 that gives nothing away', async () => {
    const { get } = await serve([
      failing('/away', new EngineError('unavailable', 'the engine is down')),
      failing('/late', new EngineError('timeout', 'too slow')),
      failing('/refused', new EngineError('refused', 'secret SQL')),
      failing('/bug', new TypeError('secret detail')),
    ]);
    expect(await get('/away')).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    expect(codeOf(await get('/away'))).toBe('store_unavailable');
    expect(await get('/late')).toMatchObject({ status: 504 });
    for (const path of ['/refused', '/bug']) {
      const answer = await get(path);
      expect(answer.status).toBe(500);
      expect(answer.body).not.toContain('secret');
    }
  });

  it('answers 504 when a question takes longer than it may', async () => {
    const forever = aRoute('/slow', async (signal) => {
      await once(signal, 'abort');
      throw signal.reason;
    });
    const { get } = await serve([forever], { answerTimeoutMs: 20 });
    expect(codeOf(await get('/slow'))).toBe('timeout');
  });

  it('works on a bounded number of questions, lets a bounded number wait and refuses the next', async () => {
    const running: (() => void)[] = [];
    const held = aRoute('/held', () => new Promise<string>((resolve) => running.push(() => resolve('done'))));
    const { registry, get } = await serve([held, ...healthRoutes({ registry: new Registry(), readiness: nothing })], {
      concurrentQuestions: 2,
      waitingQuestionsMax: 1,
    });
    const first = [get('/held'), get('/held'), get('/held')];
    await metricReaches(registry, 'throughline_api_questions_waiting', 1);
    const refused = await get('/held');
    expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    expect(codeOf(refused)).toBe('too_many_questions');
    expect((await get('/healthz')).status).toBe(200);
    expect(running).toHaveLength(2);
    while (running.length > 0) {
      running.shift()?.();
      await nextTurn();
    }
    expect((await Promise.all(first)).map(({ status }) => status)).toEqual([200, 200, 200]);
  });

  it('tells a question that its client has left, and forgets one that only waited', async () => {
    let left: AbortSignal | undefined;
    let asked = 0;
    const held = aRoute('/held', async (signal) => {
      asked++;
      left = signal;
      await once(signal, 'abort');
      throw signal.reason;
    });
    const { port, registry } = await serve([held], { concurrentQuestions: 1 });
    const clients = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')];
    for (const client of clients) client.write('GET /held HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await metricReaches(registry, 'throughline_api_questions_waiting', 1);
    for (const client of clients.toReversed()) {
      client.destroy();
      await metricReaches(registry, 'throughline_api_questions_waiting', 0);
    }
    await metricReaches(registry, 'throughline_api_questions_running', 0);
    expect(left?.aborted).toBe(true);
    expect(asked).toBe(1);
  });

  it('counts requests by route and status, never by what the client wrote', async () => {
    const { registry, get } = await serve([aRoute('/api/v1/x', () => 1)]);
    await get('/api/v1/x');
    await get('/wp-admin');
    const text = await registry.metrics();
    expect(text).toContain('throughline_api_requests_total{route="/api/v1/x",status="200"} 1');
    expect(text).toContain('throughline_api_requests_total{route="none",status="404"} 1');
    expect(text).not.toContain('wp-admin');
  });

  it('survives what is no HTTP and goes on', async () => {
    const { port, get } = await serve([aRoute('/api/v1/x', () => 1)]);
    const client = connect(port, '127.0.0.1');
    client.write('\u0016\u0003\u0001 nonsense\r\n\r\n');
    await once(client, 'data');
    client.destroy();
    expect((await get('/api/v1/x')).status).toBe(200);
  });

  it('says 503 and what is wrong at /readyz, and goes on about /healthz', async () => {
    let problems = [{ code: 'engine_down', message: 'it died' }];
    const warnings = [{ code: 'segments_set_aside', message: 'one' }];
    const readiness = () => ({ problems, warnings });
    const { get } = await serve(healthRoutes({ registry: new Registry(), readiness }));
    const down = await get('/readyz');
    expect(down.status).toBe(503);
    expect(JSON.parse(down.body)).toEqual({ ready: false, problems, warnings });
    problems = [];
    expect(await get('/readyz')).toMatchObject({ status: 200 });
    expect((await get('/healthz')).status).toBe(200);
    expect((await get('/metrics')).headers['content-type']).toContain('text/plain');
  });
});

const nothing = () => ({ problems: [], warnings: [] });

/** Waits for an event that shows only in a gauge. */
async function metricReaches(registry: Registry, name: string, value: number): Promise<void> {
  await expect
    .poll(async () => (await registry.getSingleMetric(name)?.get())?.values[0]?.value, { interval: 2 })
    .toBe(value);
}
