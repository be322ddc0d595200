import type { SpanView } from '../storage/span-visibility.ts';
import { summariesOfFew } from './few-spans.ts';
import type { QueryContext, TimeRange } from './rows.ts';
import type { StoredExtent } from './search-windows.ts';
import { searchWindows, SECOND_NS, type SearchWindow } from './search-windows.ts';
import type { StoredTraceSummary, SummarisedTrace } from './service-of-trace.ts';
import { findTraceSummaries } from './trace-summary.ts';
import { allWithin, LAST_SECOND } from './trace-times.ts';

/** Spans that are looked at for each trace that is wanted, and again where these were too few: most traces have fewer. */
const SPANS_A_TRACE = [25, 100] as const;
/** Where there are more than so many for each trace that is wanted, candidates are found for less. */
const SPANS_A_TRACE_MAX = 200;

/**
 * The newest traces of all, newest start first, by a statement that reads whatever started last. Null where that does not
 * tell: the range ends before what is stored, too few traces started in those seconds, or one of them began earlier.
 */
export async function newestTraces(
  context: QueryContext,
  view: SpanView,
  extent: StoredExtent,
  range: TimeRange,
  wanted: number,
): Promise<StoredTraceSummary[] | null> {
  const lastNs = BigInt(extent.lastSecond + 1) * SECOND_NS;
  if (range.toUnixNano !== null && range.toUnixNano < lastNs) return null;
  const spansASecond = extent.spanCount / (extent.lastSecond - extent.firstSecond + 1);
  if (spansASecond > wanted * SPANS_A_TRACE_MAX) return null;
  for (const spansATrace of SPANS_A_TRACE) {
    const [window] = searchWindows(extent, range, wanted * spansATrace, () => false);
    const newest = window === undefined ? null : await newestWithin(context, view, window, range, wanted);
    if (newest !== null) return newest;
  }
  return null;
}

async function newestWithin(
  context: QueryContext,
  view: SpanView,
  window: SearchWindow,
  range: TimeRange,
  wanted: number,
): Promise<StoredTraceSummary[] | null> {
  const first = Number(window.fromUnixNano / SECOND_NS);
  const summaries = await summariesSince(context, view, first, wanted * SPANS_A_TRACE_MAX);
  if (summaries === null) return null;
  const traces = Array.from(summaries.values(), ({ trace }) => ({ trace, startNs: BigInt(trace.startTimeUnixNano) }))
    .filter(({ startNs }) => startNs >= window.fromUnixNano && startNs <= window.toUnixNano)
    .toSorted((a, b) => Number(b.startNs - a.startNs) || (a.trace.traceId < b.trace.traceId ? -1 : 1))
    .map(({ trace }) => trace);
  // Whatever is older than this window is older than all that is stored.
  const isWhole = range.fromUnixNano === null && window.fromUnixNano === 0n;
  if (traces.length < wanted && !isWhole) return null;
  const newest = traces.slice(0, wanted);
  if (first === 0 || newest.length === 0) return newest;
  const ids = newest.map(({ traceId }) => traceId);
  if (!(await allWithin(context, ids, [{ first, last: LAST_SECOND }]))) return null;
  if (view.uncounted === null && view.fresh.length === 0) return newest;
  // Where spans are not counted yet, nothing else says whether one of these began earlier.
  const whole = await findTraceSummaries(context, view, ids, { first, last: LAST_SECOND });
  const isAll = newest.every((trace) => whole.get(trace.traceId)?.trace.startTimeUnixNano === trace.startTimeUnixNano);
  return isAll ? newest.flatMap(({ traceId }) => whole.get(traceId)?.trace ?? []) : null;
}

/** Of every trace with spans that start at this second or later, over these spans; null where there are more than `spansMax`. */
function summariesSince(
  context: QueryContext,
  view: SpanView,
  first: number,
  spansMax: number,
): Promise<Map<string, SummarisedTrace> | null> {
  const since = [`start_s >= toDateTime(toUInt32(${first}))`];
  return summariesOfFew(context, view, () => since, spansMax);
}
