import { SPAN_COLUMNS } from './schema.ts';
import type { Tables } from './tables.ts';

/**
 * The table with the columns that a file has. They are named so that the store fills the others: the server of a newer
 * version, or of a file that an older version of ours has left in the spool.
 */
export function insertTarget(tables: Tables, table: string, where: 'write' | 'local' = 'write'): string {
  const columns = table.startsWith('spans') ? ` (${SPAN_COLUMNS.map(([name]) => name).join(', ')})` : '';
  return `${tables.named(table)[where]}${columns}`;
}

/**
 * A segment becomes one block, whatever its size, so that the same file with the same token is the same insert;
 * the spool bounds its rows. Every ClickHouse knows these.
 */
export const BLOCK_SETTINGS: Readonly<Record<string, number>> = {
  max_threads: 1,
  min_insert_block_size_rows: 4_000_000,
  min_insert_block_size_bytes: 4_000_000_000,
  max_insert_block_size: 4_000_000,
};

/** Those of a ClickHouse that takes tokens. Partitions are bounded at the door. */
export const TOKEN_SETTINGS: Readonly<Record<string, number>> = {
  max_insert_threads: 1,
  max_partitions_per_insert_block: 0,
  insert_deduplicate: 1,
  async_insert: 0,
};
