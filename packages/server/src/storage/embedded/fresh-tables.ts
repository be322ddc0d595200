import type { MigratedEngine } from '../damage/migrated-engine.ts';
import { sqlIdentifier } from '../sql.ts';
import { DATABASE, IN_DATABASE } from '../tables.ts';
import { rowsOf } from '../rows-of.ts';

/** One takes spans, one waits for its spans to be stored, and one for the queries that still read it. */
export const FRESH_TABLES = 3;

export function freshTable(table: number): string {
  return `spans_fresh_${table}`;
}

/**
 * Small parts of one file, which nobody waits for, sorts or merges: what they hold is durable elsewhere, and gone in
 * seconds.
 */
const ENGINE = `MergeTree ORDER BY tuple()
SETTINGS index_granularity = 1024, fsync_after_insert = 0, fsync_part_directory = 0, min_bytes_for_wide_part = 1000000000,
  max_compress_block_size = 65536, min_compress_block_size = 32768, string_serialization_version = 'single_stream',
  min_columns_to_activate_adaptive_write_buffer = 1`;

/** Makes the tables, empty, with the columns that `spans` has now, and `spans_fresh` to read them all. */
export async function createFreshTables(engine: MigratedEngine): Promise<void> {
  const columns = await rowsOf(
    engine,
    `SELECT name, type, default_expression FROM system.columns
WHERE ${IN_DATABASE} AND table = 'spans' ORDER BY position`,
  );
  const definitions = columns.map(([name, type, expression]) => {
    const byDefault = expression === '' ? '' : ` DEFAULT ${String(expression)}`;
    return `${sqlIdentifier(String(name))} ${String(type)}${byDefault}`;
  });
  const create = async (table: string, clause: string): Promise<void> => {
    await engine.command(`DROP TABLE IF EXISTS ${engine.tables.named(table).local} SYNC`);
    await engine.command(
      `CREATE TABLE ${engine.tables.named(table).local} (\n  ${definitions.join(',\n  ')}\n) ENGINE = ${clause}`,
    );
  };
  for (let table = 0; table < FRESH_TABLES; table++) {
    await create(freshTable(table), ENGINE);
    await engine.command(`SYSTEM STOP MERGES ${engine.tables.named(freshTable(table)).local}`);
  }
  await create('spans_fresh', `Merge('${DATABASE}', '^spans_fresh_[0-9]$')`);
}
