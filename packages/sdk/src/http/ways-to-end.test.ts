import { createHash } from 'node:crypto';
import http, {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { PassThrough, pipeline } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createTestTracer, type FinishedSpan, type TestTracer } from '../testing.ts';
import { instrumentHttp } from './index.ts';

let test: TestTracer;
let remove: () => void;
let server: Server;
let url: string;
const sockets = new Set<Socket>();

beforeEach(() => {
  test = createTestTracer();
  remove = instrumentHttp(test.tracer);
});
afterEach(async () => {
  remove();
  // Those that were taken over are no connections of the server any more.
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await new Promise((resolve) => server.close(resolve));
});

async function serve(listener: RequestListener, prepare: (server: Server) => void = () => {}): Promise<void> {
  server = createServer(listener);
  server.on('connection', (socket) => sockets.add(socket));
  prepare(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function spanOf(kind: FinishedSpan['kind']): Promise<FinishedSpan> {
  const [span, ...others] = await vi.waitFor(
    () => {
      const found = test.spans().filter((each) => each.kind === kind);
      expect(found.length).toBeGreaterThan(0);
      return found;
    },
    { timeout: 60_000 },
  );
  expect(others).toEqual([]);
  if (span === undefined) throw new Error(`no ${kind} span`);
  return span;
}

/** Without tracing, so that only the server's spans are there. */
function raw(text: string): Socket {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.on('error', () => {});
  socket.write(text);
  return socket;
}

const GET = 'GET / HTTP/1.1\r\nHost: app\r\n\r\n';

/** Fails in a moment. */
function failing(): PassThrough {
  const upstream = new PassThrough();
  setTimeout(() => upstream.destroy(Object.assign(new Error('upstream went away'), { code: 'ECONNRESET' })), 10);
  return upstream;
}

describe('a response that never came says who ended it', () => {
  it.each<[what: string, RequestListener, error: string]>([
    [
      'response.destroy(error)',
      (_, response) => response.destroy(Object.assign(new Error('no space'), { code: 'ENOSPC' })),
      'ENOSPC',
    ],
    [
      'a pipeline that fails',
      (_, response) => {
        response.write('half');
        pipeline(failing(), response, () => {});
      },
      'ECONNRESET',
    ],
    ['a socket that is destroyed', (request) => request.socket.destroy(), 'connection_closed'],
    ['an idle time that the server sets', (_, response) => void response.setTimeout(20), 'timeout'],
  ])('the server, by %s', async (_, listener, error) => {
    await serve(listener);
    raw(GET);
    const span = await spanOf('server');
    expect(span).toMatchObject({ status: 'error', attributes: { 'error.type': error } });
  });

  it.each<[how: string, leave: (socket: Socket) => void]>([
    ['reset', (socket) => void socket.resetAndDestroy()],
    ['closed', (socket) => void socket.end()],
  ])('the client, whose connection was %s', async (_, leave) => {
    let socket: Socket | undefined;
    const asked = new Promise<void>((resolve) => void serve(() => resolve()).then(() => (socket = raw(GET))));
    await asked;
    if (socket === undefined) throw new Error('not connected');
    leave(socket);
    const span = await spanOf('server');
    expect(span).toMatchObject({ status: 'unset', attributes: { 'error.type': 'client_disconnected' }, events: [] });
  });
});

describe('a request that takes the connection over', () => {
  it.each(['upgrade', 'connect'] as const)(
    'has a server span that ends with the first bytes of the answer: %s',
    async (event) => {
      const inside: (string | undefined)[] = [];
      await serve(
        (_, response) => response.end(),
        (made) =>
          made.on(event, (_: IncomingMessage, socket: Socket) => {
            inside.push(test.tracer.activeSpan()?.spanContext().traceId);
            const status =
              event === 'upgrade' ? '101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade' : '200 OK';
            socket.write(`HTTP/1.1 ${status}\r\n\r\n`);
            socket.pipe(socket);
          }),
      );
      const socket = raw(
        event === 'upgrade'
          ? 'GET /ws?a=1 HTTP/1.1\r\nHost: app\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n'
          : 'CONNECT db:5432 HTTP/1.1\r\nHost: db:5432\r\n\r\n',
      );
      const span = await spanOf('server');
      expect(span).toMatchObject({
        name: event === 'upgrade' ? 'GET' : 'CONNECT',
        status: 'unset',
        attributes: { 'http.response.status_code': event === 'upgrade' ? 101 : 200 },
      });
      expect(inside).toEqual([span.traceId]);
      const answers: string[] = [];
      socket.on('data', (data: Buffer) => answers.push(data.toString()));
      socket.write('ping');
      await vi.waitFor(() => expect(answers.join('')).toContain('ping'), { timeout: 60_000 });
      socket.destroy();
    },
  );

  it('ends with the connection where nothing was written', async () => {
    await serve(
      (_, response) => response.end(),
      (made) => made.on('upgrade', (_: IncomingMessage, socket: Socket) => socket.destroy()),
    );
    raw('GET /ws HTTP/1.1\r\nHost: app\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n');
    expect((await spanOf('server')).attributes).not.toHaveProperty('http.response.status_code');
  });

  it('is traced when it expects what the server has to decide', async () => {
    await serve(
      () => {},
      (made) =>
        made.on('checkExpectation', (_: IncomingMessage, response: ServerResponse) => response.writeHead(417).end()),
    );
    raw('GET / HTTP/1.1\r\nHost: app\r\nExpect: a-miracle\r\n\r\n');
    expect((await spanOf('server')).attributes).toMatchObject({ 'http.response.status_code': 417 });
  });

  it('has one span where the application decides whether the client may go on', async () => {
    await serve(
      (request, response) => void request.resume().on('end', () => response.end('done')),
      (made) =>
        made.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
          response.writeContinue();
          made.emit('request', request, response);
        }),
    );
    raw('POST / HTTP/1.1\r\nHost: app\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody');
    expect(await spanOf('server')).toMatchObject({
      status: 'unset',
      attributes: { 'http.request.method': 'POST', 'http.response.status_code': 200 },
    });
    expect(test.tracer.stats()).toMatchObject({ started: 1, live: 0 });
  });

  it.each([
    ['upgrade', 'GET /ws HTTP/1.1\r\nHost: app\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n', 401, 'unset'],
    ['upgrade', 'GET /ws HTTP/1.1\r\nHost: app\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n', 503, 'error'],
    ['connect', 'CONNECT db:5432 HTTP/1.1\r\nHost: db:5432\r\n\r\n', 407, 'unset'],
  ])('has a server span with the answer that rejects it: %s', async (event, asked, statusCode, status) => {
    await serve(
      (_, response) => response.end(),
      (made) => made.on(event, (_: IncomingMessage, socket: Socket) => socket.end(`HTTP/1.1 ${statusCode} No\r\n\r\n`)),
    );
    raw(asked);
    expect(await spanOf('server')).toMatchObject({
      status,
      attributes: { 'http.response.status_code': statusCode },
    });
    expect(test.tracer.stats().live).toBe(0);
  });

  it('has a client span that ends with the answer to CONNECT', async () => {
    await serve(
      (_, response) => response.end(),
      (made) => made.on('connect', (_: IncomingMessage, socket: Socket) => socket.write('HTTP/1.1 200 OK\r\n\r\n')),
    );
    const { port } = new URL(url);
    const request = http.request({ host: '127.0.0.1', port, method: 'CONNECT', path: 'db:5432' }).end();
    request.on('connect', (_, socket) => socket.destroy());
    expect(await spanOf('client')).toMatchObject({
      name: 'CONNECT',
      status: 'unset',
      attributes: { 'http.response.status_code': 200, 'url.full': `${url}/`, 'server.port': Number(port) },
    });
    expect(test.tracer.stats().live).toBe(0);
  });

  it('has a client span that ends with the answer, where node:http sends it', async () => {
    await serve(
      (_, response) => response.end(),
      (made) =>
        made.on('upgrade', (_: IncomingMessage, socket: Socket) =>
          socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n'),
        ),
    );
    const request = http.get(url, { headers: { upgrade: 'echo', connection: 'Upgrade' } });
    request.on('upgrade', (_, socket) => socket.destroy());
    expect((await spanOf('client')).attributes).toMatchObject({ 'http.response.status_code': 101 });
    expect(test.tracer.stats().live).toBe(0);
  });
});

/** Half of an answer, and no more. */
const hanging = (): Promise<void> => serve((_, response) => void response.writeHead(200).write('half'));

// Node has one from 22 on; undici tells nothing of its answer.
it.runIf(typeof WebSocket === 'function')('a WebSocket has a client span that ends though it stays open', async () => {
  await serve(
    (_, response) => response.end(),
    (made) =>
      made.on('upgrade', (request: IncomingMessage, socket: Socket) => {
        const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
        const accept = createHash('sha1').update(key).digest('base64');
        socket.write(
          `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
        );
      }),
  );
  const webSocket = new WebSocket(url.replace('http', 'ws'));
  await new Promise((resolve) => webSocket.addEventListener('open', resolve));
  const client = await spanOf('client');
  expect(client.status).toBe('unset');
  expect((await spanOf('server')).parentSpanId).toBe(client.spanId);
  expect(test.tracer.stats().live).toBe(0);
  webSocket.close();
});

describe('what the application gave up', () => {
  it.each<[what: string, act: () => Promise<void>]>([
    [
      'a fetch that is aborted',
      async () => {
        const controller = new AbortController();
        const asked = fetch(`${url}/never`, { signal: controller.signal });
        setTimeout(() => controller.abort(), 30);
        await asked.then((response) => response.text()).catch(() => {});
      },
    ],
    [
      'a body that is cancelled',
      async () => {
        await (await fetch(url)).body?.cancel();
      },
    ],
    [
      'a request that is destroyed',
      async () => {
        const request = http.get(url);
        request.on('error', () => {});
        await delay(30);
        request.destroy();
      },
    ],
    [
      'a response of which no more is wanted',
      async () => {
        const response = await new Promise<IncomingMessage>((resolve) => void http.get(url, resolve));
        // eslint-disable-next-line no-unreachable-loop
        for await (const part of response) {
          expect(String(part)).toBe('half');
          break;
        }
      },
    ],
  ])('is no failure: %s', async (_, act) => {
    await hanging();
    await act();
    const span = await spanOf('client');
    expect(span).toMatchObject({ status: 'unset', events: [] });
    expect(span.attributes).not.toHaveProperty('error.type');
  });

  it.each<[what: string, act: () => Promise<void>]>([
    [
      'AbortSignal.timeout',
      async () => {
        // So long that the request has begun by then, however busy the machine is.
        await fetch(`${url}/never`, { signal: AbortSignal.timeout(1_000) })
          .then((response) => response.text())
          .catch(() => {});
      },
    ],
    [
      "request.on('timeout', () => request.destroy())",
      async () => {
        const request = http.get(url, { timeout: 30 });
        request.on('timeout', () => request.destroy());
        request.on('error', () => {});
        await new Promise((resolve) => request.on('close', resolve));
      },
    ],
  ])('because it took too long is a timeout: %s', async (_, act) => {
    await serve(() => {});
    await act();
    const span = await spanOf('client');
    expect(span.status).toBe('error');
    expect(String(span.attributes['error.type'])).toMatch(/^(?:TimeoutError|ETIMEDOUT|23)$/);
  });

  it('keeps the reason that it gave', async () => {
    await serve(() => {});
    const request = http.get(url);
    request.on('error', () => {});
    request.destroy(Object.assign(new Error('quota used up'), { code: 'EQUOTA' }));
    const span = await spanOf('client');
    expect(span).toMatchObject({
      status: 'error',
      statusMessage: 'quota used up',
      attributes: { 'error.type': 'EQUOTA' },
    });
  });
});

/** Node has it behind a flag. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

/** Nothing refers to the response behind it. */
const statusOf = async (): Promise<number> => (await fetch(url)).status;

it('a body that nobody reads ends its span when nobody can read it any more, as it was answered', async () => {
  await serve((_, response) => response.writeHead(503).end(Buffer.alloc(4_000_000)));
  expect(await statusOf()).toBe(503);
  const span = await vi.waitFor(
    async () => {
      collectGarbage();
      await delay(10);
      const [found] = test.spans().filter(({ kind }) => kind === 'client');
      if (found === undefined) throw new Error('not ended');
      return found;
    },
    { timeout: 60_000 },
  );
  expect(span.attributes).toMatchObject({ 'http.response.status_code': 503, 'error.type': '503' });
});
