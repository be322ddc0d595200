import {
  connect as connectHttp2,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
} from 'node:http2';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCollector, type Collector } from './support/collector.ts';
import { eventually, residentBytes } from './support/processes.ts';
import { aRequest, postJson } from './support/traces.ts';

const MIB = 1024 * 1024;
const IDLE = 1_000;
/** They never say that they speak HTTP/2. */
const IDLE_GRPC = 100;
const SLOW = 200;
const SLOW_CALLS = 100;

const HEAD =
  'POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n';

const portOf = (url: string): number => Number(new URL(url).port);

interface Client {
  readonly socket: Socket;
  received: string;
  readonly closed: Promise<void>;
}

function open(port: number): Promise<Client> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    const client: Client = { socket, received: '', closed: new Promise((end) => socket.on('close', () => end())) };
    socket.setEncoding('latin1').on('data', (data: string) => (client.received += data));
    socket.on('error', reject);
    socket.on('connect', () => resolve(client));
  });
}

interface SlowCall {
  readonly session: ClientHttp2Session;
  readonly stream: ClientHttp2Stream;
  readonly opened: Promise<void>;
  /** The `grpc-status` that it ends with. */
  readonly status: Promise<unknown>;
}

/** A call on a connection of its own whose message is announced with 100,000 bytes and does not come. */
function slowCall(url: string): SlowCall {
  const session = connectHttp2(url);
  const stream = session.request({
    ':method': 'POST',
    ':path': '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.write(Buffer.from([0, 0, 1, 0x86, 0xa0]));
  const opened = new Promise<void>((resolve) => session.once('connect', () => resolve()));
  const status = new Promise((resolve, reject) => {
    const take = (headers: IncomingHttpHeaders): void => {
      if (headers['grpc-status'] !== undefined) resolve(headers['grpc-status']);
    };
    stream.on('response', take).on('trailers', take).on('error', reject).resume();
  });
  return { session, stream, opened, status };
}

const openMany = (port: number, count: number): Promise<Client[]> =>
  Promise.all(Array.from({ length: count }, () => open(port)));

async function counted(collector: Collector, line: string): Promise<number> {
  const metrics = await (await fetch(`${collector.apiUrl}/metrics`)).text();
  const found = metrics.split('\n').find((candidate) => candidate.startsWith(`${line} `));
  return Number(found?.slice(line.length) ?? 0);
}

const hits = (collector: Collector, limit: string): Promise<number> =>
  counted(collector, `throughline_limit_reached_total{limit="${limit}"}`);

describe('senders that hold their connections', () => {
  let collector: Collector;
  beforeAll(async () => {
    collector = await startCollector({
      args: [
        '--otlp-http-headers-timeout-ms=2s',
        '--otlp-http-request-timeout-ms=3s',
        '--otlp-grpc-request-timeout-ms=3s',
      ],
    });
  });
  afterAll(() => collector.stop());

  it('do no harm to others: 1,000 idle and 200 slow ones, which are cut off in time', async () => {
    const before = residentBytes(collector.pid);
    const idle = await openMany(portOf(collector.otlpUrl), IDLE);
    const idleGrpc = await openMany(portOf(collector.otlpGrpcUrl), IDLE_GRPC);
    const slowHeaders = await openMany(portOf(collector.otlpUrl), SLOW / 2);
    const slowBodies = await openMany(portOf(collector.otlpUrl), SLOW / 2);
    for (const { socket } of slowHeaders) socket.write(HEAD);
    for (const { socket } of slowBodies) socket.write(`${HEAD}\r\n{`);
    const drip = setInterval(() => {
      for (const { socket } of slowHeaders) if (socket.writable) socket.write('x: y\r\n');
      for (const { socket } of slowBodies) if (socket.writable) socket.write(' ');
    }, 100);
    for (let index = 0; index < 50; index++) {
      expect((await postJson(collector.otlpUrl, aRequest(`beside-${index}`, 10))).status).toBe(200);
    }
    expect((await fetch(`${collector.apiUrl}/readyz`)).status).toBe(200);
    expect(residentBytes(collector.pid) - before).toBeLessThan(128 * MIB);
    await Promise.all([...slowHeaders, ...slowBodies, ...idleGrpc].map(({ closed }) => closed));
    clearInterval(drip);
    for (const { received } of slowBodies) expect(received).toMatch(/^HTTP\/1\.1 408 /);
    expect(await hits(collector, 'otlpHttp.headersTimeoutMs')).toBeGreaterThanOrEqual(SLOW / 2);
    expect(await hits(collector, 'otlpHttp.requestTimeoutMs')).toBe(SLOW / 2);
    expect(await hits(collector, 'otlpGrpc.requestTimeoutMs')).toBe(IDLE_GRPC);
    expect(await counted(collector, 'throughline_receiver_bytes_in_flight')).toBe(0);
    expect((await postJson(collector.otlpUrl, aRequest('after', 1))).status).toBe(200);
    for (const { socket } of idle) socket.destroy();
  });

  it(`over gRPC are cut off as well: ${SLOW_CALLS} that never end`, async () => {
    const calls = Array.from({ length: SLOW_CALLS }, () => slowCall(collector.otlpGrpcUrl));
    await Promise.all(calls.map(({ opened }) => opened));
    const drip = setInterval(() => {
      for (const { stream } of calls) if (stream.writable) stream.write(Buffer.from([0]));
    }, 100);
    for (let index = 0; index < 20; index++) {
      expect((await postJson(collector.otlpUrl, aRequest(`beside-calls-${index}`, 10))).status).toBe(200);
    }
    const statuses = await Promise.all(calls.map(({ status }) => status));
    clearInterval(drip);
    // DEADLINE_EXCEEDED
    expect(statuses).toEqual(Array.from({ length: SLOW_CALLS }, () => '4'));
    expect(await hits(collector, 'otlpGrpc.requestTimeoutMs')).toBe(IDLE_GRPC + SLOW_CALLS);
    expect(await counted(collector, 'throughline_receiver_bytes_in_flight')).toBe(0);
    for (const { session } of calls) session.destroy();
  });

  it('are cut off at the API as well', async () => {
    const clients = await openMany(portOf(collector.apiUrl), 300);
    for (const { socket } of clients) socket.write('GET /api/v1/services HTTP/1.1\r\nHost: localhost\r\n');
    expect((await fetch(`${collector.apiUrl}/api/v1/services`)).status).toBe(200);
    for (const { socket } of clients) socket.destroy();
  });
});

describe('connections beyond the limit', () => {
  let collector: Collector;
  beforeAll(async () => {
    collector = await startCollector({
      args: ['--otlp-http-connections-max=5', '--otlp-grpc-connections-max=5', '--http-connections-max=50'],
    });
  });
  afterAll(() => collector.stop());

  it.each([
    ['otlpHttp.connectionsMax', (): string => collector.otlpUrl],
    ['otlpGrpc.connectionsMax', (): string => collector.otlpGrpcUrl],
  ])('are closed and counted: %s', async (limit, url) => {
    const clients = await openMany(Number(new URL(url()).port), 8);
    await expect.poll(() => hits(collector, limit)).toBe(3);
    for (const { socket } of clients) socket.destroy();
    await Promise.all(clients.map(({ closed }) => closed));
  });

  it('leave room again when others end', async () => {
    await eventually('a request is taken', async () => {
      const answer = await postJson(collector.otlpUrl, aRequest('later', 1)).catch(() => null);
      return answer?.status === 200 ? true : undefined;
    });
    expect(await hits(collector, 'http.connectionsMax')).toBe(0);
  });
});
