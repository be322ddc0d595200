/**
 * OTLP trace data in its JSON encoding (opentelemetry-proto 1.x, `opentelemetry/proto/trace/v1/trace.proto`,
 * with the JSON mapping of the OTLP specification): ids are lower-case hex, 64-bit integers are decimal strings,
 * enums are integers, bytes are base64. The other types of this file are its parts, under OTLP's names.
 *
 * @see https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 * @see https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto
 */
export interface TracesData {
  resourceSpans: ResourceSpans[];
}

/** The spans of one resource. */
export interface ResourceSpans {
  resource?: Resource;
  scopeSpans: ScopeSpans[];
  /** Of the resource's attributes. */
  schemaUrl?: string;
}

/**
 * What the spans come from, such as a service on a host.
 *
 * @see https://opentelemetry.io/docs/specs/otel/resource/data-model/
 */
export interface Resource {
  attributes?: KeyValue[];
  droppedAttributesCount?: number;
  entityRefs?: EntityRef[];
}

/** Which attributes of a resource belong to one entity, such as a host. */
export interface EntityRef {
  schemaUrl?: string;
  type?: string;
  idKeys?: string[];
  descriptionKeys?: string[];
}

/** The spans of one instrumentation scope. */
export interface ScopeSpans {
  scope?: InstrumentationScope;
  spans: Span[];
  /** Of the attributes of scope, spans, events and links. */
  schemaUrl?: string;
}

/**
 * The library that made the spans.
 *
 * @see https://opentelemetry.io/docs/specs/otel/common/instrumentation-scope/
 */
export interface InstrumentationScope {
  name?: string;
  version?: string;
  attributes?: KeyValue[];
  droppedAttributesCount?: number;
}

/**
 * One operation of a trace.
 *
 * @see https://opentelemetry.io/docs/specs/otel/trace/api/#span
 */
export interface Span {
  /** 32 digits. */
  traceId: string;
  /** 16 digits. */
  spanId: string;
  /** Absent or '' for a root. */
  parentSpanId?: string;
  /** As in the header `tracestate`. */
  traceState?: string;
  /** W3C's trace flags in the low 8 bits; bits 8 and 9 report whether the parent is remote. */
  flags?: number;
  name: string;
  /** See `SpanKind`. */
  kind?: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes?: KeyValue[];
  droppedAttributesCount?: number;
  events?: SpanEvent[];
  droppedEventsCount?: number;
  links?: SpanLink[];
  droppedLinksCount?: number;
  status?: SpanStatus;
}

/**
 * What happened at a moment of a span, such as an exception.
 *
 * @see https://opentelemetry.io/docs/specs/otel/trace/api/#add-events
 */
export interface SpanEvent {
  timeUnixNano: string;
  name: string;
  attributes?: KeyValue[];
  droppedAttributesCount?: number;
}

/**
 * Another span that a span is related to, besides its parent; it may be of another trace.
 *
 * @see https://opentelemetry.io/docs/specs/otel/trace/api/#link
 */
export interface SpanLink {
  traceId: string;
  spanId: string;
  traceState?: string;
  attributes?: KeyValue[];
  droppedAttributesCount?: number;
  flags?: number;
}

/**
 * How the work of a span ended.
 *
 * @see https://opentelemetry.io/docs/specs/otel/trace/api/#set-status
 */
export interface SpanStatus {
  /** What went wrong; with `error` alone. */
  message?: string;
  /** See `StatusCode`; absent is unset. */
  code?: number;
}

/** An attribute. */
export interface KeyValue {
  key: string;
  value: AnyValue;
}

/**
 * The value of an attribute. At most one member is set; none is OTLP's empty value.
 *
 * @see https://opentelemetry.io/docs/specs/otel/common/#anyvalue
 */
export interface AnyValue {
  stringValue?: string;
  boolValue?: boolean;
  /** A signed 64-bit integer in decimal. */
  intValue?: string;
  /** A number, or one of the strings `NaN`, `Infinity` and `-Infinity`. */
  doubleValue?: number | string;
  arrayValue?: { values?: AnyValue[] };
  kvlistValue?: { values?: KeyValue[] };
  /** Base64. */
  bytesValue?: string;
}

/**
 * OTLP's numbers for `Span.kind`.
 *
 * @see https://opentelemetry.io/docs/specs/otel/trace/api/#spankind
 */
export const SpanKind = { unspecified: 0, internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const;

/**
 * OTLP's numbers for `SpanStatus.code`.
 *
 * @see https://opentelemetry.io/docs/specs/otel/trace/api/#set-status
 */
export const StatusCode = { unset: 0, ok: 1, error: 2 } as const;
