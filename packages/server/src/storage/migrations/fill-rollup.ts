import type { Capabilities } from '../capabilities.ts';
import type { Rollup } from '../rollups.ts';
import { rows, type MigratedEngine } from './migration.ts';

/** Hour by hour, which bounds what a statement takes: a view sees one insert at a time, and this all that is stored. */
export async function fillRollup(
  rollups: readonly Rollup[],
  engine: MigratedEngine,
  capabilities: Capabilities,
): Promise<void> {
  const hours = await rows(
    engine,
    'SELECT DISTINCT intDiv(toUInt32(start_s), 3600) * 3600 AS hour FROM throughline.spans ORDER BY hour',
  );
  for (const [hour] of hours) {
    for (const rollup of rollups) {
      const from = Number(hour);
      const ofHour = `FROM (
  SELECT * FROM throughline.spans WHERE start_s >= toDateTime(${from}) AND start_s <= toDateTime(${from + 3_599})
)`;
      const columns = rollup.columns.map((column) => column.split(' ', 1)[0]).join(', ');
      await engine.command(`INSERT INTO throughline.${rollup.table} (${columns})
${inColumnOrder(rollup.select(capabilities), columns).replace('FROM throughline.spans', ofHour)}
SETTINGS max_threads = 1`);
    }
  }
}

/** A view puts values into the columns of their names, an INSERT in the order in which they stand. */
function inColumnOrder(select: string, columns: string): string {
  return `SELECT ${columns} FROM (\n${select}\n)`;
}
