import { createContextKey, ROOT_CONTEXT, type Context, type SpanContext } from '@opentelemetry/api';
import { hexOfInt32 } from './random-batch.ts';
import type { LocalTrace } from './local-trace.ts';
import { W3cTraceState } from './trace-state.ts';

/** `@opentelemetry/api` makes its keys by these names, in whatever copy an application has. */
export const SPAN_KEY = createContextKey('OpenTelemetry Context Key SPAN');
const RPC_METADATA_KEY = createContextKey('OpenTelemetry SDK Context Key RPC_METADATA');

/** Most spans never need one of these: they cost a field, not three. */
export class IdentityForms {
  spanContext: SpanContext | undefined = undefined;
  traceparent: string | undefined = undefined;
  /** The OpenTelemetry context that holds this span and nothing else; made by `context.ts`. */
  otelContext: Context | undefined = undefined;
}

/**
 * Which span: what a recording and a non-recording one have in common, and all that propagation needs. To another copy
 * of this package, which finds it active, it is an OpenTelemetry context that holds a span, and the RPC metadata of its
 * trace where a server has set that.
 */
export class SpanIdentity implements Context {
  // `declare`: a field that the class defines first and the constructor fills then is written twice, and never inlined.
  declare readonly trace: LocalTrace;
  /** The 64 bits as two signed integers. */
  declare readonly id0: number;
  declare readonly id1: number;
  /** Other forms of the identity, made on first use and kept. */
  declare forms: IdentityForms | undefined;

  constructor(trace: LocalTrace, id0: number, id1: number) {
    this.trace = trace;
    this.id0 = id0;
    this.id1 = id1;
    this.forms = undefined;
  }

  /** It came in from another process. */
  get isRemote(): boolean {
    return false;
  }

  /** The immutable identity that is sent to other processes: OpenTelemetry's SpanContext. */
  spanContext(): SpanContext {
    const forms = (this.forms ??= new IdentityForms());
    return (forms.spanContext ??= this.#newSpanContext());
  }

  /** The W3C header of this span, made on first use. */
  get traceparent(): string {
    const forms = (this.forms ??= new IdentityForms());
    return (forms.traceparent ??= `00-${this.trace.idHex}-${this.#idHex}-0${this.trace.flags}`);
  }

  getValue(key: symbol): unknown {
    if (key === SPAN_KEY) return this;
    return key === RPC_METADATA_KEY ? this.trace.rpcMetadata : undefined;
  }

  setValue(key: symbol, value: unknown): Context {
    return this.#generalContext().setValue(key, value);
  }

  deleteValue(key: symbol): Context {
    return this.#generalContext().deleteValue(key);
  }

  #generalContext(): Context {
    const context = ROOT_CONTEXT.setValue(SPAN_KEY, this);
    const { rpcMetadata } = this.trace;
    return rpcMetadata === undefined ? context : context.setValue(RPC_METADATA_KEY, rpcMetadata);
  }

  get #idHex(): string {
    return hexOfInt32(this.id0) + hexOfInt32(this.id1);
  }

  #newSpanContext(): SpanContext {
    const { trace } = this;
    const context: SpanContext = { traceId: trace.idHex, spanId: this.#idHex, traceFlags: trace.flags };
    if (this.isRemote) context.isRemote = true;
    if (trace.traceState !== '') context.traceState = new W3cTraceState(trace.traceState);
    return context;
  }
}
