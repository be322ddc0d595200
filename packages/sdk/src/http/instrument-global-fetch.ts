import { activeContext } from '../context/active-store.ts';
import { isSuppressed } from '../context/active-context.ts';
import { property } from '../runtime/property.ts';
import type { Tracer } from '../tracer.ts';
import { defaultPort, redactorOf } from './attributes.ts';
import { ClientSpan } from './client-span.ts';
import { attempt } from './attempt.ts';
import { inside, isInside } from './inside.ts';
import { callSafely, type HttpOptions } from './options.ts';

type Fetch = typeof globalThis.fetch;
type FetchArguments = Parameters<Fetch>;

/** One request is traced once, by however many copies of this package. */
const MARK = Symbol.for('throughline.http.globalFetch.inside');

/**
 * Traces `fetch` where it is not undici's, which publishes what it does: in Bun and Deno. A span ends with the
 * response's headers, since nothing reports when its body has been read. Returns the way back.
 */
export function instrumentGlobalFetch(tracer: Tracer, options: HttpOptions): () => void {
  const original = globalThis.fetch;
  const redact = redactorOf(options.redactQuery);
  let isTaken = false;
  const begin = ([input, init]: FetchArguments): { span: ClientSpan; changed: FetchArguments } | undefined => {
    if (isTaken || isInside(MARK) || isSuppressed(activeContext())) return undefined;
    const isRequest = typeof input !== 'string' && !(input instanceof URL);
    const url = new URL(isRequest ? input.url : input);
    const method = (init?.method ?? (isRequest ? input.method : 'GET')).toUpperCase();
    const outgoing = { method, origin: url.origin, path: url.pathname + url.search };
    if (callSafely(options.ignoreOutgoing, outgoing) === true) return undefined;
    const headers = new Headers(init?.headers ?? (isRequest ? input.headers : undefined));
    const span = new ClientSpan(tracer, method);
    span.inject(headers, headerSetter);
    const scheme = url.protocol.replace(':', '');
    const port = url.port === '' ? defaultPort(scheme) : Number(url.port);
    if (span.isRecording) span.setTarget(outgoing, url.hostname.replace(/^\[|\]$/g, ''), port, redact);
    return { span, changed: [input, { ...init, headers }] };
  };
  const wrapper: Fetch = async (...args) => {
    const begun = attempt(() => begin(args));
    if (begun === undefined) return await original(...args);
    const { span, changed } = begun;
    try {
      const response = await inside(MARK, () => original(...changed));
      attempt(() => span.setStatusCode(response.status));
      span.end();
      return response;
    } catch (error) {
      span.fail(error);
      throw error;
    }
  };
  // Whatever else the runtime has put there, as Bun has `fetch.preconnect`.
  const wrapped = Object.defineProperties(wrapper, Object.getOwnPropertyDescriptors(original));
  globalThis.fetch = wrapped;
  return () => {
    // Somebody who wrapped it after us still calls us: then we only pass on.
    isTaken = true;
    if (globalThis.fetch === wrapped) globalThis.fetch = original;
  };
}

/** Whether the runtime's own `fetch` is traced by wrapping it. */
export function isFetchUnseen(): boolean {
  return property(process.versions, 'undici') === undefined && typeof globalThis.fetch === 'function';
}

const headerSetter = {
  set(headers: Headers, name: string, value: string): void {
    headers.set(name, value);
  },
};
