import type { QueryContext, TimeRange } from './rows.ts';
import type { StoredExtent } from './search-windows.ts';
import { searchWindows } from './search-windows.ts';
import type { StoredTraceSummary } from './trace-summary.ts';
import { findTraceSummariesSince } from './trace-summary.ts';
import { allWithin } from './trace-times.ts';

/** Spans that are looked at for each trace that is wanted: most traces have fewer. */
const SPANS_A_TRACE = 50;
/** Where a second holds more than so many for each trace that is wanted, candidates are found for less. */
const SPANS_A_TRACE_MAX = 200;
/** Rows of the answer for each trace that is wanted, one for each of its services. */
const ROWS_A_TRACE_MAX = 200;

const SECOND_NS = 1_000_000_000n;
const LAST_SECOND = 0xffff_ffff;

/**
 * The newest traces of all, newest start first, by one statement that summarises whatever started last. Null where that does not
 * tell: the range ends before what is stored, too few traces started in those seconds, or one of them began earlier.
 */
export async function newestTraces(
  context: QueryContext,
  extent: StoredExtent,
  range: TimeRange,
  wanted: number,
): Promise<StoredTraceSummary[] | null> {
  const lastNs = BigInt(extent.lastSecond + 1) * SECOND_NS;
  if (range.toUnixNano !== null && range.toUnixNano < lastNs) return null;
  const spansASecond = extent.spanCount / (extent.lastSecond - extent.firstSecond + 1);
  if (spansASecond > wanted * SPANS_A_TRACE_MAX) return null;
  const [window] = searchWindows(extent, range, wanted * SPANS_A_TRACE, () => false);
  if (window === undefined) return null;
  const first = Number(window.fromUnixNano / SECOND_NS);
  const summaries = await findTraceSummariesSince(context, first, wanted * ROWS_A_TRACE_MAX);
  if (summaries === null) return null;
  const traces = Array.from(summaries.values(), (trace) => ({ trace, startNs: BigInt(trace.startTimeUnixNano) }))
    .filter(({ startNs }) => startNs >= window.fromUnixNano && startNs <= window.toUnixNano)
    .toSorted((a, b) => Number(b.startNs - a.startNs) || (a.trace.traceId < b.trace.traceId ? -1 : 1))
    .map(({ trace }) => trace);
  // Whatever is older than this window is older than the range, too.
  const isWhole = window.fromUnixNano === (range.fromUnixNano ?? 0n);
  if (traces.length < wanted && !isWhole) return null;
  const newest = traces.slice(0, wanted);
  if (first === 0 || newest.length === 0) return newest;
  const ids = newest.map(({ traceId }) => traceId);
  return (await allWithin(context, ids, { first, last: LAST_SECOND })) ? newest : null;
}
