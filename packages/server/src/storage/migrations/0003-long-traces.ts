import type { Capabilities } from '../capabilities.ts';
import type { Migration } from './migration.ts';

/** Traces that last long, by their end, so that they are found from any moment that they reach; and which batches of a trace had its root. */
export const longTraces: Migration = {
  name: 'long traces',
  statements: ({ codecs, syncedInserts }: Capabilities) => [
    {
      table: 'trace_times',
      column: 'has_root',
      // Of what was counted before it is not known.
      definition: `UInt8 DEFAULT 1${codecs ? ' CODEC(ZSTD(1))' : ''}`,
    },
    `CREATE TABLE IF NOT EXISTS throughline.long_traces (
  tenant LowCardinality(String),
  trace_id FixedString(16),
  day Date,
  begin_s DateTime('UTC'),
  end_s DateTime('UTC')
) ENGINE = ReplacingMergeTree()
PARTITION BY day
ORDER BY (tenant, end_s, trace_id, begin_s)${syncedInserts ? '\nSETTINGS fsync_after_insert = 1, fsync_part_directory = 1' : ''}`,
    // The oldest servers take no settings with an insert, and none of them has spans of before.
    ...(codecs ? [FILL] : []),
  ],
};

const FILL = `INSERT INTO throughline.long_traces (tenant, trace_id, day, begin_s, end_s)
SELECT tenant, trace_id, toDate(start_s) AS day, min(start_s) AS begin_s,
  toDateTime(toUInt32(least(intDiv(max(start_ns + duration_ns), 1000000000), 4294967295)), 'UTC') AS end_s
FROM throughline.spans WHERE duration_ns >= 3600000000000
GROUP BY tenant, trace_id, day
SETTINGS max_partitions_per_insert_block = 0`;
