import { createRollup, createRollupView } from '../rollups.ts';
import { WEIGHT_QUARTERS } from '../weights.ts';
import { fillRollup } from './fill-rollup.ts';
import type { Migration } from './migration.ts';

/** What sampling weights are worth, for the spans that are stored as well. */
export const createWeights: Migration = {
  name: 'weights',
  statements: (capabilities) => [
    'DROP TABLE IF EXISTS throughline.weight_quarters_view',
    'DROP TABLE IF EXISTS throughline.weight_quarters',
    createRollup(WEIGHT_QUARTERS, capabilities),
  ],
  fill: (engine, capabilities) => fillRollup([WEIGHT_QUARTERS], engine, capabilities),
  after: (capabilities) => [createRollupView(WEIGHT_QUARTERS, capabilities)],
};
