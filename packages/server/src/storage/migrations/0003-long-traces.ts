import type { Capabilities } from '../capabilities.ts';
import type { TableDefinition, Tables } from '../tables.ts';
import type { Migration } from './migration.ts';

/**
 * Traces that last long, by their end, so that they are found from any moment that they reach; and which batches of a
 * trace had its root.
 */
export const longTraces: Migration = {
  name: 'long traces',
  statements: ({ codecs, syncedInserts }: Capabilities, tables: Tables) => [
    {
      table: 'trace_times',
      column: 'has_root',
      // Of what was counted before it is not known.
      definition: `UInt8 DEFAULT 1${codecs ? ' CODEC(ZSTD(1))' : ''}`,
    },
    ...tables.create('long_traces', {
      ...LONG_TRACES,
      settings: syncedInserts ? ['fsync_after_insert = 1', 'fsync_part_directory = 1'] : [],
    }),
    // The oldest servers take no settings with an insert, and none of them has spans of before.
    ...(codecs ? [fillSql(tables)] : []),
  ],
};

const LONG_TRACES: TableDefinition = {
  columns: `  tenant LowCardinality(String),
  trace_id FixedString(16),
  day Date,
  begin_s DateTime('UTC'),
  end_s DateTime('UTC')`,
  engine: 'ReplacingMergeTree()',
  partitionBy: 'day',
  orderBy: '(tenant, end_s, trace_id, begin_s)',
};

function fillSql(tables: Tables): string {
  return `INSERT INTO ${tables.long_traces.write} (tenant, trace_id, day, begin_s, end_s)
SELECT tenant, trace_id, toDate(start_s) AS day, min(start_s) AS begin_s,
  toDateTime(toUInt32(least(intDiv(max(start_ns + duration_ns), 1000000000), 4294967295)), 'UTC') AS end_s
FROM ${tables.spans.read} WHERE duration_ns >= 3600000000000
GROUP BY tenant, trace_id, day
SETTINGS max_partitions_per_insert_block = 0`;
}
