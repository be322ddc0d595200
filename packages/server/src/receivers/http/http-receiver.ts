import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { isAllowed, type AccessCheck } from '../../http/access.ts';
import { HttpListener } from '../../http/http-listener.ts';
import { toOriginForm } from '../../http/to-origin-form.ts';
import { overloaded, type Refusal } from '../../http/refusal.ts';
import { isContinueExpected, requestProblem } from '../../http/request-problem.ts';
import type { Route } from '../../http/route.ts';
import { matchMethod, methodNotAllowed, Router, type RouteMatch } from '../../http/router.ts';
import { LOOPBACK_ONLY, Strangers, type HostPolicy } from '../../http/strangers.ts';
import { usualPath } from '../../http/usual-path.ts';
import type { Ingest } from '../../ingest/ingest.ts';
import { LimitCounter } from '../../limit-counter.ts';
import { BodyError, SenderGoneError } from '../body/body-error.ts';
import { BodyMemory, type Body } from '../body/body.ts';
import type { ByteBudget } from '../body/byte-budget.ts';
import type { Decompressor } from '../body/decompressor.ts';
import { respondAndDiscard } from '../body/respond-and-discard.ts';
import { bodyEncoding, checkAnnouncedLength, readBody } from '../body/request-body.ts';
import { HTTP_RECEIVER_LIMITS, type HttpReceiverLimits } from '../limits.ts';
import { bodyProblem, formOf, type BodyForm } from './body-form.ts';
import { CorsPolicy } from './cors-policy.ts';
import type { Endpoint, EndpointRequest, HttpResponse } from './endpoint.ts';
import type { HttpPort } from './http-port.ts';
import { HttpReceiverMetrics } from './http-receiver-metrics.ts';
import { jsonEndpoint } from './json-endpoint.ts';
import { spanEndpoint } from './span-endpoint.ts';
import type { SpanFormat } from './span-format.ts';

export interface HttpReceiverOptions {
  readonly port: HttpPort;
  /** What spans arrive in. The first answers, in its form, what no path is for. */
  readonly formats: readonly [SpanFormat, ...SpanFormat[]];
  /** Paths of other modules on the same port. */
  readonly routes?: readonly Route[];
  readonly ingest: Pick<Ingest, 'admit' | 'once'>;
  /** Shared by all receivers; beyond it the answer is 503. */
  readonly budget: ByteBudget;
  readonly decompressor: Decompressor;
  readonly log: Logger;
  readonly registry: Registry;
  readonly limits?: Partial<HttpReceiverLimits>;
  /** Web origins that may send besides those on the loopback interface; `*` allows all. */
  readonly corsOrigins?: readonly string[];
  /** Which names a request may call us by. */
  readonly hosts?: HostPolicy;
  readonly access: AccessCheck;
}

/** Of a path that an answer names. */
const PATH_SHOWN_MAX = 200;

/** A sender that is too slow is answered by then; the default would let it wait for half a minute more. */
const TIMEOUT_CHECK_INTERVAL_MS = 1_000;

/** Takes spans over HTTP on one port, in whatever formats it is given, and serves JSON of other modules beside them. */
export class HttpReceiver {
  readonly #port: HttpPort;
  readonly #log: Logger;
  readonly #limits: HttpReceiverLimits;
  readonly #cors: CorsPolicy;
  readonly #budget: ByteBudget;
  readonly #decompressor: Decompressor;
  readonly #metrics: HttpReceiverMetrics;
  readonly #limitCounter: LimitCounter;
  readonly #strangers: Strangers;
  readonly #access: AccessCheck;
  readonly #router: Router<Endpoint>;
  /** Answers where no other endpoint is meant. */
  readonly #fallback: Endpoint;
  readonly #spanPaths: string;
  readonly #listener: HttpListener;

  constructor(options: HttpReceiverOptions) {
    const { port, formats, routes = [], ingest, budget, decompressor, log, registry, limits, corsOrigins } = options;
    const { hosts = LOOPBACK_ONLY, access } = options;
    this.#port = port;
    this.#log = log;
    this.#limits = { ...HTTP_RECEIVER_LIMITS, ...limits };
    this.#cors = new CorsPolicy(corsOrigins ?? []);
    this.#budget = budget;
    this.#decompressor = decompressor;
    const metrics = new HttpReceiverMetrics(registry, port.metricPrefix);
    this.#metrics = metrics;
    this.#limitCounter = new LimitCounter(registry);
    this.#strangers = new Strangers(this.#cors, hosts, port.originsFlag);
    this.#access = access;
    const shared = {
      ingest,
      memory: new BodyMemory(),
      limits: this.#limits,
      limitCounter: this.#limitCounter,
      onLimit: (limit: keyof HttpReceiverLimits): void => this.#reached(limit),
      metrics,
    };
    const endpointOf = (format: SpanFormat): Endpoint => spanEndpoint(format, shared);
    this.#fallback = endpointOf(formats[0]);
    this.#router = new Router([
      ...formats.map(endpointOf),
      ...routes.map((route) => jsonEndpoint(route, this.#limitCounter)),
    ]);
    this.#spanPaths = formats
      .filter(({ isStored }) => isStored)
      .map(({ path }) => path)
      .join(', ');
    const { requestTimeoutMs, keepAliveTimeoutMs } = this.#limits;
    this.#listener = new HttpListener({
      name: port.name,
      log,
      limits: {
        ...this.#limits,
        timeoutCheckIntervalMs: TIMEOUT_CHECK_INTERVAL_MS,
        stalledTimeoutMs: requestTimeoutMs + keepAliveTimeoutMs,
      },
      serve: (request, response) => this.#serve(request, response),
      refuse: (refusal) => {
        metrics.requests.inc({ outcome: String(refusal.status) });
        // What was to come, and in which form, is not known.
        return this.#fallback.refuse(refusal, null);
      },
      onLimit: (limit) => this.#reached(limit),
      onFailed: (error) => {
        metrics.requests.inc({ outcome: 'failed' });
        log.error({ err: error }, `could not respond to a request on the port for ${port.name}; closed its connection`);
      },
    });
  }

  /** Listens. Rejects with Node's own error (`code` `EADDRINUSE`, …) when it cannot. */
  start(host: string, port: number): Promise<AddressInfo> {
    return this.#listener.start(host, port);
  }

  /** Refuses new connections and resolves when the running requests have been answered. */
  close(): Promise<void> {
    return this.#listener.close(this.#limits.closeTimeoutMs);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const problem = requestProblem(request);
    toOriginForm(request);
    const found = this.#find(request);
    const { endpoint, form } = found;
    let answer: HttpResponse;
    try {
      answer = problem === null ? await this.#respond(request, response, found) : endpoint.refuse(problem, form);
    } catch (error) {
      // The sender has gone, and with it the reason to answer.
      if (error instanceof SenderGoneError || (request.destroyed && !request.complete)) {
        this.#metrics.requests.inc({ outcome: 'aborted' });
        return;
      }
      this.#log.error({ err: error }, `${this.#port.name} request failed`);
      answer = endpoint.refuse({ status: 500, code: 'internal', message: 'internal error' }, form);
    }
    this.#answer(request, response, answer);
  }

  #find(request: IncomingMessage): Found {
    const target = request.url ?? '';
    let matches = this.#router.at(target);
    // As nearly every sender writes it; the rest takes 1 µs more.
    if (matches.length === 0) matches = this.#router.at(usualPath(target));
    const match = matchMethod(matches, request.method);
    const endpoint = match?.route ?? matches[0]?.route ?? this.#fallback;
    return { matches, match, endpoint, form: formOf(endpoint.forms, request.headers) };
  }

  /** Neither a stranger, nor who has no access, learns what is at a path. */
  async #respond(request: IncomingMessage, response: ServerResponse, found: Found): Promise<HttpResponse> {
    const { matches, match, endpoint, form } = found;
    const stranger = this.#strangers.refuse(request);
    if (stranger !== null) return endpoint.refuse(stranger, form);
    if (match === undefined && matches[0]?.route.isForPages === true && isPreflight(request)) {
      return this.#preflight(request, endpoint);
    }
    let access = this.#access(request);
    // A check that waits for nothing costs no turn.
    if (access instanceof Promise) {
      access = await access;
      if (request.destroyed) throw new SenderGoneError('the sender has gone');
    }
    if (!isAllowed(access)) return endpoint.refuse(access, form);
    const refusal = this.#refuse(request, found);
    if (refusal !== null) return endpoint.refuse(refusal, form);
    return this.#take(request, response, endpoint, { form, access });
  }

  #answer(request: IncomingMessage, response: ServerResponse, answer: HttpResponse): void {
    const { origin } = request.headers;
    this.#metrics.requests.inc({ outcome: String(answer.status) });
    const cors = origin !== undefined && this.#cors.allows(origin) ? this.#cors.headers(origin) : {};
    response.writeHead(answer.status, {
      'content-type': answer.contentType,
      'content-length': answer.body.length,
      'x-content-type-options': 'nosniff',
      ...(this.#listener.isClosing ? { connection: 'close' } : {}),
      ...cors,
      ...answer.headers,
    });
    const { discardBytesMax, discardTimeoutMs } = this.#limits;
    respondAndDiscard(request, response, answer.body, {
      bytesMax: discardBytesMax,
      timeoutMs: discardTimeoutMs,
      onCut: (limit) => this.#reached(limit === 'bytes' ? 'discardBytesMax' : 'discardTimeoutMs'),
    });
  }

  /** The refusal where the headers alone decide; null for a request whose body is to be read. */
  #refuse(request: IncomingMessage, { matches, match, endpoint, form }: Found): Refusal | null {
    if (matches.length === 0) {
      const path = (request.url ?? '').split('?', 1)[0]?.slice(0, PATH_SHOWN_MAX);
      return { status: 404, code: 'not_found', message: `not found: ${path}; send traces to ${this.#spanPaths}` };
    }
    if (match === undefined) {
      return methodNotAllowed(
        request.method,
        matches.map(({ route }) => route),
      );
    }
    const problem = bodyProblem(request, endpoint.forms, form);
    if (problem !== null) return problem;
    const busyBecause = endpoint.busyBecause();
    return busyBecause === null ? null : overloaded(busyBecause, this.#limits.retryAfterMs);
  }

  #preflight({ headers }: IncomingMessage, endpoint: Endpoint): HttpResponse {
    const { origin = '' } = headers;
    const asked = {
      headers: headers['access-control-request-headers'],
      isPrivateNetwork: headers['access-control-request-private-network'] === 'true',
    };
    const contentType = endpoint.forms[0]?.mediaTypes[0] ?? 'application/json';
    return { status: 204, contentType, body: NO_BODY, headers: this.#cors.preflightHeaders(origin, asked) };
  }

  async #take(
    request: IncomingMessage,
    response: ServerResponse,
    endpoint: Endpoint,
    { form, access }: Pick<EndpointRequest, 'form' | 'access'>,
  ): Promise<HttpResponse> {
    let body: Body | null = null;
    try {
      checkAnnouncedLength(request, endpoint.bodyBytesMax, this.#budget);
      if (isContinueExpected(request)) response.writeContinue();
      body = await readBody(request, {
        encoding: bodyEncoding(request.headers['content-encoding']) ?? 'identity',
        bytesMax: endpoint.bodyBytesMax,
        decompressedBytesMax: endpoint.decompressedBytesMax,
        budget: this.#budget,
        decompressor: this.#decompressor,
      });
      const { url, headers } = request;
      return await endpoint.take(body, { url, headers, form, access });
    } catch (error) {
      if (!(error instanceof BodyError)) throw error;
      return endpoint.refuse(this.#bodyRefusal(error, endpoint), form);
    } finally {
      body?.release();
    }
  }

  #reached(limit: keyof HttpReceiverLimits): void {
    this.#limitCounter.reached(`${this.#port.limitPrefix}.${limit}`);
  }

  #bodyRefusal({ status, message, limit }: BodyError, endpoint: Endpoint): Refusal {
    if (status === 503) return overloaded(message, this.#limits.retryAfterMs);
    if (limit !== null) endpoint.countTooLarge(limit);
    return { status, code: status === 413 ? 'body_too_large' : 'malformed_body', message };
  }
}

/** What is at the path of a request. */
interface Found {
  /** For all methods. */
  readonly matches: readonly RouteMatch<Endpoint>[];
  readonly match: RouteMatch<Endpoint> | undefined;
  /** In whose form the request is answered. */
  readonly endpoint: Endpoint;
  /** Null where the request names none that is known. */
  readonly form: BodyForm | null;
}

const NO_BODY = Buffer.alloc(0);

function isPreflight({ method, headers }: IncomingMessage): boolean {
  return method === 'OPTIONS' && headers.origin !== undefined;
}
