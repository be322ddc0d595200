import { sqlHex, sqlInt64 } from '../storage/sql.ts';
import { IN_TENANT, startSecond, where } from './rows.ts';
import { SECOND_NS, type SearchWindow } from './search-windows.ts';
import { attributeHint, fieldConditions, looseTagConditions, matchesAll, tagConditions } from './span-filter.ts';
import { SPAN_DURATION, storedSource, type SpanSource } from './span-sources.ts';
import type { TraceSearch } from './trace-search.ts';
import { IS_ROOT } from './trace-summary.ts';
import { idIn, startsWithin, type Seconds } from './trace-times.ts';
import type { Tables } from '../storage/tables.ts';
import { DAY_SECONDS } from '../storage/utc-day.ts';

/** A trace with a span that matches. */
export interface Candidate {
  readonly traceId: string;
  /** The start of the newest one in the window. */
  readonly matchUnixNano: bigint;
}

/**
 * Only traces that have a span on the other side of this moment: one that starts no later, or one that lasts until
 * then.
 */
export interface Crossing {
  readonly unixNano: bigint;
  readonly reaches: 'before' | 'behind';
}

export interface CandidateQuery {
  /** Of the starts of spans that match. */
  readonly window: SearchWindow;
  readonly crossing: Crossing | null;
  /** Only candidates behind this one. */
  readonly after: Candidate | null;
  readonly limit: number;
  /** Leaves out traces that the search's bounds of the duration refuse. It costs a look at all spans of the window. */
  readonly byDuration: boolean;
  /** What is deep in an array counts as its element as well; each row shows whether that may have made a difference. */
  readonly isLoose: boolean;
}

/**
 * How far outside the range matches are looked for window by window, of whatever trace: as far as the range is long,
 * but within these.
 */
export const LOOKBACK_MS_MIN = 3_600_000;
export const LOOKBACK_MS_MAX = 86_400_000;
const DAY = BigInt(DAY_SECONDS);
/** What of a trace is further than this from its match counts for its duration by `trace_times`. */
const NEAR_SECONDS = 60n;

/**
 * Candidates, the newest match first; a trace that the summaries refuse may be among them. `live` has the spans that
 * are not in `trace_times` yet. `hasHints`: the store has an index of all attributes.
 */
export function candidatesSql(
  tables: Tables,
  search: TraceSearch,
  source: SpanSource,
  live: readonly SpanSource[],
  { window, crossing, after, limit, byDuration, isLoose }: CandidateQuery,
  hasHints: boolean,
): string {
  const isStored = source.kind === 'stored';
  const { filter } = search;
  const early = [
    ...source.conditions,
    startSecond('>=', window.fromUnixNano),
    startSecond('<=', window.toUnixNano),
    `start_ns >= ${sqlInt64(window.fromUnixNano)}`,
    `start_ns <= ${sqlInt64(window.toUnixNano)}`,
    ...fieldConditions(filter),
    ...(isStored && hasHints ? filter.tags.map(attributeHint) : []),
  ];
  const loose = isLoose && hasHints ? looseTagConditions(filter) : null;
  const ofTags = loose?.conditions ?? tagConditions(filter, hasHints);
  const matching = `SELECT trace_id FROM ${source.table}\n      ${smallColumnsFirst(isStored, early, ofTags)}`;
  const late = [
    ...ofTags,
    ...(crossing === null
      ? []
      : [
          `trace_id IN (\n    ${acrossSql(tables, crossing, live, window, `trace_id IN (\n      ${matching}\n    )`)}\n  )`,
        ]),
    // Fresh spans are few, and what else there is of their traces stands elsewhere.
    ...(isStored && byDuration ? durationConditions(tables, search, source, live, window, matching) : []),
  ];
  return `SELECT lower(hex(trace_id)), toString(max(start_ns) AS match), max(${loose?.doubtful ?? '0'})
FROM ${source.table}
${smallColumnsFirst(isStored, early, late)}
GROUP BY trace_id
${behind(after)}ORDER BY match DESC, trace_id
LIMIT ${limit}`;
}

/** The newest matches of these traces, wherever they start: stored spans of them do so within these seconds. */
export function matchesOfTracesSql(
  { filter }: TraceSearch,
  { kind, table, conditions }: SpanSource,
  traceIds: readonly string[],
  within: readonly Seconds[],
  hasHints: boolean,
): string {
  const isStored = kind === 'stored';
  const early = [
    ...conditions,
    // Nothing of them is stored.
    ...(isStored ? [within.length === 0 ? '0' : startsWithin(within)] : []),
    idIn(traceIds),
    ...fieldConditions(filter),
    ...(isStored && hasHints ? filter.tags.map(attributeHint) : []),
  ];
  return `SELECT lower(hex(trace_id)), toString(max(start_ns))
FROM ${table}
${smallColumnsFirst(isStored, early, tagConditions(filter, hasHints))}
GROUP BY trace_id`;
}

/** Attributes are read of what the small columns leave: on its own the engine reads all of a span that it looks at. */
function smallColumnsFirst(isStored: boolean, early: readonly string[], late: readonly string[]): string {
  return isStored && late.length > 0
    ? `PREWHERE ${early.join('\n  AND ')}\n${where(late)}`
    : where([...early, ...late]);
}

function behind(after: Candidate | null): string {
  if (after === null) return '';
  const match = sqlInt64(after.matchUnixNano);
  return `HAVING match < ${match} OR match = ${match} AND trace_id > ${sqlHex(after.traceId)}\n`;
}

/** Which of these traces have a span on the other side of the moment than their match in the window. */
export function tracesAcrossSql(
  tables: Tables,
  crossing: Crossing,
  live: readonly SpanSource[],
  window: SearchWindow,
  traceIds: readonly string[],
): string {
  const among = idIn(traceIds);
  return `SELECT DISTINCT lower(hex(trace_id))
FROM (
    ${acrossSql(tables, crossing, live, window, among, [among])}
)`;
}

/**
 * Traces, of those `among`, with a span on the other side of the moment than the window; of others as well where `more`
 * does not leave them out.
 */
function acrossSql(
  tables: Tables,
  { unixNano, reaches }: Crossing,
  live: readonly SpanSource[],
  window: SearchWindow,
  among: string,
  more: readonly string[] = [],
): string {
  const second = unixNano / SECOND_NS;
  const last = window.toUnixNano / SECOND_NS;
  if (reaches === 'before') {
    const before = [...more, `start_ns <= ${sqlInt64(unixNano)}`];
    return `${rowsOf(tables, among, second - DAY, second)}${orLive(live, before)}`;
  }
  const stored = storedSource(tables);
  const lastsUntil = `start_ns + ${SPAN_DURATION} >= ${sqlInt64(unixNano)}`;
  const lasting = [
    ...stored.conditions,
    ...more,
    timeCondition('start_s', '>=', second - DAY),
    timeCondition('start_s', '<=', second),
    lastsUntil,
    `start_ns < ${sqlInt64(unixNano)}`,
  ];
  const rows = rowsOf(tables, among, second - DAY, last > second ? last : second + DAY);
  return `SELECT trace_id FROM ${stored.table}
    ${where(lasting)}
    UNION ALL
    ${rows} AND toUInt32(first_s) + length_s >= ${second}${orLive(live, [...more, lastsUntil])}`;
}

/** What `trace_times` has of traces in these seconds: a row for each batch and day that their spans came in. */
function rowsOf(tables: Tables, among: string, first: bigint, last: bigint): string {
  const rows = [IN_TENANT, timeCondition('first_s', '>=', first), timeCondition('first_s', '<=', last), among];
  return `SELECT trace_id FROM ${tables.trace_times.read}
    ${where(rows)}`;
}

/** Keeps every trace that may fit: a part of a trace is not longer than the whole. Summaries decide. */
function durationConditions(
  tables: Tables,
  { filter, minDurationNs, maxDurationNs }: TraceSearch,
  { table, conditions }: SpanSource,
  live: readonly SpanSource[],
  window: SearchWindow,
  matching: string,
): string[] {
  if (minDurationNs === null && maxDurationNs === null) return [];
  const among = `trace_id IN (\n      ${matching}\n    )`;
  const first = window.fromUnixNano / SECOND_NS - NEAR_SECONDS;
  const last = window.toUnixNano / SECOND_NS + NEAR_SECONDS;
  // The root's is a part of the extent; of several roots the longest counts.
  const extent = `max(start_ns + ${SPAN_DURATION}) - min(start_ns)`;
  const longest = `maxIf(${SPAN_DURATION}, ${IS_ROOT})`;
  const having = [
    ...(minDurationNs === null ? [] : [`${extent} >= ${sqlInt64(minDurationNs)}`]),
    ...(maxDurationNs === null ? [] : [`${longest} <= ${sqlInt64(maxDurationNs)}`]),
  ];
  const nearby = where([
    ...conditions,
    timeCondition('start_s', '>=', first),
    timeCondition('start_s', '<=', last),
    ...(matchesAll(filter) ? [] : [among]),
  ]);
  const around = {
    first: window.fromUnixNano / SECOND_NS - DAY,
    last: window.toUnixNano / SECOND_NS + DAY,
  };
  const long = `${rowsOf(tables, among, around.first, around.last)}
    GROUP BY trace_id
    HAVING max(toUInt32(first_s) + length_s) - min(toUInt32(first_s)) >= ${NEAR_SECONDS - 1n}`;
  return [
    `trace_id IN (
    SELECT trace_id FROM ${table}
    ${nearby}
    GROUP BY trace_id
    HAVING ${having.join(' AND ')}${minDurationNs === null ? '' : `\n    UNION ALL\n    ${long}`}${orLive(live)}
  )`,
  ];
}

/** Of these traces not all may be known here. */
function orLive(live: readonly SpanSource[], more: readonly string[] = []): string {
  const each = live.map(
    ({ table, conditions }) =>
      `\n    UNION ALL\n    SELECT trace_id FROM ${table}\n    ${where([...conditions, ...more])}`,
  );
  return each.join('');
}

/** A moment outside what a DateTime holds compares as the nearest that it does. */
export function timeCondition(column: string, comparison: '>=' | '<=', second: bigint): string {
  const last = 0xffff_ffffn;
  const held = second < 0n ? 0n : second > last ? last : second;
  return `${column} ${comparison} toDateTime(toUInt32(${held}))`;
}
