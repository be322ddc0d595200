import { arrivalSlices } from './arrival-slices.ts';
import type { Engine } from './engine.ts';
import { rowsOf } from './lost-parts.ts';
import { fillDay, fillSql, ROLLUPS, startsIn } from './rollup-rebuild.ts';
import type { Rollup } from './rollups.ts';
import { sqlString, sqlUInt64 } from './sql.ts';
import { dayOf, startOfDayMs } from './utc-day.ts';

type Asked = Pick<Engine, 'query' | 'command'>;

const HOUR = 3_600;
const DAY = 86_400;

/**
 * Makes whole days (`YYYY-MM-DD`) of the derived tables anew, whatever is damaged in them or stands in them of spans that are gone. Nothing
 * may be added meanwhile. The times of traces are replaced behind what takes their place: by them spans are found at any time.
 */
export async function rebuildDays(
  engine: Asked,
  days: readonly string[],
  until: number,
  batchRowsMax: number,
): Promise<void> {
  for (const day of days) {
    const start = startOfDayMs(day) / 1_000;
    const hours = Array.from({ length: DAY / HOUR }, (_, hour) => start + hour * HOUR);
    const fill = async (rollup: Rollup): Promise<void> => {
      for (const hour of hours) {
        for (const slice of await arrivalSlices(engine, startsIn(hour), { after: -1, until }, batchRowsMax)) {
          await engine.command(fillSql(rollup, hour, slice));
        }
      }
      await fillDay(engine, rollup, start);
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

async function numbers(engine: Pick<Engine, 'query'>, sql: string): Promise<number[][]> {
  return (await rowsOf(engine, sql)).map((row) => row.map(Number));
}
