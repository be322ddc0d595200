import type { Context, SpanContext } from '@opentelemetry/api';
import { hexOfInt32 } from './ids.ts';
import type { LocalTrace } from './local-trace.ts';
import { W3cTraceState } from './propagation/trace-state.ts';

/** Which span: what a recording and a non-recording one have in common, and all that propagation needs. */
export class SpanIdentity {
  readonly trace: LocalTrace;
  /** The 64 bits as two signed integers. */
  readonly id0: number;
  readonly id1: number;
  /** It came in from another process. */
  readonly isRemote: boolean;
  /** The OpenTelemetry context that holds this span and nothing else; made by `context.ts`. */
  otelContext: Context | undefined = undefined;
  // Made on first use and kept. Plain fields, since private ones make every span dearer to construct.
  spanContextCache: SpanContext | undefined = undefined;
  traceparentCache: string | undefined = undefined;

  constructor(trace: LocalTrace, id0: number, id1: number, isRemote: boolean) {
    this.trace = trace;
    this.id0 = id0;
    this.id1 = id1;
    this.isRemote = isRemote;
  }

  /** The immutable identity that is sent to other processes: OpenTelemetry's SpanContext. */
  spanContext(): SpanContext {
    return (this.spanContextCache ??= this.#newSpanContext());
  }

  /** The W3C header of this span, made on first use. */
  get traceparent(): string {
    return (this.traceparentCache ??= `00-${this.trace.idHex}-${this.#idHex}-0${this.trace.flags}`);
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
