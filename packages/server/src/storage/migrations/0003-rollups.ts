import { createRollup, createRollupView, ROLLUPS } from '../rollups.ts';
import { fillRollup } from './fill-rollup.ts';
import type { Migration } from './migration.ts';

/** The rollups, filled with what is stored. Views come last: what `fill` inserts is counted by no view but a rollup's own. */
export const createRollups: Migration = {
  name: 'rollups',
  statements: (capabilities) =>
    ROLLUPS.flatMap((rollup) => [
      `DROP TABLE IF EXISTS throughline.${rollup.table}_view`,
      `DROP TABLE IF EXISTS throughline.${rollup.table}`,
      createRollup(rollup, capabilities),
    ]),
  fill: (engine, capabilities) => fillRollup(ROLLUPS, engine, capabilities),
  after: (capabilities) => ROLLUPS.map((rollup) => createRollupView(rollup, capabilities)),
};
