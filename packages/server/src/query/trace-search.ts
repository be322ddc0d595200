import type { TimeRange } from './rows.ts';
import type { StoredTraceSummary } from './service-of-trace.ts';
import type { SpanFilter } from './span-filter.ts';

/**
 * Where a trace is in the order of search, newest first, then by trace id: at its root's start, or at its earliest
 * span's where no root has arrived. Where the clock of the root is ahead of that of the newest span that matches, it
 * stands there, unless the trace is known to be long.
 */
export interface TracePosition {
  readonly startTimeUnixNano: bigint;
  /** Hex, lower case. */
  readonly traceId: string;
}

/**
 * A trace is found when it overlaps the range, one of its spans matches the filter, wherever that is, and its duration
 * is within the limits of the search.
 */
export interface TraceSearch {
  readonly filter: SpanFilter;
  readonly range: TimeRange;
  /** Fulfilled by the root's duration, or by that from the first start to the last end. */
  readonly minDurationNs: bigint | null;
  /** The root's is not longer; that from the first start to the last end, where no root has arrived. */
  readonly maxDurationNs: bigint | null;
  readonly limit: number;
  /** Only traces behind this one in the order of search. */
  readonly after: TracePosition | null;
}

export interface TracePage {
  readonly traces: readonly StoredTraceSummary[];
  /** The last trace of this page; null when no trace is behind it. */
  readonly next: TracePosition | null;
}
