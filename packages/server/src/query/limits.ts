/** What a query may cost. Each is a limit on purpose; the defaults fit the embedded engine on two cores. */
export interface QueryLimits {
  /** One statement is cancelled after it. */
  readonly queryTimeoutMs: number;
  /** Of a larger trace the first spans by start time are read. */
  readonly traceSpansMax: number;
  /** Of a trace whose spans hold more than this, as they are stored, the first ones by start time are read. */
  readonly traceBytesMax: number;
  /** A larger trace, as it is stored, is worked on in a thread of its own. */
  readonly traceInlineBytesMax: number;
  /** Memory of that thread; a trace that needs more is not answered. */
  readonly traceHeapBytesMax: number;
  /** That thread ends when it has had nothing to do for so long. */
  readonly traceThreadIdleMs: number;
  /** Stories of such traces, and why they were kept, that are remembered. */
  readonly largeResultsMax: number;
  /** Traces of the same operation that a trace is compared with, to find what is typical and what is similar. */
  readonly likeTracesMax: number;
  /** Their spans together; of more some traces are left out. */
  readonly likeSpansMax: number;
  /**
   * Search looks first at a span of time that holds about so many spans, and at longer ones while the page is not full.
   * A fifth of it where every span matches.
   */
  readonly searchWindowSpans: number;
  /**
   * Traces that reach into the range of a search, or have their root, from farther away than it looks window by window:
   * of more, those that end last are looked at.
   */
  readonly searchFarTracesMax: number;
  /** Headlines that are remembered. */
  readonly headlinesMax: number;
  /** Traces whose headline is computed at the same time. */
  readonly headlineConcurrency: number;
}

export const QUERY_LIMITS: QueryLimits = {
  queryTimeoutMs: 15_000,
  traceSpansMax: 100_000,
  traceBytesMax: 128 * 1024 * 1024,
  traceInlineBytesMax: 512 * 1024,
  traceHeapBytesMax: 1024 * 1024 * 1024,
  traceThreadIdleMs: 30_000,
  largeResultsMax: 64,
  likeTracesMax: 64,
  likeSpansMax: 20_000,
  searchWindowSpans: 50_000,
  searchFarTracesMax: 10_000,
  headlinesMax: 10_000,
  headlineConcurrency: 2,
};
