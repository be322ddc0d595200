import type { Capabilities } from '../capabilities.ts';
import type { Migration } from './migration.ts';

/** One row a span, as it was at first. Inserts are synced, because the spool forgets what the store has taken. */
export const createSpans: Migration = {
  name: 'spans',
  statements: (capabilities) => [
    `CREATE TABLE IF NOT EXISTS throughline.spans (
  ${capabilities.codecs ? COLUMNS : COLUMNS.replaceAll(/ CODEC\(.*\)(?=,?$)/gm, '')}${indexes(capabilities)}
) ENGINE = MergeTree
PARTITION BY toDate(start_s)
ORDER BY (service, start_s)
${settings(capabilities)}`,
  ],
};

function indexes({ bloomFilters, positionProjections }: Capabilities): string {
  const parts = [
    ...(bloomFilters
      ? [
          'INDEX trace_id_bloom trace_id TYPE bloom_filter(0.001) GRANULARITY 1',
          'INDEX attrs_v_bloom attrs_v TYPE bloom_filter(0.01) GRANULARITY 1',
          'INDEX res_v_bloom res_v TYPE bloom_filter(0.01) GRANULARITY 1',
        ]
      : []),
    ...(positionProjections ? ['PROJECTION by_trace (SELECT _part_offset ORDER BY trace_id)'] : []),
  ];
  return parts.map((part) => `,\n  ${part}`).join('');
}

function settings({ syncedInserts }: Capabilities): string {
  return syncedInserts
    ? `SETTINGS index_granularity = 1024, non_replicated_deduplication_window = 10000,
  fsync_after_insert = 1, fsync_part_directory = 1`
    : 'SETTINGS index_granularity = 1024';
}

const COLUMNS = `trace_id FixedString(16) CODEC(NONE),
  span_id FixedString(8) CODEC(NONE),
  parent_span_id FixedString(8) CODEC(NONE),
  service LowCardinality(String),
  name LowCardinality(String),
  kind UInt8,
  status_code UInt8,
  status_message String CODEC(ZSTD(1)),
  start_s DateTime CODEC(Delta(4), ZSTD(1)),
  start_ns Int64 CODEC(Delta(8), ZSTD(1)),
  duration_ns Int64 CODEC(T64, ZSTD(1)),
  trace_state String CODEC(ZSTD(1)),
  flags UInt32 CODEC(ZSTD(1)),
  dropped_attributes UInt32 CODEC(ZSTD(1)),
  dropped_events UInt32 CODEC(ZSTD(1)),
  dropped_links UInt32 CODEC(ZSTD(1)),
  attrs_k Array(LowCardinality(String)) CODEC(ZSTD(1)),
  attrs_v Array(String) CODEC(ZSTD(1)),
  attrs_t Array(UInt8) CODEC(ZSTD(1)),
  res_k Array(LowCardinality(String)) CODEC(ZSTD(1)),
  res_v Array(String) CODEC(ZSTD(1)),
  res_t Array(UInt8) CODEC(ZSTD(1)),
  res_dropped UInt32 CODEC(ZSTD(1)),
  res_schema_url LowCardinality(String),
  res_entity_refs LowCardinality(String),
  scope_name LowCardinality(String),
  scope_version LowCardinality(String),
  scope_k Array(LowCardinality(String)) CODEC(ZSTD(1)),
  scope_v Array(String) CODEC(ZSTD(1)),
  scope_t Array(UInt8) CODEC(ZSTD(1)),
  scope_dropped UInt32 CODEC(ZSTD(1)),
  scope_schema_url LowCardinality(String),
  ev_ns Array(Int64) CODEC(ZSTD(1)),
  ev_name Array(LowCardinality(String)) CODEC(ZSTD(1)),
  ev_dropped Array(UInt32) CODEC(ZSTD(1)),
  ev_attr_n Array(UInt32) CODEC(ZSTD(1)),
  ev_k Array(LowCardinality(String)) CODEC(ZSTD(1)),
  ev_v Array(String) CODEC(ZSTD(1)),
  ev_t Array(UInt8) CODEC(ZSTD(1)),
  link_trace_id Array(FixedString(16)) CODEC(ZSTD(1)),
  link_span_id Array(FixedString(8)) CODEC(ZSTD(1)),
  link_trace_state Array(String) CODEC(ZSTD(1)),
  link_flags Array(UInt32) CODEC(ZSTD(1)),
  link_dropped Array(UInt32) CODEC(ZSTD(1)),
  link_attr_n Array(UInt32) CODEC(ZSTD(1)),
  link_k Array(LowCardinality(String)) CODEC(ZSTD(1)),
  link_v Array(String) CODEC(ZSTD(1)),
  link_t Array(UInt8) CODEC(ZSTD(1))`;
