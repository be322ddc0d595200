import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { answerClientErrors } from '../client-error.ts';
import type { Ingest } from '../ingest/ingest.ts';
import type { IngestResult } from '../ingest/result.ts';
import { BodyError } from './body-error.ts';
import type { ByteBudget } from './byte-budget.ts';
import { CorsPolicy } from './cors.ts';
import { COMPRESSIONS } from './decompress.ts';
import { answerAndDiscard } from './discard.ts';
import { JsonRoutes, type JsonRoute } from './json-routes.ts';
import { OtlpHttpMetrics } from './otlp-http-metrics.ts';
import { decodeOtlp } from './otlp-decoder.ts';
import { decodeOtlpJson } from './otlp-json.ts';
import { CONTENT_TYPES, encodeStatus, encodeSuccess, StatusCode, type OtlpEncoding } from './otlp-response.ts';
import { bodyEncoding, checkAnnouncedLength, readBody } from './request-body.ts';

export interface OtlpHttpLimits {
  /** A request's body, as sent and decompressed alike. */
  readonly bodyBytesMax: number;
  /** A request that has not arrived whole by then is answered 408 and cut off. */
  readonly requestTimeoutMs: number;
  readonly headersTimeoutMs: number;
  /** A connection without a request is closed after it. */
  readonly keepAliveTimeoutMs: number;
  readonly connectionsMax: number;
  /** How long `close` waits for requests that are still arriving. */
  readonly closeTimeoutMs: number;
  /** What `Retry-After` says where the answer is 503 before anything has been read. */
  readonly retryAfterMs: number;
}

export const OTLP_HTTP_LIMITS: OtlpHttpLimits = {
  bodyBytesMax: 16 * 1024 * 1024,
  requestTimeoutMs: 30_000,
  headersTimeoutMs: 10_000,
  keepAliveTimeoutMs: 65_000,
  connectionsMax: 4_096,
  closeTimeoutMs: 1_500,
  retryAfterMs: 1_000,
};

export interface OtlpHttpReceiverOptions {
  readonly ingest: Ingest;
  /** Shared by all receivers; beyond it the answer is 503. */
  readonly budget: ByteBudget;
  readonly log: Logger;
  readonly registry: Registry;
  readonly limits?: Partial<OtlpHttpLimits>;
  /** Web origins that may send besides those on the loopback interface; `*` allows all. */
  readonly corsOrigins?: readonly string[];
  /** Paths of other rooms on the same port. */
  readonly routes?: readonly JsonRoute[];
}

const PATH = '/v1/traces';

const ACCEPTED_ENCODINGS = [...COMPRESSIONS, 'identity'].join(', ');

/** How often Node looks for requests that are over their time. */
const TIMEOUT_CHECK_INTERVAL_MS = 1_000;

/** google.rpc.Code of what Node refuses by itself; the others are the sender's mistakes. */
const STATUS_CODES_OF_NODE: Readonly<Record<number, number>> = {
  408: StatusCode.deadlineExceeded,
  413: StatusCode.resourceExhausted,
  431: StatusCode.resourceExhausted,
};

/** An answer, before it is encoded for the sender. */
interface Answer {
  readonly status: number;
  readonly body: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

/** OTLP/HTTP on one port: `POST /v1/traces`, protobuf and JSON. */
export class OtlpHttpReceiver {
  readonly #ingest: Ingest;
  readonly #log: Logger;
  readonly #limits: OtlpHttpLimits;
  readonly #cors: CorsPolicy;
  readonly #budget: ByteBudget;
  readonly #metrics: OtlpHttpMetrics;
  readonly #routes: JsonRoutes;
  readonly #server: Server;
  #isClosing = false;

  constructor({ ingest, budget, log, registry, limits, corsOrigins, routes }: OtlpHttpReceiverOptions) {
    this.#ingest = ingest;
    this.#log = log;
    this.#limits = { ...OTLP_HTTP_LIMITS, ...limits };
    this.#cors = new CorsPolicy(corsOrigins ?? []);
    this.#budget = budget;
    this.#metrics = new OtlpHttpMetrics(registry);
    this.#routes = new JsonRoutes(routes ?? [], budget, this.#cors);
    this.#server = createServer({
      requestTimeout: this.#limits.requestTimeoutMs,
      headersTimeout: this.#limits.headersTimeoutMs,
      keepAliveTimeout: this.#limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: TIMEOUT_CHECK_INTERVAL_MS,
    });
    this.#server.maxConnections = this.#limits.connectionsMax;
    const handle = (request: IncomingMessage, response: ServerResponse): void => void this.#handle(request, response);
    this.#server.on('request', handle);
    // Whoever asks before sending the body learns of a refusal before sending it.
    this.#server.on('checkContinue', handle);
    answerClientErrors(this.#server, (httpStatus, why) => {
      this.#metrics.requests.inc({ outcome: String(httpStatus) });
      const code = STATUS_CODES_OF_NODE[httpStatus] ?? StatusCode.invalidArgument;
      // What was to come, and in which encoding, is not known.
      return { contentType: CONTENT_TYPES.json, body: encodeStatus('json', code, why) };
    });
  }

  /** Listens. Rejects with Node's own error (`code` `EADDRINUSE`, …) when it cannot. */
  start(host: string, port: number): Promise<AddressInfo> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        this.#server.on('error', (error) => this.#log.error({ err: error }, 'OTLP/HTTP server'));
        resolve(this.#server.address() as AddressInfo);
      });
    });
  }

  /** Refuses new connections and resolves when the running requests have been answered. */
  close(): Promise<void> {
    this.#isClosing = true;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#server.closeAllConnections(), this.#limits.closeTimeoutMs);
      this.#server.close(() => {
        clearTimeout(timer);
        resolve();
      });
      this.#server.closeIdleConnections();
    });
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const encoding = requestEncoding(request);
    const origin = request.headers.origin;
    let answer: Answer;
    try {
      answer = this.#routes.has(request)
        ? await this.#routes.answer(request, response)
        : (this.#refuse(request, encoding) ?? (await this.#take(request, response, encoding ?? 'json')));
    } catch (error) {
      // The sender has gone, and with it the reason to answer.
      if (request.destroyed && !request.complete) {
        this.#metrics.requests.inc({ outcome: 'aborted' });
        return;
      }
      this.#log.error({ err: error }, 'OTLP/HTTP request');
      answer = status(500, StatusCode.internal, 'internal error', encoding ?? 'json');
    }
    this.#metrics.requests.inc({ outcome: String(answer.status) });
    const cors = origin !== undefined && this.#cors.allows(origin) ? this.#cors.headers(origin) : {};
    response.writeHead(answer.status, {
      'content-type': CONTENT_TYPES[encoding ?? 'json'],
      'content-length': answer.body.length,
      ...(this.#isClosing ? { connection: 'close' } : {}),
      ...cors,
      ...answer.headers,
    });
    answerAndDiscard(request, response, answer.body);
  }

  /** The answer where the headers alone decide; null for a request whose body is to be read. */
  #refuse(request: IncomingMessage, encoding: OtlpEncoding | null): Answer | null {
    const { method, headers } = request;
    const { origin } = headers;
    const answerIn = encoding ?? 'json';
    const path = (request.url ?? '').split('?', 1)[0];
    if (path !== PATH) {
      return status(404, StatusCode.notFound, `there is nothing at ${path}; traces are taken at ${PATH}`, answerIn);
    }
    if (origin !== undefined && !this.#cors.allows(origin)) {
      return status(
        403,
        StatusCode.permissionDenied,
        `pages from ${origin} may not send spans to this collector`,
        answerIn,
      );
    }
    if (method === 'OPTIONS' && origin !== undefined) {
      const requested = headers['access-control-request-headers'];
      return { status: 204, body: Buffer.alloc(0), headers: this.#cors.preflightHeaders(origin, requested) };
    }
    if (method !== 'POST') {
      return status(405, StatusCode.unimplemented, `${PATH} takes POST, not ${method}`, answerIn, { allow: 'POST' });
    }
    if (encoding === null) {
      const found = headers['content-type'] ?? 'none';
      const message = `the content type is ${found}; ${Object.values(CONTENT_TYPES).join(' and ')} are accepted`;
      return status(415, StatusCode.invalidArgument, message, answerIn);
    }
    if (bodyEncoding(headers['content-encoding']) === null) {
      const message = `the content encoding is ${headers['content-encoding']}; ${ACCEPTED_ENCODINGS} are accepted`;
      return status(415, StatusCode.invalidArgument, message, answerIn, {
        'accept-encoding': ACCEPTED_ENCODINGS,
      });
    }
    const busyBecause = this.#ingest.busyBecause;
    return busyBecause === null ? null : busy(busyBecause, this.#limits.retryAfterMs, answerIn);
  }

  async #take(request: IncomingMessage, response: ServerResponse, encoding: OtlpEncoding): Promise<Answer> {
    let takenBytes = 0;
    try {
      checkAnnouncedLength(request, this.#limits.bodyBytesMax, this.#budget);
      if (request.headers.expect !== undefined) response.writeContinue();
      const body = await readBody(request, {
        encoding: bodyEncoding(request.headers['content-encoding']) ?? 'identity',
        bytesMax: this.#limits.bodyBytesMax,
        budget: this.#budget,
      });
      takenBytes = body.takenBytes;
      this.#metrics.bodyBytes.inc(body.bytes.length);
      const decode = encoding === 'json' ? decodeOtlpJson : decodeOtlp;
      const result = await this.#ingest.decode((block, refusals) => decode(body.bytes, block, refusals));
      return toAnswer(result, encoding);
    } catch (error) {
      if (!(error instanceof BodyError)) throw error;
      if (error.status === 503) return busy(error.message, this.#limits.retryAfterMs, encoding);
      const code = error.status === 413 ? StatusCode.resourceExhausted : StatusCode.invalidArgument;
      return status(error.status, code, error.message, encoding);
    } finally {
      this.#budget.giveBack(takenBytes);
    }
  }
}

function toAnswer(result: IngestResult, encoding: OtlpEncoding): Answer {
  switch (result.kind) {
    case 'stored':
      return { status: 200, body: encodeSuccess(encoding, result.rejectedSpans, result.message) };
    case 'malformed':
      return status(400, StatusCode.invalidArgument, result.message, encoding);
    case 'tooLarge':
      return status(413, StatusCode.resourceExhausted, result.message, encoding);
    default:
      return busy(result.message, result.retryAfterMs, encoding);
  }
}

function busy(message: string, retryAfterMs: number, encoding: OtlpEncoding): Answer {
  const headers = { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) };
  return status(503, StatusCode.unavailable, message, encoding, headers);
}

function status(
  httpStatus: number,
  code: number,
  message: string,
  encoding: OtlpEncoding,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return { status: httpStatus, body: encodeStatus(encoding, code, message), headers };
}

/** Null for a content type that is not OTLP's. */
function requestEncoding(request: IncomingMessage): OtlpEncoding | null {
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
  if (type === CONTENT_TYPES.protobuf || type === 'application/protobuf') return 'protobuf';
  return type === CONTENT_TYPES.json ? 'json' : null;
}
