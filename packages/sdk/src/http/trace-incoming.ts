import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { SpanKind } from '@opentelemetry/api';
import type { Attributes } from '../span/attributes.ts';
import { activeContext, epoch, runAgain, runWith } from '../context/active-store.ts';
import { spanIn, fromOtel, withSpan, SUPPRESSED_CONTEXT, type ActiveContext } from '../context/active-context.ts';
import { errorMessage } from '../span/exception.ts';
import { CountedRoot } from '../request-metrics/counted-root.ts';
import { Policy } from '../sampling/policy.ts';
import { HTTP_RESPONSE_STATUS_CODE } from '../span/semantic-attributes.ts';
import { STATUS_ERROR } from '../span/span-status.ts';
import { SpanIdentity } from '../span/span-identity.ts';
import { RecordingSpan } from '../span/recording-span.ts';
import type { Tracer } from '../tracer.ts';
import {
  CLIENT_ADDRESS,
  defaultPort,
  ERROR_TYPE,
  HTTP_REQUEST_METHOD,
  HTTP_REQUEST_METHOD_ORIGINAL,
  HTTP_ROUTE,
  httpSpanName,
  knownMethod,
  NETWORK_PEER_ADDRESS,
  NETWORK_PEER_PORT,
  NETWORK_PROTOCOL_VERSION,
  OTHER_METHOD,
  redactorOf,
  SERVER_ADDRESS,
  SERVER_PORT,
  splitHost,
  URL_PATH,
  URL_QUERY,
  URL_SCHEME,
  USER_AGENT_ORIGINAL,
  type Redact,
} from './attributes.ts';
import { MountedRoute } from './mounted-route.ts';
import { readForwarded, type Forwarded } from './forwarded.ts';
import { attempt } from './attempt.ts';
import { callSafely, type HttpOptions } from './options.ts';
import { property } from '../runtime/property.ts';
import { whyWithoutResponse } from './without-response.ts';

/** What a request carries once it is traced, so that no second layer traces it again. */
const IS_TRACED = Symbol.for('throughline.http.is_traced');

const headerGetter = {
  get: (headers: IncomingMessage['headers'], name: string) => headers[name],
  keys: (headers: IncomingMessage['headers']) => Object.keys(headers),
};

/**
 * Runs `handle` within a server span that ends when the response is done, or when the connection is gone before that.
 * Parts of the request that cannot be read are omitted; nothing but what `handle` throws is thrown.
 */
export function traceIncoming<Result>(
  tracer: Tracer,
  options: HttpOptions,
  request: IncomingMessage,
  response: ServerResponse,
  handle: () => Result,
): Result {
  const context = attempt(() =>
    beginSpan(tracer, options, request, (span, method, active) => {
      if (span instanceof RecordingSpan || span instanceof CountedRoot)
        new ServerSpan(span, method, options, request, response).start(active);
      else keepActive(response, span, active);
    }),
  );
  return context === undefined ? handle() : runWith(context, handle);
}

/**
 * The same for a request that takes the connection over (`upgrade`, `connect`): its span ends with the first bytes that
 * are written to it.
 */
export function traceTakeover<Result>(
  tracer: Tracer,
  options: HttpOptions,
  request: IncomingMessage,
  socket: Duplex,
  handle: () => Result,
): Result {
  const context = attempt(() =>
    beginSpan(tracer, options, request, (span, method) => {
      if (span instanceof RecordingSpan || span instanceof CountedRoot)
        endWithFirstBytes(span, method, options, request, socket);
    }),
  );
  return context === undefined ? handle() : runWith(context, handle);
}

/** What is to be active while the request is handled; undefined where it is traced already, or nothing is. */
function beginSpan(
  tracer: Tracer,
  options: HttpOptions,
  request: IncomingMessage,
  started: (span: SpanIdentity, method: string, context: ActiveContext) => void,
): ActiveContext | undefined {
  const marked = request as IncomingMessage & { [IS_TRACED]?: boolean };
  if (marked[IS_TRACED] === true) return undefined;
  marked[IS_TRACED] = true;
  if (callSafely(options.ignoreIncoming, request) === true) return SUPPRESSED_CONTEXT;
  const method = knownMethod(request.method ?? '');
  const caller = tracer.extract(attempt(() => request.headers) ?? {}, headerGetter);
  const { policy } = tracer.config.sampling;
  const attributes =
    policy instanceof Policy && policy.readsAttributes ? attempt(() => decisive(request, method)) : undefined;
  const span = tracer.startSpan(httpSpanName(method), { kind: SpanKind.SERVER, parent: caller, attributes });
  if (!(span instanceof SpanIdentity)) return undefined;
  const context = withSpan(span, fromOtel(caller));
  try {
    keepActive(request, span, context);
    started(span, method, context);
  } catch {
    // Nobody would end it.
    span.end();
    return undefined;
  }
  return context;
}

/** What a sampling policy may go by. */
function decisive({ url = '', headers }: IncomingMessage, method: string): Attributes {
  return {
    [HTTP_REQUEST_METHOD]: method,
    [URL_PATH]: pathOf(url),
    [USER_AGENT_ORIGINAL]: headers['user-agent'],
  };
}

/** Of what is in the request line: a path, or a whole URL where a client talks to us as to a proxy. */
function pathOf(url: string): string {
  const start = /^https?:\/\//i.test(url) ? url.indexOf('/', url.indexOf('//') + 2) : 0;
  const path = start < 0 ? '/' : url.slice(start);
  const query = path.indexOf('?');
  return query < 0 ? path : path.slice(0, query);
}

/** The request's and response's events come from the connection, whose context is not the request's: it is put back. */
function keepActive(
  emitter: IncomingMessage | ServerResponse,
  span: SpanIdentity,
  context: ActiveContext,
  afterEvent?: (event: unknown) => void,
): void {
  const since = epoch();
  const emit = emitter.emit.bind(emitter) as (...args: unknown[]) => boolean;
  emitter.emit = (...args: unknown[]): boolean => {
    const active = spanIn(activeContext());
    const isHere = active instanceof SpanIdentity && active.trace === span.trace;
    const hadListeners = isHere ? emit(...args) : runAgain(since, context, emit, ...args);
    if (afterEvent !== undefined) attempt(() => afterEvent(args[0]));
    return hadListeners;
  };
}

class ServerSpan {
  readonly #span: RecordingSpan | CountedRoot;
  readonly #method: string;
  readonly #options: HttpOptions;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #openOnSocket: Set<ServerSpan> | undefined;
  readonly #mounted: MountedRoute;
  #hasTimedOut = false;

  constructor(
    span: RecordingSpan | CountedRoot,
    method: string,
    options: HttpOptions,
    request: IncomingMessage,
    response: ServerResponse,
  ) {
    this.#span = span;
    this.#method = method;
    this.#options = options;
    this.#request = request;
    this.#response = response;
    this.#openOnSocket = attempt(() => openSpansOf(request.socket));
    this.#mounted = new MountedRoute(request);
  }

  start(context: ActiveContext): void {
    this.#span.trace.rpcMetadata = { type: 'http', span: this.#span };
    this.#openOnSocket?.add(this);
    keepActive(this.#response, this.#span, context, (event) => {
      if (event === 'finish') this.#end();
      else if (event === 'timeout') this.#hasTimedOut = true;
    });
    const span = this.#span;
    if (span instanceof RecordingSpan)
      attempt(() => setRequestAttributes(span, this.#method, this.#request, this.#options));
  }

  /** The connection closed before the response was done. What the handler started goes on, and its spans end later. */
  endWithoutResponse(socket: Socket): void {
    const span = this.#span;
    const { type, error, isServers } = whyWithoutResponse(this.#response, socket, this.#hasTimedOut);
    span.setAttribute(ERROR_TYPE, type);
    if (isServers) {
      if (error !== undefined) span.recordException(error);
      span.setStatus({ code: STATUS_ERROR, ...(error === undefined ? {} : { message: errorMessage(error) }) });
    }
    this.#end();
  }

  #end(): void {
    this.#openOnSocket?.delete(this);
    const span = this.#span;
    attempt(() => {
      const { statusCode, headersSent } = this.#response;
      if (headersSent) {
        span.setAttribute(HTTP_RESPONSE_STATUS_CODE, statusCode);
        if (statusCode >= 500) span.setAttribute(ERROR_TYPE, String(statusCode)).setStatus({ code: STATUS_ERROR });
      }
      const route = this.#route();
      if (route !== undefined) {
        span.setAttribute(HTTP_ROUTE, route);
        // A name that the application gave itself stays.
        if (span.name === httpSpanName(this.#method)) span.updateName(httpSpanName(this.#method, route));
      }
    });
    span.end();
  }

  #route(): string | undefined {
    const route = callSafely(this.#options.route, this.#request) ?? this.#span.trace.rpcMetadata?.route;
    return typeof route === 'string' ? route : this.#mounted.route();
  }
}

/** Made once for the options of one instrumentation. */
const redactors = new WeakMap<HttpOptions, Redact>();

function redactorFor(options: HttpOptions): Redact {
  const known = redactors.get(options);
  if (known !== undefined) return known;
  const redact = redactorOf(options.redactQuery);
  redactors.set(options, redact);
  return redact;
}

function setRequestAttributes(
  span: RecordingSpan,
  method: string,
  request: IncomingMessage,
  options: HttpOptions,
): void {
  span.setAttribute(HTTP_REQUEST_METHOD, method);
  const { headers, socket, url = '', httpVersion } = request;
  if (method === OTHER_METHOD) span.setAttribute(HTTP_REQUEST_METHOD_ORIGINAL, request.method ?? '');
  const query = url.indexOf('?');
  span.setAttribute(URL_PATH, pathOf(url));
  if (query >= 0) span.setAttribute(URL_QUERY, redactorFor(options)(url.slice(query + 1)));
  span.setAttribute(NETWORK_PROTOCOL_VERSION, httpVersion);
  const userAgent = headers['user-agent'];
  if (userAgent !== undefined) span.setAttribute(USER_AGENT_ORIGINAL, userAgent);
  const forwarded = options.trustForwarded === true ? readForwarded(headers) : NOT_FORWARDED;
  const isSocket = typeof socket === 'object' && (socket as unknown) !== null;
  const scheme = forwarded.scheme ?? (isSocket && property(socket, 'encrypted') === true ? 'https' : 'http');
  span.setAttribute(URL_SCHEME, scheme);
  const host = forwarded.host ?? headers.host;
  if (host !== undefined) {
    const { address, port } = splitHost(host);
    span.setAttribute(SERVER_ADDRESS, address);
    span.setAttribute(SERVER_PORT, port ?? defaultPort(scheme));
  }
  const { remoteAddress, remotePort } = isSocket ? socket : NO_SOCKET;
  const client = forwarded.client ?? remoteAddress;
  if (remoteAddress !== undefined) span.setAttribute(NETWORK_PEER_ADDRESS, remoteAddress);
  if (client !== undefined) span.setAttribute(CLIENT_ADDRESS, client);
  if (remotePort !== undefined) span.setAttribute(NETWORK_PEER_PORT, remotePort);
}

const NOT_FORWARDED: Forwarded = {};
const NO_SOCKET: Partial<Pick<Socket, 'remoteAddress' | 'remotePort'>> = {};

/** The methods of a socket that send something. */
const TAKEN = ['write', 'end'] as const;
const STATUS_LINE = /^HTTP\/1\.[01] (\d{3})/;

/** What takes a connection over writes its response itself: the status is in the first bytes. */
function endWithFirstBytes(
  span: RecordingSpan | CountedRoot,
  method: string,
  options: HttpOptions,
  request: IncomingMessage,
  socket: Duplex,
): void {
  if (span instanceof RecordingSpan) attempt(() => setRequestAttributes(span, method, request, options));
  const own = new Set(TAKEN.filter((name) => Object.hasOwn(socket, name)));
  const original = new Map<'write' | 'end', unknown>(TAKEN.map((name) => [name, socket[name]]));
  let hasEnded = false;
  const end = (first: unknown): void => {
    if (hasEnded) return;
    hasEnded = true;
    for (const name of TAKEN) {
      if (socket[name] !== wrapped[name]) continue;
      if (own.has(name)) Object.assign(socket, { [name]: original.get(name) });
      else Reflect.deleteProperty(socket, name);
    }
    const head = typeof first === 'string' ? first : first instanceof Uint8Array ? latin1(first.subarray(0, 16)) : '';
    const status = Number(STATUS_LINE.exec(head)?.[1] ?? 0);
    if (status > 0) span.setAttribute(HTTP_RESPONSE_STATUS_CODE, status);
    if (status >= 500) span.setAttribute(ERROR_TYPE, String(status)).setStatus({ code: STATUS_ERROR });
    span.end();
  };
  const wrap = (name: 'write' | 'end') =>
    function (this: unknown, ...args: unknown[]): unknown {
      attempt(() => end(args[0]));
      return Reflect.apply(original.get(name) as (...given: unknown[]) => unknown, this, args);
    };
  const wrapped = { write: wrap('write'), end: wrap('end') };
  Object.assign(socket, wrapped);
  socket.once('close', () => end(undefined));
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

const openSpans = new WeakMap<Socket, Set<ServerSpan>>();

/** The spans whose responses are not done yet on a connection: several where a client pipelines. */
function openSpansOf(socket: Socket): Set<ServerSpan> {
  const known = openSpans.get(socket);
  if (known !== undefined) return known;
  const open = new Set<ServerSpan>();
  socket.once('close', () => {
    for (const span of open) attempt(() => span.endWithoutResponse(socket));
  });
  openSpans.set(socket, open);
  return open;
}
