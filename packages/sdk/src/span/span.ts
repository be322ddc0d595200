import type { Span as OtelSpan, SpanContext } from '@opentelemetry/api';
import type { AttributesInput } from './attributes.ts';
import type { AttributeKey, ValueOf } from './semantic-attributes.ts';
import type { SpanStatus } from './span-status.ts';
import type { TimeInput } from './time.ts';

/** Another span that this one is related to. */
export interface SpanLink {
  readonly context: SpanContext;
  readonly attributes?: AttributesInput | undefined;
}

/** A span, recording or not. Nothing here throws, whatever it is given; after `end()` nothing changes it. */
export interface Span extends OtelSpan, Disposable {
  setAttribute<Key extends AttributeKey>(key: Key, value: ValueOf<Key>): this;
  setAttributes(attributes: AttributesInput): this;
  addEvent(name: string, attributesOrTime?: AttributesInput | TimeInput, time?: TimeInput): this;
  addLink(link: SpanLink): this;
  addLinks(links: readonly SpanLink[]): this;
  setStatus(status: SpanStatus): this;
  updateName(name: string): this;
  end(endTime?: TimeInput): void;
  isRecording(): boolean;
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
