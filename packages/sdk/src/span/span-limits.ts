/** Limits of one span, with OpenTelemetry's names and defaults where it has them. Infinity means none. */
export interface SpanLimits {
  readonly attributeCountLimit: number;
  /** In UTF-16 units; longer strings (in arrays and maps too) and byte arrays are cut. */
  readonly attributeValueLengthLimit: number;
  readonly eventCountLimit: number;
  readonly linkCountLimit: number;
  readonly attributePerEventCountLimit: number;
  readonly attributePerLinkCountLimit: number;
  /** How deep arrays and maps in a value may nest; what is deeper is left empty. */
  readonly attributeValueDepthLimit: number;
  /** How many elements all arrays and maps in one value hold together; the rest is left out. */
  readonly attributeValueElementLimit: number;
  /** Spans that have started and not ended; above it a new one is not recorded, and counted. */
  readonly liveSpanLimit: number;
  /** Encoded size of one span. A larger one keeps its place and times and loses its details, as dropped counts say. */
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
