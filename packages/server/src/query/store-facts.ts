import type { SystemStore } from '@throughline/trace/client';
import { queryRows, type QueryContext } from './rows.ts';

export type StoreFacts = Pick<SystemStore, 'engineVersion' | 'spanCount' | 'diskBytes' | 'firstDay' | 'lastDay'>;

/** Out of the metadata of the parts: no span is looked at. */
export async function findStoreFacts(context: QueryContext): Promise<StoreFacts | null> {
  const [row] = await queryRows(context, STORE_FACTS_SQL);
  if (row === undefined) return null;
  const day = (column: number): string | null => (row.text(column) === '' ? null : row.text(column));
  return {
    engineVersion: row.text(0),
    spanCount: row.number(1),
    diskBytes: row.number(2),
    firstDay: day(3),
    lastDay: day(4),
  };
}

const STORE_FACTS_SQL = `SELECT version(), sumIf(toFloat64(rows), table = 'spans'), sum(toFloat64(bytes_on_disk)),
  minIf(partition, table = 'spans'), maxIf(partition, table = 'spans')
FROM system.parts
WHERE database = 'throughline' AND active`;
