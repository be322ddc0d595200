import { deleteRows } from '../delete-rows.ts';
import { SPAN_COLUMNS } from '../schema.ts';
import { rebuildRollups } from '../rollups/rollup-rebuild.ts';
import { sqlString } from '../sql.ts';
import { IN_DATABASE, type TableName } from '../tables.ts';
import type { MigratedEngine } from '../damage/migrated-engine.ts';
import { rowsOf } from '../rows-of.ts';

/** Where the spans of a store are that was made before there was a first release, until they have been moved. */
export const OLD_SPANS = 'spans_before_tenants';
const OLD_COUNTS = 'counted_before_tenants';
const OLD_TABLES = [
  'operation_quarters',
  'trace_times',
  'request_minutes',
  'request_hours',
  'weight_quarters',
  'attribute_values',
  'counted_hours',
];
/**
 * What is moved arrived before everything that comes, and before everything that a job has yet to count: the move
 * counts it.
 */
const ARRIVAL = 0;
const HOUR = 3_600;

/**
 * Renames the tables of such a store, out of the way of the first migration. It may be interrupted and run again;
 * `moveFirstStores` goes on from there.
 */
export async function renameFirstStores(engine: MigratedEngine): Promise<void> {
  const { tables } = engine;
  if (!(await isFirstStore(engine))) return;
  for (const table of OLD_TABLES) await engine.command(`DROP TABLE IF EXISTS ${tables.named(`${table}_view`).local}`);
  for (const table of OLD_TABLES) await engine.command(`DROP TABLE IF EXISTS ${tables.named(table).local}`);
  await engine.command(`DROP TABLE IF EXISTS ${tables.schema_migrations.local}`);
  const counts = await rowsOf(engine, columnsOf('counted_minutes'));
  if (counts.length > 0) {
    const [from, to] = [tables.named('counted_minutes').local, tables.named(OLD_COUNTS).local];
    await engine.command(`RENAME TABLE ${from} TO ${to}`);
  }
  // Last: as long as it has its old name, all of this is done again.
  await engine.command(`RENAME TABLE ${tables.spans.local} TO ${tables.named(OLD_SPANS).local}`);
}

/** Whether its spans are in a table of before the first release. */
export async function isFirstStore(engine: Pick<MigratedEngine, 'query' | 'tables'>): Promise<boolean> {
  const columns = await rowsOf(engine, columnsOf('spans'));
  return columns.length > 0 && !columns.some(([name]) => name === 'arrival');
}

/** Moves what those tables hold into ours, a day at a time; a day that was interrupted begins again. */
export async function moveFirstStores(engine: MigratedEngine): Promise<void> {
  const spans = (await rowsOf(engine, columnsOf(OLD_SPANS))).map(([name]) => String(name));
  const counts = (await rowsOf(engine, columnsOf(OLD_COUNTS))).map(([name]) => String(name));
  if (spans.length > 0) {
    const columns = SPAN_COLUMNS.map(([name]) => name).filter((name) => spans.includes(name));
    await moveDays(engine, OLD_SPANS, 'spans', columns, 'start_s', `arrival, ${columns.join(', ')}`, `${ARRIVAL}, `);
  }
  if (counts.length > 0) {
    const columns = counts.filter((name) => name !== 'minute');
    await moveDays(engine, OLD_COUNTS, 'counted_1m', columns, 'minute', `time, ${columns.join(', ')}`, 'minute, ');
    await engine.command(`DROP TABLE IF EXISTS ${engine.tables.named(OLD_COUNTS).local}`);
  }
  if (spans.length > 0) await engine.command(`DROP TABLE IF EXISTS ${engine.tables.named(OLD_SPANS).local}`);
}

async function moveDays(
  engine: MigratedEngine,
  from: string,
  to: 'spans' | 'counted_1m',
  columns: readonly string[],
  time: string,
  into: string,
  first: string,
): Promise<void> {
  const days = await rowsOf(
    engine,
    `SELECT DISTINCT partition FROM system.parts
WHERE ${IN_DATABASE} AND table = ${sqlString(from)} AND active ORDER BY partition`,
  );
  for (const [day] of days) {
    const partition = sqlString(String(day));
    // As the server has it, whose days may not be those of UTC.
    const hours = await rowsOf(
      engine,
      `SELECT DISTINCT intDiv(toUInt32(${time}), ${HOUR}) * ${HOUR} AS hour FROM ${engine.tables.named(from).local}
WHERE toDate(${time}) = ${partition} ORDER BY hour`,
    );
    const seconds = hours.map(([hour]) => Number(hour));
    await forget(engine, to, seconds);
    if (to === 'counted_1m') await forget(engine, 'counted_1h', seconds);
    // Hour by hour, which bounds what a statement takes.
    for (const hour of seconds) {
      await engine.command(`INSERT INTO ${engine.tables[to].write} (${into})
SELECT ${first}${columns.join(', ')} FROM ${engine.tables.named(from).local}
WHERE toUInt32(${time}) >= ${hour} AND toUInt32(${time}) < ${hour + HOUR}
SETTINGS max_threads = 1`);
      if (to === 'counted_1m') await fillHour(engine, hour);
    }
    if (to === 'spans') await rebuildRollups(engine, seconds, ARRIVAL);
    await engine.expectWhole?.(to);
    if (to === 'counted_1m') await engine.expectWhole?.('counted_1h');
    await engine.command(`ALTER TABLE ${engine.tables.named(from).local} DROP PARTITION ${partition}`);
  }
}

async function fillHour(engine: MigratedEngine, hour: number): Promise<void> {
  const what = 'tenant, service_name, operation, kind, status, bucket';
  await engine.command(`INSERT INTO ${engine.tables.counted_1h.write} (${what}, time, requests, duration_sum_ns)
SELECT ${what}, toDateTime(${hour}, 'UTC'), sum(requests), sum(duration_sum_ns) FROM ${engine.tables.counted_1m.read}
WHERE time >= toDateTime(${hour}) AND time < toDateTime(${hour + HOUR})
GROUP BY ${what}`);
}

/** What an interrupted move has left of these hours. */
async function forget(engine: MigratedEngine, table: TableName, hours: readonly number[]): Promise<void> {
  const time = table === 'spans' ? 'start_s' : 'time';
  const where = `${time} >= toDateTime(${Math.min(...hours)}) AND ${time} < toDateTime(${Math.max(...hours) + HOUR})`;
  const [[count] = []] = await rowsOf(engine, `SELECT count() FROM ${engine.tables[table].read} WHERE ${where}`);
  if (Number(count) === 0) return;
  await deleteRows(engine, table, where);
}

function columnsOf(table: string): string {
  return `SELECT name FROM system.columns WHERE ${IN_DATABASE} AND table = ${sqlString(table)}`;
}
