import http, { type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import https from 'node:https';
import { syncBuiltinESMExports } from 'node:module';
import { activeStore } from '../active-store.ts';
import { isSuppressed } from '../context.ts';
import type { Tracer } from '../tracer.ts';
import {
  defaultPort,
  NETWORK_PEER_ADDRESS,
  NETWORK_PEER_PORT,
  NETWORK_PROTOCOL_VERSION,
  splitHost,
} from './attributes.ts';
import { ClientSpan } from './client-span.ts';
import { ask, type HttpOptions, type OutgoingRequest } from './options.ts';

type RequestFunction = (...args: unknown[]) => ClientRequest;

interface ClientModule {
  request: RequestFunction;
  get: RequestFunction;
}

/** Traces what is sent with node:http and node:https; answers the way back. */
export function instrumentClients(tracer: Tracer, options: HttpOptions): () => void {
  const removals = [http, https].map((module) => wrapModule(module as unknown as ClientModule, tracer, options));
  syncBuiltinESMExports();
  return () => {
    for (const remove of removals) remove();
    syncBuiltinESMExports();
  };
}

function wrapModule(module: ClientModule, tracer: Tracer, options: HttpOptions): () => void {
  const original = { request: module.request, get: module.get };
  const request: RequestFunction = (...args) => {
    if (isSuppressed(activeStore())) return original.request(...args);
    return headersGoOutAtOnce(args)
      ? requestWithEarlyHeaders(tracer, options, original.request, args)
      : traceRequest(tracer, options, original.request(...args), args);
  };
  // Node's own `get` calls the `request` behind the module's exports, and has sent the headers when it returns.
  const get: RequestFunction = (...args) => {
    const sent = request(...args);
    sent.end();
    return sent;
  };
  Object.assign(module, { request, get });
  return () => {
    // Somebody who wrapped them after us still calls us: then we cannot be taken out from under them.
    if (module.request === request) module.request = original.request;
    if (module.get === get) module.get = original.get;
  };
}

function traceRequest(
  tracer: Tracer,
  options: HttpOptions,
  request: ClientRequest,
  args: readonly unknown[],
): ClientRequest {
  const target = targetOf(request, args);
  if (ask(options.ignoreOutgoing, target.request) === true) return request;
  const span = new ClientSpan(tracer, request.method);
  if (!request.headersSent) span.inject(request, requestHeaderSetter);
  follow(span, request, target);
  return request;
}

/** Headers given as an array, or with `expect`, are serialized by the constructor: ours must be among them before. */
function requestWithEarlyHeaders(
  tracer: Tracer,
  options: HttpOptions,
  original: RequestFunction,
  args: readonly unknown[],
): ClientRequest {
  const planned = plannedRequest(args);
  if (ask(options.ignoreOutgoing, planned) === true) return original(...args);
  const span = new ClientSpan(tracer, planned.method);
  const carrier: Record<string, string> = {};
  span.inject(carrier, { set: (headers, name, value) => void (headers[name] = value) });
  try {
    const changed = args.map((arg) => (isOptions(arg) ? { ...arg, headers: merged(arg.headers, carrier) } : arg));
    const request = original(...changed);
    follow(span, request, targetOf(request, args));
    return request;
  } catch (error) {
    span.fail(error);
    throw error;
  }
}

/** What is asked for, as far as the arguments alone tell. */
function plannedRequest(args: readonly unknown[]): OutgoingRequest {
  const [first] = args;
  const url = typeof first === 'string' && URL.canParse(first) ? new URL(first) : first;
  const options = optionsIn(args);
  const isUrl = url instanceof URL;
  const host = options?.hostname ?? options?.host ?? 'localhost';
  const origin = `${options?.protocol ?? 'http:'}//${host}${options?.port === undefined ? '' : `:${options.port}`}`;
  return {
    method: options?.method ?? 'GET',
    origin: isUrl ? url.origin : origin,
    path: options?.path ?? (isUrl ? url.pathname + url.search : '/'),
  };
}

function merged(headers: unknown, ours: Record<string, string>): unknown {
  if (!Array.isArray(headers)) return { ...(headers as object), ...ours };
  const isPairs = Array.isArray(headers[0]);
  return [...(headers as unknown[]), ...(isPairs ? Object.entries(ours) : Object.entries(ours).flat())];
}

function headersGoOutAtOnce(args: readonly unknown[]): boolean {
  const headers: unknown = optionsIn(args)?.headers;
  if (typeof headers !== 'object' || headers === null) return false;
  return Array.isArray(headers) || Object.keys(headers).some((name) => name.toLowerCase() === 'expect');
}

const requestHeaderSetter = {
  set(request: ClientRequest, name: string, value: string): void {
    request.setHeader(name, value);
  },
};

interface Target {
  readonly request: OutgoingRequest;
  readonly address: string;
  readonly port: number;
}

function targetOf(request: ClientRequest, args: readonly unknown[]): Target {
  const options = optionsIn(args);
  const scheme = request.protocol.replace(/:$/, '');
  const address = options?.socketPath ?? request.host.replace(/^\[|\]$/g, '');
  const port = Number(options?.port ?? portOf(request, args) ?? options?.defaultPort ?? defaultPort(scheme));
  const host = address.includes(':') ? `[${address}]` : address;
  const origin = `${scheme}://${host}${port === defaultPort(scheme) ? '' : `:${port}`}`;
  return { request: { method: request.method, origin, path: request.path }, address, port };
}

/** The port of a URL argument; of a text, by way of the Host header that Node made from it. */
function portOf(request: ClientRequest, [url]: readonly unknown[]): string | number | undefined {
  if (url instanceof URL) return url.port === '' ? undefined : url.port;
  const host = typeof url === 'string' ? request.getHeader('host') : undefined;
  return typeof host === 'string' ? splitHost(host).port : undefined;
}

function optionsIn(args: readonly unknown[]): RequestOptions | undefined {
  return args.find(isOptions);
}

function isOptions(arg: unknown): arg is RequestOptions {
  return typeof arg === 'object' && arg !== null && !(arg instanceof URL);
}

type EmitFunction = (...args: unknown[]) => boolean;

/**
 * Watches a request to its end through its own `emit`. Listeners would change what the application sees: an 'error'
 * listener hides uncaught errors, a 'response' listener keeps Node from discarding a response that nobody reads.
 */
function follow(span: ClientSpan, request: ClientRequest, target: Target): void {
  if (!span.isRecording) return;
  span.setTarget(target.request, target.address, target.port);
  let destroyedWith: unknown;
  const destroy = request.destroy.bind(request);
  request.destroy = (error) => {
    destroyedWith ??= error;
    return destroy(error);
  };
  watch(request, (event, argument) => {
    if (event === 'response') followResponse(span, request, argument as IncomingMessage, () => destroyedWith);
    else if (event === 'upgrade' || event === 'connect') endWithResponse(span, request, argument as IncomingMessage);
    else if (event === 'error') span.fail(argument);
    else if (event === 'close' && !hasResponse(request))
      span.fail(destroyedWith ?? new Error('closed without a response'));
  });
}

function followResponse(
  span: ClientSpan,
  request: ClientRequest,
  response: IncomingMessage,
  reason: () => unknown,
): void {
  setResponseAttributes(span, request, response);
  watch(response, (event, argument) => {
    if (event === 'end') span.end();
    else if (event === 'error') span.fail(reason() ?? argument);
    else if (event === 'aborted') span.fail(reason() ?? Object.assign(new Error('aborted'), { code: 'ECONNRESET' }));
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
  span.setAttribute(NETWORK_PROTOCOL_VERSION, response.httpVersion);
}

/** Node keeps it there without telling TypeScript. */
function hasResponse(request: ClientRequest): boolean {
  const { res } = request as ClientRequest & { res?: IncomingMessage | null };
  return res !== undefined && res !== null;
}

function watch(emitter: ClientRequest | IncomingMessage, before: (event: unknown, argument: unknown) => void): void {
  const emit = emitter.emit.bind(emitter) as EmitFunction;
  emitter.emit = (...args: unknown[]): boolean => {
    before(args[0], args[1]);
    return emit(...args);
  };
}
