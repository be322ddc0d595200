import { constants, createServer } from 'node:http2';
import type { Http2Server, IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import { createServer as createNetServer, type AddressInfo, type Socket } from 'node:net';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Ingest } from '../../ingest/ingest.ts';
import { isAllowed, type AccessCheck, type AccessDecision } from '../../http/access.ts';
import { Listener } from '../../http/listener.ts';
import { LimitCounter } from '../../limit-counter.ts';
import type { IngestResult } from '../../columns/ingest-result.ts';
import { BodyMemory, type Deadline } from '../body/body.ts';
import type { BodyDecoder } from '../decode/body-decoder.ts';
import { BodyError, SenderGoneError } from '../body/body-error.ts';
import type { ByteBudget, Reservation } from '../body/byte-budget.ts';
import { COMPRESSIONS, compressionOf, type Compression } from '../body/compression.ts';
import type { Decompressor } from '../body/decompressor.ts';
import { GrpcHealth, HEALTH_CHECK_PATH, HEALTH_WATCH_PATH } from './grpc-health.ts';
import { framed, readMessage } from './grpc-message.ts';
import { GrpcError, statusName, statusTrailers, type GrpcStatus } from './grpc-status.ts';
import { respondToOtherOrigin, readBeginning } from './http2-preface.ts';
import { OTLP_GRPC_LIMITS, type OtlpGrpcLimits } from '../limits.ts';
import { OtlpGrpcMetrics } from './otlp-grpc-metrics.ts';
import { encodeSuccess, StatusCode, statusCodeOf } from '../otlp/otlp-response.ts';
import { SIGNAL_METHODS, signalOfMethod, TRACE_SERVICE, TRACES_METHOD, type Signal } from '../otlp/signals.ts';

export interface OtlpGrpcReceiverOptions {
  readonly ingest: Ingest;
  /** Shared by all receivers; beyond it the answer is RESOURCE_EXHAUSTED. */
  readonly budget: ByteBudget;
  readonly decompressor: Decompressor;
  readonly decoder: BodyDecoder;
  readonly log: Logger;
  readonly registry: Registry;
  readonly limits?: Partial<OtlpGrpcLimits>;
  readonly access: AccessCheck;
}

const METHODS: readonly string[] = [...SIGNAL_METHODS, HEALTH_CHECK_PATH, HEALTH_WATCH_PATH];

/** What a call that runs takes beside its message and its headers: stream, promises, listeners, timers. */
const CALL_BYTES = 4 * 1024;

const ACCEPTED_ENCODINGS = ['identity', ...COMPRESSIONS].join(',');

/**
 * OTLP/gRPC on one port, without TLS: `TraceService/Export`, and `grpc.health.v1.Health`. Metrics and logs are answered
 * beside them, and not stored.
 */
export class OtlpGrpcReceiver {
  readonly #ingest: Ingest;
  readonly #budget: ByteBudget;
  readonly #decompressor: Decompressor;
  readonly #decoder: BodyDecoder;
  readonly #log: Logger;
  readonly #limits: OtlpGrpcLimits;
  readonly #metrics: OtlpGrpcMetrics;
  readonly #limitCounter: LimitCounter;
  readonly #health: GrpcHealth;
  readonly #bodyMemory = new BodyMemory();
  readonly #http2: Http2Server;
  /** Connections of which it is not known yet whether they speak HTTP/2. */
  readonly #unknown = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #deadline: Deadline;
  #calls = 0;
  readonly #listener: Listener;
  #isForeignTold = false;

  constructor(options: OtlpGrpcReceiverOptions) {
    const { ingest, budget, decompressor, decoder, log, registry, limits, access } = options;
    this.#ingest = ingest;
    this.#budget = budget;
    this.#decompressor = decompressor;
    this.#decoder = decoder;
    this.#log = log;
    this.#limits = { ...OTLP_GRPC_LIMITS, ...limits };
    this.#metrics = new OtlpGrpcMetrics(registry);
    this.#limitCounter = new LimitCounter(registry);
    this.#health = new GrpcHealth({
      service: TRACE_SERVICE,
      isServing: () => !this.#listener.isClosing && ingest.busyBecause === null,
      watchersMax: this.#limits.watchersMax,
      onRefused: () => this.#limitCounter.reached('otlpGrpc.watchersMax'),
    });
    this.#deadline = {
      timeoutMs: this.#limits.requestTimeoutMs,
      error: () => {
        this.#limitCounter.reached('otlpGrpc.requestTimeoutMs');
        return new GrpcError(StatusCode.deadlineExceeded, 'timed out waiting for the message');
      },
    };
    this.#http2 = createServer({
      settings: {
        maxConcurrentStreams: this.#limits.callsPerConnectionMax,
        initialWindowSize: this.#limits.streamWindowBytes,
        maxHeaderListSize: this.#limits.headerBytesMax,
        enablePush: false,
      },
    });
    const server = createNetServer((socket) => this.#begin(socket));
    server.maxConnections = this.#limits.connectionsMax;
    server.on('drop', () => this.#limitCounter.reached('otlpGrpc.connectionsMax'));
    this.#listener = new Listener(server, {
      name: 'OTLP/gRPC',
      log,
      endIdle: () => {
        this.#health.close();
        // Says GOAWAY: what is running is finished, what comes later goes elsewhere.
        for (const session of this.#sessions) session.close();
        for (const socket of this.#unknown) socket.destroy();
      },
      endAll: () => {
        this.#limitCounter.reached('otlpGrpc.requestTimeoutMs');
        for (const session of this.#sessions) session.destroy();
      },
    });
    this.#http2.on('session', (session) => this.#welcome(session));
    this.#http2.on('stream', (stream, headers) => {
      // Nothing that goes wrong with one call is to end the process.
      this.#handle(stream, readHead(headers, access)).catch((error: unknown) => {
        this.#count('FAILED');
        this.#log.error({ err: error }, 'could not respond to an OTLP/gRPC call; closed its stream');
        stream.destroy();
      });
    });
  }

  /** Listens. Rejects with Node's own error (`code` `EADDRINUSE`, …) when it cannot. */
  start(host: string, port: number): Promise<AddressInfo> {
    return this.#listener.start(host, port);
  }

  /** Refuses new connections and calls, and resolves when the running calls have been answered. */
  close(): Promise<void> {
    return this.#listener.close(this.#limits.closeTimeoutMs);
  }

  /** Looks at how a connection begins before HTTP/2 answers it, in frames that nobody else can read. */
  #begin(socket: Socket): void {
    this.#unknown.add(socket);
    const end = (): void => {
      this.#limitCounter.reached('otlpGrpc.requestTimeoutMs');
      socket.destroy();
    };
    const timer = setTimeout(end, this.#limits.requestTimeoutMs).unref();
    const forget = (): void => {
      clearTimeout(timer);
      this.#unknown.delete(socket);
    };
    socket.once('close', forget);
    readBeginning(socket, (isHttp2) => {
      socket.off('close', forget);
      forget();
      if (isHttp2) this.#http2.emit('connection', socket);
      else {
        this.#tellForeign();
        respondToOtherOrigin(socket);
      }
    });
  }

  #welcome(session: ServerHttp2Session): void {
    this.#sessions.add(session);
    session.setLocalWindowSize(this.#limits.connectionWindowBytes);
    session.setTimeout(this.#limits.idleTimeoutMs, () => {
      this.#limitCounter.reached('otlpGrpc.idleTimeoutMs');
      session.close();
    });
    session.on('close', () => this.#sessions.delete(session));
    // Broken frames: the connection has ended with them, and only its sender can do something about it.
    session.on('error', (error) => this.#log.debug({ err: error }, 'OTLP/gRPC connection'));
  }

  #tellForeign(): void {
    this.#metrics.foreignConnections.inc();
    if (this.#isForeignTold) return;
    this.#isForeignTold = true;
    this.#log.warn(
      'a connection to the OTLP/gRPC port speaks HTTP/1.1 or TLS: send OTLP/HTTP to its own port, 4318 by default; neither port accepts TLS. ' +
        'Later ones are counted by throughline_otlp_grpc_foreign_connections_total',
    );
  }

  async #handle(stream: ServerHttp2Stream, head: CallHead): Promise<void> {
    // Told by the stream's end as well, which is what we look at.
    stream.on('error', () => {});
    if (!head.isGrpc) {
      stream.respond({ ':status': 415 }, { endStream: true });
      stopReading(stream);
      return;
    }
    const reservation = this.#budget.reserve();
    this.#calls += 1;
    // Until its stream has ended: one whose answer is not taken holds memory as well.
    stream.once('close', () => {
      this.#calls -= 1;
      reservation.release();
    });
    try {
      await this.#call(stream, head, reservation);
    } catch (error) {
      if (error instanceof GrpcError) this.#end(stream, error.status);
      else if (error instanceof BodyError) this.#end(stream, this.#bodyStatus(error));
      else if (error instanceof SenderGoneError || stream.aborted || stream.destroyed) this.#count('ABORTED');
      else {
        this.#log.error({ err: error }, 'OTLP/gRPC call failed');
        this.#end(stream, { code: StatusCode.internal, message: 'internal error' });
      }
    } finally {
      this.#cutUnlessTaken(stream);
    }
  }

  /** A sender that does not take its answer would hold the stream for as long as it likes. */
  #cutUnlessTaken(stream: ServerHttp2Stream): void {
    if (stream.destroyed || this.#health.isWatched(stream)) return;
    const timer = setTimeout(() => {
      this.#limitCounter.reached('otlpGrpc.requestTimeoutMs');
      // The end of the stream alone would have to be sent, too.
      stream.session?.destroy();
    }, this.#limits.requestTimeoutMs).unref();
    stream.once('close', () => clearTimeout(timer));
  }

  async #call(
    stream: ServerHttp2Stream,
    { decision, method, encoding, headerBytes }: CallHead,
    held: Reservation,
  ): Promise<void> {
    const { headerBytesMax } = this.#limits;
    if (headerBytes > headerBytesMax) {
      // HTTP/2 holds a sender to it that has confirmed our settings, and no other.
      this.#limitCounter.reached('otlpGrpc.headerBytesMax');
      throw new GrpcError(
        StatusCode.resourceExhausted,
        `the headers take ${headerBytes} bytes; at most ${headerBytesMax} are accepted`,
      );
    }
    // Before access, since a check that waits is one of the calls that are bounded.
    if (this.#calls > this.#limits.callsMax) {
      this.#limitCounter.reached('otlpGrpc.callsMax');
      return this.#end(stream, this.#busy('too many concurrent calls (otlpGrpc.callsMax)'));
    }
    let access = decision;
    // A check that waits for nothing costs no turn.
    if (access instanceof Promise) {
      access = await access;
      // Nothing is taken for a stream that has ended: nobody would give it back.
      if (stream.destroyed) throw new SenderGoneError('the sender has gone');
    }
    if (!isAllowed(access)) throw new GrpcError(statusCodeOf(access.status), access.message);
    if (method instanceof GrpcError) throw method;
    const signal = signalOfMethod(method);
    const busyBecause = signal === 'traces' ? this.#ingest.admit() : null;
    if (busyBecause !== null) return this.#end(stream, this.#busy(busyBecause));
    if (encoding instanceof GrpcError) throw encoding;
    held.take(CALL_BYTES + headerBytes);
    const body = await readMessage(stream, {
      encoding,
      bytesMax: this.#limits.messageBytesMax,
      decompressedBytesMax: this.#limits.decompressedBytesMax,
      budget: this.#budget,
      decompressor: this.#decompressor,
      deadline: this.#deadline,
    });
    try {
      if (method === HEALTH_WATCH_PATH) this.#health.watch(body.copy(), stream);
      else if (signal === null) respond(stream, this.#health.check(body.copy()));
      else {
        this.#metrics.bodyBytes.inc(body.length);
        const take = (): Promise<IngestResult> => this.#decoder.takeProtobuf(body, signal, this.#bodyMemory);
        const result = signal === 'traces' ? await this.#ingest.once(body.parts, take) : await take();
        this.#answer(stream, result, signal);
      }
    } finally {
      body.release();
    }
  }

  #answer(stream: ServerHttp2Stream, result: IngestResult, signal: Signal): void {
    switch (result.kind) {
      case 'stored':
        this.#count('OK');
        respond(stream, encodeSuccess('protobuf', result.rejectedSpans, result.message, signal));
        break;
      case 'malformed':
        this.#end(stream, { code: StatusCode.invalidArgument, message: result.message });
        break;
      case 'tooLarge':
        this.#limitCounter.reached(result.limit);
        this.#end(stream, { code: StatusCode.resourceExhausted, message: result.message });
        break;
      case 'failed':
        this.#end(stream, { code: StatusCode.internal, message: result.message });
        break;
      default:
        this.#end(stream, this.#busy(result.message, result.retryAfterMs));
    }
  }

  #bodyStatus({ status, message, limit }: BodyError): GrpcStatus {
    if (status === 503) return this.#busy(message);
    if (limit !== null) {
      this.#limitCounter.reached(`otlpGrpc.${limit === 'sent' ? 'messageBytesMax' : 'decompressedBytesMax'}`);
    }
    return { code: status === 413 ? StatusCode.resourceExhausted : StatusCode.invalidArgument, message };
  }

  #busy(message: string, retryAfterMs = this.#limits.retryAfterMs): GrpcStatus {
    return { code: StatusCode.resourceExhausted, message, retryAfterMs };
  }

  /** Ends a call without a message. Does nothing where the call has ended before. */
  #end(stream: ServerHttp2Stream, status: GrpcStatus): void {
    if (stream.headersSent) return;
    if (stream.destroyed || stream.aborted) {
      this.#count('ABORTED');
      return;
    }
    this.#count(statusName(status.code));
    stream.respond(
      {
        ':status': 200,
        'content-type': 'application/grpc',
        'grpc-accept-encoding': ACCEPTED_ENCODINGS,
        ...statusTrailers(status),
      },
      { endStream: true },
    );
    stopReading(stream);
  }

  #count(outcome: string): void {
    this.#metrics.requests.inc({ outcome });
  }
}

/** Answers with one message and the status OK. */
function respond(stream: ServerHttp2Stream, message: Uint8Array): void {
  // The sender may have gone while its spans became durable.
  if (stream.destroyed || stream.headersSent) return;
  stream.respond(
    { ':status': 200, 'content-type': 'application/grpc', 'grpc-accept-encoding': ACCEPTED_ENCODINGS },
    { waitForTrailers: true },
  );
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(framed(message));
}

/** Ends the reading side of an answered call. What has arrived of it is thrown away. */
function stopReading(stream: ServerHttp2Stream): void {
  // A stream with something left to read does not end: it would hold that, up to its window, for as long as its
  // connection.
  stream.resume();
  // In a turn of its own: the frame that ends a stream overtakes, and with it drops, an answer that is still to be
  // written.
  setImmediate(() => {
    if (!stream.readableEnded && !stream.destroyed) stream.close(constants.NGHTTP2_NO_ERROR);
  });
}

/** What a call needs of its headers. They are let go at once: a running call would hold all of them. */
interface CallHead {
  readonly isGrpc: boolean;
  /** Whether it may be made. */
  readonly decision: AccessDecision | Promise<AccessDecision>;
  /** Its path, or why there is no such method. */
  readonly method: string | GrpcError;
  readonly encoding: Compression | 'identity' | GrpcError;
  /** As HTTP/2 counts them. */
  readonly headerBytes: number;
}

function readHead(headers: IncomingHttpHeaders, check: AccessCheck): CallHead {
  const path = headers[':path'] ?? '';
  // One of our own texts, which does not hold the sender's.
  const method = METHODS.find((known) => known === path);
  return {
    isGrpc: isGrpc(headers),
    decision: decide(check, headers),
    method:
      method ??
      new GrpcError(
        StatusCode.unimplemented,
        `there is no method ${path.slice(0, 200)}; traces go to ${TRACES_METHOD}`,
      ),
    encoding: messageEncoding(headers),
    headerBytes: sizeOf(headers),
  };
}

/**
 * What the check throws rejects as well: the call ends with it, and not the process. It is awaited later, or never
 * where the call is refused before.
 */
function decide(check: AccessCheck, headers: IncomingHttpHeaders): CallHead['decision'] {
  let decision: CallHead['decision'];
  try {
    decision = check({ method: 'POST', url: headers[':path'], headers });
  } catch (error) {
    decision = Promise.reject(error);
  }
  if (decision instanceof Promise) decision.catch(() => {});
  return decision;
}

/** The size of a header list, by RFC 9113, 6.5.2, where those that came several times are one. */
function sizeOf(headers: IncomingHttpHeaders): number {
  let bytes = 0;
  for (const name in headers) bytes += name.length + String(headers[name]).length + 32;
  return bytes;
}

function isGrpc(headers: IncomingHttpHeaders): boolean {
  const type = headers['content-type'] ?? '';
  // Only the encoding that OTLP uses; `application/grpc` alone means it.
  return headers[':method'] === 'POST' && /^application\/grpc(?:\+proto)?(?:;|$)/i.test(type);
}

/** The error for one that is not supported. */
function messageEncoding(headers: IncomingHttpHeaders): Compression | 'identity' | GrpcError {
  const encoding = headers['grpc-encoding'] ?? 'identity';
  if (encoding === 'identity') return encoding;
  const known = compressionOf(String(encoding));
  if (known !== undefined) return known;
  const message = `the message encoding is ${String(encoding).slice(0, 100)}; ${ACCEPTED_ENCODINGS} are accepted`;
  return new GrpcError(StatusCode.unimplemented, message);
}
