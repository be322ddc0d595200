import { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Server as SecureServer } from 'node:https';
import { Duplex } from 'node:stream';
import type { Tracer } from '../tracer.ts';
import type { HttpOptions } from './options.ts';
import { traceIncoming, traceTakeover } from './trace-incoming.ts';

type Emit = (this: unknown, event: string | symbol, ...args: unknown[]) => boolean;

/** The events by which a server hands a request to the application, … */
const REQUEST_EVENTS: ReadonlySet<string | symbol> = new Set(['request', 'checkContinue', 'checkExpectation']);
/** … and those with which it hands over the connection as well. */
const TAKEOVER_EVENTS: ReadonlySet<string | symbol> = new Set(['upgrade', 'connect']);

/**
 * Traces every request to every HTTP/1 server of the process, those that exist already included; returns the way back.
 */
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
  const wasOwn = Object.hasOwn(prototype, 'emit');
  let isTaken = false;
  const wrapped: Emit = function (event, ...args) {
    const goOn = (): boolean => original.call(this, event, ...args);
    if (isTaken) return goOn();
    const [request, other] = args;
    if (!(request instanceof IncomingMessage)) return goOn();
    if (REQUEST_EVENTS.has(event) && other instanceof ServerResponse) {
      return traceIncoming(tracer, options, request, other, goOn);
    }
    if (TAKEOVER_EVENTS.has(event) && other instanceof Duplex) {
      return traceTakeover(tracer, options, request, other, goOn);
    }
    return goOn();
  };
  prototype.emit = wrapped;
  return () => {
    // Somebody who wrapped it after us still calls us: then we cannot be taken out from under them, and only pass on.
    isTaken = true;
    if (prototype.emit !== wrapped) return;
    if (wasOwn) prototype.emit = original;
    else Reflect.deleteProperty(prototype, 'emit');
  };
}
