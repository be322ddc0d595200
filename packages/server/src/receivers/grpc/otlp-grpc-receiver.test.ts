import { mkdtempSync, rmSync } from 'node:fs';
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { connect as connectSocket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync, gzipSync } from 'node:zlib';
import { compress as compressZstd, init as initZstd } from '@bokuweb/zstd-wasm';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import * as fc from 'fast-check';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AccessCheck } from '../../http/access.ts';
import { Ingest } from '../../ingest/ingest.ts';
import { Spool } from '../../spool/spool.ts';
import type { SpoolLimits } from '../../spool/limits.ts';
import { eventually } from '../../storage/testing/start-engine.ts';
import type { ByteBudget } from '../body/byte-budget.ts';
import { framed } from './grpc-message.ts';
import { OtlpGrpcReceiver } from './otlp-grpc-receiver.ts';
import type { OtlpGrpcLimits } from '../limits.ts';
import { encodeOtlp } from '../testing/encode-otlp.ts';
import { sharedByReceivers } from '../testing/shared-by-receivers.ts';

/** These tests send one and the same request again and again, and count what is stored. */
const COUNTS_REPEATS = { recentRequestsMax: 0 };

const SPAN = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  name: 'GET /',
  startTimeUnixNano: '1795000000000000000',
  endTimeUnixNano: '1795000000000000001',
};
const withSpans = (...spans: (typeof SPAN)[]) => ({ resourceSpans: [{ scopeSpans: [{ spans }] }] });
const MESSAGE = Buffer.from(encodeOtlp(withSpans(SPAN)));

const SERVICE = 'opentelemetry.proto.collector.trace.v1.TraceService';
const EXPORT = `/${SERVICE}/Export`;
const CHECK = '/grpc.health.v1.Health/Check';
const WATCH = '/grpc.health.v1.Health/Watch';

let directory: string;
let registry: Registry;
let spool: Spool;
let budget: ByteBudget;
let receiver: OtlpGrpcReceiver;
let address: AddressInfo;
/** Google's own client, which knows nothing of our server. */
let client: Client;
/** A client that sends whatever bytes it is given. */
let session: ClientHttp2Session;

let logged: string[] = [];
const log = pino({ level: 'error' }, { write: (line) => logged.push(line) });

interface Bounds extends Partial<OtlpGrpcLimits> {
  readonly bytesInFlightMax?: number;
  readonly spoolLimits?: Partial<SpoolLimits>;
  readonly access?: AccessCheck;
}

async function start({ bytesInFlightMax, spoolLimits, ...others }: Bounds = {}): Promise<void> {
  const { access, ...limits } = others;
  logged = [];
  registry = new Registry();
  spool = new Spool({ directory, log, registry, limits: { segmentAgeMs: 3_600_000, ...spoolLimits } });
  await spool.open();
  const ingest = new Ingest({ spool, registry, limits: COUNTS_REPEATS, now: () => 1_795_000_100_000 });
  const shared = sharedByReceivers(ingest, registry, bytesInFlightMax === undefined ? {} : { bytesInFlightMax });
  ({ budget } = shared);
  receiver = new OtlpGrpcReceiver({ ...shared, log, limits, ...(access !== undefined && { access }) });
  address = await receiver.start('127.0.0.1', 0);
  client = new Client(`127.0.0.1:${address.port}`, credentials.createInsecure());
  session = connect(`http://127.0.0.1:${address.port}`);
  session.on('error', () => {});
}

async function stop(): Promise<void> {
  client.close();
  session.destroy();
  await receiver.close();
  await spool.close();
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'throughline-grpc-'));
  await start();
});
afterEach(async () => {
  await stop();
  rmSync(directory, { recursive: true, force: true });
});

const asIs = (bytes: Buffer): Buffer => bytes;

function call(message: Buffer, path = EXPORT): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, asIs, asIs, message, new Metadata(), {}, (error, answer) =>
      error === null ? resolve(answer) : reject(error),
    );
  });
}

const failure = (message: Buffer, path?: string): Promise<ServiceError> =>
  call(message, path).then(
    () => expect.unreachable('the call was answered'),
    (error: unknown) => error as ServiceError,
  );

interface RawResponse {
  readonly httpStatus: number | undefined;
  readonly code: number | undefined;
  readonly message: string;
  readonly body: Buffer;
}

/** Sends bytes as they are; `end: false` leaves the request open. */
function send(bytes: Uint8Array, headers: Record<string, string> = {}, { end = true } = {}): Promise<RawResponse> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': EXPORT,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    if (end) stream.end(bytes);
    else stream.write(bytes);
    answerOf(stream).then(resolve, reject);
  });
}

function answerOf(stream: ClientHttp2Stream): Promise<RawResponse> {
  return new Promise((resolve, reject) => {
    let head: Record<string, string | string[] | number | undefined> = {};
    const chunks: Buffer[] = [];
    stream.on('response', (received) => (head = { ...received }));
    stream.on('trailers', (received) => (head = { ...head, ...received }));
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', reject);
    stream.on('close', () => {
      const code = head['grpc-status'];
      resolve({
        httpStatus: head[':status'] as number | undefined,
        code: code === undefined ? undefined : Number(code),
        message: decodeURIComponent((head['grpc-message'] as string | undefined) ?? ''),
        body: Buffer.concat(chunks),
      });
    });
  });
}

const about = (service: string): Buffer => Buffer.concat([Buffer.from([0x0a, service.length]), Buffer.from(service)]);

/** Watches a service's health: the states that arrive, and the code with which it ends. */
const watch = (service: string) => {
  const answers: number[] = [];
  const stream = client.makeServerStreamRequest(WATCH, asIs, asIs, about(service));
  stream.on('data', (answer: Buffer) => answers.push(answer[1] ?? 0));
  const ended = new Promise<number>((resolve) => stream.on('error', (error: ServiceError) => resolve(error.code)));
  return { answers, ended };
};

/** RESOURCE_EXHAUSTED with RetryInfo of one second, which is what makes an exporter send again. */
function expectRetry(error: ServiceError): void {
  expect(error.code).toBe(8);
  const details = error.metadata.get('grpc-status-details-bin')[0] as Buffer;
  expect(details.toString('latin1')).toContain('type.googleapis.com/google.rpc.RetryInfo');
  expect(details.subarray(-6)).toEqual(Buffer.from([0x0a, 0x04, 0x08, 1, 0x10, 0]));
}

async function storedRows(): Promise<number | undefined> {
  await spool.close();
  return (await spool.nextSealed(new AbortController().signal))?.rows;
}

describe('spans sent over gRPC', () => {
  it('asks access control before a call is routed, and ends a rejected one with its status', async () => {
    await stop();
    const asked: (string | undefined)[] = [];
    await start({
      access: ({ url }) => {
        asked.push(url);
        return url === CHECK ? { isAllowed: true } : { status: 401, code: 'no_token', message: 'a token is missing' };
      },
    });
    expect(await failure(MESSAGE)).toMatchObject({ code: 16, details: 'a token is missing' });
    expect(await call(Buffer.alloc(0), CHECK)).toBeDefined();
    expect(asked).toEqual([EXPORT, CHECK]);
  });

  it('wait for a check that is asked elsewhere', async () => {
    await stop();
    await start({
      access: async ({ url }) => {
        await new Promise(setImmediate);
        return url === EXPORT ? { isAllowed: true } : { status: 403, code: 'no', message: 'spans alone' };
      },
    });
    expect(await call(MESSAGE)).toEqual(Buffer.alloc(0));
    expect(await failure(Buffer.alloc(0), CHECK)).toMatchObject({ code: 7, details: 'spans alone' });
    expect(await storedRows()).toBe(1);
  });

  it('are counted as aborted where the sender goes while the check is waited for', async () => {
    await stop();
    const allow: (() => void)[] = [];
    await start({
      access: () => new Promise((resolve) => allow.push(() => resolve({ isAllowed: true }))),
    });
    const stream = session.request({ ':method': 'POST', ':path': EXPORT, 'content-type': 'application/grpc' });
    stream.on('error', () => {});
    stream.end(framed(MESSAGE));
    await expect.poll(() => allow.length).toBe(1);
    stream.close(constants.NGHTTP2_CANCEL);
    // What comes later on the connection is read later.
    const next = send(framed(MESSAGE));
    await expect.poll(() => allow.length).toBe(2);
    for (const each of allow) each();
    expect(await next).toMatchObject({ code: 0 });
    expect(await registry.metrics()).toContain('throughline_otlp_grpc_requests_total{outcome="ABORTED"} 1');
    expect(logged).toEqual([]);
    await expect.poll(() => budget.taken).toBe(0);
  });

  it.each([
    ['rejects', () => Promise.reject(new Error('the directory is away'))],
    [
      'throws',
      () => {
        throw new Error('a bug');
      },
    ],
  ] satisfies [string, AccessCheck][])('end as INTERNAL where the check %s, which is logged', async (_, access) => {
    await stop();
    await start({ access });
    expect(await failure(MESSAGE)).toMatchObject({ code: 13, details: 'internal error' });
    // Of what is no gRPC the answer is known before.
    expect(await send(framed(MESSAGE), { 'content-type': 'text/plain' })).toMatchObject({ httpStatus: 415 });
    expect(logged.filter((line) => line.includes('OTLP/gRPC call failed'))).toHaveLength(1);
    expect(budget.taken).toBe(0);
  });

  it('are durable when they are answered, plain and in every compression', async () => {
    expect(await call(MESSAGE)).toEqual(Buffer.alloc(0));
    await initZstd();
    for (const [encoding, compressed] of [
      ['gzip', gzipSync(MESSAGE)],
      ['deflate', deflateSync(MESSAGE)],
      ['zstd', Buffer.from(compressZstd(MESSAGE, 3))],
    ] as const) {
      const frame = framed(compressed);
      frame[0] = 1;
      expect(await send(frame, { 'grpc-encoding': encoding })).toMatchObject({ httpStatus: 200, code: 0 });
    }
    // A sender may name a compression and leave one message as it is.
    expect(await send(framed(MESSAGE), { 'grpc-encoding': 'gzip' })).toMatchObject({ code: 0 });
    expect(await storedRows()).toBe(5);
  });

  it('are answered with a partial success where some are rejected', async () => {
    const answer = await call(Buffer.from(encodeOtlp(withSpans(SPAN, { ...SPAN, spanId: '' }))));
    const message = (answer as Buffer).subarray(6);
    expect(String(message)).toMatch(/^1 span .*span id/);
    expect(answer).toEqual(
      Buffer.concat([Buffer.from([0x0a, message.length + 4, 0x08, 1, 0x12, message.length]), message]),
    );
  });

  it('arrive in many frames and in many calls at once', async () => {
    const large = Buffer.from(encodeOtlp(withSpans(...Array.from({ length: 20_000 }, () => SPAN))));
    await Promise.all([call(large), ...Array.from({ length: 100 }, () => call(MESSAGE))]);
    expect(await registry.metrics()).toContain('throughline_otlp_grpc_requests_total{outcome="OK"} 101');
    await eventually(async () => budget.taken === 0);
    expect(await storedRows()).toBe(20_100);
  });
});

describe('a call that cannot be taken', () => {
  it('is INVALID_ARGUMENT with the place of the fault for malformed protobuf', async () => {
    expect(await failure(MESSAGE.subarray(0, -1))).toMatchObject({
      code: 3,
      details: expect.stringMatching(/malformed protobuf .*byte \d+ in .*: truncated$/) as unknown,
    });
  });

  it.for([
    ['no message', Buffer.alloc(0), {}, 3],
    ['a torn prefix', framed(MESSAGE).subarray(0, 3), {}, 3],
    ['a truncated message', framed(MESSAGE).subarray(0, -1), {}, 3],
    ['two messages', Buffer.concat([framed(MESSAGE), framed(MESSAGE)]), {}, 3],
    ['an unknown compressed flag', Buffer.from([2, 0, 0, 0, 0]), {}, 3],
    ['a compressed flag without a compression', Buffer.from([1, 0, 0, 0, 0]), {}, 3],
    ['no gzip', Buffer.from([1, 0, 0, 0, 2, 1, 2]), { 'grpc-encoding': 'gzip' }, 3],
    ['an unknown compression', framed(MESSAGE), { 'grpc-encoding': 'snappy' }, 12],
    ['a message that announces more than the limit', Buffer.from([0, 0xff, 0xff, 0xff, 0xff]), {}, 8],
    ['an unknown method', framed(MESSAGE), { ':path': '/a.B/100%25' }, 12],
  ] as const)(
    'ends with a status for %s, and the next one on the connection works',
    async ([, bytes, headers, code]) => {
      const answer = await send(bytes, headers);
      expect(answer).toMatchObject({ httpStatus: 200, code });
      expect(answer.message).not.toBe('');
      expect(await send(framed(MESSAGE))).toMatchObject({ code: 0 });
      await eventually(async () => budget.taken === 0);
    },
  );

  it('is UNIMPLEMENTED for profiles, as their exporters expect', async () => {
    const path = '/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export';
    expect(await failure(MESSAGE, path)).toMatchObject({ code: 12 });
  });

  it('is rejected as HTTP where it is no gRPC', async () => {
    expect(await send(MESSAGE, { 'content-type': 'application/json' })).toMatchObject({ httpStatus: 415 });
    expect(await send(MESSAGE, { 'content-type': 'application/grpc-web' })).toMatchObject({ httpStatus: 415 });
    expect(await send(framed(MESSAGE), { 'content-type': 'application/grpc+proto' })).toMatchObject({ code: 0 });
  });

  it('is rejected by its prefix alone when its message is too large, before the rest is sent', async () => {
    const answer = await send(Buffer.from([0, 0x7f, 0, 0, 0, 1, 2, 3]), {}, { end: false });
    expect(answer).toMatchObject({
      code: 8,
      message: expect.stringMatching(/ 2130706432 .* 16777216 /) as string,
    });
  });

  it('is RESOURCE_EXHAUSTED for a gzip bomb, which costs little memory', async () => {
    const bomb = framed(gzipSync(Buffer.alloc(256 * 1024 * 1024)));
    bomb[0] = 1;
    const before = process.memoryUsage().rss;
    for (let repeat = 0; repeat < 10; repeat++) {
      expect(await send(bomb, { 'grpc-encoding': 'gzip' })).toMatchObject({ code: 8 });
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024);
  });

  it('leaves nothing behind when its sender goes away, or is too slow', async () => {
    await stop();
    await start({ requestTimeoutMs: 200 });
    const gone = session.request({ ':method': 'POST', ':path': EXPORT, 'content-type': 'application/grpc' });
    gone.on('error', () => {});
    gone.write(framed(MESSAGE).subarray(0, 20));
    await eventually(async () => budget.taken > 0);
    gone.destroy();
    await eventually(async () => budget.taken === 0);
    expect(await send(framed(MESSAGE).subarray(0, 20), {}, { end: false })).toMatchObject({ code: 4 });
    expect(await registry.metrics()).toContain('throughline_otlp_grpc_requests_total{outcome="ABORTED"} 1');
    await eventually(async () => budget.taken === 0);
  });
});

describe('a sender that takes no answer', () => {
  it('is cut off in time, and others are not', async () => {
    await stop();
    await start({ requestTimeoutMs: 300 });
    const deaf = connect(`http://127.0.0.1:${address.port}`, { settings: { initialWindowSize: 0 } });
    deaf.on('error', () => {});
    const ended = new Promise<void>((resolve) => deaf.once('close', () => resolve()));
    const open = deaf.request({ ':method': 'POST', ':path': EXPORT, 'content-type': 'application/grpc' });
    open.on('error', () => {});
    open.end(framed(MESSAGE));
    await ended;
    expect(await registry.metrics()).toContain('limit="otlpGrpc.requestTimeoutMs"} 1');
    expect(await call(MESSAGE)).toEqual(Buffer.alloc(0));
    await eventually(async () => budget.taken === 0);
  });

  it('does not hold a health watcher to that time', async () => {
    await stop();
    await start({ requestTimeoutMs: 100 });
    const watcher = watch('');
    await eventually(async () => watcher.answers.length === 1);
    await eventually(async () => (await send(Buffer.from([0]), {}, { end: false })).code === 4);
    expect(await registry.metrics()).toContain('limit="otlpGrpc.requestTimeoutMs"} 1');
    await receiver.close();
    // UNAVAILABLE: it was still watching.
    expect(await watcher.ended).toBe(14);
  });
});

describe('a collector that is busy', () => {
  it('says RESOURCE_EXHAUSTED with RetryInfo while the spool is full', async () => {
    await stop();
    await start({ spoolLimits: { segmentBytesMax: 1, backlogBytesMax: 1 } });
    let error: ServiceError | undefined;
    await eventually(async () => {
      error = await call(MESSAGE).then(
        () => undefined,
        (caught: unknown) => caught as ServiceError,
      );
      return error !== undefined;
    });
    if (error !== undefined) expectRetry(error);
    expect(await call(Buffer.alloc(0), CHECK)).toEqual(Buffer.from([0x08, 2]));
  });

  it('says so beyond the bytes in flight, which are shared with other receivers', async () => {
    await stop();
    await start({ bytesInFlightMax: 10_000 });
    const others = budget.reserve();
    others.take(9_990);
    expectRetry(await failure(MESSAGE));
    others.release();
    expect(await call(MESSAGE)).toEqual(Buffer.alloc(0));
    await eventually(async () => budget.taken === 0);
    const error = await failure(Buffer.alloc(20_000));
    expect(error).toMatchObject({ code: 8, details: expect.stringContaining('receivers.bytesInFlightMax') as unknown });
    expect(error.metadata.get('grpc-status-details-bin'), 'no repeat would help').toEqual([]);
    await eventually(async () => budget.taken === 0);
  });

  it('says so beyond the calls at once', async () => {
    await stop();
    await start({ callsMax: 1 });
    const open = session.request({ ':method': 'POST', ':path': EXPORT, 'content-type': 'application/grpc' });
    open.write(Buffer.from([0, 0, 0, 0, 9, 1]));
    await eventually(async () => budget.taken > 0);
    expectRetry(await failure(MESSAGE));
    open.close();
    await eventually(async () => budget.taken === 0);
    expect(await call(MESSAGE)).toEqual(Buffer.alloc(0));
  });
});

describe('the health service', () => {
  it('is serving, for the trace service and in all, and knows no other', async () => {
    expect(await call(Buffer.alloc(0), CHECK)).toEqual(Buffer.from([0x08, 1]));
    expect(await call(about(SERVICE), CHECK)).toEqual(Buffer.from([0x08, 1]));
    expect(await failure(about('other'), CHECK)).toMatchObject({ code: 5 });
    expect(await failure(Buffer.from([0x0a, 9]), CHECK)).toMatchObject({ code: 3 });
  });

  it('reports the state to watchers, and its end when the collector stops', async () => {
    const known = watch(SERVICE);
    const unknown = watch('other');
    await eventually(async () => known.answers.length === 1 && unknown.answers.length === 1);
    await receiver.close();
    expect(await known.ended).toBe(14);
    expect(await unknown.ended).toBe(14);
    expect(known.answers).toEqual([1, 2]);
    expect(unknown.answers).toEqual([3]);
    await spool.close();
    await start();
  });

  it('takes no more watchers than its limit', async () => {
    await stop();
    await start({ watchersMax: 0 });
    const stream = client.makeServerStreamRequest(WATCH, asIs, asIs, Buffer.alloc(0));
    stream.resume();
    expect(await new Promise((resolve) => stream.on('error', (error: ServiceError) => resolve(error.code)))).toBe(8);
  });
});

it('any bytes as a message, in any frame, end with a status, and nothing stays taken', async () => {
  const flag = fc.constantFrom(0, 1, 2, 255);
  const encoding = fc.constantFrom('identity', 'gzip', 'deflate', 'br');
  const bytes = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.constant(MESSAGE), fc.constant(gzipSync(MESSAGE)));
  await fc.assert(
    fc.asyncProperty(flag, encoding, bytes, fc.nat(300), async (first, grpcEncoding, message, cut) => {
      const frame = framed(message);
      frame[0] = first;
      const answer = await send(frame.subarray(0, cut), { 'grpc-encoding': grpcEncoding });
      expect(answer.httpStatus).toBe(200);
      expect([0, 3, 12]).toContain(answer.code);
    }),
    { numRuns: 300 },
  );
  await eventually(async () => budget.taken === 0);
  expect(await registry.metrics()).not.toContain('INTERNAL');
});

it('bytes that are no HTTP/2 end their connection and no other', async () => {
  for (const bytes of [
    'GET / HTTP/1.1\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff',
    '\0\0\0',
  ]) {
    const socket = connectSocket(address.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.end(Buffer.from(bytes, 'latin1'));
    socket.resume();
    await new Promise((resolve) => socket.on('close', resolve));
  }
  expect(await call(MESSAGE)).toEqual(Buffer.alloc(0));
});

it('names HTTP/1.1 and TLS on its port in the log, once, and counts them; a probe that only connects is neither', async () => {
  const warn = vi.spyOn(log, 'warn');
  const foreign = [
    'POST /v1/traces HTTP/1.1\r\nHost: a\r\n\r\n',
    '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003'.padEnd(64, 'x'),
  ];
  for (const bytes of ['', ...foreign]) {
    const socket = connectSocket(address.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.end(Buffer.from(bytes, 'latin1'));
    socket.resume();
    await new Promise((resolve) => socket.on('close', resolve));
  }
  await eventually(async () =>
    (await registry.metrics()).includes('throughline_otlp_grpc_foreign_connections_total 2'),
  );
  const lines = warn.mock.calls.map((given) => given.map(String).join(' ')).filter((line) => line.includes('4318'));
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('OTLP/HTTP');
  warn.mockRestore();
});

it('closing answers what is running and frees the port', async () => {
  const stream = session.request({ ':method': 'POST', ':path': EXPORT, 'content-type': 'application/grpc' });
  const frame = framed(MESSAGE);
  let status: unknown;
  stream.on('trailers', (trailers) => (status = trailers['grpc-status']));
  stream.resume();
  stream.write(frame.subarray(0, 10));
  await eventually(async () => budget.taken > 0);
  const closed = receiver.close();
  stream.end(frame.subarray(10));
  await closed;
  expect(status).toBe('0');
  client.close();
  await spool.close();
  await start();
});

it('a port that is taken is an error with its code', async () => {
  const other = new Registry();
  const ingest = new Ingest({ spool, registry: other, now: () => 1_795_000_100_000 });
  const second = new OtlpGrpcReceiver({ ...sharedByReceivers(ingest, other) });
  await expect(second.start('127.0.0.1', address.port)).rejects.toMatchObject({ code: 'EADDRINUSE' });
});

it('a message of very many small things is decoded in the thread', async () => {
  await call(MESSAGE);
  expect(await registry.metrics()).toContain('throughline_body_decoder_bodies_total{outcome="decoded"} 0');
  await call(Buffer.concat([MESSAGE, Buffer.alloc(2 * 100_001, Buffer.from([0x0a, 0]))]));
  const metrics = await registry.metrics();
  expect(metrics).toContain('throughline_body_decoder_bodies_total{outcome="decoded"} 1');
  expect(metrics).toContain('throughline_accepted_spans_total 2');
});

/** What a connection answers to these pieces, until it is closed or a frame of HTTP/2 comes. */
const speak = (...pieces: string[]): Promise<string> =>
  new Promise((resolve) => {
    const socket = connectSocket(address.port, '127.0.0.1');
    let received = '';
    socket.on('error', () => {});
    socket.setEncoding('latin1').on('data', (text: string) => {
      received += text;
      // A frame of settings, which HTTP/2 begins with.
      if (received.startsWith('\0\0')) socket.destroy();
    });
    socket.on('close', () => resolve(received));
    void (async () => {
      for (const piece of pieces) {
        socket.write(piece, 'latin1');
        for (let turn = 0; turn < 20; turn++) await nextTurn();
      }
    })();
  });

it('answers HTTP/1.1 on its port in HTTP/1.1, with where that is spoken, and takes HTTP/2 that begins in pieces', async () => {
  const answers = await Promise.all([
    speak('POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}'),
    speak('P', 'RI', ' nothing', 'more'),
    speak('P', 'RI * HTTP/2.0\r\n', '\r\nSM\r\n\r\n', '\0\0\0\u0004\0\0\0\0\0'),
  ]);
  expect(answers.slice(0, 2)).toEqual(
    Array(2).fill(expect.stringMatching(/^HTTP\/1\.1 400 [^]*4318 by default"\}\n$/)),
  );
  expect(answers[2]?.startsWith('\0\0')).toBe(true);
  expect(await call(MESSAGE)).toEqual(Buffer.alloc(0));
});

/** Of HTTP/2. */
const frame = (type: number, flags: number, stream: number, content: Buffer): Buffer =>
  Buffer.concat([Buffer.from([0, content.length >> 8, content.length & 255, type, flags, 0, 0, 0, stream]), content]);

/** Those that calls have ended with. */
const outcomes = async (): Promise<string[]> =>
  (await registry.metrics()).match(/(?<=otlp_grpc_requests_total\{outcome=")[^"]+(?="\} [1-9])/g) ?? [];

it('rejects a message in frames of a few bytes once it has come in very many', async () => {
  const fields = {
    ':method': 'POST',
    ':scheme': 'http',
    ':path': EXPORT,
    ':authority': 'a',
    'content-type': 'application/grpc',
  };
  // Literals without a table, as no library writes them.
  const head = Object.entries(fields).flatMap(([name, value]) => [
    Buffer.from([0, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ]);
  const message = framed(Buffer.alloc(12_000, Buffer.from([0x0a, 0])));
  const socket = connectSocket(address.port, '127.0.0.1');
  socket.on('error', () => {}).resume();
  socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, 0, Buffer.alloc(0))]));
  for (const [stream, bytes, outcome] of [
    [1, 16, ['OK']],
    [3, 8, ['OK', 'INVALID_ARGUMENT']],
  ] as const) {
    socket.write(frame(1, 4, stream, Buffer.concat(head)));
    const frames: Buffer[] = [];
    for (let at = 0; at < message.length; at += bytes)
      frames.push(frame(0, 0, stream, message.subarray(at, at + bytes)));
    socket.write(Buffer.concat([...frames, frame(0, 1, stream, Buffer.alloc(0))]));
    await eventually(async () => (await outcomes()).length === outcome.length);
    expect((await outcomes()).toSorted()).toEqual(outcome.toSorted());
  }
  socket.destroy();
});
