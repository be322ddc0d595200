import { createRollup, createRollupView, ROLLUPS } from '../rollups.ts';
import type { Capabilities } from '../capabilities.ts';
import { rows, type MigratedEngine, type Migration } from './migration.ts';

/** The rollups, filled with what is stored. Views come last: what `fill` inserts is counted by no view but a rollup's own. */
export const createRollups: Migration = {
  name: 'rollups',
  statements: (capabilities) =>
    ROLLUPS.flatMap((rollup) => [
      `DROP TABLE IF EXISTS throughline.${rollup.table}_view`,
      `DROP TABLE IF EXISTS throughline.${rollup.table}`,
      createRollup(rollup, capabilities),
    ]),
  fill,
  after: (capabilities) => ROLLUPS.map((rollup) => createRollupView(rollup, capabilities)),
};

/** Hour by hour, which bounds what a statement takes: a view sees one insert at a time, and this all that is stored. */
async function fill(engine: MigratedEngine, capabilities: Capabilities): Promise<void> {
  const hours = await rows(
    engine,
    'SELECT DISTINCT intDiv(toUInt32(start_s), 3600) * 3600 AS hour FROM throughline.spans ORDER BY hour',
  );
  for (const [hour] of hours) {
    for (const rollup of ROLLUPS) {
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
