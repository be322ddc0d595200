import diagnosticsChannel from 'node:diagnostics_channel';
import { activeStore } from '../active-store.ts';
import { isSuppressed } from '../context.ts';
import type { Tracer } from '../tracer.ts';
import { defaultPort } from './attributes.ts';
import { ClientSpan } from './client-span.ts';
import { ask, type HttpOptions } from './options.ts';

/** What undici publishes of a request; in the built-in `fetch` and in the package alike. */
interface UndiciRequest {
  readonly method: string;
  readonly origin: string | URL;
  readonly path: string;
  /** Names and values in turn; one text in old versions. */
  readonly headers: unknown;
  addHeader(name: string, value: string): unknown;
}

interface UndiciMessage {
  readonly request: UndiciRequest;
  readonly response?: { readonly statusCode: number };
  readonly error?: unknown;
}

/** Traces `fetch` and whatever else uses undici, through the channels that it publishes on; answers the way back. */
export function instrumentFetch(tracer: Tracer, options: HttpOptions): () => void {
  const spans = new WeakMap<UndiciRequest, ClientSpan>();
  const subscriptions: readonly [channel: string, (message: UndiciMessage) => void][] = [
    ['undici:request:create', ({ request }) => startSpan(tracer, options, spans, request)],
    ['undici:request:headers', ({ request, response }) => spans.get(request)?.setStatusCode(response?.statusCode ?? 0)],
    ['undici:request:trailers', ({ request }) => spans.get(request)?.end()],
    ['undici:request:error', ({ request, error }) => spans.get(request)?.fail(error)],
  ];
  const removals = subscriptions.map(([channel, onMessage]) => subscribe(channel, onMessage));
  return () => {
    for (const remove of removals) remove();
  };
}

function subscribe(channel: string, onMessage: (message: UndiciMessage) => void): () => void {
  const guarded = (message: unknown): void => {
    try {
      onMessage(message as UndiciMessage);
    } catch {
      // A subscriber that throws becomes the application's uncaught exception.
    }
  };
  diagnosticsChannel.subscribe(channel, guarded);
  return () => {
    diagnosticsChannel.unsubscribe(channel, guarded);
  };
}

function startSpan(
  tracer: Tracer,
  options: HttpOptions,
  spans: WeakMap<UndiciRequest, ClientSpan>,
  request: UndiciRequest,
): void {
  if (isSuppressed(activeStore())) return;
  const url = new URL(request.origin);
  const outgoing = { method: request.method, origin: url.origin, path: request.path };
  if (ask(options.ignoreOutgoing, outgoing) === true) return;
  const span = new ClientSpan(tracer, request.method);
  span.inject(request, {
    set: (carrier, name, value) => {
      // A second header of the same name would make both invalid.
      if (!hasHeader(carrier.headers, name)) carrier.addHeader(name, value);
    },
  });
  if (!span.isRecording) return;
  const scheme = url.protocol.replace(':', '');
  const address = url.hostname.replace(/^\[|\]$/g, '');
  span.setTarget(outgoing, address, url.port === '' ? defaultPort(scheme) : Number(url.port));
  spans.set(request, span);
}

function hasHeader(headers: unknown, name: string): boolean {
  if (typeof headers === 'string') return headers.toLowerCase().includes(`${name}:`);
  return Array.isArray(headers) && headers.some((entry, i) => i % 2 === 0 && String(entry).toLowerCase() === name);
}
