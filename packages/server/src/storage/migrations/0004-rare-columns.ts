import type { Capabilities } from '../capabilities.ts';
import type { Migration } from './migration.ts';

/** In which groups of columns the spans of a trace have something, so that it is read without the others. */
export const rareColumns: Migration = {
  name: 'rare columns',
  statements: ({ codecs }: Capabilities) => [
    {
      table: 'trace_times',
      column: 'rare',
      // Of what was counted before it is not known.
      definition: `UInt8 DEFAULT 255${codecs ? ' CODEC(ZSTD(1))' : ''}`,
    },
  ],
};
