import { COUNTED_HOURS, COUNTED_MINUTES } from '../counted.ts';
import { createRollup, createRollupView } from '../rollups.ts';
import type { Migration } from './migration.ts';

/** Where the exact counts of the SDKs are kept. */
export const createCounted: Migration = {
  name: 'counted',
  statements: (capabilities) => [
    'DROP TABLE IF EXISTS throughline.counted_hours_view',
    createRollup(COUNTED_MINUTES, capabilities),
    createRollup(COUNTED_HOURS, capabilities),
  ],
  after: (capabilities) => [createRollupView(COUNTED_HOURS, capabilities)],
};
