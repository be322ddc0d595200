import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { brotliDecompressSync, createGunzip, gunzipSync } from 'node:zlib';
import { Type } from '@sinclair/typebox';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { EngineError } from '../query/rows.ts';
import { jsonBody } from '../http/json-body.ts';
import { json } from '../http/response.ts';
import { healthRoutes } from './health-routes.ts';
import type { ApiLimits } from './limits.ts';
import { ApiServer, type ApiServerOptions } from './api-server.ts';
import type { Route } from '../http/route.ts';
import { route } from '../http/route.ts';
import { allowAll } from '../http/access.ts';
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
  readonly body?: string;
}

interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

async function serve(
  routes: readonly Route[],
  limits: Partial<ApiLimits> = {},
  {
    ui = new StaticUi(new Map()),
    access = allowAll,
    log = pino({ level: 'silent' }),
    ...others
  }: Partial<Pick<ApiServerOptions, 'ui' | 'basePath' | 'access' | 'log'>> = {},
): Promise<Running> {
  const registry = new Registry();
  const api = new ApiServer({ routes, ui, access, ...others, hostNames: ['box'], log, registry, limits });
  const { port } = await api.start('127.0.0.1', 0);
  stops.push(() => api.close(0));
  return { port, registry, get: (path, options) => ask(port, path, options) };
}

/** Plain requests: fetch would correct the path and the Host header. */
async function ask(
  port: number,
  path: string,
  { method = 'GET', headers = {}, body: sentBody }: Asked = {},
): Promise<Answered> {
  const sent = request({ port, host: '127.0.0.1', path, method, headers, agent: false });
  sent.end(sentBody);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const bytes = await buffer(response);
  const coding = response.headers['content-encoding'];
  const decoded = coding === 'gzip' ? gunzipSync(bytes) : coding === 'br' ? brotliDecompressSync(bytes) : bytes;
  const body = decoded.toString('utf8');
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

/** Answers in so many pieces of 64 KiB. */
const streamed = (path: string, pieces: number): Route => ({
  ...aRoute(path, () => ({})),
  handle: () =>
    Promise.resolve({
      status: 200,
      contentType: 'text/plain',
      body: Array<string>(pieces).fill('x'.repeat(65_536)),
    }),
});

function aRoute(path: string, answer: (signal: AbortSignal) => unknown, usesStore = true): Route {
  return route({
    path,
    operationId: 'ofATest',
    summary: path,
    answers: { description: 'anything' },
    usesStore,
    answer: async ({ signal }) => json(await answer(signal)),
  });
}

const failing = (path: string, error: Error): Route => aRoute(path, () => Promise.reject(error));

const codeOf = ({ body }: Answered): string => (JSON.parse(body) as { error: { code: string } }).error.code;

describe('ApiServer', () => {
  it('answers a route and decodes the parameters in its path', async () => {
    const echo = route({
      path: '/api/v1/things/{name}/parts',
      operationId: 'echo',
      summary: 'Echo',
      answers: { description: 'the name' },
      usesStore: false,
      answer: ({ path }) => json(path),
    });
    const { get } = await serve([echo]);
    expect(JSON.parse((await get('/api/v1/things/a%2Fb%20c/parts')).body)).toEqual({ name: 'a/b c' });
    expect(codeOf(await get('/api/v1/things/%E0%A4/parts'))).toBe('invalid_path');
    expect((await get('/api/v1/things//parts')).status).toBe(404);
  });

  it('asks access control before it looks at a request, and answers a refusal as every other one', async () => {
    const asked: unknown[] = [];
    const { get } = await serve(
      [aRoute('/api/v1/things', () => ({}))],
      {},
      {
        access: ({ method, url, headers }) => {
          asked.push([method, url]);
          return headers.authorization === 'Bearer good'
            ? { isAllowed: true }
            : {
                status: 401,
                code: 'no_token',
                message: 'a token is missing',
                headers: { 'www-authenticate': 'Bearer' },
              };
        },
      },
    );
    for (const path of ['/api/v1/things', '/api/v1/nothing', '/']) {
      const { status, headers, body } = await get(path, { method: 'GET' });
      expect([status, headers['www-authenticate'], JSON.parse(body)]).toEqual([
        401,
        'Bearer',
        { error: { code: 'no_token', message: 'a token is missing' } },
      ]);
    }
    expect((await get('/api/v1/things', { headers: { authorization: 'Bearer good' } })).status).toBe(200);
    expect(asked).toHaveLength(4);
    expect(asked[1]).toEqual(['GET', '/api/v1/nothing']);
  });

  it('waits for a check that is asked elsewhere, and hands on what it finds out; strangers are rejected before', async () => {
    const asked: unknown[] = [];
    const shown = route({
      path: '/api/v1/shown',
      operationId: 'getIdentity',
      summary: 'Who asks',
      answers: { description: 'the identity' },
      usesStore: true,
      answer: ({ access: { identity } }) => json({ identity }),
    });
    const { get } = await serve(
      [shown],
      {},
      {
        access: async ({ url, headers: { authorization } }) => {
          asked.push(url);
          await new Promise(setImmediate);
          return authorization === undefined
            ? { status: 401, code: 'no_token', message: 'a token is missing' }
            : { isAllowed: true, identity: authorization };
        },
      },
    );
    const headers = { authorization: 'globex' };
    expect(JSON.parse((await get('/api/v1/shown', { headers })).body)).toEqual({ identity: 'globex' });
    expect((await get('/api/v1/shown')).status).toBe(401);
    expect(codeOf(await get('/api/v1/nothing', { headers }))).toBe('not_found');
    expect(asked).toHaveLength(3);
    for (const path of ['/api/v1/shown', '/api/v1/nothing']) {
      expect(codeOf(await get(path, { headers: { ...headers, host: 'evil.example' } }))).toBe('host_not_allowed');
      expect(codeOf(await get(path, { headers: { ...headers, origin: 'https://evil.example' } }))).toBe(
        'origin_not_allowed',
      );
    }
    expect(asked).toHaveLength(3);
  });

  it('answers 500 where the check rejects, which is logged', async () => {
    const logged: string[] = [];
    const { get } = await serve(
      [aRoute('/api/v1/things', () => ({}))],
      {},
      {
        access: () => Promise.reject(new Error('the directory is away')),
        log: pino({ level: 'error' }, { write: (line) => logged.push(line) }),
      },
    );
    const answer = await get('/api/v1/things');
    expect([answer.status, codeOf(answer)]).toEqual([500, 'internal']);
    expect(answer.body).not.toContain('directory');
    expect(logged.join('')).toContain('the directory is away');
  });

  it('takes a target that is a whole URL, whose host is the one that counts', async () => {
    const { port, registry } = await serve([
      aRoute('/api/v1/x', () => 1),
      ...healthRoutes({ registry: new Registry(), readiness: nothing }),
    ]);
    const asked = (target: string, host: string): Promise<string> =>
      plainly(port, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    expect(await asked(`http://localhost:${port}/api/v1/x?a=1`, 'localhost')).toMatch(/^HTTP\/1.1 400/);
    expect(await asked(`HTTP://localhost/api/v1/x`, 'localhost')).toMatch(/^HTTP\/1.1 200/);
    expect(await asked('http://box/api/v1/x', 'evil.example')).toMatch(/^HTTP\/1.1 200/);
    expect(await asked('http://evil.example/api/v1/x', 'localhost')).toContain('host_not_allowed');
    expect(await asked('http://user@evil.example/api/v1/x', 'localhost')).toContain('host_not_allowed');
    expect(await asked('http://localhost', 'localhost')).not.toContain('http://localhost');
    expect(await asked('http://anything.example/healthz', 'localhost')).toMatch(/^HTTP\/1.1 200/);
    expect(await registry.metrics()).toContain('throughline_api_requests_total{route="/api/v1/x",status="200"} 2');
  });

  it('answers a request of HTTP/1.1 without a Host header with a reason', async () => {
    const { port } = await serve([]);
    const socket = connect(port, '127.0.0.1');
    socket.write('GET /api/v1/x HTTP/1.1\r\nConnection: close\r\n\r\n');
    const [head = '', body = ''] = (await buffer(socket)).toString('utf8').split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1.1 400 /);
    expect(JSON.parse(body)).toMatchObject({ error: { code: 'host_missing' } });
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

  it('holds a bounded number of large answers for slow readers, and not for ever', async () => {
    const routes = [streamed('/large', 2_000), streamed('/less', 3)];
    const { port, get, registry } = await serve(routes, { streamedResponsesMax: 2, sendTimeoutMs: 1_000 });
    const readers = Array.from({ length: 2 }, () => connect(port, '127.0.0.1'));
    const closed = readers.map((reader) =>
      once(
        reader.on('error', () => {}),
        'close',
      ),
    );
    for (const reader of readers) {
      reader.write('GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n');
      await once(reader, 'readable');
    }
    const refused = await get('/large', { headers: { host: 'localhost' } });
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1']);
    await vi.waitFor(async () => {
      expect(await registry.metrics()).toContain('throughline_limit_reached_total{limit="http.sendTimeoutMs"} 2');
    }, 240_000);
    expect((await get('/less', { headers: { host: 'localhost' } })).body).toHaveLength(3 * 65_536);
    for (const reader of readers) reader.resume();
    await Promise.all(closed);
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

  it('answers programs that name a service of their network, or no host at all, and not names that could be owned', async () => {
    const { port, get } = await serve([aRoute('/api/v1/x', () => 1)]);
    expect((await get('/api/v1/x', { headers: { host: 'throughline:4319' } })).status).toBe(200);
    expect(await plainly(port, 'GET /api/v1/x HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1.1 200 /);
    const browser = { host: 'throughline:4319', 'sec-fetch-site': 'none' };
    const refused = await get('/api/v1/x', { headers: browser });
    expect(refused.status).toBe(403);
    expect(refused.body).toContain('--allowed-hosts');
  });

  it('answers probes and scrapers whatever they call it', async () => {
    const { port, get } = await serve(healthRoutes({ registry: new Registry(), readiness: nothing }));
    for (const path of ['/healthz', '/readyz', '/metrics']) {
      expect(await plainly(port, `GET ${path} HTTP/1.0\r\n\r\n`)).toMatch(/^HTTP\/1.1 200 /);
      for (const host of ['throughline.tracing.svc.cluster.local:4319', 'traces.example.com', 'throughline']) {
        expect([path, host, (await get(path, { headers: { host } })).status]).toEqual([path, host, 200]);
      }
      expect((await get(path, { headers: { host: 'localhost', origin: 'https://evil.example' } })).status).toBe(403);
    }
  });

  it('takes a body where a route has one, from programs and its own pages alone', async () => {
    const put = route({
      method: 'PUT',
      path: '/api/v1/things',
      operationId: 'replaceThing',
      summary: 'Takes a thing',
      answers: { description: 'the thing' },
      body: jsonBody(Type.String(), { bytesMax: 100, limit: 'things.bytesMax', code: 'invalid_thing' }),
      usesStore: false,
      answer: ({ body }) => json(body),
    });
    const { get, registry } = await serve([aRoute('/api/v1/things', () => 'got'), put]);
    const change = (headers: Record<string, string>, body = '"thing"') =>
      get('/api/v1/things', { method: 'PUT', body, headers: { host: 'localhost', ...headers } });
    expect(await change({})).toMatchObject({ status: 200, body: '"thing"\n' });
    expect((await get('/api/v1/things')).body).toBe('"got"\n');
    expect(await get('/api/v1/things', { method: 'POST' })).toMatchObject({
      status: 405,
      headers: { allow: 'GET, HEAD, PUT' },
    });
    expect(codeOf(await change({}, 'x'.repeat(101)))).toBe('body_too_large');
    expect(codeOf(await change({ 'transfer-encoding': 'chunked' }, 'x'.repeat(200_000)))).toBe('body_too_large');
    expect(await registry.metrics()).toContain('throughline_limit_reached_total{limit="things.bytesMax"} 2');
    // As curl asks before it sends a body that is not small.
    expect(await change({ expect: '100-continue' })).toMatchObject({ status: 200, body: '"thing"\n' });
    expect((await get('/api/v1/things', { headers: { expect: '100-continue' } })).status).toBe(200);
    const other = await get('/api/v1/things', { headers: { expect: 'nonsense' } });
    expect([other.status, other.body]).toEqual([417, expect.stringMatching(/ nonsense; 100-continue /)]);
    expect(codeOf(await change({ 'content-encoding': 'gzip' }))).toBe('unsupported_encoding');
    for (const site of ['cross-site', 'same-site']) {
      expect((await change({ 'sec-fetch-site': site, 'sec-fetch-mode': 'navigate' })).status).toBe(403);
    }
    expect((await change({ 'sec-fetch-site': 'same-origin' })).status).toBe(200);
  });

  it('is found behind a prefix, whether a proxy takes it off or leaves it on', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'throughline-ui-'));
    stops.push(() => rm(directory, { recursive: true }));
    await writeFile(join(directory, 'index.html'), '<base href="/" />');
    for (const basePath of ['/tracing', '/a/b', '/trace', '/api']) {
      const ui = await StaticUi.read(directory, basePath);
      const { get } = await serve([aRoute('/api/v1/x', () => 'x')], {}, { ui, basePath });
      for (const prefix of ['', basePath]) {
        expect([prefix, (await get(`${prefix}/api/v1/x`)).body]).toEqual([prefix, '"x"\n']);
        expect([prefix, (await get(`${prefix}/trace/abc`)).body]).toEqual([prefix, `<base href="${basePath}/" />`]);
        expect([prefix, (await get(`${prefix}/services`)).status]).toEqual([prefix, 200]);
        expect([prefix, (await get(prefix)).status]).toEqual([prefix, 200]);
        expect([prefix, (await get(`${prefix}/nothing/here`)).status]).toEqual([prefix, 404]);
      }
    }
    expect((await (await serve([aRoute('/x', () => 1)], {}, { basePath: '/tracing' })).get('/tracingx')).status).toBe(
      404,
    );
  });

  it('compresses an answer in the coding that its client takes, and no small one', async () => {
    const text = 'span '.repeat(1_000);
    const { get } = await serve([aRoute('/large', () => text), aRoute('/small', () => 'x')]);
    const asked = async (path: string, accept: string) => get(path, { headers: { 'accept-encoding': accept } });
    for (const [accept, coding] of [
      ['gzip, deflate, br, zstd', 'gzip'],
      ['br', 'br'],
      ['identity', undefined],
    ] as const) {
      const { headers, body } = await asked('/large', accept);
      expect([headers['content-encoding'], headers['vary'], JSON.parse(body)]).toEqual([
        coding,
        'Accept-Encoding',
        text,
      ]);
      expect(Number(headers['content-length']) < 500).toBe(coding !== undefined);
    }
    expect((await asked('/small', 'gzip')).headers).not.toHaveProperty('content-encoding');
  });

  it('sends an answer in pieces as they come, compressed as well', async () => {
    const seen = { enough: false };
    const pieces = function* () {
      yield 'x'.repeat(65_536);
      yield 'y'.repeat(65_536);
      // Whoever reads has the first pieces by now, or never comes here.
      while (!seen.enough) yield 'z'.repeat(65_536);
    };
    const endless = {
      ...aRoute('/pieces', () => ({})),
      handle: () => Promise.resolve({ status: 200, contentType: 'text/plain', body: { [Symbol.iterator]: pieces } }),
    };
    const { port } = await serve([endless]);
    const sent = request({
      port,
      host: '127.0.0.1',
      path: '/pieces',
      headers: { 'accept-encoding': 'gzip' },
      agent: false,
    });
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    expect(response.headers).toMatchObject({ 'content-encoding': 'gzip', 'transfer-encoding': 'chunked' });
    let read = '';
    for await (const chunk of response.pipe(createGunzip()).setEncoding('utf8')) {
      read += chunk;
      if (read.length > 3 * 65_536) seen.enough = true;
    }
    expect(read.replace(/(.)\1*/g, '$1')).toBe('xyz');
  });

  it('has a page for a person whose address is too long, and JSON for a program', async () => {
    const { registry, get } = await serve([aRoute('/api/v1/x', () => 1)], { headerBytesMax: 4_096 });
    const long = `?tag=${'x'.repeat(5_000)}`;
    const page = await get(`/explore${long}`, { headers: { accept: 'text/html,*/*' } });
    expect(page).toMatchObject({ status: 431, headers: { 'content-type': 'text/html; charset=utf-8' } });
    expect(page.body).toContain('shorter filters');
    expect(codeOf(await get(`/api/v1/x${long}`))).toBe('request_too_long');
    expect(codeOf(await get(`/api/v1/x?tag=${'x'.repeat(50_000)}`))).toBe('not_http');
    expect(await registry.metrics()).toContain('throughline_limit_reached_total{limit="http.headerBytesMax"} 3');
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
      failing('/away', new EngineError('unavailable', 'http://ann:s3cret@store is away')),
      failing('/late', new EngineError('timeout', 'too slow')),
      failing('/refused', new EngineError('rejected', 'secret SQL')),
      failing('/bug', new TypeError('secret detail')),
    ]);
    expect(await get('/away')).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    expect(JSON.parse((await get('/away')).body)).toEqual({
      error: { code: 'store_unavailable', message: 'http://ann:***@store is away' },
    });
    expect(await get('/late')).toMatchObject({ status: 504 });
    for (const path of ['/refused', '/bug']) {
      const answer = await get(path);
      expect(answer.status).toBe(500);
      expect(answer.body).not.toContain('secret');
    }
  });

  it('answers 504 when a query takes longer than it may', async () => {
    const forever = aRoute('/slow', async (signal) => {
      await once(signal, 'abort');
      throw signal.reason;
    });
    const { get } = await serve([forever], { responseTimeoutMs: 20 });
    expect(codeOf(await get('/slow'))).toBe('timeout');
  });

  it('works on a bounded number of queries, lets a bounded number wait and rejects the next', async () => {
    const running: (() => void)[] = [];
    const held = aRoute('/held', () => new Promise<string>((resolve) => running.push(() => resolve('done'))));
    const { registry, get } = await serve([held, ...healthRoutes({ registry: new Registry(), readiness: nothing })], {
      concurrentQueries: 2,
      queuedQueriesMax: 1,
    });
    const first = [get('/held'), get('/held'), get('/held')];
    await metricReaches(registry, 'throughline_api_queries_waiting', 1);
    const refused = await get('/held');
    expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    expect(codeOf(refused)).toBe('too_many_queries');
    expect((await get('/healthz')).status).toBe(200);
    expect(running).toHaveLength(2);
    while (running.length > 0) {
      running.shift()?.();
      await nextTurn();
    }
    expect((await Promise.all(first)).map(({ status }) => status)).toEqual([200, 200, 200]);
  });

  it('tells a query that its client has left, and forgets one that only waited', async () => {
    let left: AbortSignal | undefined;
    let asked = 0;
    const held = aRoute('/held', async (signal) => {
      asked++;
      left = signal;
      await once(signal, 'abort');
      throw signal.reason;
    });
    const { port, registry } = await serve([held], { concurrentQueries: 1 });
    const clients = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')];
    for (const client of clients) client.write('GET /held HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await metricReaches(registry, 'throughline_api_queries_waiting', 1);
    for (const client of clients.toReversed()) {
      client.destroy();
      await metricReaches(registry, 'throughline_api_queries_waiting', 0);
    }
    await metricReaches(registry, 'throughline_api_queries_running', 0);
    expect(left?.aborted).toBe(true);
    expect(asked).toBe(1);
  });

  it('works on one request of a connection at a time, and closes one that sends many without waiting', async () => {
    let [running, most] = [0, 0];
    const slow = aRoute('/api/v1/slow', async () => {
      most = Math.max(most, (running += 1));
      await nextTurn();
      running -= 1;
      return {};
    });
    const { port, registry, get } = await serve([slow], { pipelinedRequestsMax: 3 });
    const line = 'GET /api/v1/slow HTTP/1.1\r\nHost: localhost\r\n';
    const answers = await plainly(port, `${line}\r\n`.repeat(3) + `${line}Connection: close\r\n\r\n`);
    expect(answers.match(/HTTP\/1.1 200/g)).toHaveLength(4);
    expect(most).toBe(1);
    // In one packet, as an attacker sends them: what is beyond the limit never begins.
    const cut = connect(port, '127.0.0.1');
    cut.on('error', () => {});
    cut.resume();
    cut.write(`${line}\r\n`.repeat(1_000));
    await once(cut, 'close');
    expect(most).toBe(1);
    expect(await registry.metrics()).toContain('throughline_limit_reached_total{limit="http.pipelinedRequestsMax"} 1');
    expect((await get('/api/v1/slow')).status).toBe(200);
  });

  it('collects its metrics once for all who ask at the same time', async () => {
    const collected = new Registry();
    const metrics = vi.spyOn(collected, 'metrics');
    const { get } = await serve(healthRoutes({ registry: collected, readiness: nothing }));
    let release: ((text: string) => void) | undefined;
    metrics.mockReturnValueOnce(new Promise((resolve) => (release = resolve)));
    const asked = [get('/metrics'), get('/metrics'), get('/metrics')];
    await get('/healthz');
    release?.('all of them');
    for (const answer of await Promise.all(asked)) expect(answer.body).toBe('all of them');
    expect(metrics).toHaveBeenCalledTimes(1);
    await get('/metrics');
    expect(metrics).toHaveBeenCalledTimes(2);
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
    const warnings = [{ code: 'segments_quarantined', message: 'one' }];
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

/** What a client of the oldest kind reads. */
async function plainly(port: number, head: string): Promise<string> {
  const client = connect(port, '127.0.0.1');
  client.write(head);
  return (await buffer(client)).toString('latin1');
}

const nothing = () => ({ problems: [], warnings: [] });

/** Waits for an event that shows only in a gauge. */
async function metricReaches(registry: Registry, name: string, value: number): Promise<void> {
  await expect
    .poll(async () => (await registry.getSingleMetric(name)?.get())?.values[0]?.value, { interval: 2 })
    .toBe(value);
}
