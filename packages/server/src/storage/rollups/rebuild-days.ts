import { ATTRIBUTE_VALUES } from './attribute-values.ts';
import { arrivalSlices, type ArrivalSlice } from './arrival-slices.ts';
import type { Engine } from '../engine.ts';
import { dayOfPartition } from '../damage/lost-parts.ts';
import { fillDay, fillSql, ROLLUPS, startsIn } from './rollup-rebuild.ts';
import { IS_REQUEST, type Rollup } from './rollups.ts';
import { sqlString, sqlUInt64 } from '../sql.ts';
import { DAY_SECONDS, startOfDayMs } from '../utc-day.ts';
import { IN_DATABASE, type TableName } from '../tables.ts';
import { rowsOf } from '../rows-of.ts';

type Asked = Pick<Engine, 'query' | 'command' | 'tables'>;

const HOUR = 3_600;

/**
 * Rebuilds whole days (`YYYY-MM-DD`) of the derived tables, whatever is damaged in them or is in them of spans that are
 * gone. Nothing may be added meanwhile. The times of traces are replaced behind what takes their place: by them spans
 * are found at any time.
 */
export async function rebuildDays(
  engine: Asked,
  days: readonly string[],
  until: number,
  batchRowsMax: number,
): Promise<void> {
  for (const day of days) {
    const start = startOfDayMs(day) / 1_000;
    const steps: { readonly hour: number; readonly slice: ArrivalSlice }[] = [];
    for (let hour = start; hour < start + DAY_SECONDS; hour += HOUR) {
      for (const slice of await arrivalSlices(engine, startsIn(hour), { after: -1, until }, batchRowsMax))
        steps.push({ hour, slice });
    }
    for (const rollup of ROLLUPS) {
      if (rollup.ofDay !== undefined) continue;
      const fill = async (): Promise<void> => {
        for (const { hour, slice } of steps) await engine.command(fillSql(engine.tables, rollup, hour, slice));
      };
      if (rollup.isIdempotent === true) await replace(engine, rollup, day, fill);
      else {
        await engine.command(`ALTER TABLE ${engine.tables[rollup.table].everywhere} DROP PARTITION ${sqlString(day)}`);
        await fill();
      }
    }
  }
  // By what has been rebuilt of the days around it as well.
  for (const rollup of ROLLUPS) {
    const { ofDay } = rollup;
    if (ofDay === undefined) continue;
    for (const day of days)
      await replace(engine, rollup, day, () =>
        fillDay(engine, rollup, ofDay(engine.tables, startOfDayMs(day) / 1_000)),
      );
  }
}

/** Drops the parts that were there before; a merge would mix them with the new ones. */
async function replace(engine: Asked, { table }: Rollup, day: string, fill: () => Promise<void>): Promise<void> {
  const { onCluster } = engine.tables;
  const { local, everywhere } = engine.tables[table];
  await engine.command(`SYSTEM STOP MERGES${onCluster} ${local}`);
  try {
    const before = await rowsOf(
      engine,
      `SELECT name FROM ${engine.tables.system('parts')}
WHERE ${IN_DATABASE} AND active AND table = ${sqlString(table)} AND partition = ${sqlString(day)}`,
    );
    await fill();
    for (const [part] of before) {
      await engine.command(`ALTER TABLE ${everywhere} DROP PART ${sqlString(String(part))}`);
    }
  } finally {
    await engine.command(`SYSTEM START MERGES${onCluster} ${local}`);
  }
}

/** The days (`YYYY-MM-DD`) of which anything is stored, spans or what is derived from them. */
export async function findDays(engine: Pick<Engine, 'query' | 'tables'>): Promise<string[]> {
  const tables = ['spans', ...ROLLUPS.map(({ table }) => table)].map(sqlString).join(', ');
  const found = await rowsOf(
    engine,
    `SELECT DISTINCT partition FROM ${engine.tables.system('parts')} WHERE ${IN_DATABASE} AND active AND table IN (${tables}) ORDER BY partition`,
  );
  return found.map(([day]) => String(day));
}

/** Of float sums in another order. */
const ROUNDING = 1e-6;
/** Of a day without attributes so many spans are looked at for one. */
const ATTRIBUTE_SPANS = 8_192;

/**
 * The days (`YYYY-MM-DD`) of which the derived tables do not agree with the spans that arrived up to `until`, or with
 * each other. What that costs goes by what is derived, and not by the spans: these are read only where the numbers of
 * rows differ, or a table has nothing of a day.
 * - `operation_15m` holds as many spans as are stored.
 * - Both tables of requests hold as many, of the same weight, and some where there are any.
 * - `weight_15m` holds what is missing between the number and the weight of spans, and of requests.
 * - `trace_times` and `attribute_values` hold something where there is something. How much, only all spans would show.
 */
export async function findDaysThatDisagree(engine: Pick<Engine, 'query' | 'tables'>, until: number): Promise<string[]> {
  const spansTable = engine.tables.spans.read;
  const stored = await rowsByDay(engine, 'spans');
  const operations = await sumsByDay(engine, 'operation_15m', 'sum(spans), sum(weight)');
  const minutes = await sumsByDay(engine, 'request_1m', 'sum(spans), sum(weight)');
  const hours = await sumsByDay(engine, 'request_1h', 'sum(spans), sum(weight)');
  const weights = await sumsByDay(
    engine,
    'weight_15m',
    `sumIf(excess, of_service = 1), sumIf(excess, of_service = 0),
  sumIf(request_excess, of_service = 1), sumIf(request_excess, of_service = 0)`,
  );
  const traces = await rowsByDay(engine, 'trace_times');
  const attributes = await rowsByDay(engine, 'attribute_values');
  const all = [stored, operations, minutes, hours, weights, traces, attributes].flatMap((table) => [...table.keys()]);

  const disagrees = async (day: string): Promise<boolean> => {
    const [spans = 0, weight = 0] = operations.get(day) ?? [];
    const ofDay = `toDate(start_s) = toDate(${sqlString(day)}) AND arrival <= ${sqlUInt64(until)}`;
    if (spans !== (stored.get(day) ?? 0) && spans !== (await countOf(engine, `${spansTable} WHERE ${ofDay}`)))
      return true;
    const [requests = 0, requestWeight = 0] = hours.get(day) ?? [];
    const [requestsByMinute = 0, weightByMinute = 0] = minutes.get(day) ?? [];
    if (requests !== requestsByMinute || !isAbout(weightByMinute, requestWeight, requestWeight)) return true;
    const [ofServices = 0, ofOperations = 0, requestsOfServices = 0, requestsOfOperations = 0] = weights.get(day) ?? [];
    for (const excess of [ofServices, ofOperations]) if (!isAbout(excess, weight - spans, weight)) return true;
    for (const excess of [requestsOfServices, requestsOfOperations])
      if (!isAbout(excess, requestWeight - requests, requestWeight)) return true;
    const [hasTraces, hasAttributes] = [traces.has(day), attributes.has(day)];
    if (spans === 0) return requests > 0 || hasTraces || hasAttributes;
    if (!hasTraces) return true;
    const source = `(SELECT * FROM ${spansTable} WHERE ${ofDay} LIMIT ${ATTRIBUTE_SPANS})`;
    if (!hasAttributes && (await countOf(engine, `(${ATTRIBUTE_VALUES.select(source, ATTRIBUTE_SPANS)})`)) > 0)
      return true;
    const aRequest = `(SELECT 1 FROM ${spansTable} WHERE ${ofDay} AND (${IS_REQUEST}) LIMIT 1)`;
    return requests === 0 && (await countOf(engine, aRequest)) > 0;
  };
  const wrong: string[] = [];
  for (const day of new Set(all)) if (await disagrees(day)) wrong.push(day);
  return wrong.toSorted();
}

function isAbout(found: number, expected: number, of: number): boolean {
  return Math.abs(found - expected) <= ROUNDING * Math.max(1, of);
}

/** As the parts' own files say, without those that have none. */
async function rowsByDay(engine: Pick<Engine, 'query' | 'tables'>, table: TableName): Promise<Map<string, number>> {
  const found = await rowsOf(
    engine,
    `SELECT partition, toString(sum(rows)) FROM ${engine.tables.system('parts')}
WHERE ${IN_DATABASE} AND active AND table = ${sqlString(table)} GROUP BY partition HAVING sum(rows) > 0`,
  );
  return new Map(found.map(([day, rows]) => [String(day), Number(rows)]));
}

/** By the parts' names, so that no time is read. */
async function sumsByDay(
  engine: Pick<Engine, 'query' | 'tables'>,
  table: TableName,
  sums: string,
): Promise<Map<string, number[]>> {
  const found = await rowsOf(
    engine,
    `SELECT _partition_id, ${sums} FROM ${engine.tables[table].read} GROUP BY _partition_id`,
  );
  return new Map(found.map(([id, ...values]) => [dayOfPartition(String(id)) ?? '', values.map(Number)]));
}

async function countOf(engine: Pick<Engine, 'query' | 'tables'>, from: string): Promise<number> {
  const [[count = 0] = []] = await rowsOf(engine, `SELECT count() FROM ${from}`);
  return Number(count);
}
