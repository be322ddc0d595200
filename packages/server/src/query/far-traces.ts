import { LONG_TRACE_SECONDS } from '../storage/rollups/rollups.ts';
import type { SpanView } from '../storage/span-visibility.ts';
import { timeCondition } from './candidates.ts';
import { IN_TENANT, queryRows, where, type QueryContext, type TimeRange } from './rows.ts';
import { SECOND_NS } from './search-windows.ts';
import { SPAN_DURATION, uncountedSources, type SpanSource } from './span-sources.ts';
import { IS_ROOT } from './trace-summary.ts';
import { idIn, LAST_SECOND, type Seconds } from './trace-times.ts';
import type { Tables } from '../storage/tables.ts';
import { DAY_SECONDS } from '../storage/utc-day.ts';

/** How far before and behind a range roots are looked for, in seconds: those of other traces are far from it. */
export interface Surroundings {
  readonly before: number;
  readonly behind: number;
}

/** Stretches of seconds that one statement names; the smallest gaps between more are closed. */
const STRETCHES_MAX = 32;

/**
 * Traces that are in the range, and may have matches so far from it that no window looks there: those that last long,
 * and, where `isFiltered`, those with spans in the range and the root, and others of its spans, far away. No more than
 * `searchFarTracesMax` of each, those that end last. Some may have neither.
 */
export async function findFarTraces(
  context: QueryContext,
  view: SpanView,
  range: TimeRange,
  around: Surroundings,
  isFiltered: boolean,
): Promise<string[]> {
  const [long, far] = await Promise.all([
    findLongTraces(context, view, range),
    isFiltered ? findFarFromRoot(context, view, range, around) : [],
  ]);
  return [...new Set([...long, ...far])];
}

async function findFarFromRoot(
  context: QueryContext,
  view: SpanView,
  range: TimeRange,
  around: Surroundings,
): Promise<string[]> {
  const { tables } = context.engine;
  const within = secondsOf(range);
  const live = uncountedSources(tables, view);
  // Where all came with their roots, a third of the statement shows it.
  if (live.length === 0 && (await queryRows(context, anyWithoutRootSql(tables, within))).length === 0) return [];
  const sql = farFromRootSql(tables, live, within, around, context.limits.searchFarTracesMax);
  return (await queryRows(context, sql)).map((row) => row.text(0));
}

/**
 * Traces that are in the range and last long, by `long_traces`: those that end last, and no more than
 * `searchFarTracesMax`.
 */
export async function findLongTraces(context: QueryContext, view: SpanView, range: TimeRange): Promise<string[]> {
  const { tables } = context.engine;
  const within = secondsOf(range);
  const live = uncountedSources(tables, view);
  const limit = context.limits.searchFarTracesMax;
  const statements = [
    longTracesSql(tables, within, limit),
    ...(live.length === 0 ? [] : [longLiveTracesSql(live, within, limit)]),
  ];
  const found = await Promise.all(statements.map((sql) => queryRows(context, sql)));
  return found.flat().map((row) => row.text(0));
}

function heldSecond(unixNano: bigint): number {
  return Math.min(Math.max(0, Number(unixNano / SECOND_NS)), LAST_SECOND);
}

function secondsOf({ fromUnixNano, toUnixNano }: TimeRange): Seconds {
  return {
    first: fromUnixNano === null ? 0 : heldSecond(fromUnixNano),
    last: toUnixNano === null ? LAST_SECOND : heldSecond(toUnixNano),
  };
}

export function longTracesSql(tables: Tables, { first, last }: Seconds, limit: number): string {
  return `SELECT lower(hex(trace_id)), max(end_s) AS last
FROM ${tables.long_traces.read}
${where([IN_TENANT, timeCondition('begin_s', '<=', BigInt(last)), timeCondition('end_s', '>=', BigInt(first))])}
GROUP BY trace_id
ORDER BY last DESC, trace_id
LIMIT ${limit}`;
}

/** Of spans that are not counted yet. */
function longLiveTracesSql(live: readonly SpanSource[], { first, last }: Seconds, limit: number): string {
  const each = live.map(
    ({ table, conditions }) =>
      `SELECT trace_id, start_ns, start_ns + ${SPAN_DURATION} AS end_ns FROM ${table}\n  ${where(conditions)}`,
  );
  return `SELECT lower(hex(trace_id)), max(end_ns) AS last
FROM (
  ${each.join('\n  UNION ALL\n  ')}
)
GROUP BY trace_id
HAVING last - min(start_ns) >= ${LONG_TRACE_SECONDS}000000000
  AND intDiv(min(start_ns), 1000000000) <= ${last} AND intDiv(last, 1000000000) >= ${first}
ORDER BY last DESC, trace_id
LIMIT ${limit}`;
}

function anyWithoutRootSql(tables: Tables, { first, last }: Seconds): string {
  return `SELECT 1 FROM ${tables.trace_times.read} ${where([...rows(first, last), 'has_root = 0'])} LIMIT 1`;
}

/**
 * Most traces have their root beside their other spans: what is looked up by its id, wherever it is, is what is left.
 */
export function farFromRootSql(
  tables: Tables,
  live: readonly SpanSource[],
  { first, last }: Seconds,
  { before, behind }: Surroundings,
  limit: number,
): string {
  const begin = Math.max(0, first - before);
  const end = Math.min(LAST_SECOND, last + behind);
  const all = (ofTimes: readonly string[], ofLive: readonly string[]): string =>
    [
      `SELECT trace_id FROM ${tables.trace_times.read} ${where(ofTimes)}`,
      ...live.map(({ table, conditions }) => `SELECT trace_id FROM ${table} ${where([...conditions, ...ofLive])}`),
    ].join('\n  UNION ALL\n  ');
  const inRange = all([...rows(first, last), 'has_root = 0'], starts(first, last));
  const beside = `trace_id IN (${inRange})`;
  const roots = all([...rows(begin, end), 'has_root = 1', beside], [...starts(begin, end), IS_ROOT, beside]);
  const left = `trace_id IN (SELECT trace_id FROM (${inRange}) WHERE trace_id NOT IN (${roots}))`;
  const each = live.map(
    ({ table, conditions }) =>
      `\n  UNION ALL\n  SELECT trace_id, toUInt32(start_s) AS first, toUInt32(start_s) AS last FROM ${table} ${where([...conditions, left])}`,
  );
  return `SELECT lower(hex(trace_id)), max(last) AS newest
FROM (
  SELECT trace_id, toUInt32(first_s) AS first, toUInt32(first_s + length_s) AS last
  FROM ${tables.trace_times.read} ${where([IN_TENANT, left])}${each.join('')}
)
GROUP BY trace_id
HAVING min(first) < ${begin} OR newest > ${end}
ORDER BY newest DESC, trace_id
LIMIT ${limit}`;
}

/** Rows of `trace_times` with starts in these seconds; a row lasts no longer than its day. */
function rows(from: number, to: number): string[] {
  return [
    IN_TENANT,
    timeCondition('first_s', '>=', BigInt(Math.max(0, from - DAY_SECONDS))),
    timeCondition('first_s', '<=', BigInt(to)),
    `toUInt32(first_s) + length_s >= ${from}`,
  ];
}

function starts(from: number, to: number): string[] {
  return [timeCondition('start_s', '>=', BigInt(from)), timeCondition('start_s', '<=', BigInt(to))];
}

/**
 * In which seconds the stored spans of these traces start, in few stretches: between those of a trace there may be
 * days.
 */
export async function stretchesOfTraces(
  context: QueryContext,
  view: SpanView,
  traceIds: readonly string[],
): Promise<Seconds[]> {
  const found = await queryRows(
    context,
    `SELECT toUInt32(first_s) AS first, max(toUInt32(first_s) + length_s)
FROM ${context.engine.tables.trace_times.read}
${where([IN_TENANT, idIn(traceIds)])}
GROUP BY first
ORDER BY first`,
  );
  const counted = found.map((row) => ({ first: row.number(0), last: row.number(1) }));
  const all = [...counted, ...(view.uncounted === null ? [] : [view.uncounted.seconds])];
  return stretches(
    all.toSorted((a, b) => a.first - b.first),
    STRETCHES_MAX,
  );
}

/** Joins what overlaps, and then what is nearest, until there are no more than so many. */
function stretches(sorted: readonly Seconds[], most: number): Seconds[] {
  const joined: { first: number; last: number }[] = [];
  for (const { first, last } of sorted) {
    const before = joined.at(-1);
    if (before !== undefined && first <= before.last + 1) before.last = Math.max(before.last, last);
    else joined.push({ first, last });
  }
  const gaps = joined.slice(1).map(({ first }, index) => first - (joined[index]?.last ?? first));
  const kept = gaps.toSorted((a, b) => b - a).slice(0, most - 1);
  const least = kept.at(-1) ?? 0;
  let left = kept.length;
  return joined.reduce<Seconds[]>((found, next, index) => {
    const gap = gaps[index - 1] ?? 0;
    const before = found.at(-1);
    if (before === undefined) return [next];
    if (gap >= least && left > 0) {
      left -= 1;
      return [...found, next];
    }
    return [...found.slice(0, -1), { first: before.first, last: next.last }];
  }, []);
}
