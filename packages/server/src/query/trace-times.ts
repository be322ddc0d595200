import { LAST_SECOND, type Seconds, type SpanView } from '../storage/span-visibility.ts';
import { sqlHex } from '../storage/sql.ts';
import { IN_TENANT, queryRows, type QueryContext } from './rows.ts';
import type { Tables } from '../storage/tables.ts';

export { LAST_SECOND, type Seconds };

/**
 * The seconds in which the stored spans of these traces start: the filter over ids alone has to be read for every
 * granule of the store. Those that are not counted yet may start in the seconds of all that is not. Empty where nothing
 * of them is stored.
 */
export async function secondsOfTraces(
  context: QueryContext,
  view: SpanView,
  traceIds: readonly string[],
): Promise<Seconds[]> {
  return secondsOf(view, await timesOfTraces(context, traceIds));
}

export function secondsOf(view: SpanView, counted: TraceTimes | null): Seconds[] {
  return joined([
    ...(counted === null ? [] : [counted.seconds]),
    ...(view.uncounted === null ? [] : [view.uncounted.seconds]),
  ]);
}

/** Of counted spans. */
export interface TraceTimes {
  /** In which they start. */
  readonly seconds: Seconds;
  /** The groups of rare columns that they have something in; see `storage/rollups/rare-columns.ts`. */
  readonly rare: number;
}

/** Null where none is counted. */
export async function timesOfTraces(context: QueryContext, traceIds: readonly string[]): Promise<TraceTimes | null> {
  const [row] = await queryRows(context, traceTimesSql(context.engine.tables, traceIds));
  if (row === undefined || row.number(0) === 0) return null;
  return { seconds: { first: row.number(1), last: row.number(2) }, rare: row.number(3) };
}

/** Whether every stored span of these traces starts within these seconds. */
export async function allWithin(
  context: QueryContext,
  traceIds: readonly string[],
  within: readonly Seconds[],
): Promise<boolean> {
  const counted = await timesOfTraces(context, traceIds);
  if (counted === null) return true;
  const { seconds } = counted;
  return within.some(({ first, last }) => seconds.first >= first && seconds.last <= last);
}

/** Those of the spans of these traces that start within these seconds, as conditions. */
export function ofTracesWithin(traceIds: readonly string[], within: readonly Seconds[]): string[] {
  return [idIn(traceIds), startsWithin(within)];
}

export function startsWithin(within: readonly Seconds[]): string {
  const each = within.map(
    ({ first, last }) => `start_s >= toDateTime(toUInt32(${first})) AND start_s <= toDateTime(toUInt32(${last}))`,
  );
  return each.length === 1 ? String(each[0]) : `(${each.join(' OR ')})`;
}

export function idIn(traceIds: readonly string[]): string {
  return `trace_id IN (${traceIds.map(sqlHex).join(', ')})`;
}

export function traceTimesSql(tables: Tables, traceIds: readonly string[]): string {
  return `SELECT count(), toUnixTimestamp(min(first_s)), toUnixTimestamp(max(first_s + length_s)), groupBitOr(rare)
FROM ${tables.trace_times.read}
WHERE ${IN_TENANT} AND ${idIn(traceIds)}`;
}

/** Without those that lie within another. */
function joined(all: readonly Seconds[]): Seconds[] {
  return all.filter(
    (one, index) =>
      !all.some(
        (other, at) =>
          at !== index &&
          other.first <= one.first &&
          other.last >= one.last &&
          (at < index || other.first < one.first || other.last > one.last),
      ),
  );
}
