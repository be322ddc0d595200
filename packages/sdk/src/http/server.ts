import { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Server as SecureServer } from 'node:https';
import type { Tracer } from '../tracer.ts';
import type { HttpOptions } from './options.ts';
import { traceIncoming } from './server-span.ts';

type Emit = (this: unknown, event: string | symbol, ...args: unknown[]) => boolean;

/** The events by which a server hands a request to the application. */
const REQUEST_EVENTS: ReadonlySet<string | symbol> = new Set(['request', 'checkContinue']);

/** Traces every request to every HTTP/1 server of the process, those that stand already included; answers the way back. */
export function instrumentServers(tracer: Tracer, options: HttpOptions): () => void {
  const removals = [Server.prototype, SecureServer.prototype].map((prototype) =>
    wrapEmit(prototype as unknown as { emit: Emit }, tracer, options),
  );
  return () => {
    for (const remove of removals) remove();
  };
}

function wrapEmit(prototype: { emit: Emit }, tracer: Tracer, options: HttpOptions): () => void {
  const original = prototype.emit;
  const wrapped: Emit = function (event, ...args) {
    const [request, response] = args;
    const isRequest =
      REQUEST_EVENTS.has(event) && request instanceof IncomingMessage && response instanceof ServerResponse;
    if (!isRequest) return original.call(this, event, ...args);
    return traceIncoming(tracer, options, request, response, () => original.call(this, event, ...args));
  };
  prototype.emit = wrapped;
  return () => {
    // Somebody who wrapped it after us still calls us: then we cannot be taken out from under them.
    if (prototype.emit === wrapped) prototype.emit = original;
  };
}
