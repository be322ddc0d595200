import { SPAN_COLUMNS } from './schema.ts';
import { sqlIdentifier } from './sql.ts';

/**
 * The table with the columns that a file has. They are named so that the store fills the others: the server of a newer
 * version, or of a file that an older version of ours has left in the spool.
 */
export function insertTarget(table: string): string {
  const columns = table === 'spans' ? ` (${SPAN_COLUMNS.map(([name]) => name).join(', ')})` : '';
  return `throughline.${sqlIdentifier(table)}${columns}`;
}
