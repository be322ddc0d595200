import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Tracer } from '../tracer.ts';
import { instrumentClients } from './instrument-clients.ts';
import { instrumentFetch } from './instrument-fetch.ts';
import { instrumentGlobalFetch, isFetchUnseen } from './instrument-global-fetch.ts';
import type { HttpOptions } from './options.ts';
import { traceIncoming } from './trace-incoming.ts';
import { instrumentServers } from './instrument-servers.ts';

export type { HttpOptions, OutgoingRequest } from './options.ts';

/** A step of a connect-style chain. */
export type HttpMiddleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/**
 * Traces incoming requests from its place in a connect-style chain on (Express, Connect, Polka), where `instrumentHttp`
 * would trace too much. Outgoing requests are not traced.
 * @example
 * const middleware = httpMiddleware(tracer);
 * createServer((request, response) => middleware(request, response, () => response.end('ok')));
 */
export function httpMiddleware(tracer: Tracer, options: HttpOptions = {}): HttpMiddleware {
  return (request, response, next) => {
    traceIncoming(tracer, options, request, response, () => next());
  };
}

/**
 * Traces what the process receives and sends over HTTP/1 (node:http, node:https) and with `fetch`. Call it before
 * anything copies `http.request` out of its module. Returns a function that removes the instrumentation. Calling it
 * twice traces once.
 * @example
 * const remove = instrumentHttp(tracer, { ignoreIncoming: (request) => request.url === '/healthz' });
 * @see https://opentelemetry.io/docs/specs/semconv/http/http-spans/
 */
export function instrumentHttp(tracer: Tracer, options: HttpOptions = {}): () => void {
  const removals = [
    instrumentServers(tracer, options),
    instrumentClients(tracer, options),
    instrumentFetch(tracer, options),
    ...(isFetchUnseen() ? [instrumentGlobalFetch(tracer, options)] : []),
  ];
  return () => {
    for (const remove of removals) remove();
  };
}
