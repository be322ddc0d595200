import { ATTRIBUTE_VALUES } from './attribute-values.ts';
import type { Engine } from './engine.ts';
import { rowsOf } from './lost-parts.ts';
import { OPERATION_15M, REQUEST_1H, REQUEST_1M, TRACE_TIMES, type Rollup } from './rollups.ts';
import { sqlString, sqlUInt64 } from './sql.ts';
import { dayOf, startOfDayMs } from './utc-day.ts';
import { WEIGHT_15M } from './weights.ts';

/** Every table that is derived from `spans`. `trace_times` is first: the others are right without it, and by it spans are found. */
export const ROLLUPS: readonly Rollup[] = [
  TRACE_TIMES,
  OPERATION_15M,
  REQUEST_1M,
  REQUEST_1H,
  WEIGHT_15M,
  ATTRIBUTE_VALUES,
];

type Asked = Pick<Engine, 'query' | 'command'>;

const HOUR = 3_600;
const DAY = 86_400;

/**
 * Makes the derived tables anew for these hours (seconds since the epoch), out of the spans that arrived up to `until`. Tables with longer
 * steps are made anew for the whole steps that the hours touch. Nothing may be added meanwhile.
 */
export async function rebuildRollups(
  engine: Pick<Engine, 'query' | 'command'>,
  hours: readonly number[],
  until: number,
): Promise<void> {
  const days = [...new Set(hours.map((hour) => Math.floor(hour / DAY) * DAY))];
  for (const day of days) {
    const spansOfHours = await countByHour(engine, day, until);
    for (const rollup of ROLLUPS) {
      const step = Math.max(rollup.stepSeconds, HOUR);
      const ofDay = hours.filter((hour) => hour >= day && hour < day + DAY);
      const begins = new Set(ofDay.map((hour) => Math.floor(hour / step) * step));
      for (const begin of begins) {
        if (rollup.isIdempotent !== true) await engine.command(deleteSql(rollup, begin, begin + step));
        // Hour by hour, which bounds what a statement takes.
        for (let hour = begin; hour < begin + step; hour += HOUR) {
          const spans = spansOfHours.get(hour) ?? 0;
          if (spans > 0) await engine.command(fillSql(rollup, hour, until, spans));
        }
      }
    }
  }
}

const REBUILD_SETTINGS = 'max_threads = 1, max_bytes_before_external_group_by = 200000000';

async function countByHour(engine: Pick<Engine, 'query'>, day: number, until: number): Promise<Map<number, number>> {
  const sql = `SELECT intDiv(toUInt32(start_s), ${HOUR}) * ${HOUR} AS hour, count() FROM throughline.spans
WHERE start_s >= toDateTime(${day}) AND start_s < toDateTime(${day + DAY}) AND arrival <= ${sqlUInt64(until)} GROUP BY hour`;
  return new Map((await numbers(engine, sql)).map(([hour = 0, spans = 0]) => [hour, spans]));
}

function fillSql({ table, columns, select }: Rollup, hour: number, until: number, spans: number): string {
  const names = columns.join(', ');
  const source = `(SELECT * FROM throughline.spans
  WHERE start_s >= toDateTime(${hour}) AND start_s < toDateTime(${hour + HOUR}) AND arrival <= ${sqlUInt64(until)})`;
  return `INSERT INTO throughline.${table} (${names})
SELECT ${names} FROM (\n${select(source, spans)}\n) SETTINGS ${REBUILD_SETTINGS}`;
}

/**
 * Makes whole days (`YYYY-MM-DD`) of the derived tables anew, whatever is damaged in them or stands in them of spans that are gone. Nothing
 * may be added meanwhile. The times of traces are replaced behind what takes their place: by them spans are found at any time.
 */
export async function rebuildDays(engine: Asked, days: readonly string[], until: number): Promise<void> {
  for (const day of days) {
    const start = startOfDayMs(day) / 1_000;
    const spansOfHours = await countByHour(engine, start, until);
    const fill = async (rollup: Rollup): Promise<void> => {
      // Hour by hour, which bounds what a statement takes.
      for (const [hour, spans] of spansOfHours) await engine.command(fillSql(rollup, hour, until, spans));
    };
    for (const rollup of ROLLUPS) {
      if (rollup.isIdempotent === true) await replace(engine, rollup, day, () => fill(rollup));
      else {
        await engine.command(`ALTER TABLE throughline.${rollup.table} DROP PARTITION ${sqlString(day)}`);
        await fill(rollup);
      }
    }
  }
}

/** Drops the parts that were there before; a merge would mix them with the new ones. */
async function replace(engine: Asked, { table }: Rollup, day: string, fill: () => Promise<void>): Promise<void> {
  await engine.command(`SYSTEM STOP MERGES throughline.${table}`);
  try {
    const before = await rowsOf(
      engine,
      `SELECT name FROM system.parts
WHERE database = 'throughline' AND active AND table = ${sqlString(table)} AND partition = ${sqlString(day)}`,
    );
    await fill();
    for (const [part] of before) {
      await engine.command(`ALTER TABLE throughline.${table} DROP PART ${sqlString(String(part))}`);
    }
  } finally {
    await engine.command(`SYSTEM START MERGES throughline.${table}`);
  }
}

/** The days (`YYYY-MM-DD`) of which anything is stored, spans or what is derived from them. */
export async function findDays(engine: Pick<Engine, 'query'>): Promise<string[]> {
  const tables = ['spans', ...ROLLUPS.map(({ table }) => table)].map(sqlString).join(', ');
  const found = await rowsOf(
    engine,
    `SELECT DISTINCT partition FROM system.parts WHERE database = 'throughline' AND active AND table IN (${tables}) ORDER BY partition`,
  );
  return found.map(([day]) => String(day));
}

/**
 * The days (`YYYY-MM-DD`) of which `operation_15m` has counted another number of spans than are stored. The numbers of rows are compared
 * first, which reads no span.
 */
export async function findDaysThatDisagree(engine: Pick<Engine, 'query'>, until: number): Promise<string[]> {
  const byDay = `toUInt32(toDate(partition)) AS day, sum(rows) FROM system.parts
WHERE database = 'throughline' AND active AND table = 'spans' GROUP BY day`;
  const stored = new Map((await numbers(engine, `SELECT ${byDay}`)).map(([day = 0, rows = 0]) => [day, rows]));
  const counted = new Map(
    (
      await numbers(
        engine,
        'SELECT toUInt32(toDate(time)) AS day, sum(spans) FROM throughline.operation_15m GROUP BY day',
      )
    ).map(([day = 0, spans = 0]) => [day, spans]),
  );
  const wrong: string[] = [];
  for (const day of new Set([...stored.keys(), ...counted.keys()])) {
    const spans = counted.get(day) ?? 0;
    if (spans === (stored.get(day) ?? 0)) continue;
    const [[exact = 0] = []] = await numbers(
      engine,
      `SELECT count() FROM throughline.spans
WHERE toDate(start_s) = toDate(toUInt16(${day})) AND arrival <= ${sqlUInt64(until)}`,
    );
    if (exact !== spans) wrong.push(dayOf(day * DAY * 1_000));
  }
  return wrong;
}

function deleteSql({ table, time, stepSeconds }: Rollup, begin: number, end: number): string {
  const isDay = stepSeconds === 86_400;
  const bound = (second: number): string => (isDay ? `toDate(toUInt16(${second / 86_400}))` : `toDateTime(${second})`);
  return `ALTER TABLE throughline.${table} DELETE WHERE ${time} >= ${bound(begin)} AND ${time} < ${bound(end)} SETTINGS mutations_sync = 1`;
}

/** Rows of numbers. */
export async function numbers(engine: Pick<Engine, 'query'>, sql: string): Promise<number[][]> {
  return (await rowsOf(engine, sql)).map((row) => row.map(Number));
}
