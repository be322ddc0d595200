/** What one request and one span may hold. Nothing is a reason to reject more than what is beyond the limit. */
export interface BlockLimits {
  /** Memory that one request may take as columns. A resource counts for each of its spans. */
  readonly requestBytesMax: number;
  /** Spans of one request; those behind are rejected. */
  readonly spansPerRequestMax: number;
  /** Attributes of a span, and of each event, link, resource and scope; those behind are dropped and counted in it. */
  readonly attributesMax: number;
  /**
   * Bytes of a value, a key, a name or a trace state: a text and bytes are cut, an array or a map is dropped and
   * counted.
   */
  readonly valueBytesMax: number;
  /** Levels of arrays and maps in a value; an attribute with more is dropped and counted. */
  readonly valueDepthMax: number;
  /** Events of a span; those behind are dropped and counted in it. */
  readonly eventsPerSpanMax: number;
  /** Links of a span; those behind are dropped and counted in it. */
  readonly linksPerSpanMax: number;
  /** Attributes of all events, or of all links, of a span together. A span with more is rejected. */
  readonly itemAttributesPerSpanMax: number;
  /** Distinct UTC days in one request: each becomes a part in the store. */
  readonly daysPerRequestMax: number;
}

export const BLOCK_LIMITS: BlockLimits = {
  requestBytesMax: 64 * 1024 * 1024,
  spansPerRequestMax: 250_000,
  attributesMax: 4_096,
  valueBytesMax: 1024 * 1024,
  valueDepthMax: 32,
  eventsPerSpanMax: 8_192,
  linksPerSpanMax: 8_192,
  itemAttributesPerSpanMax: 65_536,
  daysPerRequestMax: 366,
};
