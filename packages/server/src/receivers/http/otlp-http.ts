import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { answerClientErrors, foreignExpectation, foreignTransferCoding, hostProblem } from '../../http/client-error.ts';
import type { JsonRoute } from '../../http/json-route.ts';
import { LimitCounter } from '../../limit-counter.ts';
import { toOriginForm } from '../../http/origin-form.ts';
import type { Ingest } from '../../ingest/ingest.ts';
import type { IngestResult } from '../../columns/result.ts';
import { RequestsInTurn } from '../../http/requests-in-turn.ts';
import type { BodyDecoder } from '../decode/body-decoder.ts';
import { BodyError, SenderGoneError } from '../body/body-error.ts';
import type { ByteBudget } from '../body/byte-budget.ts';
import { COMPRESSIONS } from '../body/compression.ts';
import { CorsPolicy } from './cors.ts';
import { countJsonRecords } from '../decode/count-records.ts';
import type { Decompressor } from '../body/decompressor.ts';
import { answerAndDiscard } from '../body/discard.ts';
import { busy, foreignCharset, requestEncoding, status, toAnswer, type HttpAnswer } from './http-answer.ts';
import { JsonRoutes } from './json-routes.ts';
import { OTLP_HTTP_LIMITS, type OtlpHttpLimits } from '../limits.ts';
import { OtlpHttpMetrics } from './otlp-http-metrics.ts';
import { decodeOtlpJson } from '../otlp-json/otlp-json.ts';
import { CONTENT_TYPES, encodeStatus, StatusCode, type OtlpEncoding } from '../otlp/otlp-response.ts';
import type { OtherSignals } from '../otlp/other-signals.ts';
import { BodyMemory, type Body } from '../body/body.ts';
import { bodyEncoding, checkAnnouncedLength, readBody } from '../body/request-body.ts';
import { signalOfTarget, TRACES_PATH, type Signal } from '../otlp/signals.ts';
import { LOOPBACK_ONLY, Strangers, type HostPolicy } from './strangers.ts';

export interface OtlpHttpReceiverOptions {
  readonly ingest: Ingest;
  /** Shared by all receivers; beyond it the answer is 503. */
  readonly budget: ByteBudget;
  readonly decompressor: Decompressor;
  readonly decoder: BodyDecoder;
  readonly otherSignals: OtherSignals;
  readonly log: Logger;
  readonly registry: Registry;
  readonly limits?: Partial<OtlpHttpLimits>;
  /** Web origins that may send besides those on the loopback interface; `*` allows all. */
  readonly corsOrigins?: readonly string[];
  /** Which names a request may call us by. */
  readonly hosts?: HostPolicy;
  /** Paths of other rooms on the same port. */
  readonly routes?: readonly JsonRoute[];
}

const ACCEPTED_ENCODINGS = [...COMPRESSIONS, 'identity'].join(', ');

/** Of a path that an answer names. */
const PATH_SHOWN_MAX = 200;

/** How often Node looks for requests that are over their time. */
const TIMEOUT_CHECK_INTERVAL_MS = 1_000;

/** google.rpc.Code of what Node refuses by itself; the others are the sender's mistakes. */
const STATUS_CODES_OF_NODE: Readonly<Record<number, number>> = {
  408: StatusCode.deadlineExceeded,
  413: StatusCode.resourceExhausted,
  431: StatusCode.resourceExhausted,
};

/**
 * OTLP/HTTP on one port: `POST /v1/traces`, protobuf and JSON. Metrics and logs are answered beside them, and not stored.
 */
export class OtlpHttpReceiver {
  readonly #ingest: Ingest;
  readonly #log: Logger;
  readonly #limits: OtlpHttpLimits;
  readonly #cors: CorsPolicy;
  readonly #budget: ByteBudget;
  readonly #decompressor: Decompressor;
  readonly #decoder: BodyDecoder;
  readonly #otherSignals: OtherSignals;
  readonly #metrics: OtlpHttpMetrics;
  readonly #limitCounter: LimitCounter;
  readonly #strangers: Strangers;
  readonly #routes: JsonRoutes;
  readonly #bodyMemory = new BodyMemory();
  readonly #server: Server;
  #isClosing = false;

  constructor(options: OtlpHttpReceiverOptions) {
    const { ingest, budget, decompressor, decoder, otherSignals, log, registry, limits, corsOrigins, hosts, routes } =
      options;
    this.#ingest = ingest;
    this.#log = log;
    this.#limits = { ...OTLP_HTTP_LIMITS, ...limits };
    this.#cors = new CorsPolicy(corsOrigins ?? []);
    this.#budget = budget;
    this.#decompressor = decompressor;
    this.#decoder = decoder;
    this.#otherSignals = otherSignals;
    this.#metrics = new OtlpHttpMetrics(registry);
    this.#limitCounter = new LimitCounter(registry);
    this.#strangers = new Strangers(this.#cors, hosts ?? LOOPBACK_ONLY);
    this.#routes = new JsonRoutes(routes ?? [], { budget, decompressor, retryAfterMs: this.#limits.retryAfterMs });
    this.#server = createServer({
      requestTimeout: this.#limits.requestTimeoutMs,
      headersTimeout: this.#limits.headersTimeoutMs,
      maxHeaderSize: this.#limits.headerBytesMax,
      keepAliveTimeout: this.#limits.keepAliveTimeoutMs,
      // We answer those that name none, so that they learn why.
      requireHostHeader: false,
      connectionsCheckingInterval: TIMEOUT_CHECK_INTERVAL_MS,
    });
    this.#server.maxConnections = this.#limits.connectionsMax;
    this.#server.on('drop', () => this.#limitCounter.reached('otlpHttp.connectionsMax'));
    // One on which nothing moves for longer than a request may take: its sender reads no answers.
    this.#server.timeout = this.#limits.requestTimeoutMs + this.#limits.keepAliveTimeoutMs;
    const handle = (request: IncomingMessage, response: ServerResponse): void => {
      // Nothing that goes wrong with one request is to end the process.
      this.#handle(request, response).catch((error: unknown) => {
        this.#metrics.requests.inc({ outcome: 'failed' });
        this.#log.error({ err: error }, 'answering an OTLP/HTTP request failed; its connection is closed');
        response.destroy();
      });
    };
    const requests = new RequestsInTurn(handle, {
      waitingMax: this.#limits.pipelinedRequestsMax,
      onCut: () => this.#limitCounter.reached('otlpHttp.pipelinedRequestsMax'),
    });
    this.#server.on('request', (request, response) => requests.take(request, response));
    // Whoever asks before sending the body learns of a refusal before sending it.
    this.#server.on('checkContinue', (request, response) => requests.take(request, response));
    this.#server.on('checkExpectation', (request, response) => requests.take(request, response));
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
  close(): Promise<void> {
    this.#isClosing = true;
    return new Promise<void>((resolve) => {
      const timer = setTimeout(() => this.#server.closeAllConnections(), this.#limits.closeTimeoutMs);
      this.#server.close(() => {
        clearTimeout(timer);
        resolve();
      });
      this.#server.closeIdleConnections();
    });
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const ofHost = hostProblem(request);
    const expectation = foreignExpectation(request);
    toOriginForm(request);
    const encoding = requestEncoding(request);
    const signal = signalOfTarget(request.url ?? '');
    const origin = request.headers.origin;
    let answer: HttpAnswer;
    try {
      answer =
        ofHost !== null
          ? status(400, StatusCode.invalidArgument, ofHost, encoding ?? 'json')
          : expectation !== null
            ? status(
                417,
                StatusCode.unimplemented,
                `the expectation is ${expectation}; 100-continue is accepted`,
                encoding ?? 'json',
                // Nobody knows whether the body comes.
                { connection: 'close' },
              )
            : signal === null && this.#routes.has(request)
              ? (this.#strangers.refuse(request, 'json') ?? (await this.#routes.answer(request, response)))
              : (this.#refuse(request, encoding, signal) ??
                (await this.#take(request, response, encoding ?? 'json', signal ?? 'traces')));
    } catch (error) {
      // The sender has gone, and with it the reason to answer.
      if (error instanceof SenderGoneError || (request.destroyed && !request.complete)) {
        this.#metrics.requests.inc({ outcome: 'aborted' });
        return;
      }
      this.#log.error({ err: error }, 'OTLP/HTTP request failed');
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
  #refuse(request: IncomingMessage, encoding: OtlpEncoding | null, signal: Signal | null): HttpAnswer | null {
    const { method, headers } = request;
    const { origin } = headers;
    const answerIn = encoding ?? 'json';
    if (signal === null) {
      const path = (request.url ?? '').split('?', 1)[0]?.slice(0, PATH_SHOWN_MAX);
      return status(404, StatusCode.notFound, `not found: ${path}; send traces to ${TRACES_PATH}`, answerIn);
    }
    const stranger = this.#strangers.refuse(request, answerIn);
    if (stranger !== null) return stranger;
    if (method === 'OPTIONS' && origin !== undefined) {
      const asked = {
        headers: headers['access-control-request-headers'],
        isPrivateNetwork: headers['access-control-request-private-network'] === 'true',
      };
      return { status: 204, body: Buffer.alloc(0), headers: this.#cors.preflightHeaders(origin, asked) };
    }
    if (method !== 'POST') {
      return status(405, StatusCode.unimplemented, `this path takes POST, not ${method}`, answerIn, { allow: 'POST' });
    }
    if (encoding === null) {
      const found = headers['content-type'] ?? 'none';
      const message = `the content type is ${found}; ${Object.values(CONTENT_TYPES).join(' and ')} are accepted`;
      return status(415, StatusCode.invalidArgument, message, answerIn);
    }
    const charset = encoding === 'json' ? foreignCharset(headers['content-type']) : null;
    if (charset !== null) {
      const message = `the charset is ${charset.slice(0, 100)}; JSON is taken in UTF-8`;
      return status(415, StatusCode.invalidArgument, message, answerIn);
    }
    if (bodyEncoding(headers['content-encoding']) === null) {
      const message = `the content encoding is ${headers['content-encoding']}; ${ACCEPTED_ENCODINGS} are accepted`;
      return status(415, StatusCode.invalidArgument, message, answerIn, {
        'accept-encoding': ACCEPTED_ENCODINGS,
      });
    }
    const coding = foreignTransferCoding(request);
    if (coding !== null) {
      const message = `the transfer encoding is ${coding}; chunked is accepted, and ${ACCEPTED_ENCODINGS} as the content encoding`;
      return status(501, StatusCode.unimplemented, message, answerIn);
    }
    const busyBecause = signal === 'traces' ? this.#ingest.admit() : null;
    return busyBecause === null ? null : busy(busyBecause, this.#limits.retryAfterMs, answerIn);
  }

  async #take(
    request: IncomingMessage,
    response: ServerResponse,
    encoding: OtlpEncoding,
    signal: Signal,
  ): Promise<HttpAnswer> {
    let body: Body | null = null;
    try {
      checkAnnouncedLength(request, this.#limits.bodyBytesMax, this.#budget);
      if (request.headers.expect !== undefined) response.writeContinue();
      const read = await readBody(request, {
        encoding: bodyEncoding(request.headers['content-encoding']) ?? 'identity',
        bytesMax: this.#limits.bodyBytesMax,
        decompressedBytesMax: this.#limits.decompressedBytesMax,
        budget: this.#budget,
        decompressor: this.#decompressor,
      });
      body = read;
      this.#metrics.bodyBytes.inc(read.length);
      const take = (): Promise<IngestResult> => this.#decode(read, encoding, signal);
      const result = signal === 'traces' ? await this.#ingest.once(read.parts, take) : await take();
      if (result.kind === 'tooLarge') this.#limitCounter.reached(result.limit);
      return toAnswer(result, encoding, signal);
    } catch (error) {
      if (!(error instanceof BodyError)) throw error;
      if (error.status === 503) return busy(error.message, this.#limits.retryAfterMs, encoding);
      if (error.limit !== null) {
        this.#limitCounter.reached(`otlpHttp.${error.limit === 'sent' ? 'bodyBytesMax' : 'decompressedBytesMax'}`);
      }
      const code = error.status === 413 ? StatusCode.resourceExhausted : StatusCode.invalidArgument;
      return status(error.status, code, error.message, encoding);
    } finally {
      body?.release();
    }
  }

  /** The body is taken in the same turn as it is decoded. */
  async #decode(body: Body, encoding: OtlpEncoding, signal: Signal): Promise<IngestResult> {
    const memory = this.#bodyMemory;
    if (encoding === 'protobuf') return this.#decoder.takeProtobuf(body, signal, memory);
    const { jsonObjectsMax: objectsMax, jsonInlineBytesMax } = this.#limits;
    if (body.length > jsonInlineBytesMax) return this.#decoder.takeBeside(body, { encoding, signal, objectsMax });
    return signal === 'traces'
      ? this.#ingest.decode((block, rejected) => decodeOtlpJson(body.take(memory), block, rejected, objectsMax))
      : this.#otherSignals.take(signal, () => countJsonRecords(body.take(memory), signal, objectsMax));
  }
}
