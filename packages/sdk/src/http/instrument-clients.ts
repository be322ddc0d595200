import http, { type ClientRequest, type IncomingMessage } from 'node:http';
import https from 'node:https';
import { syncBuiltinESMExports } from 'node:module';
import { activeContext } from '../context/active-store.ts';
import { isSuppressed } from '../context/active-context.ts';
import { property } from '../runtime/property.ts';
import type { Tracer } from '../tracer.ts';
import {
  LOCAL_TRANSPORT,
  NETWORK_PEER_ADDRESS,
  NETWORK_PEER_PORT,
  NETWORK_PROTOCOL_VERSION,
  NETWORK_TRANSPORT,
  redactorOf,
  type Redact,
} from './attributes.ts';
import { ClientSpan } from './client-span.ts';
import { attempt } from './attempt.ts';
import { inside, isInside } from './inside.ts';
import { callSafely, type HttpOptions } from './options.ts';
import { isUrl, targetOf, type Target } from './request-target.ts';

type RequestFunction = (...args: unknown[]) => ClientRequest;

interface ClientModule {
  request: RequestFunction;
  get: RequestFunction;
}

/** Traces what is sent with node:http and node:https; returns the way back. */
export function instrumentClients(tracer: Tracer, options: HttpOptions): () => void {
  const modules: readonly [unknown, isSecure: boolean][] = [
    [http, false],
    [https, true],
  ];
  const removals = modules.map(([module, isSecure]) => wrapModule(module as ClientModule, isSecure, tracer, options));
  syncBuiltinESMExports();
  return () => {
    for (const remove of removals) remove();
    syncBuiltinESMExports();
  };
}

/** One request is traced once, however often clients are instrumented, and by how many copies of this package. */
const MARK = Symbol.for('throughline.http.client.inside');

function wrapModule(module: ClientModule, isSecure: boolean, tracer: Tracer, options: HttpOptions): () => void {
  const redact = redactorOf(options.redactQuery);
  const original = { request: module.request, get: module.get };
  let isTaken = false;
  const request: RequestFunction = (...args) => {
    if (isTaken || isInside(MARK) || isSuppressed(activeContext())) return original.request(...args);
    const early = attempt(() => headersGoOutAtOnce(args));
    if (early === true) return requestWithEarlyHeaders({ tracer, options, isSecure, redact }, original.request, args);
    const sent = inside(MARK, () => original.request(...args));
    attempt(() => traceRequest({ tracer, options, isSecure, redact }, sent, args));
    return sent;
  };
  // Node's own `get` calls the `request` behind the module's exports, and has sent the headers when it returns.
  const get: RequestFunction = (...args) => {
    if (isTaken) return original.get(...args);
    const sent = request(...args);
    sent.end();
    return sent;
  };
  Object.assign(module, { request, get });
  return () => {
    // Somebody who wrapped them after us still calls us: then we cannot be taken out from under them, and only pass on.
    isTaken = true;
    if (module.request === request) module.request = original.request;
    if (module.get === get) module.get = original.get;
  };
}

/** How the requests of one module are traced. */
interface Tracing {
  readonly tracer: Tracer;
  readonly options: HttpOptions;
  readonly isSecure: boolean;
  readonly redact: Redact;
}

function traceRequest(
  { tracer, options, isSecure, redact }: Tracing,
  request: ClientRequest,
  args: readonly unknown[],
): void {
  const target = targetOf(args, isSecure, request);
  if (callSafely(options.ignoreOutgoing, target.request) === true) return;
  const span = new ClientSpan(tracer, target.request.method);
  attempt(() => {
    if (!request.headersSent) span.inject(request, requestHeaderSetter);
  });
  follow(span, request, target, redact);
}

/** Headers given as an array, or with `expect`, are serialized by the constructor: ours must be among them before. */
function requestWithEarlyHeaders(
  { tracer, options, isSecure, redact }: Tracing,
  original: RequestFunction,
  args: readonly unknown[],
): ClientRequest {
  const planned = attempt(() => {
    const target = targetOf(args, isSecure);
    if (callSafely(options.ignoreOutgoing, target.request) === true) return undefined;
    const span = new ClientSpan(tracer, target.request.method);
    const carrier: Record<string, string> = {};
    span.inject(carrier, { set: (headers, name, value) => void (headers[name] = value) });
    const changed = args.map((arg) => (isOptions(arg) ? { ...arg, headers: merged(headersOf(arg), carrier) } : arg));
    return { span, changed };
  });
  if (planned === undefined) return inside(MARK, () => original(...args));
  const { span, changed } = planned;
  let request: ClientRequest;
  try {
    request = inside(MARK, () => original(...changed));
  } catch (error) {
    span.fail(error);
    throw error;
  }
  attempt(() => follow(span, request, targetOf(args, isSecure, request), redact));
  return request;
}

/** Ours take the place of headers of the same name: two `traceparent` are none (W3C Trace Context, 3.2.1). */
function merged(headers: unknown, ours: Record<string, string>): unknown {
  if (!Array.isArray(headers)) {
    const theirs = Object.entries(headers as object).filter(([name]) => !isOurs(name, ours));
    return { ...Object.fromEntries(theirs), ...ours };
  }
  const given: readonly unknown[] = headers;
  if (Array.isArray(given[0])) {
    const theirs = given.filter((pair) => !isOurs(property(pair, '0'), ours));
    return [...theirs, ...Object.entries(ours)];
  }
  // Names and values in turn.
  const theirs = given.filter((_, at) => !isOurs(given[at - (at % 2)], ours));
  return [...theirs, ...Object.entries(ours).flat()];
}

function isOurs(name: unknown, ours: Record<string, string>): boolean {
  return Object.hasOwn(ours, String(name).toLowerCase());
}

function headersGoOutAtOnce(args: readonly unknown[]): boolean {
  const headers = headersOf(args.find(isOptions));
  if (typeof headers !== 'object' || headers === null) return false;
  return Array.isArray(headers) || Object.keys(headers).some((name) => name.toLowerCase() === 'expect');
}

function headersOf(options: unknown): unknown {
  return property(options, 'headers');
}

const requestHeaderSetter = {
  set(request: ClientRequest, name: string, value: string): void {
    request.setHeader(name, value);
  },
};

function isOptions(arg: unknown): arg is object {
  return typeof arg === 'object' && arg !== null && !isUrl(arg);
}

type EmitFunction = (...args: unknown[]) => boolean;

/** What the application did to a request, from which follows what ended it. */
interface Doings {
  /** It destroyed the request or its response, … */
  isDestroyed: boolean;
  /** … with this, … */
  destroyedWith: unknown;
  /** … behind a timeout that it had set. */
  hasTimedOut: boolean;
}

/**
 * Watches a request to its end through its own `emit`. Listeners would change what the application sees: an 'error'
 * listener hides uncaught errors, a 'response' listener keeps Node from discarding a response that nobody reads.
 */
function follow(span: ClientSpan, request: ClientRequest, target: Target, redact: Redact): void {
  if (!span.isRecording) return;
  span.setTarget(target.request, target.address, target.port, redact);
  if (target.port === undefined) span.span.setAttribute(NETWORK_TRANSPORT, LOCAL_TRANSPORT);
  const doings: Doings = { isDestroyed: false, destroyedWith: undefined, hasTimedOut: false };
  try {
    noteDestroy(request, doings);
    watch(request, (event, argument) => {
      if (event === 'response') followResponse(span, request, argument as IncomingMessage, doings);
      else if (event === 'upgrade' || event === 'connect') endWithResponse(span, request, argument as IncomingMessage);
      else if (event === 'timeout') doings.hasTimedOut = true;
      else if (event === 'error') endWithout(span, doings, argument);
      else if (event === 'close' && !hasResponse(request))
        endWithout(span, doings, new Error('closed without a response'));
    });
  } catch {
    // Of a request that lets nobody watch it nothing more is known.
    span.end();
  }
}

function noteDestroy(stream: ClientRequest | IncomingMessage, doings: Doings): void {
  const destroy = stream.destroy.bind(stream);
  const noted = (error?: Error): ClientRequest | IncomingMessage => {
    // The first deed counts: Node destroys the response of a request that was destroyed, with an error of its own.
    if (!doings.isDestroyed) doings.destroyedWith = error;
    doings.isDestroyed = true;
    return destroy(error);
  };
  Object.assign(stream, { destroy: noted });
}

/** What the application gave up by itself is no failure; what it gave up because it took too long is a timeout. */
function endWithout(span: ClientSpan, { isDestroyed, destroyedWith, hasTimedOut }: Doings, error: unknown): void {
  if (!isDestroyed || (destroyedWith !== undefined && destroyedWith !== null)) span.fail(destroyedWith ?? error);
  else if (hasTimedOut) span.fail(timeoutError());
  else span.cancel();
}

function timeoutError(): Error {
  return Object.assign(new Error('the request timed out'), { name: 'TimeoutError', code: 'ETIMEDOUT' });
}

function followResponse(span: ClientSpan, request: ClientRequest, response: IncomingMessage, doings: Doings): void {
  setResponseAttributes(span, request, response);
  noteDestroy(response, doings);
  watch(response, (event, argument) => {
    if (event === 'end') span.end();
    else if (event === 'error') endWithout(span, doings, argument);
    else if (event === 'aborted') endWithout(span, doings, Object.assign(new Error('aborted'), { code: 'ECONNRESET' }));
    else if (event === 'close') span.end();
  });
}

function endWithResponse(span: ClientSpan, request: ClientRequest, response: IncomingMessage): void {
  setResponseAttributes(span, request, response);
  span.end();
}

function setResponseAttributes(client: ClientSpan, request: ClientRequest, response: IncomingMessage): void {
  const { span } = client;
  const { socket } = request;
  client.setStatusCode(response.statusCode ?? 0);
  if (socket?.remoteAddress !== undefined) span.setAttribute(NETWORK_PEER_ADDRESS, socket.remoteAddress);
  if (socket?.remotePort !== undefined) span.setAttribute(NETWORK_PEER_PORT, socket.remotePort);
  if (typeof response.httpVersion === 'string') span.setAttribute(NETWORK_PROTOCOL_VERSION, response.httpVersion);
}

/** Node keeps it there, and its types do not list it. */
function hasResponse(request: ClientRequest): boolean {
  const { res } = request as ClientRequest & { res?: IncomingMessage | null };
  return res !== undefined && res !== null;
}

function watch(emitter: ClientRequest | IncomingMessage, before: (event: unknown, argument: unknown) => void): void {
  const emit = emitter.emit.bind(emitter) as EmitFunction;
  emitter.emit = (...args: unknown[]): boolean => {
    attempt(() => before(args[0], args[1]));
    return emit(...args);
  };
}
