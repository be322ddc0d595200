import { ATTRIBUTE_VALUES } from '../attribute-values.ts';
import { createRollup, createRollupView } from '../rollups.ts';
import { fillRollup } from './fill-rollup.ts';
import type { Migration } from './migration.ts';

/** Keys and values of attributes, counted by sampling weight: anew out of the spans, since counts of stored ones do not tell it. */
export const weighAttributes: Migration = {
  name: 'attribute-weights',
  statements: (capabilities) => [
    'DROP TABLE IF EXISTS throughline.attribute_values_view',
    'DROP TABLE IF EXISTS throughline.attribute_values',
    createRollup(ATTRIBUTE_VALUES, capabilities),
  ],
  fill: (engine, capabilities) => fillRollup([ATTRIBUTE_VALUES], engine, capabilities),
  after: (capabilities) => [createRollupView(ATTRIBUTE_VALUES, capabilities)],
};
