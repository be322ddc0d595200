import { SpanKind, type TextMapSetter } from '@opentelemetry/api';
import { activeContext } from '../context/active-store.ts';
import { toOtel, withSpan } from '../context/active-context.ts';
import { errorMessage, errorType } from '../span/exception.ts';
import { property } from '../runtime/property.ts';
import { HTTP_RESPONSE_STATUS_CODE } from '../span/semantic-attributes.ts';
import { SpanIdentity } from '../span/span-identity.ts';
import type { Span } from '../span/span.ts';
import { STATUS_ERROR } from '../span/span-status.ts';
import type { Tracer } from '../tracer.ts';
import {
  ERROR_TYPE,
  HTTP_REQUEST_METHOD,
  HTTP_REQUEST_METHOD_ORIGINAL,
  httpSpanName,
  knownMethod,
  OTHER_METHOD,
  SERVER_ADDRESS,
  SERVER_PORT,
  URL_FULL,
  type Redact,
} from './attributes.ts';
import type { OutgoingRequest } from './options.ts';

const SCOPE = '@throughline/sdk';

/** The span of one outgoing request, whatever client sends it; it ends once. */
export class ClientSpan {
  readonly span: Span;
  readonly #tracer: Tracer;

  constructor(tracer: Tracer, method: string) {
    this.#tracer = tracer;
    const known = knownMethod(method);
    this.span = tracer.startSpan(httpSpanName(known), { kind: SpanKind.CLIENT });
    if (!this.isRecording) return;
    this.span.setAttribute(HTTP_REQUEST_METHOD, known);
    if (known === OTHER_METHOD) this.span.setAttribute(HTTP_REQUEST_METHOD_ORIGINAL, method);
  }

  get isRecording(): boolean {
    return this.span.isRecording();
  }

  /** Writes this span's identity into the request's headers. */
  inject<C>(carrier: C, setter: TextMapSetter<C>): void {
    const span = this.#ownSpan();
    if (!(span instanceof SpanIdentity)) return;
    this.#tracer.openTelemetry.propagator.inject(toOtel(withSpan(span, activeContext())), carrier, setter);
  }

  /** An unsampled child may be its parent's own span, but W3C requires a parent id of its own in each request. */
  #ownSpan(): unknown {
    if (this.isRecording || this.span !== this.#tracer.activeSpan()) return this.span;
    return this.#tracer.openTelemetry.tracerProvider.getTracer(SCOPE).startSpan('unsampled');
  }

  setTarget(request: OutgoingRequest, address: string, port: number | undefined, redact: Redact): void {
    const { origin, path } = request;
    // A request to a proxy names the whole URL in its path.
    const isWhole = path.startsWith('http://') || path.startsWith('https://');
    // The target of a CONNECT is the host and port that the tunnel leads to.
    const full = isWhole ? withoutCredentials(path) : path.startsWith('/') ? origin + path : `${origin}/`;
    this.span.setAttribute(URL_FULL, redact(full));
    this.span.setAttribute(SERVER_ADDRESS, address);
    if (port !== undefined) this.span.setAttribute(SERVER_PORT, port);
  }

  setStatusCode(statusCode: number): void {
    this.span.setAttribute(HTTP_RESPONSE_STATUS_CODE, statusCode);
    if (statusCode >= 400) this.span.setAttribute(ERROR_TYPE, String(statusCode)).setStatus({ code: STATUS_ERROR });
  }

  /** `endTime`: now by default. */
  end(endTime?: number): void {
    this.span.end(endTime);
  }

  /**
   * The application no longer wanted the response, which is no failure (HTTP conventions: a cancelled request leaves
   * the status unset).
   */
  cancel(): void {
    this.span.end();
  }

  /** Ends the span with what kept the response from arriving whole. */
  fail(error: unknown): void {
    const reason = reasonOf(error);
    if (isAbort(reason)) {
      this.cancel();
      return;
    }
    this.span.setAttribute(ERROR_TYPE, errorType(reason) || 'error');
    this.span.recordException(reason);
    this.span.setStatus({ code: STATUS_ERROR, message: errorMessage(reason) });
    this.span.end();
  }
}

function isAbort(error: unknown): boolean {
  // undici's word for a tunnel that its proxy refuses.
  if (property(error, 'code') === 'UND_ERR_ABORTED' && isProxys(property(error, 'message'))) return false;
  return property(error, 'name') === 'AbortError' || property(error, 'code') === 'ABORT_ERR';
}

function isProxys(message: unknown): boolean {
  return typeof message === 'string' && message.startsWith('Proxy response');
}

/**
 * An abort by a timeout says "aborted" itself; why is in its cause. Either may be of another realm, as Node's own
 * errors are to a test of Jest.
 */
function reasonOf(error: unknown): unknown {
  if (property(error, 'name') !== 'AbortError') return error;
  const cause = property(error, 'cause');
  return property(cause, 'name') === 'TimeoutError' ? cause : error;
}

function withoutCredentials(url: string): string {
  return url.replace(/^(https?:\/\/)[^/?#@]*@/, '$1REDACTED:REDACTED@');
}
