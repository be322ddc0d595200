import { newestTraces } from './newest-traces.ts';
import type { QueryContext, TimeRange } from './rows.ts';
import { withView } from './rows.ts';
import { storedExtent } from './search-windows.ts';
import { matchesAll, type SpanFilter } from './span-filter.ts';
import type { StoredTraceSummary } from './service-of-trace.ts';
import { TraceFinder, type FoundTrace } from './trace-finder.ts';

/**
 * Where a trace stands in the order of search, newest first, then by trace id: at its root's start, or at its earliest span's where no root
 * has arrived. Where the clock of the root is ahead of that of the newest span that matches, it stands there, unless the trace is known to be long.
 */
export interface TracePosition {
  readonly startTimeUnixNano: bigint;
  /** Hex, lower case. */
  readonly traceId: string;
}

/** A trace is found when it overlaps the range, one of its spans matches the filter, wherever that is, and its duration is asked for. */
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

/** Finds the page exactly, whatever the filter, at a cost that goes by the length of the range and not by its age. */
export function searchTraces(context: QueryContext, search: TraceSearch): Promise<TracePage> {
  return withView(context, async (view) => {
    const extent = await storedExtent(context, view);
    // One more than the page holds tells whether there is a next page.
    const wanted = search.limit + 1;
    if (isUnconditional(search)) {
      const newest = await newestTraces(context, view, extent, search.range, wanted);
      if (newest !== null) return page(newest.map(atItsStart), search.limit);
    }
    const finder = new TraceFinder(context, view, extent, search);
    return page(await finder.find(wanted), search.limit);
  });
}

/** Only the range and the number of traces matter. */
function isUnconditional({ filter, minDurationNs, maxDurationNs, after }: TraceSearch): boolean {
  return after === null && minDurationNs === null && maxDurationNs === null && matchesAll(filter);
}

function atItsStart(trace: StoredTraceSummary): FoundTrace {
  return { trace, position: { startTimeUnixNano: BigInt(trace.startTimeUnixNano), traceId: trace.traceId } };
}

function page(found: readonly FoundTrace[], limit: number): TracePage {
  const shown = found.slice(0, limit);
  return {
    traces: shown.map(({ trace }) => trace),
    next: found.length <= limit ? null : (shown.at(-1)?.position ?? null),
  };
}
