/** What an analysis of many traces may cost. */
export interface InsightLimits {
  /** Of a window with more spans, a sample of its traces is read that has about so many. */
  readonly windowSpansMax: number;
  /** Of a window in which more spans failed, the failures of a share of its traces are grouped, about so many. */
  readonly errorSpansMax: number;
  /** Of a selection with more requests, and of what it is held against, about so many are looked at. */
  readonly apartRequestsMax: number;
  /** A trace is read up to so long after its start; one that takes longer is left out. */
  readonly traceLengthMs: number;
  /** Memory of the thread that works on many traces; a question that needs more is not answered. */
  readonly heapBytesMax: number;
  /** That thread ends when it has had nothing to do for so long. */
  readonly threadIdleMs: number;
  /** Of a request. */
  readonly requestBytesMax: number;
}

export const INSIGHT_LIMITS: InsightLimits = {
  windowSpansMax: 100_000,
  errorSpansMax: 20_000,
  apartRequestsMax: 2_000,
  traceLengthMs: 60_000,
  heapBytesMax: 512 * 1024 * 1024,
  threadIdleMs: 30_000,
  requestBytesMax: 16 * 1024,
};
