import {
  propagation,
  ROOT_CONTEXT,
  trace as traceApi,
  type Baggage,
  type Context,
  type Span as OtelSpan,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
} from '@opentelemetry/api';
import {
  toOtel,
  isSuppressed,
  spanIn,
  fromOtel,
  fromOtelChecked,
  type ActiveContext,
} from '../context/active-context.ts';
import { contextWithHint } from '../context/sampling-hint.ts';
import { catchRejection } from '../runtime/catch-rejection.ts';
import { SpanIdentity } from '../span/span-identity.ts';
import type { HeaderFormat } from './header-format.ts';

/**
 * Writes and reads several header formats one after the other. Of those that find a span in a carrier the last one
 * counts, as OpenTelemetry has it; baggage is put together. Nothing that a carrier, getter, setter or foreign
 * propagator throws comes out.
 */
export class CompositePropagator implements TextMapPropagator {
  readonly #propagators: readonly (HeaderFormat | TextMapPropagator)[];
  readonly #identityOf: (span: SpanIdentity | OtelSpan | undefined) => SpanIdentity | undefined;

  /** `identityOf` returns our identity of any implementation's span. */
  constructor(
    propagators: readonly (HeaderFormat | TextMapPropagator)[],
    identityOf: (span: SpanIdentity | OtelSpan | undefined) => SpanIdentity | undefined,
  ) {
    this.#propagators = propagators;
    this.#identityOf = identityOf;
  }

  inject<C>(context: Context, carrier: C, setter: TextMapSetter<C>): void {
    let active: ActiveContext;
    try {
      active = fromOtel(context);
    } catch {
      // It is no context.
      return;
    }
    this.injectActive(active, carrier, setter);
  }

  /** The same for what is stored as active, which is a context only where it must be. */
  injectActive<C>(active: ActiveContext, carrier: C, setter: TextMapSetter<C>): void {
    let span: SpanIdentity | undefined;
    let baggage: Baggage | undefined;
    try {
      if (isSuppressed(active)) return;
      span = this.#identityOf(spanIn(active));
      baggage = active instanceof SpanIdentity ? undefined : propagation.getBaggage(active);
    } catch {
      // It is no context.
      return;
    }
    for (const propagator of this.#propagators) {
      try {
        if (isHeaderFormat(propagator)) injectFormat(propagator, span, baggage, carrier, setter);
        else catchRejection(propagator.inject(toOtel(active), carrier, setter));
      } catch {
        // A carrier that takes no headers (frozen, sent already) is the application's business.
      }
    }
  }

  extract<C>(context: Context, carrier: C, getter: TextMapGetter<C>): Context {
    let found = context;
    if (carrier === undefined || carrier === null) return found;
    for (const propagator of this.#propagators) {
      try {
        found = isHeaderFormat(propagator)
          ? extractFormat(propagator, found, carrier, getter)
          : extractForeign(propagator, found, carrier, getter);
      } catch {
        // A getter that throws has nothing to say.
      }
    }
    return found;
  }

  fields(): string[] {
    return [...new Set(this.#propagators.flatMap(fieldsOf))];
  }
}

function injectFormat<C>(
  format: HeaderFormat,
  span: SpanIdentity | undefined,
  baggage: Baggage | undefined,
  carrier: C,
  setter: TextMapSetter<C>,
): void {
  if (span !== undefined) format.injectSpan?.(span, carrier, setter);
  if (baggage !== undefined) format.injectBaggage?.(baggage, carrier, setter);
}

function extractFormat<C>(format: HeaderFormat, context: Context, carrier: C, getter: TextMapGetter<C>): Context {
  const baggage = format.extractBaggage?.(carrier, getter);
  const withBaggage = baggage === undefined ? context : mergeBaggage(context, baggage);
  const span = format.extractSpan?.(carrier, getter);
  if (span === undefined) {
    const hint = format.extractHint?.(carrier, getter);
    return hint === undefined ? withBaggage : contextWithHint(withBaggage, hint);
  }
  return withBaggage === ROOT_CONTEXT ? toOtel(span) : traceApi.setSpan(withBaggage, span);
}

/** What is no context, of an async one for instance, finds nothing. */
function extractForeign<C>(
  propagator: TextMapPropagator,
  context: Context,
  carrier: C,
  getter: TextMapGetter<C>,
): Context {
  const found = propagator.extract(context, carrier, getter);
  if (fromOtelChecked(found) !== undefined) return found;
  catchRejection(found);
  return context;
}

function mergeBaggage(context: Context, baggage: Baggage): Context {
  let merged = propagation.getBaggage(context) ?? baggage;
  if (merged !== baggage) for (const [key, entry] of baggage.getAllEntries()) merged = merged.setEntry(key, entry);
  return propagation.setBaggage(context, merged);
}

function isHeaderFormat(propagator: HeaderFormat | TextMapPropagator): propagator is HeaderFormat {
  return typeof propagator.fields !== 'function';
}

function fieldsOf(propagator: HeaderFormat | TextMapPropagator): readonly string[] {
  if (isHeaderFormat(propagator)) return propagator.fields;
  try {
    return propagator.fields();
  } catch {
    return [];
  }
}
