import type { Attributes as OtelAttributes, HrTime, Link, SpanContext, SpanKind, SpanStatus } from '@opentelemetry/api';

/** An event of a span, as the standard SDK shows it. */
export interface TimedEvent {
  readonly time: HrTime;
  readonly name: string;
  readonly attributes?: OtelAttributes;
  readonly droppedAttributesCount?: number;
}

/** The resource as the standard SDK's exporters read it. */
export interface ReadableResource {
  readonly attributes: OtelAttributes;
  readonly schemaUrl?: string;
  readonly asyncAttributesPending: boolean;
  waitForAsyncAttributes(): Promise<void>;
  merge(other: ReadableResource | null): ReadableResource;
  getRawAttributes(): [string, OtelAttributes[string]][];
}

/**
 * A span as SpanProcessors and SpanExporters of the standard SDK (2.x) read it. Times and durations are `[seconds,
 * nanoseconds]`; `dropped…Count` is what `limits` cut.
 * @see https://opentelemetry.io/docs/specs/otel/trace/sdk/#additional-span-interfaces
 */
export interface ReadableSpan {
  readonly name: string;
  readonly kind: SpanKind;
  readonly spanContext: () => SpanContext;
  readonly parentSpanContext?: SpanContext;
  readonly startTime: HrTime;
  /** `[0, 0]` until the span has ended. */
  readonly endTime: HrTime;
  readonly status: SpanStatus;
  readonly attributes: OtelAttributes;
  readonly links: Link[];
  readonly events: TimedEvent[];
  readonly duration: HrTime;
  readonly ended: boolean;
  readonly resource: ReadableResource;
  readonly instrumentationScope: { readonly name: string; readonly version?: string; readonly schemaUrl?: string };
  readonly droppedAttributesCount: number;
  readonly droppedEventsCount: number;
  readonly droppedLinksCount: number;
}
