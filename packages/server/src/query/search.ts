import { sqlHex, sqlInt64 } from '../storage/sql.ts';
import { newestTraces } from './newest-traces.ts';
import type { QueryContext, TimeRange } from './rows.ts';
import { queryRows, startSecond, where } from './rows.ts';
import type { SearchWindow } from './search-windows.ts';
import { searchWindows, storedExtent } from './search-windows.ts';
import type { SpanFilter } from './span-filter.ts';
import { fieldConditions, hasAttribute, hasValue, matchesAll, tagConditions } from './span-filter.ts';
import type { StoredTraceSummary } from './trace-summary.ts';
import { findTraceSummaries, IS_ROOT, SPAN_DURATION } from './trace-summary.ts';
import type { Seconds } from './trace-times.ts';

/** Where a trace stands in the order of search: newest start first, then by trace id. */
export interface TracePosition {
  readonly startTimeUnixNano: bigint;
  /** Hex, lower case. */
  readonly traceId: string;
}

/** A trace is found when one span matches the filter and the trace itself the range and the durations. */
export interface TraceSearch {
  readonly filter: SpanFilter;
  /** Of the trace's start: its earliest span's. */
  readonly range: TimeRange;
  /** Of the trace: its root's duration, or from the first start to the last end where no root has arrived. */
  readonly minDurationNs: bigint | null;
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

/** Where every span matches, the first window holds only one in so many of `searchWindowSpans`. */
const UNFILTERED_SHARE = 5;
/** Candidates that one statement answers at most. */
const CANDIDATES_MAX = 2_000;

/**
 * Finds the page exactly, whatever the filter. The newest traces are looked for in windows of time that grow; in each,
 * candidates are named first and then summarised over all their spans. A trace that has spans before the window belongs
 * to an older window; its summary shows it, and it is left to that one.
 */
export async function searchTraces(context: QueryContext, search: TraceSearch): Promise<TracePage> {
  const extent = await storedExtent(context);
  const newest = earlier(search.after?.startTimeUnixNano ?? null, search.range.toUnixNano);
  // One more than the page holds tells whether there is a next page.
  const wanted = search.limit + 1;
  if (isUnconditional(search)) {
    const newestOfAll = await newestTraces(context, extent, search.range, wanted);
    if (newestOfAll !== null) return page(newestOfAll, search.limit);
  }
  const found: StoredTraceSummary[] = [];
  let candidates: Candidate[] = [];
  let batch = wanted;
  const range = { fromUnixNano: search.range.fromUnixNano, toUnixNano: newest };
  const hasMatches = (): boolean => found.length + candidates.length > 0;
  const windowSpans = context.limits.searchWindowSpans / (matchesAll(search.filter) ? UNFILTERED_SHARE : 1);
  for (const window of searchWindows(extent, range, windowSpans, hasMatches)) {
    let after = search.after;
    for (;;) {
      const positions = await findPositions(context, candidatesSql(search, window, after, batch));
      candidates.push(...positions.map((position) => ({ ...position, window })));
      // Only when there may be enough of them, or no more: a statement for all costs little more than one for a few.
      if (found.length + candidates.length >= wanted) {
        found.push(...(await summarise(context, search, candidates)));
        candidates = [];
      }
      if (found.length >= wanted) return page(found, search.limit);
      after = positions.at(-1) ?? null;
      if (positions.length < batch) break;
      batch = Math.min(batch * 2, CANDIDATES_MAX);
    }
  }
  found.push(...(await summarise(context, search, candidates)));
  return page(found, search.limit);
}

/** Only the range and the number of traces matter. */
function isUnconditional({ filter, minDurationNs, maxDurationNs, after }: TraceSearch): boolean {
  return after === null && minDurationNs === null && maxDurationNs === null && matchesAll(filter);
}

interface Candidate extends TracePosition {
  readonly window: SearchWindow;
}

/** Those of the candidates that belong to their window and have a duration that is asked for. */
async function summarise(
  context: QueryContext,
  search: TraceSearch,
  candidates: readonly Candidate[],
): Promise<StoredTraceSummary[]> {
  const traceIds = candidates.map(({ traceId }) => traceId);
  const summaries = await findTraceSummaries(context, traceIds, startsOf(candidates));
  return candidates.flatMap(({ traceId, window }) => {
    const summary = summaries.get(traceId);
    return summary !== undefined && belongs(summary, search, window) ? [summary] : [];
  });
}

/** Most traces have no span that starts later than so long after them. */
const USUAL_TRACE_SECONDS = 10;

/** When the spans of candidates, which stand in the order of search, probably start: some began before their window. */
function startsOf(candidates: readonly TracePosition[]): Seconds | null {
  const [newest, oldest] = [candidates[0], candidates.at(-1)];
  if (newest === undefined || oldest === undefined) return null;
  const second = ({ startTimeUnixNano }: TracePosition): number => Number(startTimeUnixNano / 1_000_000_000n);
  return { first: second(oldest), last: second(newest) + USUAL_TRACE_SECONDS };
}

function earlier(a: bigint | null, b: bigint | null): bigint | null {
  if (a === null || b === null) return a ?? b;
  return a < b ? a : b;
}

function page(found: readonly StoredTraceSummary[], limit: number): TracePage {
  const traces = found.slice(0, limit);
  const last = traces.at(-1);
  if (last === undefined || found.length <= limit) return { traces, next: null };
  return { traces, next: { startTimeUnixNano: BigInt(last.startTimeUnixNano), traceId: last.traceId } };
}

function belongs(trace: StoredTraceSummary, search: TraceSearch, window: SearchWindow): boolean {
  const durationNs = BigInt(trace.durationNs);
  return (
    BigInt(trace.startTimeUnixNano) >= window.fromUnixNano &&
    (search.minDurationNs === null || durationNs >= search.minDurationNs) &&
    (search.maxDurationNs === null || durationNs <= search.maxDurationNs)
  );
}

async function findPositions(context: QueryContext, sql: string): Promise<TracePosition[]> {
  const rows = await queryRows(context, sql);
  return rows.map((row) => ({ traceId: row.text(0), startTimeUnixNano: row.bigint(1) }));
}

/** The traces that may belong to the window, in the order of search. */
export function candidatesSql(
  search: TraceSearch,
  window: SearchWindow,
  after: TracePosition | null,
  limit: number,
): string {
  const durations = durationConditions(search);
  const matching = matchingSql(search.filter, window);
  const spans = [startSecond('>=', window.fromUnixNano)];
  // A trace's start is its earliest span's, so later spans tell nothing about it; about its duration they do.
  if (durations.length === 0) spans.push(startSecond('<=', window.toUnixNano));
  if (matching !== null) spans.push(`trace_id IN (${matching})`);
  return `SELECT lower(hex(trace_id)), toString(min(start_ns) AS trace_start)
FROM throughline.spans
${where(spans)}
GROUP BY trace_id
HAVING ${[...startsIn(window, after), ...durations].join('\n  AND ')}
ORDER BY trace_start DESC, trace_id
LIMIT ${limit}`;
}

/**
 * The traces of the spans that match; null when every span does. There is no end to the time: the span that matches may
 * start long after its trace.
 */
function matchingSql(filter: SpanFilter, { fromUnixNano }: SearchWindow): string | null {
  const fields = fieldConditions(filter);
  const early = [startSecond('>=', fromUnixNano), ...fields].join('\n      AND ');
  const [tag, ...others] = filter.tags;
  if (tag === undefined) {
    return fields.length === 0 ? null : `\n    SELECT trace_id FROM throughline.spans\n    WHERE ${early}\n  `;
  }
  // Attributes of spans and of resources are looked at apart, each by its own filter; and values before keys, since left to
  // itself the engine reads everything of a span that the fields rule out. Measured at 10 million spans: 84 ms against 44.
  return (['attrs', 'res'] as const)
    .map(
      (prefix) => `
    SELECT trace_id FROM throughline.spans
    PREWHERE ${early}
      AND ${hasValue(prefix, tag)}
    WHERE ${[hasAttribute(prefix, tag), ...tagConditions({ tags: others })].join('\n      AND ')}
  `,
    )
    .join('UNION ALL');
}

function startsIn(window: SearchWindow, after: TracePosition | null): string[] {
  const conditions = [
    `trace_start >= ${sqlInt64(window.fromUnixNano)}`,
    `trace_start <= ${sqlInt64(window.toUnixNano)}`,
  ];
  if (after !== null) {
    const start = sqlInt64(after.startTimeUnixNano);
    conditions.push(`(trace_start < ${start} OR trace_start = ${start} AND trace_id > ${sqlHex(after.traceId)})`);
  }
  return conditions;
}

/** Keeps every trace that may fit; where several roots have arrived, the summary decides which one counts. */
function durationConditions({ minDurationNs, maxDurationNs }: TraceSearch): string[] {
  const extent = `max(start_ns + ${SPAN_DURATION}) - trace_start`;
  const shown = (root: 'maxIf' | 'minIf'): string =>
    `if(countIf(${IS_ROOT}) > 0, ${root}(${SPAN_DURATION}, ${IS_ROOT}), ${extent})`;
  return [
    ...(minDurationNs === null ? [] : [`${shown('maxIf')} >= ${sqlInt64(minDurationNs)}`]),
    ...(maxDurationNs === null ? [] : [`${shown('minIf')} <= ${sqlInt64(maxDurationNs)}`]),
  ];
}
