import type { Capabilities } from '../capabilities.ts';
import type { TableDefinition, TableName } from '../tables.ts';
import type { Migration } from './migration.ts';

/**
 * Every table. What can never be altered is decided here: `tenant` is first in every key, days are UTC days whatever
 * the server's zone is, and a span is found by its service and its start. Inserts are synced, because the spool forgets
 * what the store has taken.
 */
export const createTables: Migration = {
  name: 'tables',
  statements: (capabilities, tables) => {
    const made: readonly (readonly [name: TableName, definition: TableDefinition, settings: Settings])[] = [
      ['spans', SPANS, SPANS_SETTINGS],
      ['trace_times', TRACE_TIMES, DERIVED_SETTINGS],
      ['operation_15m', OPERATION_15M, DERIVED_SETTINGS],
      ['request_1m', REQUESTS, DERIVED_SETTINGS],
      ['request_1h', REQUESTS, DERIVED_SETTINGS],
      ['weight_15m', WEIGHT_15M, DERIVED_SETTINGS],
      ['attribute_values', ATTRIBUTE_VALUES, DERIVED_SETTINGS],
      ['rollup_progress', ROLLUP_PROGRESS, DERIVED_SETTINGS],
      ['counted_1m', COUNTED, DERIVED_SETTINGS],
      ['counted_1h', COUNTED, DERIVED_SETTINGS],
    ];
    return made.flatMap(([name, definition, settings]) =>
      tables
        .create(name, { ...definition, settings: settingsOf(settings, capabilities) })
        .map((statement) => reduced(statement, capabilities))
        // Servers of before cannot read it from each other.
        .map((statement) =>
          tables.onCluster === '' || capabilities.lowCardinality
            ? statement
            : statement.replaceAll('Array(LowCardinality(String))', 'Array(String)'),
        ),
    );
  },
};

/** Without what a server does not know: codecs, and skip indexes. */
function reduced(text: string, { codecs, bloomFilters }: Capabilities): string {
  const withCodecs = codecs ? text : text.replaceAll(/ CODEC\((?:[^()]|\([^)]*\))*\)/g, '');
  return bloomFilters ? withCodecs : withCodecs.replaceAll(/\n  INDEX .*/g, '').replace(/,\n\)/, '\n)');
}

function settingsOf(settings: Settings, { syncedInserts, partTuning }: Capabilities): string[] {
  const { always = [], synced = [], tuned = [] } = settings;
  return [...always, ...(syncedInserts ? synced : []), ...(partTuning ? tuned : [])];
}

interface Settings {
  readonly always?: readonly string[];
  readonly synced?: readonly string[];
  readonly tuned?: readonly string[];
}

const SYNC = ['fsync_after_insert = 1', 'fsync_part_directory = 1'];

const SPANS_SETTINGS: Settings = {
  always: ['index_granularity = 1024'],
  synced: ['non_replicated_deduplication_window = 10000', ...SYNC],
  tuned: [
    "string_serialization_version = 'single_stream'",
    'merge_selector_base = 8',
    'min_bytes_for_wide_part = 33554432',
    // Half a hundred columns with a MiB each are more than a segment.
    'min_columns_to_activate_adaptive_write_buffer = 1',
    'max_compress_block_size = 262144',
  ],
};

/** No window: two batches of rows that are alike are two batches. */
const DERIVED_SETTINGS: Settings = { synced: SYNC };

/** The key `th` of the list member `ot`: 1 to 14 hex digits of which trailing zeros are left out. */
const THRESHOLD = String.raw`extract(trace_state, '(?:^|,)[ \\t]*ot=(?:[^,;]*;)*th:([0-9a-f]{1,14})(?:[,;]|[ \\t]*$)')`;

/** 2⁵⁶ / (2⁵⁶ − T), and 1 where the threshold is not known. */
const WEIGHT = `if(sampling_th = '', toFloat64(1), 72057594037927936 / (72057594037927936 - reinterpretAsUInt64(reverse(unhex(concat('00', substring(concat(toString(sampling_th), '00000000000000'), 1, 14)))))))`;

/**
 * A hash of each attribute's key and value, and of the key and each element of an array. The search writes the same
 * text.
 */
const HASHES = `arrayConcat(arrayMap((k, v) -> cityHash64(k, v), attrs_k, attrs_v), arrayMap((k, v) -> cityHash64(k, v), res_k, res_v), arrayMap((k, v) -> cityHash64(k, v), scope_k, scope_v), arrayMap((k, v) -> cityHash64(k, v), ev_k, ev_v), if(has(attrs_t, 6), arrayFlatten(arrayMap((k, v, t) -> if(t = 6, arrayMap(e -> cityHash64(k, if(JSONHas(e, 'stringValue'), JSONExtractString(e, 'stringValue'), if(JSONHas(e, 'intValue'), JSONExtractString(e, 'intValue'), if(JSONHas(e, 'boolValue'), JSONExtractRaw(e, 'boolValue'), JSONExtractRaw(e, 'doubleValue'))))), JSONExtractArrayRaw(v, 'values')), CAST([] AS Array(UInt64))), attrs_k, attrs_v, attrs_t)), CAST([] AS Array(UInt64))))`;

const SPANS: TableDefinition = {
  columns: `  tenant LowCardinality(String) DEFAULT '',
  arrival UInt64 DEFAULT toUInt64(now()) * 1000000 CODEC(Delta(8), ZSTD(1)),
  trace_id FixedString(16) CODEC(LZ4),
  span_id FixedString(8) CODEC(NONE),
  parent_span_id FixedString(8) CODEC(NONE),
  service LowCardinality(String),
  name LowCardinality(String),
  kind UInt8,
  status_code UInt8,
  status_message String CODEC(ZSTD(1)),
  start_s DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
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
  res_v Array(LowCardinality(String)) CODEC(ZSTD(1)),
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
  link_t Array(UInt8) CODEC(ZSTD(1)),
  sampling_th LowCardinality(String) DEFAULT ${THRESHOLD},
  sampling_weight Float64 DEFAULT ${WEIGHT} CODEC(ZSTD(1)),
  rollup_other UInt8 DEFAULT 0 CODEC(ZSTD(1)),
  INDEX trace_id_filter trace_id TYPE bloom_filter(0.001) GRANULARITY 1,
  INDEX attribute_filter ${HASHES} TYPE bloom_filter(0.0025) GRANULARITY 1,
  INDEX end_range start_ns + greatest(duration_ns, 0) TYPE minmax GRANULARITY 1,
  INDEX arrival_range arrival TYPE minmax GRANULARITY 8`,
  engine: 'MergeTree',
  partitionBy: 'toDate(start_s)',
  orderBy: '(tenant, service, start_s)',
};

const TRACE_TIMES: TableDefinition = {
  columns: `  tenant LowCardinality(String),
  trace_id FixedString(16) CODEC(NONE),
  first_s DateTime('UTC') CODEC(ZSTD(1)),
  length_s UInt32 CODEC(ZSTD(1))`,
  engine: 'MergeTree',
  partitionBy: 'toDate(first_s)',
  orderBy: '(tenant, trace_id)',
};

const OPERATION_15M: TableDefinition = {
  columns: `  tenant LowCardinality(String),
  time DateTime('UTC'),
  service_name LowCardinality(String),
  operation LowCardinality(String),
  spans UInt64,
  errors UInt64,
  weight Float64,
  error_weight Float64,
  first_ns AggregateFunction(min, Int64),
  last_ns AggregateFunction(max, Int64)`,
  engine: 'SummingMergeTree()',
  partitionBy: 'toDate(time)',
  orderBy: '(tenant, service_name, time, operation)',
};

const REQUESTS: TableDefinition = {
  columns: `  tenant LowCardinality(String),
  time DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
  service_name LowCardinality(String),
  operation LowCardinality(String),
  is_error UInt8 CODEC(ZSTD(1)),
  bucket UInt16 CODEC(Delta(2), ZSTD(1)),
  spans UInt64 CODEC(T64, ZSTD(1)),
  weight Float64 CODEC(Gorilla, ZSTD(1))`,
  engine: 'SummingMergeTree((spans, weight))',
  partitionBy: 'toDate(time)',
  orderBy: '(tenant, time, service_name, operation, is_error, bucket)',
};

const WEIGHT_15M: TableDefinition = {
  columns: `  tenant LowCardinality(String),
  time DateTime('UTC'),
  service_name LowCardinality(String),
  of_service UInt8,
  operation LowCardinality(String),
  excess Float64,
  variance Float64,
  request_excess Float64,
  request_variance Float64,
  unknown UInt64,
  unknown_requests UInt64`,
  engine: 'SummingMergeTree((excess, variance, request_excess, request_variance, unknown, unknown_requests))',
  partitionBy: 'toDate(time)',
  orderBy: '(tenant, of_service, service_name, time, operation)',
};

const ATTRIBUTE_VALUES: TableDefinition = {
  columns: `  tenant LowCardinality(String),
  day Date,
  key_slot UInt16,
  value_slot UInt16,
  key String,
  value String,
  weight Float64`,
  engine: 'SummingMergeTree((weight))',
  partitionBy: 'day',
  orderBy: '(tenant, day, key_slot, value_slot)',
};

const ROLLUP_PROGRESS: TableDefinition = {
  columns: `  collector String,
  version UInt64,
  counted_until UInt64,
  pending_until UInt64`,
  engine: 'ReplacingMergeTree(version)',
  orderBy: 'collector',
};

const COUNTED: TableDefinition = {
  columns: `  tenant LowCardinality(String) DEFAULT '',
  time DateTime('UTC') CODEC(ZSTD(1)),
  service_name String CODEC(ZSTD(1)),
  operation String CODEC(ZSTD(1)),
  kind UInt8 CODEC(ZSTD(1)),
  status UInt8 CODEC(ZSTD(1)),
  bucket UInt16 CODEC(ZSTD(1)),
  requests UInt64 CODEC(ZSTD(1)),
  duration_sum_ns Float64 CODEC(ZSTD(1))`,
  engine: 'SummingMergeTree((requests, duration_sum_ns))',
  partitionBy: 'toDate(time)',
  orderBy: '(tenant, time, service_name, operation, kind, status, bucket)',
};
