import type { Capabilities } from '../capabilities.ts';
import { createRollup, createRollupView, ROLLUPS, type Rollup } from '../rollups.ts';
import { UNWEIGHTED_ATTRIBUTE_VALUES } from './0003-attribute-values.ts';
import { fillRollup } from './fill-rollup.ts';
import type { Migration } from './migration.ts';

/** The rollups, filled with what is stored. Views come last: what `fill` inserts is counted by no view but a rollup's own. */
export const createRollups: Migration = {
  name: 'rollups',
  statements: (capabilities) =>
    releasedFor(capabilities).flatMap((rollup) => [
      `DROP TABLE IF EXISTS throughline.${rollup.table}_view`,
      `DROP TABLE IF EXISTS throughline.${rollup.table}`,
      createRollup(rollup, capabilities),
    ]),
  fill: (engine, capabilities) => fillRollup(ROLLUPS, engine, capabilities),
  after: (capabilities) => releasedFor(capabilities).map((rollup) => createRollupView(rollup, capabilities)),
};

/** Servers whose views know no subqueries have the attributes from their own migration on. */
function releasedFor({ viewsOfSubqueries }: Capabilities): readonly Rollup[] {
  return viewsOfSubqueries ? [...ROLLUPS, UNWEIGHTED_ATTRIBUTE_VALUES] : ROLLUPS;
}
