import { ROLLUP_JOB_LIMITS } from './rollup-limits.ts';
import { arrivalSlices, arrivedWithin, type ArrivalSlice } from './arrival-slices.ts';
import { ATTRIBUTE_VALUES } from './attribute-values.ts';
import { deleteRows } from '../delete-rows.ts';
import type { Engine } from '../engine.ts';
import { LONG_TRACES, OPERATION_15M, REQUEST_1H, REQUEST_1M, TRACE_TIMES, type Rollup } from './rollups.ts';
import { WEIGHT_15M } from './weights.ts';
import type { Tables } from '../tables.ts';
import { DAY_SECONDS } from '../utc-day.ts';

/**
 * Every table that is derived from `spans`; one query may read those of a group together. `trace_times` is first:
 * the others are right without it, and by it spans are found.
 */
export const ROLLUP_GROUPS: readonly (readonly Rollup[])[] = [
  [TRACE_TIMES],
  [LONG_TRACES],
  [OPERATION_15M],
  [REQUEST_1M, REQUEST_1H],
  [WEIGHT_15M],
  [ATTRIBUTE_VALUES],
];

export const ROLLUPS: readonly Rollup[] = ROLLUP_GROUPS.flat();

/** A million spans of as many traces would take more than a query may have. */
export const BATCH_SETTINGS = 'max_bytes_before_external_group_by = 200000000';
const HOUR = 3_600;

/**
 * Rebuilds the derived tables for these hours (seconds since the epoch) from the spans that arrived up to `until`.
 * Tables with longer steps are rebuilt for the whole steps that the hours touch. Nothing may be added meanwhile.
 */
export async function rebuildRollups(
  engine: Pick<Engine, 'query' | 'command' | 'tables'>,
  hours: readonly number[],
  until: number,
  batchRowsMax = ROLLUP_JOB_LIMITS.batchRowsMax,
): Promise<void> {
  const slices = new Map<number, Promise<ArrivalSlice[]>>();
  const slicesOf = (hour: number): Promise<ArrivalSlice[]> => {
    const known = slices.get(hour) ?? arrivalSlices(engine, startsIn(hour), { after: -1, until }, batchRowsMax);
    slices.set(hour, known);
    return known;
  };
  const days = [...new Set(hours.map((hour) => Math.floor(hour / DAY_SECONDS) * DAY_SECONDS))];
  for (const rollup of ROLLUPS) {
    if (rollup.ofDay !== undefined) {
      for (const day of days) await fillDay(engine, rollup, rollup.ofDay(engine.tables, day));
      continue;
    }
    const step = Math.max(rollup.stepSeconds, HOUR);
    const begins = new Set(hours.map((hour) => Math.floor(hour / step) * step));
    for (const begin of begins) {
      if (rollup.isIdempotent !== true) await deleteRows(engine, rollup.table, timeWithin(rollup, begin, begin + step));
      // Hour by hour and slice by slice, which bounds what a statement takes.
      for (let hour = begin; hour < begin + step; hour += HOUR) {
        for (const slice of await slicesOf(hour)) await engine.command(fillSql(engine.tables, rollup, hour, slice));
      }
    }
  }
}

const REBUILD_SETTINGS = `max_threads = 1, ${BATCH_SETTINGS}`;

export function startsIn(hour: number): string {
  return `start_s >= toDateTime(${hour}) AND start_s < toDateTime(${hour + HOUR})`;
}

export function fillSql(tables: Tables, { table, columns, select }: Rollup, hour: number, slice: ArrivalSlice): string {
  const names = columns.join(', ');
  const source = `(SELECT * FROM ${tables.spans.read} WHERE ${startsIn(hour)} AND ${arrivedWithin(slice)})`;
  return `INSERT INTO ${tables[table].write} (${names})
SELECT ${names} FROM (\n${select(source, slice.spans)}\n) SETTINGS ${REBUILD_SETTINGS}`;
}

/** `ofDay`: what the rollup says of a day as a whole. */
export async function fillDay(
  engine: Pick<Engine, 'command' | 'tables'>,
  { table, columns }: Rollup,
  ofDay: string,
): Promise<void> {
  const names = columns.join(', ');
  await engine.command(`INSERT INTO ${engine.tables[table].write} (${names})
SELECT ${names} FROM (\n${ofDay}\n) SETTINGS ${REBUILD_SETTINGS}`);
}

function timeWithin({ time, stepSeconds }: Rollup, begin: number, end: number): string {
  const isDay = stepSeconds === 86_400;
  const bound = (second: number): string => (isDay ? `toDate(toUInt16(${second / 86_400}))` : `toDateTime(${second})`);
  return `${time} >= ${bound(begin)} AND ${time} < ${bound(end)}`;
}
