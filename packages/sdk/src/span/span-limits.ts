/**
 * Limits of one span, with OpenTelemetry's names and defaults where it has them. Each is an integer ≥ 0; Infinity means
 * none. What is beyond is dropped and counted. Raise one when spans report dropped attributes, events or links that you
 * need.
 * @see https://opentelemetry.io/docs/specs/otel/trace/sdk/#span-limits
 */
export interface SpanLimits {
  /** Attributes of a span. Default 128. */
  readonly attributeCountLimit: number;
  /** In UTF-16 units; longer strings (in arrays and maps too) and byte arrays are cut. Default Infinity. */
  readonly attributeValueLengthLimit: number;
  /** Events of a span; the first ones are recorded. Default 128. */
  readonly eventCountLimit: number;
  /** Links of a span. Default 128. */
  readonly linkCountLimit: number;
  /** Default 128. */
  readonly attributePerEventCountLimit: number;
  /** Default 128. */
  readonly attributePerLinkCountLimit: number;
  /** How deep arrays and maps in a value may nest; what is deeper is left empty. Default 16. */
  readonly attributeValueDepthLimit: number;
  /** How many elements all arrays and maps in one value hold together; the rest is dropped. Default 1024. */
  readonly attributeValueElementLimit: number;
  /**
   * Spans that have started and not ended; from it on new ones are not recorded, and counted as `limit`. Default
   * 100,000.
   */
  readonly liveSpanLimit: number;
  /**
   * Encoded size of one span in bytes. A larger one keeps its ids, times and status and loses its details, as its
   * dropped counts and `stats().strippedSpans` report. Default 4 MiB.
   */
  readonly spanBytesLimit: number;
}

export const DEFAULT_SPAN_LIMITS: SpanLimits = Object.freeze({
  attributeCountLimit: 128,
  attributeValueLengthLimit: Infinity,
  eventCountLimit: 128,
  linkCountLimit: 128,
  attributePerEventCountLimit: 128,
  attributePerLinkCountLimit: 128,
  attributeValueDepthLimit: 16,
  attributeValueElementLimit: 1024,
  liveSpanLimit: 100_000,
  spanBytesLimit: 4 * 1024 * 1024,
});
