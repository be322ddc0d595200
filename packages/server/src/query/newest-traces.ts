import type { SpanView } from '../storage/span-visibility.ts';
import { findLongTraces } from './far-traces.ts';
import { summariesOfFewSpans } from './summaries-of-few-spans.ts';
import type { QueryContext, TimeRange } from './rows.ts';
import type { StoredExtent } from './search-windows.ts';
import { searchWindows, SECOND_NS, spansPerSecond, type SearchWindow } from './search-windows.ts';
import type { StoredTraceSummary } from './service-of-trace.ts';
import { findTraceSummaries } from './trace-summary.ts';
import { allWithin, LAST_SECOND, startsWithin, type Seconds } from './trace-times.ts';

/**
 * Spans that are looked at for each trace that is wanted, and again where these were too few: most traces have fewer.
 */
const SPANS_PER_TRACE = [25, 100] as const;
/** Where there are more than so many for each trace that is wanted, candidates are found for less. */
const SPANS_PER_TRACE_MAX = 200;
/** Of traces that start at the end of the range the spans of so many seconds behind it are looked at. */
const SECONDS_BEHIND = 2;

/**
 * The newest traces of all, newest start first, by a statement that reads whatever started last in the range. Null
 * where that is not enough: too few traces started in those seconds, one of them began earlier or goes on for longer,
 * or one that is in the range starts behind it.
 */
export async function newestTraces(
  context: QueryContext,
  view: SpanView,
  extent: StoredExtent,
  range: TimeRange,
  wanted: number,
): Promise<StoredTraceSummary[] | null> {
  const { toUnixNano } = range;
  const isEnded = toUnixNano !== null && toUnixNano < BigInt(extent.lastSecond + 1) * SECOND_NS;
  const aSecond = spansPerSecond(extent, toUnixNano);
  const spansMax = wanted * SPANS_PER_TRACE_MAX;
  if (aSecond * (isEnded ? SECONDS_BEHIND : 1) > spansMax) return null;
  const last = isEnded ? Math.min(Number(toUnixNano / SECOND_NS) + SECONDS_BEHIND, LAST_SECOND) : LAST_SECOND;
  const limit = spansMax + (isEnded ? Math.ceil(aSecond * SECONDS_BEHIND) : 0);
  const long = isEnded ? findLongTraces(context, view, range) : Promise.resolve([]);
  long.catch(() => {});
  for (const spansPerTrace of SPANS_PER_TRACE) {
    const [window] = searchWindows(extent, range, wanted * spansPerTrace, () => false);
    if (window === undefined) return null;
    const first = Number(window.fromUnixNano / SECOND_NS);
    const newest = await newestWithin(context, view, { window, seconds: { first, last }, range }, wanted, limit);
    // Those have their place by themselves, which may be behind the range.
    if (newest !== null) return (await long).length > 0 ? null : newest;
  }
  return null;
}

interface Newest {
  readonly window: SearchWindow;
  /** The spans that are looked at start in these. */
  readonly seconds: Seconds;
  readonly range: TimeRange;
}

async function newestWithin(
  context: QueryContext,
  view: SpanView,
  { window, seconds, range }: Newest,
  wanted: number,
  spansMax: number,
): Promise<StoredTraceSummary[] | null> {
  const summaries = await summariesOfFewSpans(context, view, () => [startsWithin([seconds])], spansMax);
  if (summaries === null) return null;
  const all = Array.from(summaries.values(), ({ trace, firstStartNs }) => ({
    trace,
    firstStartNs,
    startNs: BigInt(trace.startTimeUnixNano),
  }));
  const { toUnixNano } = window;
  if (all.some(({ startNs, firstStartNs }) => startNs > toUnixNano && firstStartNs <= toUnixNano)) return null;
  const traces = all
    .filter(({ startNs }) => startNs >= window.fromUnixNano && startNs <= toUnixNano)
    .toSorted((a, b) => Number(b.startNs - a.startNs) || (a.trace.traceId < b.trace.traceId ? -1 : 1))
    .map(({ trace }) => trace);
  // Whatever is older than this window is older than all that is stored.
  const isWhole = range.fromUnixNano === null && window.fromUnixNano === 0n;
  if (traces.length < wanted && !isWhole) return null;
  const newest = traces.slice(0, wanted);
  if ((seconds.first === 0 && seconds.last === LAST_SECOND) || newest.length === 0) return newest;
  const ids = newest.map(({ traceId }) => traceId);
  // The root of these may start behind what was looked at.
  const unrooted =
    seconds.last === LAST_SECOND
      ? []
      : all.filter(({ trace, firstStartNs }) => !trace.hasRoot && firstStartNs <= toUnixNano);
  const doubtful = unrooted.map(({ trace }) => trace.traceId).filter((traceId) => !ids.includes(traceId));
  const [isWithin, endsWithin] = await Promise.all([
    allWithin(context, ids, [seconds]),
    doubtful.length === 0 || allWithin(context, doubtful, [{ first: 0, last: seconds.last }]),
  ]);
  if (!isWithin || !endsWithin) return null;
  if (view.uncounted === null && view.fresh.length === 0) return newest;
  // Where spans are not counted yet, nothing else says whether one of these began earlier, or goes on.
  const whole = await findTraceSummaries(context, view, [...ids, ...doubtful], seconds);
  const isAll =
    newest.every((trace) => whole.get(trace.traceId)?.trace.startTimeUnixNano === trace.startTimeUnixNano) &&
    doubtful.every((traceId) => BigInt(whole.get(traceId)?.trace.startTimeUnixNano ?? 0) <= toUnixNano);
  return isAll ? newest.flatMap(({ traceId }) => whole.get(traceId)?.trace ?? []) : null;
}
