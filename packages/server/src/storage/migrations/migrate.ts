import { createHash } from 'node:crypto';
import { capabilitiesOf, type Capabilities } from '../capabilities.ts';
import { EngineError } from '../engine.ts';
import { sqlString } from '../sql.ts';
import { IN_DATABASE, singleServerTables, type TableDefinition } from '../tables.ts';
import { isFirstStore, moveFirstStores, OLD_SPANS, renameFirstStores } from './adopt-first-stores.ts';
import { createTables } from './0001-tables.ts';
import { arrayElements } from './0002-array-elements.ts';
import { longTraces } from './0003-long-traces.ts';
import { rareColumns } from './0004-rare-columns.ts';
import { elementsByOwner } from './0005-elements-by-owner.ts';
import { normals } from './0006-normals.ts';
import type { MigratedEngine } from '../damage/migrated-engine.ts';
import { runStatement, type Migration } from './migration.ts';
import { rowsOf } from '../rows-of.ts';

/** In order; the first has number 1. */
export const MIGRATIONS: readonly Migration[] = [
  createTables,
  arrayElements,
  longTraces,
  rareColumns,
  elementsByOwner,
  normals,
];

/** The ClickHouse whose statements a checksum is made of. */
const CURRENT = capabilitiesOf('26.7');
/** … and the tables that they name, wherever a store is: a migration is the same on one server and on many. */
const CHECKSUM_TABLES = singleServerTables();

/** One that was carried out. */
export interface AppliedMigration {
  readonly number: number;
  readonly name: string;
}

/**
 * Brings the store to the newest migration, and returns those that this took. One that was interrupted begins again.
 * Throws where the store has one that this program does not know, or knows otherwise: it must not write into it then.
 * `beforeChange` runs before a store that holds spans is changed; it runs again where that was interrupted.
 */
export async function migrate(
  engine: MigratedEngine,
  migrations = MIGRATIONS,
  beforeChange: (engine: MigratedEngine) => Promise<void> = async () => {},
): Promise<readonly AppliedMigration[]> {
  const { tables } = engine;
  const capabilities = await askCapabilities(engine);
  // Nothing is done to a store that is then refused, nor is a snapshot made of it.
  await pendingMigrations(engine, migrations);
  if (await changesSpans(engine, migrations)) await beforeChange(engine);
  await engine.command(tables.createDatabase);
  await renameFirstStores(engine);
  await createRecord(engine);
  const applied = await appliedMigrations(engine);
  const done: AppliedMigration[] = [];
  for (const [index, migration] of migrations.entries()) {
    const number = index + 1;
    if (applied.has(number)) continue;
    for (const statement of migration.statements(capabilities, tables)) await runStatement(engine, statement);
    // Before the last is noted: a start that is interrupted does it again.
    if (number === migrations.length) for (const statement of tables.takeOverColumns) await engine.command(statement);
    await engine.command(`INSERT INTO ${tables.schema_migrations.write} (number, applied_at, checksum)
SELECT ${number}, now(), ${sqlString(checksumOf(migration))}`);
    done.push({ number, name: migration.name });
  }
  await moveFirstStores(engine);
  return done;
}

/** Those that the store has yet to get. Throws an `EngineError` (`rejected`) as `migrate` does. */
export async function pendingMigrations(
  engine: Pick<MigratedEngine, 'query' | 'tables'>,
  migrations = MIGRATIONS,
): Promise<readonly AppliedMigration[]> {
  const applied = (await hasRecord(engine)) ? await appliedMigrations(engine) : new Map<number, string>();
  const unknown = unknownMigration(applied, migrations);
  if (unknown !== null) throw new EngineError('rejected', unknown);
  return migrations
    .map(({ name }, index) => ({ number: index + 1, name }))
    .filter(({ number }) => !applied.has(number));
}

/** That of a store of before the first migration of today counts others. */
async function hasRecord(engine: Pick<MigratedEngine, 'query' | 'tables'>): Promise<boolean> {
  const columns = await rowsOf(
    engine,
    `SELECT name FROM system.columns WHERE ${IN_DATABASE} AND table = 'schema_migrations' AND name = 'checksum'`,
  );
  return columns.length > 0 && !(await isFirstStore(engine));
}

/** The checksums by number. */
export async function appliedMigrations(
  engine: Pick<MigratedEngine, 'query' | 'tables'>,
): Promise<Map<number, string>> {
  const sql = `SELECT number, checksum FROM ${engine.tables.schema_migrations.read} ORDER BY number, applied_at`;
  return new Map((await rowsOf(engine, sql)).map(([number, checksum]) => [Number(number), String(checksum)]));
}

/** Whether there are spans, and anything is to be done to their store. */
async function changesSpans(engine: MigratedEngine, migrations: readonly Migration[]): Promise<boolean> {
  const tables = (await rowsOf(engine, `SELECT name FROM system.tables WHERE ${IN_DATABASE}`)).map(([name]) => name);
  const holders = tables.filter((name) => name === 'spans' || name === OLD_SPANS);
  const counts = await Promise.all(
    holders.map(async (name) =>
      Number((await rowsOf(engine, `SELECT count() FROM ${engine.tables.named(name).read}`))[0]?.[0]),
    ),
  );
  if (counts.every((count) => count === 0)) return false;
  if (holders.includes(OLD_SPANS) || !tables.includes('schema_migrations')) return true;
  const applied = await rowsOf(engine, `SELECT DISTINCT number FROM ${engine.tables.schema_migrations.read}`);
  const numbers = new Set(applied.map(([number]) => Number(number)));
  return (await isFirstStore(engine)) || migrations.some((_, index) => !numbers.has(index + 1));
}

export async function askCapabilities(engine: Pick<MigratedEngine, 'query'>): Promise<Capabilities> {
  const [[version] = []] = await rowsOf(engine, 'SELECT version()');
  return capabilitiesOf(String(version));
}

/** Of its statements, to notice that two programs mean different things by one number. */
export function checksumOf({ name, statements }: Migration): string {
  const text = JSON.stringify([name, statements(CURRENT, CHECKSUM_TABLES)]);
  return createHash('sha256').update(text).digest('hex');
}

/** A row for each migration that was carried out. */
export const RECORD: TableDefinition = {
  columns: '  number UInt32, applied_at DateTime DEFAULT now(), checksum String',
  engine: 'MergeTree',
  orderBy: 'number',
};

/** The record of a store of the first landing has no checksums. */
async function createRecord(engine: MigratedEngine): Promise<void> {
  for (const statement of engine.tables.create('schema_migrations', RECORD)) await engine.command(statement);
  await runStatement(engine, { table: 'schema_migrations', column: 'checksum', definition: 'String' });
}

/** Why this program must not write into a store with these migrations, in one line; null where it may. */
export function unknownMigration(
  applied: ReadonlyMap<number, string>,
  migrations: readonly Migration[],
): string | null {
  for (const [number, checksum] of applied) {
    const known = migrations[number - 1];
    if (known === undefined) {
      return `the store has schema ${Math.max(...applied.keys())}, and this Throughline supports schemas up to ${migrations.length}: use the version that wrote it, or a newer one`;
    }
    if (checksum !== '' && checksum !== checksumOf(known)) {
      return `the store's schema ${number} (${known.name}) differs from the one that this Throughline has under that number: use the version that wrote it`;
    }
  }
  return null;
}
