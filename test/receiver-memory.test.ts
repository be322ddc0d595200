import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { compress as compressZstd, init as initZstd } from '@bokuweb/zstd-wasm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCollector, type Collector } from './support/collector.ts';
import { eventually, residentBytes } from './support/processes.ts';
import { aRequest, postJson } from './support/traces.ts';

const MIB = 1024 * 1024;
/** What the bodies of all senders may cost together: the budget of 64 MiB, its garbage, and a thread that decompresses. */
const GROWTH_BYTES_MAX = 384 * MIB;
/** On a busy machine a body may take long to arrive. */
const PATIENT = { args: ['--otlp-http-request-timeout-ms=1h', '--otlp-grpc-request-timeout-ms=1h'] };
const EXPORT = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

/** The largest resident memory while something runs, and the largest value of the budget's metric. */
class Watch {
  peakBytes = 0;
  peakInFlight = 0;
  readonly #collector: Collector;
  readonly #running: Promise<void>;
  #isOver = false;

  constructor(collector: Collector) {
    this.#collector = collector;
    this.#running = this.#run();
  }

  async stop(): Promise<this> {
    this.#isOver = true;
    await this.#running;
    return this;
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      this.peakBytes = Math.max(this.peakBytes, residentBytes(this.#collector.pid));
      this.peakInFlight = Math.max(
        this.peakInFlight,
        await metric(this.#collector, 'throughline_receiver_bytes_in_flight'),
      );
      await delay(20);
    }
  }
}

async function metric(collector: Collector, name: string): Promise<number> {
  const metrics = await (await fetch(`${collector.apiUrl}/metrics`)).text();
  const line = metrics.split('\n').find((candidate) => candidate.startsWith(`${name} `));
  return Number(line?.slice(name.length) ?? 0);
}

/** Resolves when nothing is in flight any more, and the collector takes spans. */
async function expectAtRest(collector: Collector, name: string): Promise<void> {
  await eventually('nothing is in flight', async () => {
    return (await metric(collector, 'throughline_receiver_bytes_in_flight')) === 0;
  });
  expect((await postJson(collector.otlpUrl, aRequest(name, 1))).status).toBe(200);
}

function openHttp(collector: Collector): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(collector.otlpUrl).port), '127.0.0.1', () => resolve(socket));
    socket.on('error', reject).on('data', () => {});
  });
}

/** Writes as fast as the collector reads until it closes, or so many bytes are sent. */
async function writeAll(socket: Socket, piece: Buffer, bytes: number): Promise<void> {
  for (let sent = 0; sent < bytes && socket.writable; sent += piece.length) {
    if (!socket.write(piece)) await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
  }
}

const once = (socket: Socket, event: string): Promise<void> =>
  new Promise((resolve) => {
    socket.once(event, () => resolve());
  });

/** HTTP/2 as bytes, since Node's own client joins what it sends. */
const frame = (type: number, flags: number, stream: number, payload: Buffer): Buffer => {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
};

const literal = (name: string, value: string): Buffer =>
  Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)]);

const CALL_HEADERS = Buffer.concat([
  literal(':method', 'POST'),
  literal(':scheme', 'http'),
  literal(':path', EXPORT),
  literal(':authority', 'localhost'),
  literal('content-type', 'application/grpc'),
  literal('te', 'trailers'),
]);

function openGrpc(collector: Collector): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(collector.otlpGrpcUrl).port), '127.0.0.1', () => {
      socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
      socket.write(frame(4, 0, 0, Buffer.alloc(0)));
      resolve(socket);
    });
    socket.on('error', reject).on('data', () => {});
  });
}

describe('bodies in parts of one byte', () => {
  let collector: Collector;
  /** Before the first of them. */
  let before: number;
  beforeAll(async () => {
    collector = await startCollector(PATIENT);
    before = residentBytes(collector.pid);
  });
  afterAll(() => collector.stop());

  const CONNECTIONS = 4;

  it('cost over HTTP what the metric says they cost, on several connections at once', async () => {
    const watch = new Watch(collector);
    const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, () => openHttp(collector)));
    const head =
      'POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\nTransfer-Encoding: chunked\r\n\r\n';
    // 1 MB of body on each connection, in chunks of one byte.
    const piece = Buffer.from('1\r\n\x0a\r\n'.repeat(10_000));
    await Promise.all(
      sockets.map(async (socket) => {
        socket.write(head);
        await writeAll(socket, piece, 100 * piece.length);
      }),
    );
    await eventually('the chunks have arrived', async () => {
      return (await metric(collector, 'throughline_receiver_bytes_in_flight')) > CONNECTIONS * 900_000;
    });
    const { peakBytes, peakInFlight } = await watch.stop();
    for (const socket of sockets) socket.destroy();
    expect(peakBytes - before).toBeLessThan(GROWTH_BYTES_MAX);
    expect(peakInFlight).toBeLessThan(16 * MIB);
    await expectAtRest(collector, 'after-chunks');
  });

  it('cost over gRPC what the metric says they cost, on several connections at once', async () => {
    const watch = new Watch(collector);
    const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, () => openGrpc(collector)));
    await Promise.all(
      sockets.map(async (socket) => {
        socket.write(frame(1, 4, 1, CALL_HEADERS));
        const prefix = Buffer.alloc(5);
        prefix.writeUInt32BE(8 * MIB, 1);
        socket.write(frame(0, 0, 1, prefix));
        // As small as they may be, and below the window of a call, so that nobody has to wait for more of it.
        const frames = Buffer.concat(Array.from({ length: 1_000 }, () => frame(0, 0, 1, Buffer.alloc(20, 1))));
        await writeAll(socket, frames, 48 * frames.length);
      }),
    );
    await eventually('the frames have arrived', async () => {
      return (await metric(collector, 'throughline_receiver_bytes_in_flight')) > CONNECTIONS * 900_000;
    });
    const { peakBytes, peakInFlight } = await watch.stop();
    for (const socket of sockets) socket.destroy();
    expect(peakBytes - before).toBeLessThan(GROWTH_BYTES_MAX);
    expect(peakInFlight).toBeLessThan(16 * MIB);
    await expectAtRest(collector, 'after-frames');
  });
});

describe('calls that never end', () => {
  let collector: Collector;
  let before: number;
  beforeAll(async () => {
    collector = await startCollector(PATIENT);
    before = residentBytes(collector.pid);
  });
  afterAll(() => collector.stop());

  // What they send, 640 MiB, is far more than the bound, and they are more than may run.
  const CONNECTIONS = 100;
  const CALLS_EACH = 100;

  /** As many calls on each connection, all of them left open; what they send is the same. */
  async function openCalls(headers: Buffer, data: readonly Buffer[]): Promise<Socket[]> {
    const sockets: Socket[] = [];
    for (let opened = 0; opened < CONNECTIONS; opened++) {
      const socket = await openGrpc(collector);
      sockets.push(socket);
      for (let id = 1; id < 2 * CALLS_EACH; id += 2) {
        socket.write(frame(1, 4, id, headers));
        for (const payload of data) socket.write(frame(0, 0, id, payload));
      }
      if (socket.writableLength > 0) await once(socket, 'drain');
    }
    return sockets;
  }

  it('cost what the metric says while each has sent a part of what it announces', async () => {
    const watch = new Watch(collector);
    const first = Buffer.alloc(16 * 1024);
    first.writeUInt32BE(15 * MIB, 1);
    const other = Buffer.alloc(16 * 1024);
    const sockets = await openCalls(CALL_HEADERS, [first, other, other, other]);
    await eventually('every call has been looked at', async () => {
      const refused = await metric(collector, 'throughline_limit_reached_total{limit="receivers.bytesInFlightMax"}');
      return refused > (CONNECTIONS * CALLS_EACH) / 2;
    });
    const { peakBytes, peakInFlight } = await watch.stop();
    for (const socket of sockets) socket.destroy();
    expect(peakInFlight).toBeLessThanOrEqual(64 * MIB);
    expect(peakBytes - before).toBeLessThan(GROWTH_BYTES_MAX);
    await expectAtRest(collector, 'after-open-calls');
    expect(residentBytes(collector.pid) - before).toBeLessThan(GROWTH_BYTES_MAX);
  });

  it('hold no headers, and what they hold is in the metric', async () => {
    const watch = new Watch(collector);
    const large = literal('x-large', 'a'.repeat(120));
    const headers = Buffer.concat([CALL_HEADERS, ...Array.from({ length: 45 }, () => large)]);
    const sockets = await openCalls(headers, []);
    await eventually('as many calls run as may', async () => {
      return (await metric(collector, 'throughline_limit_reached_total{limit="otlpGrpc.callsMax"}')) > 0;
    });
    const oversized = await openGrpc(collector);
    oversized.write(frame(1, 4, 1, Buffer.concat([headers, ...Array.from({ length: 40 }, () => large)])));
    await eventually(
      'headers beyond the limit are refused, of a sender that has not confirmed our settings',
      async () => {
        return (await metric(collector, 'throughline_limit_reached_total{limit="otlpGrpc.headerBytesMax"}')) === 1;
      },
    );
    oversized.destroy();
    const { peakBytes, peakInFlight } = await watch.stop();
    for (const socket of sockets) socket.destroy();
    // 4,096 calls with 7 KB of headers each, or what 64 MiB hold of them while they are answered.
    expect(peakInFlight).toBeGreaterThan(30 * MIB);
    expect(peakInFlight).toBeLessThanOrEqual(64 * MIB);
    expect(peakBytes - before).toBeLessThan(GROWTH_BYTES_MAX);
    await expectAtRest(collector, 'after-open-headers');
  });
});

const BOMB_BYTES = 64 * MIB;
const bombs = new Map<string, Buffer>();

function bombOf(name: string): Buffer {
  const bomb = bombs.get(name);
  if (bomb === undefined) throw new Error(`there is no ${name}`);
  return bomb;
}

function call(session: ClientHttp2Session, encoding: string, body: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': EXPORT,
      'content-type': 'application/grpc',
      'grpc-encoding': encoding,
      te: 'trailers',
    });
    stream.on('response', ({ 'grpc-status': status }) => resolve(Number(status ?? 0)));
    stream.on('error', reject);
    stream.resume();
    const prefix = Buffer.alloc(5);
    prefix.writeUInt8(1, 0);
    prefix.writeUInt32BE(body.length, 1);
    stream.end(Buffer.concat([prefix, body]));
  });
}

/** A frame that does not say its size, of blocks that repeat one byte: 4 bytes become 128 KiB. */
function silentZstdBomb(bytes: number): Buffer {
  const blocks = bytes / (128 * 1024);
  const parts = Array.from({ length: blocks }, (_, index) => {
    const header = Buffer.alloc(4);
    header.writeUIntLE(((128 * 1024) << 3) | (1 << 1) | (index === blocks - 1 ? 1 : 0), 0, 3);
    return header;
  });
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38]), ...parts]);
}

/** Zeros behind what cannot be compressed, so that the body as sent is not small enough to be decompressed at once. */
function zerosBehindNoise(bytes: number): Buffer {
  const plain = Buffer.alloc(bytes);
  for (let at = 0, state = 1; at < 70_000; at++) {
    state = (state * 1_103_515_245 + 12_345) & 0x7fff_ffff;
    plain[at] = state >>> 16;
  }
  return plain;
}

describe('bodies that become far larger', () => {
  let collector: Collector;
  let before: number;
  beforeAll(async () => {
    await initZstd();
    const zeros = zerosBehindNoise(BOMB_BYTES);
    // Just below the limit: only what they are made of is refused, when all of it has been decompressed.
    const most = zerosBehindNoise(15 * MIB);
    bombs.set('gzip', gzipSync(zeros));
    bombs.set('gzip of 15 MiB', gzipSync(most));
    bombs.set('deflate', deflateSync(zeros));
    bombs.set('deflate of 15 MiB', deflateRawSync(most));
    bombs.set('zstd', Buffer.from(compressZstd(zeros, 3)));
    bombs.set('zstd of 15 MiB', Buffer.from(compressZstd(most, 3)));
    bombs.set('zstd of unknown size', silentZstdBomb(15 * MIB));
    collector = await startCollector(PATIENT);
    before = residentBytes(collector.pid);
  });
  afterAll(() => collector.stop());

  // 600 MiB where nothing bounds them.
  const AT_ONCE = 40;
  const CALLS_AT_ONCE = 40;

  async function postMany(encoding: string, body: BodyInit): Promise<number[]> {
    const headers = { 'content-type': 'application/x-protobuf', 'content-encoding': encoding };
    return Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        const response = await fetch(`${collector.otlpUrl}/v1/traces`, { method: 'POST', headers, body });
        await response.arrayBuffer();
        return response.status;
      }),
    );
  }

  const cases = ['gzip', 'deflate', 'zstd'].flatMap((encoding) => [
    [encoding, encoding],
    [encoding, `${encoding} of 15 MiB`],
  ]);
  cases.push(['zstd', 'zstd of unknown size']);

  it.each(cases)(`are bounded over HTTP, ${AT_ONCE} at once: %s, %s`, async (encoding = '', name = '') => {
    const body = bombOf(name);
    const watch = new Watch(collector);
    // Too large, no spans, or later.
    for (const status of await postMany(encoding, Uint8Array.from(body))) expect([413, 400, 503]).toContain(status);
    const { peakBytes, peakInFlight } = await watch.stop();
    expect(peakBytes - before).toBeLessThan(GROWTH_BYTES_MAX);
    expect(peakInFlight).toBeLessThanOrEqual(64 * MIB);
    await expectAtRest(collector, `after-http-${name}`);
  });

  it.each(cases)(`are bounded over gRPC, ${CALLS_AT_ONCE} at once: %s, %s`, async (encoding = '', name = '') => {
    const body = bombOf(name);
    const watch = new Watch(collector);
    const sessions = Array.from({ length: 4 }, () => connectHttp2(collector.otlpGrpcUrl));
    const codes = await Promise.all(
      Array.from({ length: CALLS_AT_ONCE }, (_, index) =>
        call(sessions[index % sessions.length] as ClientHttp2Session, encoding, body),
      ),
    );
    // RESOURCE_EXHAUSTED for what is too large, or later; INVALID_ARGUMENT for what are no spans.
    for (const code of codes) expect([8, 3]).toContain(code);
    const { peakBytes, peakInFlight } = await watch.stop();
    for (const session of sessions) session.destroy();
    expect(peakBytes - before).toBeLessThan(GROWTH_BYTES_MAX);
    expect(peakInFlight).toBeLessThanOrEqual(64 * MIB);
    await expectAtRest(collector, `after-grpc-${name}`);
  });

  it('let others send meanwhile', async () => {
    const body = bombOf('zstd of 15 MiB');
    const bombing = postMany('zstd', Uint8Array.from(body));
    let answered = 0;
    const isOver = bombing.then(() => true);
    while (!(await Promise.race([isOver, nextTurn(false)])) && answered < 100) {
      expect((await postJson(collector.otlpUrl, aRequest(`beside-${answered}`, 1))).status).toBe(200);
      answered += 1;
    }
    await bombing;
    expect(answered).toBeGreaterThan(0);
  });
});
