import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { SpanKind } from '@opentelemetry/api';
import type { Attributes } from '../attributes.ts';
import { activeStore, runWith } from '../active-store.ts';
import { spanInStore, storeOf, storeWithSpan, SUPPRESSED_CONTEXT, type Stored } from '../context.ts';
import { property } from '../property.ts';
import { CountedRoot } from '../sampling/counted-root.ts';
import { Policy } from '../sampling/policy.ts';
import { SpanIdentity } from '../span-identity.ts';
import { RecordingSpan } from '../span.ts';
import type { Tracer } from '../tracer.ts';
import {
  CLIENT_ADDRESS,
  defaultPort,
  ERROR_TYPE,
  HTTP_REQUEST_METHOD,
  HTTP_REQUEST_METHOD_ORIGINAL,
  HTTP_RESPONSE_STATUS_CODE,
  HTTP_ROUTE,
  httpSpanName,
  knownMethod,
  NETWORK_PEER_ADDRESS,
  NETWORK_PEER_PORT,
  NETWORK_PROTOCOL_VERSION,
  OTHER_METHOD,
  redactQuery,
  SERVER_ADDRESS,
  SERVER_PORT,
  splitHost,
  URL_PATH,
  URL_QUERY,
  URL_SCHEME,
  USER_AGENT_ORIGINAL,
} from './attributes.ts';
import { ask, type HttpOptions } from './options.ts';

/** What a request carries once it is traced, so that no second layer traces it again. */
const IS_TRACED = Symbol.for('throughline.http.is_traced');

/** `error.type` where the response never reached the client; not the server's failure, and so without the status ERROR. */
const CLIENT_DISCONNECTED = 'client_disconnected';

const headerGetter = {
  get: (headers: IncomingMessage['headers'], name: string) => headers[name],
  keys: (headers: IncomingMessage['headers']) => Object.keys(headers),
};

/** Runs `handle` within a server span that ends when the response is done, or when the connection is gone before that. */
export function traceIncoming<Result>(
  tracer: Tracer,
  options: HttpOptions,
  request: IncomingMessage,
  response: ServerResponse,
  handle: () => Result,
): Result {
  const marked = request as IncomingMessage & { [IS_TRACED]?: boolean };
  if (marked[IS_TRACED] === true) return handle();
  marked[IS_TRACED] = true;
  if (ask(options.ignoreIncoming, request) === true) return runWith(SUPPRESSED_CONTEXT, handle);
  const method = knownMethod(request.method ?? '');
  const caller = tracer.extract(request.headers, headerGetter);
  const { policy } = tracer.config.sampler;
  const attributes = policy instanceof Policy && policy.readsAttributes ? decisive(request, method) : undefined;
  const span = tracer.startSpan(httpSpanName(method), { kind: SpanKind.SERVER, parent: caller, attributes });
  if (!(span instanceof SpanIdentity)) return handle();
  const stored = storeWithSpan(span, storeOf(caller));
  keepActive(request, span, stored);
  if (span instanceof RecordingSpan || span instanceof CountedRoot)
    new ServerSpan(span, method, options, request, response).start(stored);
  else keepActive(response, span, stored);
  return runWith(stored, handle);
}

/** What a sampling policy may go by. */
function decisive({ url = '', headers }: IncomingMessage, method: string): Attributes {
  return {
    [HTTP_REQUEST_METHOD]: method,
    [URL_PATH]: pathOf(url),
    [USER_AGENT_ORIGINAL]: headers['user-agent'],
  };
}

function pathOf(url: string): string {
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}

/** The request's and response's events come from the connection, whose context is not the request's: it is put back. */
function keepActive(
  emitter: IncomingMessage | ServerResponse,
  span: SpanIdentity,
  stored: Stored,
  afterEvent?: (event: unknown) => void,
): void {
  const emit = emitter.emit.bind(emitter) as (...args: unknown[]) => boolean;
  emitter.emit = (...args: unknown[]): boolean => {
    const active = spanInStore(activeStore());
    const isHere = active instanceof SpanIdentity && active.trace === span.trace;
    const hadListeners = isHere ? emit(...args) : runWith(stored, emit, ...args);
    afterEvent?.(args[0]);
    return hadListeners;
  };
}

class ServerSpan {
  readonly #span: RecordingSpan | CountedRoot;
  readonly #method: string;
  readonly #options: HttpOptions;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #openOnSocket: Set<ServerSpan>;

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
    this.#openOnSocket = openSpansOf(request.socket);
  }

  start(stored: Stored): void {
    this.#span.trace.rpcMetadata = { type: 'http', span: this.#span };
    this.#openOnSocket.add(this);
    keepActive(this.#response, this.#span, stored, (event) => {
      if (event === 'finish') this.#end();
    });
    if (this.#span instanceof RecordingSpan) this.#setRequestAttributes();
  }

  /** The connection closed before the response was done. What the handler started goes on, and its spans end later. */
  endDisconnected(): void {
    this.#span.setAttribute(ERROR_TYPE, CLIENT_DISCONNECTED);
    this.#end();
  }

  #end(): void {
    this.#openOnSocket.delete(this);
    const span = this.#span;
    const { statusCode, headersSent } = this.#response;
    if (headersSent) {
      span.setAttribute(HTTP_RESPONSE_STATUS_CODE, statusCode);
      if (statusCode >= 500) span.setAttribute(ERROR_TYPE, String(statusCode)).setStatus({ code: 2 });
    }
    const route = this.#route();
    if (route !== undefined) {
      span.setAttribute(HTTP_ROUTE, route);
      // A name that the application gave itself stays.
      if (span.name === httpSpanName(this.#method)) span.updateName(httpSpanName(this.#method, route));
    }
    span.end();
  }

  #route(): string | undefined {
    const route = ask(this.#options.route, this.#request) ?? this.#span.trace.rpcMetadata?.route;
    return typeof route === 'string' ? route : routeOfExpress(this.#request);
  }

  #setRequestAttributes(): void {
    const span = this.#span;
    const { headers, socket, url = '', httpVersion } = this.#request;
    span.setAttribute(HTTP_REQUEST_METHOD, this.#method);
    if (this.#method === OTHER_METHOD) span.setAttribute(HTTP_REQUEST_METHOD_ORIGINAL, this.#request.method ?? '');
    const query = url.indexOf('?');
    span.setAttribute(URL_PATH, pathOf(url));
    if (query >= 0) span.setAttribute(URL_QUERY, redactQuery(url.slice(query + 1)));
    const scheme = 'encrypted' in socket ? 'https' : 'http';
    span.setAttribute(URL_SCHEME, scheme);
    if (headers.host !== undefined) {
      const { address, port } = splitHost(headers.host);
      span.setAttribute(SERVER_ADDRESS, address);
      span.setAttribute(SERVER_PORT, port ?? defaultPort(scheme));
    }
    span.setAttribute(NETWORK_PROTOCOL_VERSION, httpVersion);
    if (socket.remoteAddress !== undefined) {
      span.setAttribute(NETWORK_PEER_ADDRESS, socket.remoteAddress);
      span.setAttribute(CLIENT_ADDRESS, socket.remoteAddress);
    }
    if (socket.remotePort !== undefined) span.setAttribute(NETWORK_PEER_PORT, socket.remotePort);
    const userAgent = headers['user-agent'];
    if (userAgent !== undefined) span.setAttribute(USER_AGENT_ORIGINAL, userAgent);
  }
}

/** Express leaves the matched route on the request. */
function routeOfExpress(request: IncomingMessage): string | undefined {
  const path = property(property(request, 'route'), 'path');
  if (typeof path !== 'string') return undefined;
  const baseUrl = property(request, 'baseUrl');
  return typeof baseUrl === 'string' ? baseUrl + path : path;
}

const openSpans = new WeakMap<Socket, Set<ServerSpan>>();

/** The spans whose responses are not done yet on a connection: several where a client pipelines. */
function openSpansOf(socket: Socket): Set<ServerSpan> {
  const known = openSpans.get(socket);
  if (known !== undefined) return known;
  const open = new Set<ServerSpan>();
  openSpans.set(socket, open);
  socket.once('close', () => {
    for (const span of open) span.endDisconnected();
  });
  return open;
}
