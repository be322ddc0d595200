import type { Span as OtelSpan, SpanContext } from '@opentelemetry/api';
import type { AttributesInput } from './attributes.ts';
import type { AttributeKey, ValueOf } from './semantic-attributes.ts';
import type { SpanStatus } from './span-status.ts';
import type { TimeInput } from './time.ts';

/**
 * Another span that this one is related to, such as the one that sent a message of a batch.
 * @see https://opentelemetry.io/docs/specs/otel/trace/api/#link
 */
export interface SpanLink {
  readonly context: SpanContext;
  readonly attributes?: AttributesInput | undefined;
}

/**
 * A span, recording or not. Nothing here throws, whatever it is given; after `end()` nothing changes it. It is
 * OpenTelemetry's `Span` as well, and `using` ends it with its block.
 * @example
 * const span = tracer.startSpan('reserve stock');
 * span.setAttributes({ 'order.id': 17, 'order.items': ['a', 'b'] }).addEvent('reserved');
 * span.setStatus({ code: 'error', message: 'sold out' });
 * span.end();
 * @see https://opentelemetry.io/docs/specs/otel/trace/api/#span-operations
 */
export interface Span extends OtelSpan, Disposable {
  /**
   * Sets or replaces an attribute; `null` and `undefined` leave it as it was. `limits.attributeCountLimit` of them are
   * recorded.
   */
  setAttribute<Key extends AttributeKey>(key: Key, value: ValueOf<Key>): this;
  /** Sets several, as `setAttribute` does. */
  setAttributes(attributes: AttributesInput): this;
  /** Records what happened at a moment, now unless a time is given. The first `limits.eventCountLimit` are recorded. */
  addEvent(name: string, attributesOrTime?: AttributesInput | TimeInput, time?: TimeInput): this;
  /** Links belong to the start where they are known then: samplers see only those. */
  addLink(link: SpanLink): this;
  addLinks(links: readonly SpanLink[]): this;
  /** `'ok'` is final; a message is recorded with an error alone. */
  setStatus(status: SpanStatus): this;
  /** The decision to sample was taken by the name at the start. */
  updateName(name: string): this;
  /** Ends the span now, or at a time; before its start becomes its start. A second call does nothing. */
  end(endTime?: TimeInput): void;
  /** Whether what is set now is recorded: false when unsampled or ended. */
  isRecording(): boolean;
  /** Adds an event `exception` with type, message and stack; the status stays as it is. */
  recordException(exception: unknown, time?: TimeInput): void;
  spanContext(): SpanContext;
}

/** A span's name is text; what else was given is shown as text where it can be. */
export function nameOf(name: unknown): string {
  if (typeof name === 'string') return name;
  try {
    return String(name);
  } catch {
    return 'unknown';
  }
}
