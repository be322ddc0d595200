import { once, setMaxListeners } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { answerClientErrors } from '../client-error.ts';
import { isOwnHost, isOwnOrigin } from '../host-check.ts';
import { LimitCounter } from '../limit-counter.ts';
import { EngineError } from '../query/rows.ts';
import { Turns, TurnsTakenError } from '../query/turns.ts';
import type { Answer } from './answer.ts';
import { json } from './answer.ts';
import { API_LIMITS, type ApiLimits } from './limits.ts';
import { ApiMetrics } from './metrics.ts';
import { Problem } from './problem.ts';
import type { Route, RouteMatch } from './route.ts';
import { matchRoute } from './route.ts';
import type { StaticUi } from './static-ui.ts';

export interface ApiServerOptions {
  readonly routes: readonly Route[];
  readonly ui: StaticUi;
  /** Host names besides the loopback's under which browsers may reach us, in lower case. */
  readonly hostNames: readonly string[];
  readonly log: Logger;
  readonly registry: Registry;
  readonly limits?: Partial<ApiLimits>;
}

/** Headers of every answer. The UI loads nothing from elsewhere, is framed by nobody and runs no inline script. */
const COMMON_HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; " +
    "manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
};

/** Pieces of an answer are joined up to about this size before they are sent. */
const CHUNK_CHARACTERS = 65_536;

/** Answers GET and HEAD: the API's routes, and the UI beside them. */
export class ApiServer {
  readonly #routes: readonly Route[];
  readonly #ui: StaticUi;
  readonly #hostNames: ReadonlySet<string>;
  readonly #log: Logger;
  readonly #limits: ApiLimits;
  readonly #turns: Turns;
  readonly #metrics: ApiMetrics;
  readonly #limitCounter: LimitCounter;
  #streaming = 0;
  readonly #server: Server;

  constructor({ routes, ui, hostNames, log, registry, limits }: ApiServerOptions) {
    this.#routes = routes;
    this.#ui = ui;
    this.#hostNames = new Set(hostNames);
    this.#log = log;
    this.#limits = { ...API_LIMITS, ...limits };
    const { concurrentQuestions, waitingQuestionsMax, answerTimeoutMs, requestTimeoutMs } = this.#limits;
    const { connectionsMax, headerBytesMax } = this.#limits;
    this.#turns = new Turns({ concurrent: concurrentQuestions, waitingMax: waitingQuestionsMax });
    this.#metrics = new ApiMetrics(registry, this.#turns);
    this.#limitCounter = new LimitCounter(registry);
    this.#server = createServer(
      { requestTimeout: requestTimeoutMs, headersTimeout: requestTimeoutMs, maxHeaderSize: headerBytesMax },
      (request, response) => void this.#serve(request, response),
    );
    this.#server.maxConnections = connectionsMax;
    this.#server.on('drop', () => this.#limitCounter.reached('http.connectionsMax'));
    answerClientErrors(this.#server, {
      headerBytesMax,
      answer: (status, message) => {
        if (status === 408) this.#limitCounter.reached('http.requestTimeoutMs');
        if (status === 431) this.#limitCounter.reached('http.headerBytesMax');
        const { body, contentType } = json({ error: { code: 'not_http', message } }, status);
        return { contentType, body: typeof body === 'string' ? body : '' };
      },
    });
    // A connection on which nothing moves for longer than a request and its answer may take: its client reads no more.
    this.#server.timeout = requestTimeoutMs + answerTimeoutMs;
  }

  /** Listens. Rejects with Node's own error (`code` `EADDRINUSE`, …) when it cannot. */
  async start(host: string, port: number): Promise<AddressInfo> {
    this.#server.listen(port, host);
    await once(this.#server, 'listening');
    return this.#server.address() as AddressInfo;
  }

  /** Refuses new connections and resolves when the running requests have been answered, or cut off at the deadline. */
  async close(deadlineMs: number): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeIdleConnections();
    const deadline = setTimeout(() => this.#server.closeAllConnections(), deadlineMs);
    await closed;
    clearTimeout(deadline);
  }

  /** Never rejects: whatever goes wrong becomes an answer or a closed connection. */
  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedMs = performance.now();
    // No route reads a body; one that was sent is let run out within the request's time.
    request.resume();
    const left = new AbortController();
    response.once('close', () => {
      if (!response.writableFinished) left.abort(new ClientLeft());
    });
    let label = 'none';
    try {
      const answer = await this.#answer(request, left.signal, (path) => (label = path));
      await this.#send(response, answer, left.signal);
    } catch (error) {
      if (response.headersSent) response.destroy();
      else await send(response, this.#problem(error), left.signal).catch(() => response.destroy());
    }
    this.#metrics.observe(label, response.statusCode, performance.now() - startedMs);
  }

  /** A large answer is held until its client has taken it: only so many are, and only so long. */
  async #send(response: ServerResponse, answer: Answer, left: AbortSignal): Promise<void> {
    if (typeof answer.body === 'string' || answer.body instanceof Uint8Array) return send(response, answer, left);
    const { streamedAnswersMax, sendTimeoutMs, retryAfterMs } = this.#limits;
    if (this.#streaming >= streamedAnswersMax) {
      this.#limitCounter.reached('http.streamedAnswersMax');
      const retryAfter = { 'Retry-After': String(Math.ceil(retryAfterMs / 1_000)) };
      throw new Problem(
        503,
        'too_many_answers',
        `${streamedAnswersMax} large answers are being sent already`,
        retryAfter,
      );
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

  async #answer(request: IncomingMessage, left: AbortSignal, label: (path: string) => void): Promise<Answer> {
    if (!isOwnHost(request.headers.host, this.#hostNames)) {
      const shown = JSON.stringify(request.headers.host ?? '');
      throw new Problem(403, 'host_not_allowed', `Host ${shown} is not a name of this server`);
    }
    const { origin } = request.headers;
    // A page elsewhere could not read the answer, but could have the store work for it. A link from there may be followed.
    const { 'sec-fetch-site': site, 'sec-fetch-mode': mode } = request.headers;
    const isForeign = origin !== undefined && !isOwnOrigin(origin, this.#hostNames);
    if (isForeign || (site === 'cross-site' && mode !== 'navigate')) {
      throw new Problem(403, 'origin_not_allowed', 'pages from elsewhere may not ask this server');
    }
    const { pathname, searchParams } = readTarget(request.url ?? '/');
    const match = matchRoute(this.#routes, pathname);
    if (match !== null) {
      label(match.route.path);
      checkMethod(request.method);
      return this.#ask(match, searchParams, left);
    }
    const asksForPage = !pathname.startsWith('/api/') && (request.headers.accept ?? '').includes('text/html');
    const page =
      this.#ui.answer(pathname, request.headers['if-none-match']) ?? (asksForPage ? this.#ui.notFound() : null);
    if (page === null) throw new Problem(404, 'not_found', `nothing is at ${shorten(pathname)}`);
    label('ui');
    checkMethod(request.method);
    return page;
  }

  async #ask({ route, path }: RouteMatch, query: URLSearchParams, left: AbortSignal): Promise<Answer> {
    if (!route.asksStore) return route.handle(path, query, left);
    const signal = AbortSignal.any([left, AbortSignal.timeout(this.#limits.answerTimeoutMs)]);
    // One question may have many statements that wait; each of them listens.
    setMaxListeners(0, signal);
    return this.#turns.run(signal, async () => route.handle(path, query, signal));
  }

  #problem(error: unknown): Answer {
    if (error instanceof TurnsTakenError) this.#limitCounter.reached('http.waitingQuestionsMax');
    if (isTimeout(error)) this.#limitCounter.reached('http.answerTimeoutMs');
    const problem = asProblem(error, this.#limits.retryAfterMs);
    if (problem.status === 500) this.#log.error({ err: error }, 'a question failed');
    const { code, message, status, headers } = problem;
    return { ...json({ error: { code, message } }, status), headers };
  }
}

/** The client closed the connection before its answer; nobody hears the error. */
class ClientLeft extends Error {
  override readonly name = 'ClientLeft';
}

function asProblem(error: unknown, retryAfterMs: number): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof ClientLeft) return new Problem(499, 'client_left', 'the client left');
  const retryAfter = { 'Retry-After': String(Math.ceil(retryAfterMs / 1_000)) };
  if (error instanceof TurnsTakenError) {
    return new Problem(503, 'too_many_questions', error.message, retryAfter);
  }
  if (isTimeout(error)) {
    return new Problem(504, 'timeout', 'the answer took too long; ask for less, such as a shorter range of time');
  }
  if (error instanceof EngineError) {
    if (error.code === 'unavailable') {
      return new Problem(503, 'store_unavailable', error.message, retryAfter);
    }
    if (error.code === 'timeout') return new Problem(504, 'timeout', error.message);
    if (error.code === 'too_large') {
      return new Problem(
        422,
        'answer_too_large',
        'the question is too large; ask for less, such as a shorter range of time, one service or a smaller limit',
      );
    }
  }
  return new Problem(500, 'internal', 'the question failed; the log of the server says why');
}

/** The signal's reason where the time for an answer is up. */
function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'TimeoutError';
}

function checkMethod(method: string | undefined): void {
  if (method === 'GET' || method === 'HEAD') return;
  const message = `method ${method} is not allowed here; accepted are GET and HEAD`;
  throw new Problem(405, 'method_not_allowed', message, { Allow: 'GET, HEAD' });
}

function readTarget(target: string): { pathname: string; searchParams: URLSearchParams } {
  // Not `new URL`: it would take a target such as //evil/path for a host.
  const [, pathname = '', search = ''] = /^([^?#]*)(?:\?([^#]*))?/.exec(target) ?? [];
  return { pathname, searchParams: new URLSearchParams(search) };
}

function shorten(path: string): string {
  return JSON.stringify(path.length <= 100 ? path : `${path.slice(0, 100)}…`);
}

async function send(response: ServerResponse, answer: Answer, left: AbortSignal): Promise<void> {
  const { status, contentType, headers, body } = answer;
  const whole = typeof body === 'string' || body instanceof Uint8Array;
  response.writeHead(status, {
    ...COMMON_HEADERS,
    'Cache-Control': 'no-store',
    'Content-Type': contentType,
    // The length of a 304 would be that of the answer which it stands for.
    ...(whole && status !== 304 && { 'Content-Length': Buffer.byteLength(body) }),
    ...headers,
  });
  if (typeof body === 'string' || body instanceof Uint8Array) {
    response.end(body);
    return;
  }
  if (response.req.method !== 'HEAD') {
    let chunk = '';
    for (const piece of body) {
      chunk += piece;
      if (chunk.length < CHUNK_CHARACTERS) continue;
      if (!response.write(chunk)) await once(response, 'drain', { signal: left });
      chunk = '';
    }
    response.write(chunk);
  }
  response.end();
}
