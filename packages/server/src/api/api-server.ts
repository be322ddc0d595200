import { once, setMaxListeners } from 'node:events';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { isAllowed, type Access, type AccessCheck } from '../http/access.ts';
import { HttpListener } from '../http/http-listener.ts';
import { overloaded } from '../http/refusal.ts';
import { isContinueExpected, requestProblem } from '../http/request-problem.ts';
import { LimitCounter } from '../limit-counter.ts';
import { toOriginForm } from '../http/to-origin-form.ts';
import { matchMethod, methodNotAllowed, Router, type RouteMatch } from '../http/router.ts';
import { refuseStrangeHost, refuseStrangePage } from '../http/strangers.ts';
import { Limiter, QueueFullError } from '../limiter.ts';
import { errorJson, type ApiResponse } from '../http/response.ts';
import { asProblem, ClientLeft, isTimeout } from './as-problem.ts';
import { errorPage } from './error-page.ts';
import { API_LIMITS, type ApiLimits } from './limits.ts';
import { ApiMetrics } from './api-metrics.ts';
import { Problem, problemOf } from '../http/problem.ts';
import { readBodyBuffer } from './read-body-buffer.ts';
import type { Route } from '../http/route.ts';
import { send } from './send.ts';
import type { StaticUi } from './static-ui.ts';

export interface ApiServerOptions {
  readonly routes: readonly Route[];
  readonly ui: StaticUi;
  /** Host names besides the loopback's under which browsers may reach us, in lower case. */
  readonly hostNames: readonly string[];
  /** The prefix that browsers see, such as `/tracing`; '' for none. */
  readonly basePath?: string;
  readonly log: Logger;
  readonly registry: Registry;
  readonly limits?: Partial<ApiLimits>;
  readonly access: AccessCheck;
}

/**
 * Node reads as many times the bytes of line and headers that we take: what is over our limit still is a request, so
 * that a person who opened such an address gets a page that says so.
 */
const HEADERS_READ = 2;

/** Answers the API's routes, and the UI beside them, with and without the prefix that a proxy may leave or take off. */
export class ApiServer {
  readonly #router: Router<Route>;
  readonly #access: AccessCheck;
  readonly #ui: StaticUi;
  readonly #hostNames: ReadonlySet<string>;
  readonly #basePath: string;
  readonly #log: Logger;
  readonly #limits: ApiLimits;
  readonly #limiter: Limiter;
  readonly #metrics: ApiMetrics;
  readonly #limitCounter: LimitCounter;
  #streaming = 0;
  readonly #listener: HttpListener;

  constructor(options: ApiServerOptions) {
    const { routes, ui, hostNames, basePath = '', log, registry, limits, access } = options;
    this.#router = new Router(routes);
    this.#access = access;
    this.#ui = ui;
    this.#hostNames = new Set(hostNames);
    this.#basePath = basePath;
    this.#log = log;
    this.#limits = { ...API_LIMITS, ...limits };
    const { concurrentQueries, queuedQueriesMax, responseTimeoutMs, requestTimeoutMs } = this.#limits;
    this.#limiter = new Limiter({ name: 'query', concurrent: concurrentQueries, waitingMax: queuedQueriesMax });
    this.#metrics = new ApiMetrics(registry, this.#limiter);
    this.#limitCounter = new LimitCounter(registry);
    this.#listener = new HttpListener({
      name: 'API',
      log,
      limits: {
        ...this.#limits,
        headersTimeoutMs: requestTimeoutMs,
        headerBytesRead: this.#limits.headerBytesMax * HEADERS_READ,
        stalledTimeoutMs: requestTimeoutMs + responseTimeoutMs,
      },
      serve: (request, response) => this.#serve(request, response),
      refuse: (refusal) => errorJson(refusal),
      onLimit: (limit) =>
        this.#limitCounter.reached(`http.${limit === 'headersTimeoutMs' ? 'requestTimeoutMs' : limit}`),
      onFailed: (error) => log.error({ err: error }, 'could not respond to an API request; closed its connection'),
    });
  }

  /** Listens. Rejects with Node's own error (`code` `EADDRINUSE`, …) when it cannot. */
  start(host: string, port: number): Promise<AddressInfo> {
    return this.#listener.start(host, port);
  }

  /**
   * Refuses new connections and resolves when the running requests have been answered, or were cut off at the deadline.
   */
  close(timeoutMs: number): Promise<void> {
    return this.#listener.close(timeoutMs);
  }

  /** Never rejects: whatever goes wrong becomes an answer or a closed connection. */
  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedMs = performance.now();
    const left = new AbortController();
    response.once('close', () => {
      if (!response.writableFinished) left.abort(new ClientLeft());
    });
    let label = 'none';
    if (isContinueExpected(request)) response.writeContinue();
    try {
      const answer = await this.#answer(request, left.signal, (path) => (label = path));
      await this.#send(response, answer, left.signal);
    } catch (error) {
      const reason: unknown = left.signal.aborted ? left.signal.reason : error;
      if (response.headersSent) response.destroy();
      else await send(response, this.#problem(reason, request), left.signal).catch(() => response.destroy());
    }
    request.resume();
    this.#metrics.observe(label, response.statusCode, performance.now() - startedMs);
  }

  /** A large answer is held until its client has taken it: only so many are, and only so long. */
  async #send(response: ServerResponse, answer: ApiResponse, left: AbortSignal): Promise<void> {
    if (typeof answer.body === 'string' || answer.body instanceof Uint8Array) return send(response, answer, left);
    const { streamedResponsesMax, sendTimeoutMs, retryAfterMs } = this.#limits;
    if (this.#streaming >= streamedResponsesMax) {
      this.#limitCounter.reached('http.streamedResponsesMax');
      const message = `${streamedResponsesMax} large responses are already being sent`;
      throw problemOf(overloaded(message, retryAfterMs, 'too_many_responses'));
    }
    this.#streaming += 1;
    const timer = setTimeout(() => {
      this.#limitCounter.reached('http.sendTimeoutMs');
      response.destroy();
    }, sendTimeoutMs);
    try {
      await send(response, answer, left);
      if (!response.closed) await once(response, 'close', { signal: left });
    } finally {
      clearTimeout(timer);
      this.#streaming -= 1;
    }
  }

  async #answer(request: IncomingMessage, left: AbortSignal, label: (path: string) => void): Promise<ApiResponse> {
    const wrong = requestProblem(request);
    if (wrong !== null) throw problemOf(wrong);
    toOriginForm(request);
    const { method = '', headers } = request;
    const { pathname, searchParams } = readTarget(request.url ?? '/');
    const isChange = method !== 'GET' && method !== 'HEAD';
    const stranger =
      (this.#isForProbes(pathname, method) ? null : refuseStrangeHost(headers, this.#hostNames)) ??
      refuseStrangePage(headers, this.#hostNames, isChange);
    if (stranger !== null) throw problemOf(stranger);
    const decision = this.#access(request);
    const access = decision instanceof Promise ? await decision : decision;
    if (!isAllowed(access)) throw problemOf(access);
    const { matches, page } = await this.#resolve(pathname, headers);
    const match = matchMethod(matches, method);
    // A body that no route reads is let run out within the request's time.
    if (match === undefined || match.route.body === null) request.resume();
    if (matches[0] !== undefined) label(matches[0].route.path);
    else if (page !== null) label('ui');
    this.#checkHeaderBytes(request);
    if (match !== undefined) return this.#ask(match, searchParams, { request, access, left });
    if (matches.length > 0) {
      throw problemOf(
        methodNotAllowed(
          method,
          matches.map(({ route }) => route),
        ),
      );
    }
    if (page !== null && isChange) throw problemOf(methodNotAllowed(method, [PAGE]));
    const answer = page ?? (isForPerson(request) ? this.#ui.notFound() : null);
    if (answer === null) throw new Problem(404, 'not_found', `not found: ${shorten(pathname)}`);
    label('ui');
    return answer;
  }

  /** Probes name no host that is known. */
  #isForProbes(pathname: string, method: string): boolean {
    return withoutBase(pathname, this.#basePath).some(
      (path) => matchMethod(this.#router.at(path), method)?.route.isForProbes === true,
    );
  }

  /** What is at a path: behind the prefix, where a proxy left it on, or as it is, where it was taken off. */
  async #resolve(
    pathname: string,
    { 'if-none-match': ifNoneMatch, 'accept-encoding': acceptEncoding }: IncomingHttpHeaders,
  ): Promise<{ matches: readonly RouteMatch<Route>[]; page: ApiResponse | null }> {
    for (const path of withoutBase(pathname, this.#basePath)) {
      const matches = this.#router.at(path);
      const page = matches.length > 0 ? null : await this.#ui.answer(path, { ifNoneMatch, acceptEncoding });
      if (matches.length > 0 || page !== null) return { matches, page };
    }
    return { matches: [], page: null };
  }

  #checkHeaderBytes({ url = '', rawHeaders }: IncomingMessage): void {
    const { headerBytesMax } = this.#limits;
    const bytes = rawHeaders.reduce((sum, part) => sum + part.length + 2, url.length);
    if (bytes <= headerBytesMax) return;
    this.#limitCounter.reached('http.headerBytesMax');
    throw new Problem(
      431,
      'request_too_long',
      `the address and the headers of this request take more than ${headerBytesMax} bytes; use fewer or shorter filters, or raise --http-header-bytes-max`,
    );
  }

  async #ask(
    { route, path }: RouteMatch<Route>,
    query: URLSearchParams,
    {
      request,
      access,
      left,
    }: { readonly request: IncomingMessage; readonly access: Access; readonly left: AbortSignal },
  ): Promise<ApiResponse> {
    const given = { path, query, headers: request.headers, body: await this.#body(route, request), access };
    if (!route.usesStore) return route.handle({ ...given, signal: left });
    const signal = AbortSignal.any([left, AbortSignal.timeout(this.#limits.responseTimeoutMs)]);
    // One query may have many statements that wait; each of them listens.
    setMaxListeners(0, signal);
    return this.#limiter.run({ signal, kind: route.path }, () => route.handle({ ...given, signal }));
  }

  async #body({ body }: Route, request: IncomingMessage): Promise<Uint8Array> {
    if (body === null) return NO_BODY;
    try {
      return await readBodyBuffer(request, body.bytesMax);
    } catch (error) {
      if (error instanceof Problem && error.status === 413) this.#limitCounter.reached(body.limit);
      throw error;
    }
  }

  #problem(error: unknown, request: IncomingMessage): ApiResponse {
    if (error instanceof QueueFullError) this.#limitCounter.reached('http.queuedQueriesMax');
    if (isTimeout(error)) this.#limitCounter.reached('http.responseTimeoutMs');
    const problem = asProblem(error, this.#limits.retryAfterMs);
    if (problem.status === 500 && !(error instanceof Problem)) this.#log.error({ err: error }, 'query failed');
    if (isForPerson(request)) return errorPage(problem);
    return errorJson(problem);
  }
}

const NO_BODY = new Uint8Array(0);

const PAGE = { method: 'GET' };

/** Whether the answer is looked at in a browser's window. */
function isForPerson({ url = '', headers }: IncomingMessage): boolean {
  return !/^[^?]*\/api\//.test(url) && (headers.accept ?? '').includes('text/html');
}

function withoutBase(pathname: string, basePath: string): readonly string[] {
  if (basePath === '') return [pathname];
  if (pathname === basePath) return ['/', pathname];
  return pathname.startsWith(`${basePath}/`) ? [pathname.slice(basePath.length), pathname] : [pathname];
}

function readTarget(target: string): { pathname: string; searchParams: URLSearchParams } {
  // Not `new URL`: it would take a target such as //evil/path for a host.
  const [, pathname = '', search = ''] = /^([^?#]*)(?:\?([^#]*))?/.exec(target) ?? [];
  return { pathname, searchParams: new URLSearchParams(search) };
}

function shorten(path: string): string {
  return path.length <= 100 ? path : `${path.slice(0, 100)}…`;
}
