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
  /** The other span's identity, as `spanContext()` returns it. */
  readonly context: SpanContext;
  /** `limits.attributePerLinkCountLimit` of them are recorded. */
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
  /** Adds a link. Give links that are known at the start to `startSpan`: samplers see only those. */
  addLink(link: SpanLink): this;
  /** Adds several, as `addLink` does. */
  addLinks(links: readonly SpanLink[]): this;
  /**
   * Sets the status; `'ok'` is final, and a message is recorded with an error alone.
   * @see https://opentelemetry.io/docs/specs/otel/trace/api/#set-status
   */
  setStatus(status: SpanStatus): this;
  /** Replaces the name. The sampling decision was made by the name at the start. */
  updateName(name: string): this;
  /** Ends the span now, or at a time; before its start becomes its start. A second call does nothing. */
  end(endTime?: TimeInput): void;
  /** Whether what is set now is recorded: false when unsampled or ended. */
  isRecording(): boolean;
  /**
   * Adds an event `exception` with type, message and stack; the status stays as it is.
   * @see https://opentelemetry.io/docs/specs/otel/trace/api/#record-exception
   */
  recordException(exception: unknown, time?: TimeInput): void;
  /** The span's identity: ids, flags and trace state, also of a span that is not recorded. */
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
