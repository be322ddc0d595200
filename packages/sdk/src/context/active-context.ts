import { createContextKey, ROOT_CONTEXT, type Context, type Span as OtelSpan } from '@opentelemetry/api';
import { IdentityForms, SPAN_KEY, SpanIdentity } from '../span/span-identity.ts';

/**
 * What is active: on the common path the span itself, which saves a Map a span; an OpenTelemetry context only when the
 * application put one there that holds more.
 */
export type ActiveContext = SpanIdentity | Context;

/** `@opentelemetry/api` makes its keys by these names, in whatever copy an application has. */
const SUPPRESS_TRACING_KEY = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');

/** A context in which nothing is traced: the exporter's own requests run in it. */
export const SUPPRESSED_CONTEXT: Context = ROOT_CONTEXT.setValue(SUPPRESS_TRACING_KEY, true);

/** What to store so that `span` becomes active while everything else in what is active now stays. */
export function withSpan(span: SpanIdentity, active: ActiveContext | undefined): ActiveContext {
  if (active === undefined || active instanceof SpanIdentity || active === ROOT_CONTEXT) return span;
  try {
    return active.setValue(SPAN_KEY, span);
  } catch {
    // A context of the application's own making: what it holds is lost, the span is not.
    return span;
  }
}

/** The same without its span, which is what a new trace starts in. */
export function withoutSpan(active: ActiveContext | undefined): ActiveContext | undefined {
  if (active === undefined || active instanceof SpanIdentity) return undefined;
  try {
    return active.deleteValue(SPAN_KEY);
  } catch {
    return undefined;
  }
}

/** The span in what is stored, ours or that of another implementation. */
export function spanIn(active: ActiveContext | undefined): SpanIdentity | OtelSpan | undefined {
  if (active === undefined || active instanceof SpanIdentity) return active;
  return valueIn(active, SPAN_KEY) as OtelSpan | undefined;
}

/** A context of the application's own making may throw; then it holds nothing. */
export function valueIn(context: Context, key: symbol): unknown {
  try {
    return context.getValue(key);
  } catch {
    return undefined;
  }
}

export function isSuppressed(active: ActiveContext | undefined): boolean {
  return active !== undefined && !(active instanceof SpanIdentity) && valueIn(active, SUPPRESS_TRACING_KEY) === true;
}

/** OpenTelemetry's view of what is stored. */
export function toOtel(active: ActiveContext | undefined): Context {
  if (active === undefined) return ROOT_CONTEXT;
  if (!(active instanceof SpanIdentity)) return active;
  const forms = (active.forms ??= new IdentityForms());
  return (forms.otelContext ??= new SpanHoldingContext(active));
}

/** The reverse of `toOtel`. */
export function fromOtel(context: Context): ActiveContext {
  return context instanceof SpanHoldingContext ? context.span : context;
}

/** The same for what a caller handed over as a context: `undefined` for what is none. Never throws. */
export function fromOtelChecked(context: Context): ActiveContext | undefined {
  try {
    if (context instanceof SpanHoldingContext) return context.span;
    return typeof context.getValue === 'function' ? context : undefined;
  } catch {
    return undefined;
  }
}

/** A context that holds one of our spans and what that knows of its trace. */
class SpanHoldingContext implements Context {
  readonly span: SpanIdentity;

  constructor(span: SpanIdentity) {
    this.span = span;
  }

  getValue(key: symbol): unknown {
    return this.span.getValue(key);
  }

  setValue(key: symbol, value: unknown): Context {
    return this.span.setValue(key, value);
  }

  deleteValue(key: symbol): Context {
    return this.span.deleteValue(key);
  }
}
