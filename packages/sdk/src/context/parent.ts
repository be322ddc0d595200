import { ROOT_CONTEXT, type Context, type Span as OtelSpan, type SpanContext } from '@opentelemetry/api';
import { fromOtel, withoutSpan, type ActiveContext } from './active-context.ts';
import { SpanIdentity } from '../span/span-identity.ts';
import type { SpanOwner } from '../span/span-owner.ts';
import type { Span } from '../span/span.ts';

/** What a span can be started under or made active: a span, its identity, or a context such as `extract` returns. */
export type Parent = Span | OtelSpan | SpanContext | Context;

/** What the options of a new span say of its parent. Reading them may throw: they are the application's. */
interface ParentOptions {
  readonly parent?: Parent | undefined;
  readonly root?: boolean | undefined;
}

/** What to store to make this active; anything else than a `Parent` is no span. Never throws. */
export function fromParent(recorder: SpanOwner, parent: Parent): ActiveContext {
  try {
    if (parent instanceof SpanIdentity) return parent;
    if (typeof parent !== 'object' || parent === null) return ROOT_CONTEXT;
    if (isContext(parent)) return fromOtel(parent);
    return recorder.identityOf('spanContext' in parent ? parent.spanContext() : parent) ?? ROOT_CONTEXT;
  } catch {
    return ROOT_CONTEXT;
  }
}

/**
 * Where a new span's parent is found: what is active, unless the options say otherwise; it holds no span for a new
 * trace.
 */
export function parentContextOf(
  recorder: SpanOwner,
  options: ParentOptions,
  active: ActiveContext | undefined,
): ActiveContext | undefined {
  try {
    if (options.root === true) return withoutSpan(active);
    return options.parent === undefined ? active : fromParent(recorder, options.parent);
  } catch {
    return active;
  }
}

/**
 * What becomes active together with a new span: what a parent context holds besides its own, baggage above all, stays.
 */
export function contextUnder(
  recorder: SpanOwner,
  options: ParentOptions,
  active: ActiveContext | undefined,
): ActiveContext | undefined {
  try {
    return isContext(options.parent) ? fromParent(recorder, options.parent) : active;
  } catch {
    return active;
  }
}

/** Whether it has the methods of a context; a span has not. Never throws. */
function isContext(parent: unknown): parent is Context {
  if (typeof parent !== 'object' || parent === null) return false;
  try {
    if (parent instanceof SpanIdentity) return false;
    const { getValue, setValue, deleteValue } = parent as Partial<Context>;
    return typeof getValue === 'function' && typeof setValue === 'function' && typeof deleteValue === 'function';
  } catch {
    return false;
  }
}
