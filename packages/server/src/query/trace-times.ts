import { sqlHex } from '../storage/sql.ts';
import type { QueryContext } from './rows.ts';
import { queryRows } from './rows.ts';

/** Seconds since the epoch in which spans start, both included. */
export interface Seconds {
  readonly first: number;
  readonly last: number;
}

/**
 * The spans of these traces. When they started is looked up first, which leaves few granules to look at: the filter over
 * ids alone has to be asked for every granule of the store. That is done where the times of one are not known: it is not
 * stored, or its times are not yet, which are a few milliseconds behind its spans.
 */
export function ofTraces(traceIds: readonly string[]): string {
  // The same subquery twice is carried out once.
  const times = `(
    SELECT (if(${isUnknown(traceIds)}, toDateTime(0), min(first_s)), if(${isUnknown(traceIds)}, toDateTime(toUInt32(${LAST_SECOND})), max(first_s + length_s)))
    FROM throughline.trace_times WHERE ${idIn(traceIds)}
  )`;
  return `${idIn(traceIds)}
  AND start_s >= tupleElement(${times}, 1)
  AND start_s <= tupleElement(${times}, 2)`;
}

/** Those of the spans of these traces that start within these seconds. */
export function ofTracesWithin(traceIds: readonly string[], { first, last }: Seconds): string {
  return `${idIn(traceIds)}
  AND start_s >= toDateTime(toUInt32(${first}))
  AND start_s <= toDateTime(toUInt32(${last}))`;
}

/**
 * The seconds in which the spans of a trace start; null where none is stored. Asked for on their own: whoever waits for a trace asks
 * for it again and again, and to analyse the statement for its spans takes several times longer than these two.
 */
export async function secondsOfTrace(context: QueryContext, traceId: string): Promise<Seconds | null> {
  const [row] = await queryRows(context, traceTimesSql([traceId]));
  if (row !== undefined && row.number(0) === 0) return { first: row.number(1), last: row.number(2) };
  // Its times may not be stored yet.
  const spans = await queryRows(context, anySpanSql(traceId));
  return spans.length === 0 ? null : { first: 0, last: LAST_SECOND };
}

export function anySpanSql(traceId: string): string {
  return `SELECT 1 FROM throughline.spans WHERE ${idIn([traceId])} LIMIT 1`;
}

/** Whether every span of these traces starts within these seconds; false where the times of one are not known. */
export async function allWithin(context: QueryContext, traceIds: readonly string[], within: Seconds): Promise<boolean> {
  const [row] = await queryRows(context, traceTimesSql(traceIds));
  return row !== undefined && row.number(0) === 0 && row.number(1) >= within.first && row.number(2) <= within.last;
}

export function traceTimesSql(traceIds: readonly string[]): string {
  return `SELECT ${isUnknown(traceIds)}, toUnixTimestamp(min(first_s)), toUnixTimestamp(max(first_s + length_s))
FROM throughline.trace_times
WHERE ${idIn(traceIds)}`;
}

function idIn(traceIds: readonly string[]): string {
  return `trace_id IN (${traceIds.map(sqlHex).join(', ')})`;
}

function isUnknown(traceIds: readonly string[]): string {
  return `uniqExact(trace_id) < ${new Set(traceIds).size}`;
}

/** The last one that a DateTime holds. */
export const LAST_SECOND = 0xffff_ffff;
