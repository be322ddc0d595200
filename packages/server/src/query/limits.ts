/** What a question may cost. Each is a limit on purpose; the defaults fit the embedded engine on two cores. */
export interface QueryLimits {
  /** One statement is cancelled after it. */
  readonly queryTimeoutMs: number;
  /** Of a larger trace the first spans by start time are read. */
  readonly traceSpansMax: number;
  /** Of a trace whose spans hold more than this, as they are stored, the first ones by start time are read. */
  readonly traceBytesMax: number;
  /**
   * Search looks first at a span of time that holds about so many spans, and at longer ones while the page is not full.
   * A fifth of it where every span matches.
   */
  readonly searchWindowSpans: number;
  /**
   * Traces that reach into the range of a search, or have their root, from farther away than it looks window by window: of more, those that end
   * last are looked at.
   */
  readonly searchFarTracesMax: number;
  /** Headlines that are remembered. */
  readonly headlinesMax: number;
  /** Traces whose headline is computed at the same time. */
  readonly headlineConcurrency: number;
}

export const DEFAULT_QUERY_LIMITS: QueryLimits = {
  queryTimeoutMs: 15_000,
  traceSpansMax: 100_000,
  traceBytesMax: 128 * 1024 * 1024,
  searchWindowSpans: 50_000,
  searchFarTracesMax: 10_000,
  headlinesMax: 10_000,
  headlineConcurrency: 2,
};
