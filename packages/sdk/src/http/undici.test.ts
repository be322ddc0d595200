import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createSecureServer, type Http2SecureServer } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import { connect as connectSocket, type AddressInfo, type Server as NetServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable, type PassThrough, type Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createTestTracer, type FinishedSpan, type TestTracer } from '../testing.ts';
import { instrumentFetch } from './instrument-fetch.ts';

interface Answer {
  readonly statusCode: number;
  readonly body: Readable & { dump?: () => Promise<void> };
}

interface Dispatcher {
  request(options: object): Promise<Answer>;
  close(): Promise<void>;
  destroy(): Promise<void>;
}

type DispatcherClass<Given> = new (given: Given, options?: object) => Dispatcher;

/** What all versions of the package have in common, as far as it is used here. */
interface Undici {
  readonly fetch: (url: string, options?: object) => Promise<Response>;
  readonly request: (url: string, options?: object) => Promise<Answer>;
  readonly stream: (url: string, options: object, factory: () => Writable) => Promise<unknown>;
  readonly pipeline: (url: string, options: object, handler: (data: { body: Readable }) => Readable) => PassThrough;
  readonly upgrade: (url: string, options?: object) => Promise<{ socket: Socket }>;
  readonly connect: (options: object) => Promise<{ statusCode: number; socket: Socket }>;
  readonly WebSocket: typeof WebSocket;
  readonly Agent: new (options?: object) => Dispatcher;
  readonly Client: DispatcherClass<string>;
  readonly Pool: DispatcherClass<string>;
  readonly ProxyAgent: DispatcherClass<string | object>;
}

const PACKAGES: Record<string, () => Promise<unknown>> = {
  'undici 5': () => import('undici-5'),
  'undici 6': () => import('undici-6'),
  'undici 7': () => import('undici-7'),
  'undici 8': () => import('undici-8'),
};

const versions: [name: string, undici: Undici][] = [];
const builtIn = { fetch, WebSocket: globalThis.WebSocket } as unknown as Undici;
versions.push([`the built-in one (${process.versions['undici']})`, builtIn]);
for (const [name, load] of Object.entries(PACKAGES)) {
  try {
    versions.push([name, (await load()) as Undici]);
  } catch (error) {
    // It needs a newer Node.
    console.log(`${name} cannot be loaded here: ${String(error)}`);
  }
}

it('every version is tried that this Node can load', () => {
  const isNew = Number.parseInt(process.versions.node) >= 22;
  expect(versions).toHaveLength(isNew ? 5 : 4);
});

let test: TestTracer;
let remove: () => void;
let folder = '';
let tls = { key: '', cert: '' };
const servers: NetServer[] = [];
const sockets = new Set<Socket>();
const dispatchers: Dispatcher[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'undici-'));
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  execFileSync('openssl', [...request, '-keyout', key, '-out', cert, '-subj', '/CN=localhost'], { stdio: 'ignore' });
  tls = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
});
afterAll(() => rmSync(folder, { recursive: true }));

beforeEach(() => {
  test = createTestTracer();
  remove = instrumentFetch(test.tracer, {});
});
afterEach(async () => {
  remove();
  await Promise.all(dispatchers.splice(0).map((each) => each.destroy()));
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await Promise.all(servers.splice(0).map((each) => new Promise((resolve) => each.close(resolve))));
});

async function listening<Given extends NetServer>(server: Given, path?: string): Promise<Given> {
  servers.push(server);
  server.on('connection', (socket: Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => {
    if (path === undefined) server.listen(0, '127.0.0.1', resolve);
    else server.listen(path, resolve);
  });
  return server;
}

const portOf = (server: NetServer): number => (server.address() as AddressInfo).port;

async function serve(listener: RequestListener, prepare: (server: Server) => void = () => {}): Promise<string> {
  const server = createServer(listener);
  prepare(server);
  return `http://127.0.0.1:${portOf(await listening(server))}`;
}

const echo: RequestListener = (request, response) => {
  response.writeHead(request.url === '/missing' ? 404 : 200);
  request.pipe(response);
};

function upgrading(server: Server): void {
  server.on('upgrade', (request, socket: Socket) => {
    const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash('sha1').update(key).digest('base64');
    const protocol = request.headers.upgrade ?? '';
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${protocol}\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
  });
}

/** A proxy that builds tunnels. */
function tunnelling(server: Server): void {
  server.on('connect', (request, socket: Socket) => {
    const [host, port] = (request.url ?? '').split(':');
    const behind = connectSocket(Number(port), host, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      behind.pipe(socket).pipe(behind);
    });
    behind.on('error', () => socket.destroy());
    socket.on('error', () => behind.destroy());
  });
}

function kept<Given extends Dispatcher>(dispatcher: Given): Given {
  dispatchers.push(dispatcher);
  return dispatcher;
}

/** The client spans in the order of their ends, once there are so many and none is left. */
async function ended(count: number): Promise<FinishedSpan[]> {
  await vi.waitFor(
    () => {
      expect(test.spans().length).toBeGreaterThanOrEqual(count);
      expect(test.tracer.stats().live).toBe(0);
    },
    { timeout: Number(process.env['UNDICI_WAIT'] ?? 60_000) },
  );
  expect(test.spans()).toHaveLength(count);
  return [...test.spans()];
}

const shown = ({ name, status, attributes }: FinishedSpan): unknown[] => [
  name,
  status,
  attributes['url.full'],
  `${String(attributes['server.address'])}:${String(attributes['server.port'])}`,
  attributes['http.response.status_code'],
  attributes['error.type'],
];

const hostOf = (url: string): string => new URL(url).host;

/** Where nobody listens; port 1 and others `fetch` refuses by itself. */
const nowhere = 'http://127.0.0.1:61999';
const hidden = 'https://127.0.0.1:61998';

/** Options of `fetch` that go through a dispatcher. */
const through = (dispatcher: Dispatcher): object => ({ dispatcher: kept(dispatcher) });
const askThrough = (undici: Undici, proxy: string): Promise<unknown> =>
  undici.request(`${hidden}/x`, through(new undici.ProxyAgent(proxy)));
const UNSAFE = { connect: { rejectUnauthorized: false } };

describe.each(versions)('%s', (version, undici) => {
  const isPackage = undici !== builtIn;
  const major = Number(/\d+$/.exec(version)?.[0] ?? 0);

  it('fetch: answers, redirects and an empty answer', async () => {
    const url = await serve((request, response) => {
      if (request.url === '/old?a=1') response.writeHead(302, { location: '/new' }).end();
      else if (request.url === '/none') response.writeHead(204).end();
      else echo(request, response);
    });
    expect(await (await undici.fetch(`${url}/old?a=1`)).text()).toBe('');
    expect((await undici.fetch(`${url}/none`, { method: 'HEAD' })).status).toBe(204);
    expect(await (await undici.fetch(`${url}/missing`, { method: 'POST', body: 'text' })).text()).toBe('text');
    expect((await ended(4)).map(shown)).toEqual([
      ['GET', 'unset', `${url}/old?a=1`, hostOf(url), 302, undefined],
      ['GET', 'unset', `${url}/new`, hostOf(url), 200, undefined],
      ['HEAD', 'unset', `${url}/none`, hostOf(url), 204, undefined],
      ['POST', 'error', `${url}/missing`, hostOf(url), 404, '404'],
    ]);
  });

  it('fetch: a server that closes in the middle of a body, that is not there, and that never answers', async () => {
    const url = await serve((request, response) => {
      if (request.url === '/never') return;
      response.writeHead(200, { 'content-length': 100 }).write('half');
      setTimeout(() => response.destroy(), 20);
    });
    await expect(undici.fetch(`${url}/half`).then((response) => response.text())).rejects.toThrow(/terminated/);
    const controller = new AbortController();
    const never = undici.fetch(`${url}/never`, { signal: controller.signal });
    setTimeout(() => controller.abort(), 20);
    await expect(never).rejects.toThrow(/abort/i);
    await expect(undici.fetch(`${url}/never`, { signal: AbortSignal.timeout(20) })).rejects.toThrow(/timeout|abort/i);
    await expect(undici.fetch(`${nowhere}/x`)).rejects.toThrow('fetch failed');
    const [half, aborted, late, refused] = (await ended(4)).map(shown);
    expect(half).toEqual(['GET', 'error', `${url}/half`, hostOf(url), 200, 'UND_ERR_SOCKET']);
    expect(aborted).toEqual(['GET', 'unset', `${url}/never`, hostOf(url), undefined, undefined]);
    expect(late).toEqual(['GET', 'error', `${url}/never`, hostOf(url), undefined, 'TimeoutError']);
    expect(refused).toEqual(['GET', 'error', `${nowhere}/x`, hostOf(nowhere), undefined, 'ECONNREFUSED']);
  });

  it('fetch: a body that is cancelled', async () => {
    const url = await serve((_, response) => void response.writeHead(200).write('half'));
    await (await undici.fetch(url)).body?.cancel();
    expect((await ended(1)).map(shown)).toEqual([['GET', 'unset', `${url}/`, hostOf(url), 200, undefined]]);
  });

  it.runIf(typeof undici.WebSocket === 'function')('WebSocket', async () => {
    const url = await serve(echo, upgrading);
    const socket = new undici.WebSocket(`${url.replace('http', 'ws')}/ws`);
    await new Promise((resolve) => socket.addEventListener('open', resolve));
    expect((await ended(1)).map(shown)).toEqual([['GET', 'unset', `${url}/ws`, hostOf(url), 101, undefined]]);
    socket.close();
  });

  describe.runIf(isPackage)('its dispatchers', () => {
    it('request, stream, pipeline and pipelining', async () => {
      const url = await serve(echo);
      const parts: string[] = [];
      const answer = await undici.request(`${url}/request`, { method: 'PUT', body: 'a' });
      parts.push(await text(answer.body));
      const sink = new Writable({
        write(part: Buffer, _, done) {
          parts.push(String(part));
          done();
        },
      });
      await undici.stream(`${url}/stream`, { method: 'POST', body: 'b' }, () => sink);
      const piped = undici.pipeline(`${url}/pipeline`, { method: 'POST' }, ({ body }) => body);
      piped.end('c');
      parts.push(await text(piped));
      const client = kept(new undici.Client(url, { pipelining: 5 }));
      const answers = [1, 2, 3].map((each) => client.request({ path: `/${each}`, method: 'GET' }));
      for (const each of await Promise.all(answers)) await text(each.body);
      expect(parts).toEqual(['a', 'b', 'c']);
      expect((await ended(6)).map(shown)).toEqual([
        ['PUT', 'unset', `${url}/request`, hostOf(url), 200, undefined],
        ['POST', 'unset', `${url}/stream`, hostOf(url), 200, undefined],
        ['POST', 'unset', `${url}/pipeline`, hostOf(url), 200, undefined],
        ...[1, 2, 3].map((each) => ['GET', 'unset', `${url}/${each}`, hostOf(url), 200, undefined]),
      ]);
    });

    it('a body that is dumped, destroyed, or closed under its reader, and a client that is destroyed', async () => {
      const url = await serve((request, response) => {
        if (request.url === '/never') return;
        response.writeHead(200, { 'content-length': 100_000 }).write('half');
        if (request.url === '/closed') setTimeout(() => response.destroy(), 20);
        if (request.url === '/dumped') response.end(Buffer.alloc(99_996));
      });
      const dumped = await undici.request(`${url}/dumped`);
      await dumped.body.dump?.();
      const destroyed = await undici.request(`${url}/destroyed`);
      destroyed.body.on('error', () => {}).destroy();
      await ended(2);
      const closed = await undici.request(`${url}/closed`);
      await expect(text(closed.body)).rejects.toThrow(/other side closed/);
      await ended(3);
      const client = kept(new undici.Client(url));
      const never = client.request({ path: '/never', method: 'GET' });
      const queued = client.request({ path: '/queued', method: 'GET' });
      await Promise.all([
        expect(never).rejects.toThrow(/destroyed/),
        expect(queued).rejects.toThrow(/destroyed/),
        sleep(20).then(() => client.destroy()),
      ]);
      const spans = await ended(5);
      expect(spans.slice(0, 3).map(shown)).toEqual([
        ['GET', 'unset', `${url}/dumped`, hostOf(url), 200, undefined],
        ['GET', 'unset', `${url}/destroyed`, hostOf(url), 200, undefined],
        ['GET', 'error', `${url}/closed`, hostOf(url), 200, 'UND_ERR_SOCKET'],
      ]);
      expect(
        spans
          .slice(3)
          .map(shown)
          .toSorted((one, other) => String(one).localeCompare(String(other))),
      ).toEqual([
        ['GET', 'error', `${url}/never`, hostOf(url), undefined, 'UND_ERR_DESTROYED'],
        ['GET', 'error', `${url}/queued`, hostOf(url), undefined, 'UND_ERR_DESTROYED'],
      ]);
    });

    it('upgrade and connect, granted and refused', async () => {
      const behind = await serve(echo);
      const url = await serve(echo, (server) => {
        upgrading(server);
        tunnelling(server);
      });
      const plain = await serve((_, response) => response.writeHead(200).end());
      const upgraded = await undici.upgrade(`${url}/up`, { protocol: 'echo' });
      upgraded.socket.destroy();
      await ended(1);
      const client = kept(new undici.Client(url)) as Dispatcher & Pick<Undici, 'connect'>;
      const tunnel = await client.connect({ path: hostOf(behind) });
      tunnel.socket.on('error', () => {}).destroy();
      await ended(2);
      await expect(undici.upgrade(`${plain}/up`, { protocol: 'echo' })).rejects.toThrow(/bad upgrade/);
      const spans = await ended(3);
      expect(spans.map(shown)).toEqual([
        ['GET', 'unset', `${url}/up`, hostOf(url), 101, undefined],
        ['CONNECT', 'unset', `${url}/`, hostOf(url), 200, undefined],
        ['GET', 'error', `${plain}/up`, hostOf(plain), expect.anything(), expect.anything()],
      ]);
    });

    it('ProxyAgent, for http and https', async () => {
      const url = await serve(echo);
      const proxy = await serve(echo, tunnelling);
      const secure = await listening(createHttpsServer(tls, echo));
      const secureUrl = `https://127.0.0.1:${portOf(secure)}`;
      const agent = (): object =>
        through(new undici.ProxyAgent({ uri: proxy, proxyTunnel: true, requestTls: { rejectUnauthorized: false } }));
      expect(await (await undici.fetch(`${url}/a`, agent())).text()).toBe('');
      expect(await text((await undici.request(`${secureUrl}/b`, agent())).body)).toBe('');
      expect((await ended(4)).map(shown)).toEqual([
        ['CONNECT', 'unset', `${proxy}/`, hostOf(proxy), 200, undefined],
        ['GET', 'unset', `${url}/a`, hostOf(url), 200, undefined],
        ['CONNECT', 'unset', `${proxy}/`, hostOf(proxy), 200, undefined],
        ['GET', 'unset', `${secureUrl}/b`, hostOf(secureUrl), 200, undefined],
      ]);
    });

    it('ProxyAgent: a proxy that refuses, and one that is not there', async () => {
      const refusing = await serve(echo, (server) =>
        server.on('connect', (_, socket: Socket) => socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')),
      );
      await expect(askThrough(undici, refusing)).rejects.toThrow(/403/);
      await ended(2);
      await expect(askThrough(undici, nowhere)).rejects.toThrow(/ECONNREFUSED/);
      const spans = (await ended(4)).map(shown);
      expect(spans).toContainEqual(['CONNECT', 'error', `${nowhere}/`, hostOf(nowhere), undefined, 'ECONNREFUSED']);
      expect(spans).toContainEqual(['CONNECT', 'error', `${refusing}/`, hostOf(refusing), 403, '403']);
      const failed = spans.filter(([name]) => name === 'GET');
      expect(failed.map((span) => span.slice(0, 5))).toEqual(
        [1, 2].map(() => ['GET', 'error', `${hidden}/x`, hostOf(hidden), undefined]),
      );
    });

    it('https with a certificate of its own, trusted and not', async () => {
      const server = await listening(createHttpsServer(tls, echo));
      const url = `https://localhost:${portOf(server)}`;
      const local = { connect: { ...UNSAFE.connect, host: '127.0.0.1' } };
      const trusting = kept(new undici.Agent(local));
      expect(await text((await undici.request(`${url}/a`, { dispatcher: trusting })).body)).toBe('');
      const { code = '' } = (await undici.request(`${url}/b`).catch((error: { code?: string }) => error)) as {
        code?: string;
      };
      expect((await ended(2)).map(shown)).toEqual([
        ['GET', 'unset', `${url}/a`, hostOf(url), 200, undefined],
        ['GET', 'error', `${url}/b`, hostOf(url), undefined, code],
      ]);
      expect(code).toMatch(/CERT|SELF_SIGNED/);
    });

    it('a socket of the file system, which has no port', async () => {
      const socketPath = join(folder, `socket-${major}`);
      await listening(createServer(echo), socketPath);
      const client = kept(new undici.Client('http://api.internal', { socketPath }));
      expect(await text((await client.request({ path: '/a', method: 'GET' })).body)).toBe('');
      const [span] = await ended(1);
      expect(span?.attributes).toMatchObject({
        'url.full': 'http://api.internal/a',
        'server.address': 'api.internal',
        'network.transport': 'unix',
      });
      expect(span?.attributes).not.toHaveProperty('server.port');
    });

    // Version 5 calls its own experimental, and waits for ever where a server closes a stream.
    it.runIf(major >= 6)('HTTP/2', async () => {
      const server: Http2SecureServer = createSecureServer({ ...tls, allowHTTP1: false }, (request, response) => {
        if (request.url === '/half') {
          response.write('half');
          setTimeout(() => response.stream.close(2), 20);
        } else if (request.url !== '/never') {
          response.writeHead(request.url === '/missing' ? 404 : 200, {
            traceparent: request.headers['traceparent'] as string,
          });
          response.end('body');
        }
      });
      const url = `https://127.0.0.1:${portOf(await listening(server))}`;
      const dispatcher = kept(new undici.Agent({ ...UNSAFE, allowH2: true }));
      const response = await undici.fetch(`${url}/a`, { dispatcher });
      expect(await response.text()).toBe('body');
      const missing = await undici.request(`${url}/missing`, { dispatcher });
      await text(missing.body);
      await expect(undici.request(`${url}/half`, { dispatcher }).then(({ body }) => text(body))).rejects.toThrow(/./);
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 20);
      await expect(undici.fetch(`${url}/never`, { dispatcher, signal: controller.signal })).rejects.toThrow(/abort/i);
      const spans = await ended(4);
      expect(response.headers.get('traceparent')).toContain(spans[0]?.spanId);
      expect(spans.map((span) => shown(span).slice(0, 5))).toEqual([
        ['GET', 'unset', `${url}/a`, hostOf(url), 200],
        ['GET', 'error', `${url}/missing`, hostOf(url), 404],
        ['GET', 'error', `${url}/half`, hostOf(url), 200],
        ['GET', 'unset', `${url}/never`, hostOf(url), undefined],
      ]);
    });

    it('a pool whose requests carry the identity of their spans', async () => {
      const seen: unknown[] = [];
      const url = await serve((request, response) => {
        seen.push(request.headers['traceparent']);
        response.end();
      });
      const pool = kept(new undici.Pool(url));
      await test.tracer.span('parent', async () => {
        const { body } = await pool.request({ path: '/', method: 'GET', headers: ['traceparent', 'theirs'] });
        await text(body);
      });
      const [span, parent] = await ended(2);
      expect(seen).toEqual([`00-${span?.traceId}-${span?.spanId}-03`]);
      expect(span?.parentSpanId).toBe(parent?.spanId);
    });
  });
});
