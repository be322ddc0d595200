import { once } from 'node:events';
import {
  Agent,
  createServer,
  request as send,
  type IncomingHttpHeaders,
  type RequestOptions,
  type Server,
} from 'node:http';
import { connect, createServer as createSocketServer, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runChild, type Child } from '../test-support/child.ts';
import type { ReadSpan } from '../test-support/otlp-reader.ts';
import { startSink, type Sink } from '../test-support/sink.ts';

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const TRACEPARENT = `00-${TRACE_ID}-b7ad6b7169203331-01`;
const SERVER = 2;
const CLIENT = 3;
const ERROR = 2;

let sink: Sink;
let app: Child;
let port: number;
/** A server that is not traced, and what it was sent. */
let target: Server;
let targetUrl: string;
const targetHeaders: IncomingHttpHeaders[] = [];

beforeAll(async () => {
  sink = await startSink();
  app = runChild('http-app.ts', sink.url);
  target = createServer((request, response) => {
    targetHeaders.push(request.headers);
    if (request.url === '/hang') return;
    if (request.url === '/cut') {
      response.writeHead(200, { 'content-length': 100 });
      response.write('half');
      setTimeout(() => response.destroy(), 10);
      return;
    }
    if (request.url === '/stall') {
      response.writeHead(200).write('half');
      return;
    }
    response.statusCode = Number(request.url?.slice(1)) || 200;
    response.end('target');
  });
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
  targetUrl = `http://127.0.0.1:${(target.address() as AddressInfo).port}`;
  port = Number(await app.line());
});

afterAll(async () => {
  app.process.stdin.end();
  await app.exited();
  target.closeAllConnections();
  target.close();
  await sink.close();
});

const agent = new Agent({ keepAlive: true, maxSockets: 1 });

function ask(path: string, options: RequestOptions = {}, body?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = send({ host: '127.0.0.1', port, path, agent, ...options }, (response) => {
      let text = '';
      response.on('data', (part: Buffer) => (text += part.toString()));
      response.on('end', () => resolve(text));
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** The spans that one request brings, and no more. */
async function spansOf<T>(count: number, act: () => Promise<T>): Promise<{ spans: ReadSpan[]; answer: T }> {
  const before = sink.spans.length;
  const answer = await act();
  const all = await sink.received(before + count);
  return { spans: all.slice(before), answer };
}

const ofKind = (spans: readonly ReadSpan[], kind: number): ReadSpan => {
  const span = spans.find((each) => each.kind === kind);
  if (span === undefined) throw new Error(`no span of kind ${kind}`);
  return span;
};

describe('an incoming request', () => {
  it('becomes a server span under the caller, with the attributes of the conventions', async () => {
    const headers = { traceparent: TRACEPARENT, 'user-agent': 'test/1' };
    const { spans, answer } = await spansOf(1, () => ask('/plain?a=1&sig=secret', { headers }));
    expect(answer).toBe(TRACE_ID);
    expect(spans[0]).toMatchObject({
      name: 'GET',
      kind: SERVER,
      traceId: TRACE_ID,
      parentSpanId: 'b7ad6b7169203331',
      flags: 0x301,
      status: { code: 0, message: '' },
      attributes: {
        'http.request.method': 'GET',
        'url.path': '/plain',
        'url.query': 'a=1&sig=REDACTED',
        'url.scheme': 'http',
        'server.address': '127.0.0.1',
        'server.port': BigInt(port),
        'network.protocol.version': '1.1',
        'network.peer.address': '127.0.0.1',
        'client.address': '127.0.0.1',
        'user_agent.original': 'test/1',
        'http.response.status_code': 200n,
      },
    });
  });

  it('is named by its route where one is known', async () => {
    const { spans } = await spansOf(1, () => ask('/items/17'));
    expect(spans[0]).toMatchObject({ name: 'GET /items/{id}', attributes: { 'http.route': '/items/{id}' } });
  });

  it('begins a new trace without a valid traceparent', async () => {
    const { spans, answer } = await spansOf(1, () => ask('/plain', { headers: { traceparent: 'ff-1-2-3' } }));
    expect(spans[0]).toMatchObject({ traceId: answer, parentSpanId: '', flags: 0x103, traceState: 'ot=th:0' });
  });

  it('is not recorded where the caller was not sampled, and goes on as unsampled', async () => {
    const to = encodeURIComponent(`${targetUrl}/`);
    const headers = { traceparent: TRACEPARENT.replace(/01$/, '00') };
    targetHeaders.length = 0;
    const before = sink.spans.length;
    expect(await ask(`/out?to=${to}`, { headers })).toBe(TRACE_ID);
    expect(targetHeaders[0]?.traceparent).toMatch(new RegExp(`^00-${TRACE_ID}-[0-9a-f]{16}-00$`));
    await spansOf(1, () => ask('/plain'));
    expect(sink.spans.slice(before)).toHaveLength(1);
  });

  it('has an error status for 5xx', async () => {
    const { spans } = await spansOf(1, () => ask('/fail'));
    expect(spans[0]).toMatchObject({
      status: { code: ERROR },
      attributes: { 'http.response.status_code': 503n, 'error.type': '503' },
    });
  });

  it('keeps its context across await, timers and the events of its body', async () => {
    const headers = { traceparent: TRACEPARENT };
    const awaited = await spansOf(2, () => ask('/await', { headers }));
    expect(awaited.answer).toBe(TRACE_ID);
    expect(awaited.spans.map(({ name }) => name)).toEqual(['work', 'GET']);
    expect(awaited.spans[0]?.parentSpanId).toBe(awaited.spans[1]?.spanId);
    const { answer } = await spansOf(1, () => ask('/body', { headers, method: 'POST' }, 'x'.repeat(200_000)));
    expect(answer).toBe(`${TRACE_ID},${TRACE_ID}`);
  });

  it('keeps the contexts of pipelined requests apart', async () => {
    const ids = Array.from({ length: 20 }, (_, i) => (i + 1).toString(16).padStart(32, '0'));
    const requests = ids.map((id, i) => {
      const path = i % 2 === 0 ? '/await' : '/body';
      const connection = i === ids.length - 1 ? 'close' : 'keep-alive';
      const headers = `Host: app\r\nConnection: ${connection}\r\ntraceparent: 00-${id}-b7ad6b7169203331-01`;
      return `GET ${path} HTTP/1.1\r\n${headers}\r\n\r\n`;
    });
    const { answer } = await spansOf(30, async () => {
      const socket = connect(port, '127.0.0.1');
      socket.write(requests.join(''));
      let text = '';
      for await (const part of socket as AsyncIterable<Buffer>) text += part.toString();
      return text;
    });
    const bodies = answer.split('\r\n\r\n').slice(1);
    expect(bodies.map((body) => body.slice(0, 32))).toEqual(ids);
  });

  it('is not traced, with all that it does, when it is ignored', async () => {
    const before = sink.spans.length;
    expect(await ask('/health')).toBe('none');
    await spansOf(1, () => ask('/plain'));
    expect(sink.spans.slice(before)).toHaveLength(1);
  });

  it('ends truthfully when the client gives up, while the work that goes on ends later', async () => {
    const { spans } = await spansOf(2, async () => {
      const request = send({ host: '127.0.0.1', port, path: '/outlived', agent: new Agent() }).end();
      await once(request, 'information');
      request.on('error', () => undefined).destroy();
      return 'gave up';
    });
    const [server, work] = [ofKind(spans, SERVER), ofKind(spans, 1)];
    expect(server).toMatchObject({ status: { code: 0 }, attributes: { 'error.type': 'client_disconnected' } });
    expect(server.attributes).not.toHaveProperty('http.response.status_code');
    expect(work).toMatchObject({ name: 'slow work', parentSpanId: server.spanId, traceId: server.traceId });
    expect(work.endTimeUnixNano).toBeGreaterThan(server.endTimeUnixNano);
  });

  it('ends for every pipelined request of a client that gives up', async () => {
    const { spans } = await spansOf(3, async () => {
      const socket = connect(port, '127.0.0.1');
      socket.write('GET /slow?ms=60000 HTTP/1.1\r\nHost: app\r\n\r\n'.repeat(3));
      setTimeout(() => socket.destroy(), 60);
    });
    expect(spans.map(({ attributes }) => attributes['error.type'])).toEqual(Array(3).fill('client_disconnected'));
  });
});

const out = (how: string, path: string, more = ''): string =>
  `${how}${how.includes('?') ? '&' : '?'}to=${encodeURIComponent(targetUrl + path)}${more}`;
const targetPort = (): bigint => BigInt(new URL(targetUrl).port);

describe('an outgoing request', () => {
  it.each(['/out', '/out?with=get', '/fetch', '/raw-headers', '/unread'])(
    'becomes a client span whose identity is sent along (%s)',
    async (how) => {
      targetHeaders.length = 0;
      const { spans, answer } = await spansOf(2, () => ask(out(how, '/x'), { headers: { traceparent: TRACEPARENT } }));
      const client = ofKind(spans, CLIENT);
      expect(answer).toBe(TRACE_ID);
      expect(client).toMatchObject({
        name: 'GET',
        traceId: TRACE_ID,
        parentSpanId: ofKind(spans, SERVER).spanId,
        attributes: {
          'http.request.method': 'GET',
          'http.response.status_code': 200n,
          'url.full': `${targetUrl}/x`,
          'server.address': '127.0.0.1',
          'server.port': targetPort(),
        },
      });
      expect(targetHeaders).toHaveLength(1);
      expect(targetHeaders[0]?.traceparent).toBe(`00-${TRACE_ID}-${client.spanId}-01`);
    },
  );

  it.each(['/out', '/fetch'])('has an error status from 400 on (%s)', async (how) => {
    const { spans } = await spansOf(2, () => ask(out(how, '/404')));
    expect(ofKind(spans, CLIENT)).toMatchObject({
      status: { code: ERROR },
      attributes: { 'error.type': '404', 'http.response.status_code': 404n },
    });
    expect(ofKind(spans, SERVER).status.code).toBe(0);
  });

  it.each([
    ['/out', '/hang'],
    ['/fetch', '/hang'],
    ['/out', '/stall'],
    ['/fetch', '/stall'],
  ])('says that it was given up after a timeout (%s %s)', async (how, path) => {
    const { spans } = await spansOf(2, () => ask(out(how, path, '&timeout=40')));
    const client = ofKind(spans, CLIENT);
    expect(client).toMatchObject({ status: { code: ERROR }, attributes: { 'error.type': 'TimeoutError' } });
    expect(client.events[0]).toMatchObject({ name: 'exception', attributes: { 'exception.type': 'TimeoutError' } });
    expect(client.endTimeUnixNano).toBeGreaterThan(client.startTimeUnixNano);
  });

  it.each(['/out', '/fetch'])('names a connection that is refused (%s)', async (how) => {
    const closed = createSocketServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => closed.on('listening', resolve));
    const { port: closedPort } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    const { spans } = await spansOf(2, () => ask(`${how}?to=${encodeURIComponent(`http://127.0.0.1:${closedPort}/`)}`));
    expect(ofKind(spans, CLIENT)).toMatchObject({
      status: { code: ERROR },
      attributes: { 'error.type': 'ECONNREFUSED', 'server.port': BigInt(closedPort) },
    });
  });

  it.each(['/out', '/fetch'])('says that a response was cut off (%s)', async (how) => {
    const { spans } = await spansOf(2, () => ask(out(how, '/cut')));
    const client = ofKind(spans, CLIENT);
    expect(client.status.code).toBe(ERROR);
    expect(client.attributes['http.response.status_code']).toBe(200n);
    expect(client.attributes['error.type']).toMatch(/ECONNRESET|UND_ERR_SOCKET/);
  });

  it.each(['/out', '/fetch'])('is neither traced nor given headers when it is ignored (%s)', async (how) => {
    targetHeaders.length = 0;
    const { spans } = await spansOf(1, () => ask(out(how, '/ignored')));
    expect(spans.map(({ kind }) => kind)).toEqual([SERVER]);
    expect(targetHeaders[0]).not.toHaveProperty('traceparent');
  });
});

describe('the function that instrumentHttp answers', () => {
  it('takes the instrumentation off again', async () => {
    await spansOf(1, () => ask('/remove'));
    expect(await ask('/plain', { headers: { traceparent: TRACEPARENT } })).toBe('none');
    targetHeaders.length = 0;
    expect(await ask(`/out?to=${encodeURIComponent(targetUrl)}`)).toBe('none');
    expect(await ask(`/fetch?to=${encodeURIComponent(targetUrl)}`)).toBe('none');
    expect(targetHeaders.map((headers) => headers.traceparent)).toEqual([undefined, undefined]);
  });
});

describe('the application', () => {
  it('ends well, with all sent and nothing to complain about', async () => {
    app.process.stdin.end();
    expect(await app.exited()).toEqual({ code: 0, signal: null });
    expect(app.stderr()).toBe('');
  });
});
