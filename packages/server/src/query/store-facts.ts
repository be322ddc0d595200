import type { PartialAnswer, SystemStore } from '@throughline/trace/client';
import { queryRows, type QueryContext } from './rows.ts';
import { IN_DATABASE, type Tables } from '../storage/tables.ts';

export type StoreFacts = Pick<
  SystemStore,
  'engineVersion' | 'spanCount' | 'diskBytes' | 'firstDay' | 'lastDay' | 'partial'
>;

/** Out of the metadata of the parts: no span is looked at. */
export async function findStoreFacts(context: QueryContext): Promise<StoreFacts | null> {
  let partial: PartialAnswer | undefined;
  const onPartial = ({ missingShards, shards }: PartialAnswer): void => {
    partial = { missingShards, shards };
  };
  const [row] = await queryRows({ ...context, onPartial }, storeFactsSql(context.engine.tables));
  if (row === undefined) return null;
  const day = (column: number): string | null => (row.text(column) === '' ? null : row.text(column));
  return {
    engineVersion: row.text(0),
    spanCount: row.number(1),
    diskBytes: row.number(2),
    firstDay: day(3),
    lastDay: day(4),
    ...(partial !== undefined && { partial }),
  };
}

function storeFactsSql(tables: Tables): string {
  return `SELECT version(), sumIf(toFloat64(rows), table = 'spans'), sum(toFloat64(bytes_on_disk)),
  minIf(partition, table = 'spans'), maxIf(partition, table = 'spans')
FROM ${tables.system('parts')}
WHERE ${IN_DATABASE} AND active`;
}
