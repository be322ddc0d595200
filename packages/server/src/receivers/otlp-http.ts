import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { answerClientErrors } from '../client-error.ts';
import { mayBeRebound } from '../host-check.ts';
import { LimitCounter } from '../limit-counter.ts';
import type { Ingest } from '../ingest/ingest.ts';
import type { IngestResult } from '../ingest/result.ts';
import { BodyError } from './body-error.ts';
import type { ByteBudget } from './byte-budget.ts';
import { CorsPolicy } from './cors.ts';
import { COMPRESSIONS } from './decompress.ts';
import { answerAndDiscard } from './discard.ts';
import { busy, requestEncoding, status, toAnswer, type HttpAnswer } from './http-answer.ts';
import { JsonDecoder } from './json-decoder.ts';
import { JsonRoutes, type JsonRoute } from './json-routes.ts';
import { OTLP_HTTP_LIMITS, type OtlpHttpLimits } from './limits.ts';
import { OtlpHttpMetrics } from './otlp-http-metrics.ts';
import { decodeOtlp } from './otlp-decoder.ts';
import { decodeOtlpJson } from './otlp-json.ts';
import { CONTENT_TYPES, encodeStatus, StatusCode, type OtlpEncoding } from './otlp-response.ts';
import { BodyMemory, type Body } from './body.ts';
import { bodyEncoding, checkAnnouncedLength, readBody } from './request-body.ts';

export interface OtlpHttpReceiverOptions {
  readonly ingest: Ingest;
  /** Shared by all receivers; beyond it the answer is 503. */
  readonly budget: ByteBudget;
  readonly log: Logger;
  readonly registry: Registry;
  readonly limits?: Partial<OtlpHttpLimits>;
  /** Web origins that may send besides those on the loopback interface; `*` allows all. */
  readonly corsOrigins?: readonly string[];
  /** Which names a request may call us by. */
  readonly hosts?: HostPolicy;
  /** Paths of other rooms on the same port. */
  readonly routes?: readonly JsonRoute[];
  /** The built program of the thread that decodes large JSON bodies. */
  readonly jsonWorkerPath?: URL;
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

/** OTLP/HTTP on one port: `POST /v1/traces`, protobuf and JSON. */
export class OtlpHttpReceiver {
  readonly #ingest: Ingest;
  readonly #log: Logger;
  readonly #limits: OtlpHttpLimits;
  readonly #cors: CorsPolicy;
  readonly #budget: ByteBudget;
  readonly #metrics: OtlpHttpMetrics;
  readonly #limitCounter: LimitCounter;
  readonly #hosts: HostPolicy;
  readonly #json: JsonDecoder;
  readonly #routes: JsonRoutes;
  readonly #bodyMemory = new BodyMemory();
  readonly #server: Server;
  #isClosing = false;

  constructor(options: OtlpHttpReceiverOptions) {
    const { ingest, budget, log, registry, limits, corsOrigins, hosts, jsonWorkerPath, routes } = options;
    this.#ingest = ingest;
    this.#log = log;
    this.#limits = { ...OTLP_HTTP_LIMITS, ...limits };
    this.#cors = new CorsPolicy(corsOrigins ?? []);
    this.#budget = budget;
    this.#metrics = new OtlpHttpMetrics(registry);
    this.#limitCounter = new LimitCounter(registry);
    this.#hosts = hosts ?? LOOPBACK_ONLY;
    this.#json = new JsonDecoder({
      limits: this.#limits,
      blockLimits: ingest.limits,
      rollupLimits: ingest.rollupLimits,
      registry,
      ...(jsonWorkerPath !== undefined && { workerPath: jsonWorkerPath }),
    });
    this.#routes = new JsonRoutes(routes ?? [], budget);
    this.#server = createServer({
      requestTimeout: this.#limits.requestTimeoutMs,
      headersTimeout: this.#limits.headersTimeoutMs,
      maxHeaderSize: this.#limits.headerBytesMax,
      keepAliveTimeout: this.#limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: TIMEOUT_CHECK_INTERVAL_MS,
    });
    this.#server.maxConnections = this.#limits.connectionsMax;
    this.#server.on('drop', () => this.#limitCounter.reached('otlpHttp.connectionsMax'));
    // One on which nothing moves for longer than a request may take: its sender reads no answers.
    this.#server.timeout = this.#limits.requestTimeoutMs + this.#limits.keepAliveTimeoutMs;
    const handle = (request: IncomingMessage, response: ServerResponse): void => void this.#handle(request, response);
    this.#server.on('request', handle);
    // Whoever asks before sending the body learns of a refusal before sending it.
    this.#server.on('checkContinue', handle);
    answerClientErrors(this.#server, {
      headerBytesMax: this.#limits.headerBytesMax,
      answer: (httpStatus, why, isInHeaders) => {
        if (httpStatus === 431) this.#limitCounter.reached('otlpHttp.headerBytesMax');
        if (httpStatus === 408) {
          this.#limitCounter.reached(`otlpHttp.${isInHeaders ? 'headers' : 'request'}TimeoutMs`);
        }
        this.#metrics.requests.inc({ outcome: String(httpStatus) });
        const code = STATUS_CODES_OF_NODE[httpStatus] ?? StatusCode.invalidArgument;
        // What was to come, and in which encoding, is not known.
        return { contentType: CONTENT_TYPES.json, body: encodeStatus('json', code, why) };
      },
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
  async close(): Promise<void> {
    this.#isClosing = true;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => this.#server.closeAllConnections(), this.#limits.closeTimeoutMs);
      this.#server.close(() => {
        clearTimeout(timer);
        resolve();
      });
      this.#server.closeIdleConnections();
    });
    await this.#json.close();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const encoding = requestEncoding(request);
    const origin = request.headers.origin;
    let answer: HttpAnswer;
    try {
      answer = this.#routes.has(request)
        ? (this.#refuseStranger(request, 'json') ?? (await this.#routes.answer(request, response)))
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
      'x-content-type-options': 'nosniff',
      ...(this.#isClosing ? { connection: 'close' } : {}),
      ...cors,
      ...answer.headers,
    });
    const { discardBytesMax, discardTimeoutMs } = this.#limits;
    answerAndDiscard(request, response, answer.body, {
      bytesMax: discardBytesMax,
      timeoutMs: discardTimeoutMs,
      onCut: (limit) =>
        this.#limitCounter.reached(`otlpHttp.${limit === 'bytes' ? 'discardBytesMax' : 'discardTimeoutMs'}`),
    });
  }

  /** The answer where the headers alone decide; null for a request whose body is to be read. */
  #refuse(request: IncomingMessage, encoding: OtlpEncoding | null): HttpAnswer | null {
    const { method, headers } = request;
    const { origin } = headers;
    const answerIn = encoding ?? 'json';
    const path = (request.url ?? '').split('?', 1)[0];
    if (path !== PATH) {
      return status(404, StatusCode.notFound, `there is nothing at ${path}; traces are taken at ${PATH}`, answerIn);
    }
    const stranger = this.#refuseStranger(request, answerIn);
    if (stranger !== null) return stranger;
    if (method === 'OPTIONS' && origin !== undefined) {
      const asked = {
        headers: headers['access-control-request-headers'],
        isPrivateNetwork: headers['access-control-request-private-network'] === 'true',
      };
      return { status: 204, body: Buffer.alloc(0), headers: this.#cors.preflightHeaders(origin, asked) };
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
    const busyBecause = this.#ingest.admit();
    return busyBecause === null ? null : busy(busyBecause, this.#limits.retryAfterMs, answerIn);
  }

  /** Pages of origins that are not listed, and names that pages may have given to our address. */
  #refuseStranger({ headers }: IncomingMessage, answerIn: OtlpEncoding): HttpAnswer | null {
    const { origin } = headers;
    const isBrowser = origin !== undefined || headers['sec-fetch-site'] !== undefined;
    const { host = '' } = headers;
    if ((isBrowser || this.#hosts.isStrict) && mayBeRebound(host, this.#hosts.names)) {
      const message = `Host ${JSON.stringify(host)} is not a name of this collector; add it with --allowed-hosts if it is meant`;
      return status(403, StatusCode.permissionDenied, message, answerIn);
    }
    if (origin !== undefined && !this.#cors.allows(origin)) {
      return status(
        403,
        StatusCode.permissionDenied,
        `pages from ${origin} may not send spans to this collector; allow them with --otlp-http-cors-origins`,
        answerIn,
      );
    }
    return null;
  }

  async #take(request: IncomingMessage, response: ServerResponse, encoding: OtlpEncoding): Promise<HttpAnswer> {
    let takenBytes = 0;
    try {
      checkAnnouncedLength(request, this.#limits.bodyBytesMax, this.#budget);
      if (request.headers.expect !== undefined) response.writeContinue();
      const body = await readBody(request, {
        encoding: bodyEncoding(request.headers['content-encoding']) ?? 'identity',
        bytesMax: this.#limits.bodyBytesMax,
        decompressedBytesMax: this.#limits.decompressedBytesMax,
        budget: this.#budget,
      });
      takenBytes = body.takenBytes;
      this.#metrics.bodyBytes.inc(body.length);
      const result = await this.#ingest.once(body.parts, () => this.#decode(body, encoding));
      if (result.kind === 'tooLarge') this.#limitCounter.reached(result.limit);
      return toAnswer(result, encoding);
    } catch (error) {
      if (!(error instanceof BodyError)) throw error;
      if (error.status === 503) return busy(error.message, this.#limits.retryAfterMs, encoding);
      if (error.status === 413) {
        this.#limitCounter.reached(`otlpHttp.${error.limit === 'sent' ? 'bodyBytesMax' : 'decompressedBytesMax'}`);
      }
      const code = error.status === 413 ? StatusCode.resourceExhausted : StatusCode.invalidArgument;
      return status(error.status, code, error.message, encoding);
    } finally {
      this.#budget.giveBack(takenBytes);
    }
  }

  /** The body is taken in the same turn as it is decoded. */
  async #decode(body: Body, encoding: OtlpEncoding): Promise<IngestResult> {
    const memory = this.#bodyMemory;
    if (encoding === 'protobuf') {
      return this.#ingest.decode((block, refusals) => decodeOtlp(body.take(memory), block, refusals));
    }
    const { jsonObjectsMax, jsonInlineBytesMax } = this.#limits;
    if (body.length > jsonInlineBytesMax) {
      const outcome = await this.#json.decode(body, this.#ingest.startWindow);
      if (outcome.kind === 'failed') throw new Error(`a JSON body could not be decoded: ${outcome.message}`);
      return outcome.kind === 'decoded' ? this.#ingest.append(outcome.spans) : outcome;
    }
    return this.#ingest.decode((block, refusals) => decodeOtlpJson(body.take(memory), block, refusals, jsonObjectsMax));
  }
}

/** The names under which a request may reach the receiver: a page can give its own name our address. */
export interface HostPolicy {
  readonly names: ReadonlySet<string>;
  /** Whether every request is asked, or only those of browsers: senders on other machines know us by any name. */
  readonly isStrict: boolean;
}

const LOOPBACK_ONLY: HostPolicy = { names: new Set(), isStrict: true };
