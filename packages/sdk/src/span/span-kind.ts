/**
 * What a span is in its trace, by name: `server` and `client` for the two sides of a request, `producer` and `consumer`
 * for those of a message.
 * @see https://opentelemetry.io/docs/specs/otel/trace/api/#spankind
 */
export type SpanKindName = (typeof SPAN_KINDS)[number];

/** In the order of `SpanKind` of OpenTelemetry's API. */
export const SPAN_KINDS = ['internal', 'server', 'client', 'producer', 'consumer'] as const;

const INTERNAL = 0;

/** A kind as a number: given as one, or by its name; whatever is neither is internal. Never throws. */
export function kindOf(kind: unknown): number {
  if (isKind(kind)) return kind;
  return typeof kind === 'string' ? Math.max(SPAN_KINDS.indexOf(kind as SpanKindName), INTERNAL) : INTERNAL;
}

/** Whether it is one of OpenTelemetry's numbers. */
export function isKind(kind: unknown): kind is number {
  return typeof kind === 'number' && Number.isInteger(kind) && kind >= 0 && kind < SPAN_KINDS.length;
}
