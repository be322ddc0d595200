import { newestTraces } from './newest-traces.ts';
import type { QueryContext } from './rows.ts';
import { withView } from './rows.ts';
import { storedExtent } from './search-windows.ts';
import { matchesAll } from './span-filter.ts';
import type { StoredTraceSummary } from './service-of-trace.ts';
import type { TracePage, TraceSearch } from './trace-search.ts';
import { TraceFinder, type FoundTrace } from './trace-finder.ts';

/** Finds the page exactly, whatever the filter, at a cost that goes by the length of the range and not by its age. */
export function searchTraces(context: QueryContext, search: TraceSearch): Promise<TracePage> {
  return withView(context, async (view) => {
    const extent = await storedExtent(context, view);
    // One more than the page holds shows whether there is a next page.
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
