-- A new store with schema 6, for ClickHouse 26.7 on the cluster main.
-- Run all of it in one session, in this order: clickhouse-client --multiquery < schema.sql

-- The session
SET insert_quorum = 2;
SET insert_quorum_parallel = 0;

-- The database
CREATE DATABASE IF NOT EXISTS throughline ON CLUSTER `main`;

-- What collectors note
CREATE TABLE IF NOT EXISTS throughline.collector_leases ON CLUSTER `main` (
  session String, renewal UInt64, collector String, description String, term UInt64, expires_at DateTime
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/throughline/collector_leases', '{shard}-{replica}', renewal)
ORDER BY session
SETTINGS replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS throughline.store_id ON CLUSTER `main` (
  id String, created_at DateTime
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/throughline/store_id', '{shard}-{replica}')
ORDER BY id
SETTINGS replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS throughline.collectors ON CLUSTER `main` (
  session String, renewal UInt64, collector String, description String, stored_until UInt64, expires_at DateTime
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/throughline/collectors', '{shard}-{replica}', renewal)
ORDER BY session
SETTINGS replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS throughline.schema_migrations ON CLUSTER `main` (
  number UInt32, applied_at DateTime DEFAULT now(), checksum String
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/throughline/schema_migrations', '{shard}-{replica}')
ORDER BY number
SETTINGS replicated_deduplication_window = 0;

-- Schema 1: tables
CREATE TABLE IF NOT EXISTS throughline.spans ON CLUSTER `main` (
  tenant LowCardinality(String) DEFAULT '',
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
  sampling_th LowCardinality(String) DEFAULT extract(trace_state, '(?:^|,)[ \\t]*ot=(?:[^,;]*;)*th:([0-9a-f]{1,14})(?:[,;]|[ \\t]*$)'),
  sampling_weight Float64 DEFAULT if(sampling_th = '', toFloat64(1), 72057594037927936 / (72057594037927936 - reinterpretAsUInt64(reverse(unhex(concat('00', substring(concat(toString(sampling_th), '00000000000000'), 1, 14))))))) CODEC(ZSTD(1)),
  rollup_other UInt8 DEFAULT 0 CODEC(ZSTD(1)),
  INDEX trace_id_filter trace_id TYPE bloom_filter(0.001) GRANULARITY 1,
  INDEX attribute_filter arrayConcat(arrayMap((k, v) -> cityHash64(k, v), attrs_k, attrs_v), arrayMap((k, v) -> cityHash64(k, v), res_k, res_v), arrayMap((k, v) -> cityHash64(k, v), scope_k, scope_v), arrayMap((k, v) -> cityHash64(k, v), ev_k, ev_v), if(has(attrs_t, 6), arrayFlatten(arrayMap((k, v, t) -> if(t = 6, arrayMap(e -> cityHash64(k, if(JSONHas(e, 'stringValue'), JSONExtractString(e, 'stringValue'), if(JSONHas(e, 'intValue'), JSONExtractString(e, 'intValue'), if(JSONHas(e, 'boolValue'), JSONExtractRaw(e, 'boolValue'), JSONExtractRaw(e, 'doubleValue'))))), JSONExtractArrayRaw(v, 'values')), CAST([] AS Array(UInt64))), attrs_k, attrs_v, attrs_t)), CAST([] AS Array(UInt64)))) TYPE bloom_filter(0.0025) GRANULARITY 1,
  INDEX end_range start_ns + greatest(duration_ns, 0) TYPE minmax GRANULARITY 1,
  INDEX arrival_range arrival TYPE minmax GRANULARITY 8
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/throughline/spans', '{replica}')
PARTITION BY toDate(start_s)
ORDER BY (tenant, service, start_s)
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1, string_serialization_version = 'single_stream', merge_selector_base = 8, min_bytes_for_wide_part = 33554432, min_columns_to_activate_adaptive_write_buffer = 1, max_compress_block_size = 262144, replicated_deduplication_window = 1000000, replicated_deduplication_window_seconds = 1209600;

CREATE TABLE IF NOT EXISTS throughline.trace_times ON CLUSTER `main` (
  tenant LowCardinality(String),
  trace_id FixedString(16) CODEC(NONE),
  first_s DateTime('UTC') CODEC(ZSTD(1)),
  length_s UInt32 CODEC(ZSTD(1))
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/throughline/trace_times', '{replica}')
PARTITION BY toDate(first_s)
ORDER BY (tenant, trace_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS throughline.operation_15m ON CLUSTER `main` (
  tenant LowCardinality(String),
  time DateTime('UTC'),
  service_name LowCardinality(String),
  operation LowCardinality(String),
  spans UInt64,
  errors UInt64,
  weight Float64,
  error_weight Float64,
  first_ns AggregateFunction(min, Int64),
  last_ns AggregateFunction(max, Int64)
) ENGINE = ReplicatedSummingMergeTree('/clickhouse/tables/{shard}/throughline/operation_15m', '{replica}')
PARTITION BY toDate(time)
ORDER BY (tenant, service_name, time, operation)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS throughline.request_1m ON CLUSTER `main` (
  tenant LowCardinality(String),
  time DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
  service_name LowCardinality(String),
  operation LowCardinality(String),
  is_error UInt8 CODEC(ZSTD(1)),
  bucket UInt16 CODEC(Delta(2), ZSTD(1)),
  spans UInt64 CODEC(T64, ZSTD(1)),
  weight Float64 CODEC(Gorilla, ZSTD(1))
) ENGINE = ReplicatedSummingMergeTree('/clickhouse/tables/{shard}/throughline/request_1m', '{replica}', (spans, weight))
PARTITION BY toDate(time)
ORDER BY (tenant, time, service_name, operation, is_error, bucket)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS throughline.request_1h ON CLUSTER `main` (
  tenant LowCardinality(String),
  time DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
  service_name LowCardinality(String),
  operation LowCardinality(String),
  is_error UInt8 CODEC(ZSTD(1)),
  bucket UInt16 CODEC(Delta(2), ZSTD(1)),
  spans UInt64 CODEC(T64, ZSTD(1)),
  weight Float64 CODEC(Gorilla, ZSTD(1))
) ENGINE = ReplicatedSummingMergeTree('/clickhouse/tables/{shard}/throughline/request_1h', '{replica}', (spans, weight))
PARTITION BY toDate(time)
ORDER BY (tenant, time, service_name, operation, is_error, bucket)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS throughline.weight_15m ON CLUSTER `main` (
  tenant LowCardinality(String),
  time DateTime('UTC'),
  service_name LowCardinality(String),
  of_service UInt8,
  operation LowCardinality(String),
  excess Float64,
  variance Float64,
  request_excess Float64,
  request_variance Float64,
  unknown UInt64,
  unknown_requests UInt64
) ENGINE = ReplicatedSummingMergeTree('/clickhouse/tables/{shard}/throughline/weight_15m', '{replica}', (excess, variance, request_excess, request_variance, unknown, unknown_requests))
PARTITION BY toDate(time)
ORDER BY (tenant, of_service, service_name, time, operation)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS throughline.attribute_values ON CLUSTER `main` (
  tenant LowCardinality(String),
  day Date,
  key_slot UInt16,
  value_slot UInt16,
  key String,
  value String,
  weight Float64
) ENGINE = ReplicatedSummingMergeTree('/clickhouse/tables/{shard}/throughline/attribute_values', '{replica}', (weight))
PARTITION BY day
ORDER BY (tenant, day, key_slot, value_slot)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS throughline.rollup_progress ON CLUSTER `main` (
  collector String,
  version UInt64,
  counted_until UInt64,
  pending_until UInt64
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/throughline/rollup_progress', '{shard}-{replica}', version)
ORDER BY collector
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS throughline.counted_1m ON CLUSTER `main` (
  tenant LowCardinality(String) DEFAULT '',
  time DateTime('UTC') CODEC(ZSTD(1)),
  service_name String CODEC(ZSTD(1)),
  operation String CODEC(ZSTD(1)),
  kind UInt8 CODEC(ZSTD(1)),
  status UInt8 CODEC(ZSTD(1)),
  bucket UInt16 CODEC(ZSTD(1)),
  requests UInt64 CODEC(ZSTD(1)),
  duration_sum_ns Float64 CODEC(ZSTD(1))
) ENGINE = ReplicatedSummingMergeTree('/clickhouse/tables/{shard}/throughline/counted_1m', '{replica}', (requests, duration_sum_ns))
PARTITION BY toDate(time)
ORDER BY (tenant, time, service_name, operation, kind, status, bucket)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS throughline.counted_1h ON CLUSTER `main` (
  tenant LowCardinality(String) DEFAULT '',
  time DateTime('UTC') CODEC(ZSTD(1)),
  service_name String CODEC(ZSTD(1)),
  operation String CODEC(ZSTD(1)),
  kind UInt8 CODEC(ZSTD(1)),
  status UInt8 CODEC(ZSTD(1)),
  bucket UInt16 CODEC(ZSTD(1)),
  requests UInt64 CODEC(ZSTD(1)),
  duration_sum_ns Float64 CODEC(ZSTD(1))
) ENGINE = ReplicatedSummingMergeTree('/clickhouse/tables/{shard}/throughline/counted_1h', '{replica}', (requests, duration_sum_ns))
PARTITION BY toDate(time)
ORDER BY (tenant, time, service_name, operation, kind, status, bucket)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

-- Schema 2: array elements
ALTER TABLE throughline.spans ON CLUSTER `main` ADD COLUMN IF NOT EXISTS element_hashes Array(UInt64) MATERIALIZED arrayFlatten(arrayMap((k, v) -> arrayMap(e -> cityHash64(k, if(substring(e, position(e, ':') + 1, 1) = '"', substring(e, position(e, ':') + 2, length(e) - position(reverse(e), '"') - position(e, ':') - 1), substring(e, position(e, ':') + 1, position(e, '}') - position(e, ':') - 1))), splitByString('{"', v)), arrayFilter((x, t) -> t = 6, arrayConcat(attrs_k, res_k, scope_k, ev_k), arrayConcat(attrs_t, res_t, scope_t, ev_t)), arrayFilter((x, t) -> t = 6, arrayConcat(attrs_v, CAST(res_v AS Array(String)), scope_v, ev_v), arrayConcat(attrs_t, res_t, scope_t, ev_t)))) CODEC(ZSTD(1));

ALTER TABLE throughline.spans ON CLUSTER `main` DROP INDEX IF EXISTS attribute_filter;

ALTER TABLE throughline.spans ON CLUSTER `main` ADD INDEX IF NOT EXISTS attribute_hashes arrayConcat(arrayMap((k, v) -> cityHash64(k, v), attrs_k, attrs_v), arrayMap((k, v) -> cityHash64(k, v), res_k, res_v), arrayMap((k, v) -> cityHash64(k, v), scope_k, scope_v), arrayMap((k, v) -> cityHash64(k, v), ev_k, ev_v), element_hashes) TYPE bloom_filter(0.0005) GRANULARITY 4;

-- Schema 3: long traces
ALTER TABLE throughline.trace_times ON CLUSTER `main` ADD COLUMN IF NOT EXISTS has_root UInt8 DEFAULT 1 CODEC(ZSTD(1));

CREATE TABLE IF NOT EXISTS throughline.long_traces ON CLUSTER `main` (
  tenant LowCardinality(String),
  trace_id FixedString(16),
  day Date,
  begin_s DateTime('UTC'),
  end_s DateTime('UTC')
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/throughline/long_traces', '{replica}')
PARTITION BY day
ORDER BY (tenant, end_s, trace_id, begin_s)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

-- Schema 4: rare columns
ALTER TABLE throughline.trace_times ON CLUSTER `main` ADD COLUMN IF NOT EXISTS rare UInt8 DEFAULT 255 CODEC(ZSTD(1));

-- Schema 5: elements by owner
ALTER TABLE throughline.spans ON CLUSTER `main` MODIFY COLUMN element_hashes Array(UInt64) MATERIALIZED arrayFlatten(arrayMap((k, v) -> arrayMap(e -> cityHash64(k, if(substring(e, position(e, ':') + 1, 1) = '"', substring(e, position(e, ':') + 2, length(e) - position(reverse(e), '"') - position(e, ':') - 1), substring(e, position(e, ':') + 1, position(e, '}') - position(e, ':') - 1))), splitByString('{"', v)), arrayConcat(arrayFilter((x, t) -> t = 6, attrs_k, attrs_t), arrayFilter((x, t) -> t = 6, res_k, res_t), arrayFilter((x, t) -> t = 6, scope_k, scope_t), arrayFilter((x, t) -> t = 6, ev_k, ev_t)), arrayConcat(arrayFilter((x, t) -> t = 6, attrs_v, attrs_t), CAST(arrayFilter((x, t) -> t = 6, res_v, res_t) AS Array(String)), arrayFilter((x, t) -> t = 6, scope_v, scope_t), arrayFilter((x, t) -> t = 6, ev_v, ev_t)))) CODEC(ZSTD(1));

-- Schema 6: normals
CREATE TABLE IF NOT EXISTS throughline.path_normals ON CLUSTER `main` (
  tenant LowCardinality(String) DEFAULT '',
  time DateTime('UTC') CODEC(ZSTD(1)),
  run UInt64 CODEC(ZSTD(1)),
  service_name String CODEC(ZSTD(1)),
  operation String CODEC(ZSTD(1)),
  kind UInt8 CODEC(ZSTD(1)),
  path UInt64 CODEC(ZSTD(1)),
  path_text String CODEC(ZSTD(1)),
  spans UInt64 CODEC(ZSTD(1)),
  traces UInt64 CODEC(ZSTD(1)),
  weight Float64 CODEC(ZSTD(1)),
  trace_weight Float64 CODEC(ZSTD(1)),
  error_weight Float64 CODEC(ZSTD(1)),
  `durationMap.bucket` Array(Int16) CODEC(ZSTD(1)),
  `durationMap.weight` Array(Float64) CODEC(ZSTD(1)),
  `ownMap.bucket` Array(Int16) CODEC(ZSTD(1)),
  `ownMap.weight` Array(Float64) CODEC(ZSTD(1)),
  `gapMap.bucket` Array(Int16) CODEC(ZSTD(1)),
  `gapMap.weight` Array(Float64) CODEC(ZSTD(1))
) ENGINE = ReplicatedSummingMergeTree('/clickhouse/tables/{shard}/throughline/path_normals', '{replica}')
PARTITION BY toDate(time)
ORDER BY (tenant, service_name, operation, kind, path, time, run)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS throughline.path_resources ON CLUSTER `main` (
  tenant LowCardinality(String) DEFAULT '',
  time DateTime('UTC') CODEC(ZSTD(1)),
  run UInt64 CODEC(ZSTD(1)),
  service_name String CODEC(ZSTD(1)),
  path UInt64 CODEC(ZSTD(1)),
  resource String CODEC(ZSTD(1)),
  value String CODEC(ZSTD(1)),
  weight Float64 CODEC(ZSTD(1))
) ENGINE = ReplicatedSummingMergeTree('/clickhouse/tables/{shard}/throughline/path_resources', '{replica}', (weight))
PARTITION BY toDate(time)
ORDER BY (tenant, service_name, path, resource, value, time, run)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS throughline.call_edges ON CLUSTER `main` (
  tenant LowCardinality(String) DEFAULT '',
  time DateTime('UTC') CODEC(ZSTD(1)),
  run UInt64 CODEC(ZSTD(1)),
  service_name String CODEC(ZSTD(1)),
  operation String CODEC(ZSTD(1)),
  callee_kind String CODEC(ZSTD(1)),
  callee String CODEC(ZSTD(1)),
  calls UInt64 CODEC(ZSTD(1)),
  weight Float64 CODEC(ZSTD(1)),
  error_weight Float64 CODEC(ZSTD(1)),
  variance Float64 CODEC(ZSTD(1)),
  unknown UInt64 CODEC(ZSTD(1)),
  `latencyMap.bucket` Array(Int16) CODEC(ZSTD(1)),
  `latencyMap.weight` Array(Float64) CODEC(ZSTD(1)),
  `gapMap.bucket` Array(Int16) CODEC(ZSTD(1)),
  `gapMap.weight` Array(Float64) CODEC(ZSTD(1))
) ENGINE = ReplicatedSummingMergeTree('/clickhouse/tables/{shard}/throughline/call_edges', '{replica}')
PARTITION BY toDate(time)
ORDER BY (tenant, service_name, operation, callee_kind, callee, time, run)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS throughline.normal_steps ON CLUSTER `main` (
  tenant LowCardinality(String) DEFAULT '',
  time DateTime('UTC') CODEC(ZSTD(1)),
  run UInt64 CODEC(ZSTD(1)),
  steps UInt8 CODEC(ZSTD(1)),
  stored_spans UInt64 CODEC(ZSTD(1)),
  taken_spans UInt64 CODEC(ZSTD(1)),
  taken_traces UInt64 CODEC(ZSTD(1)),
  share Float64 CODEC(ZSTD(1)),
  dropped_spans UInt64 CODEC(ZSTD(1))
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/throughline/normal_steps', '{replica}')
PARTITION BY toDate(time)
ORDER BY (tenant, time, run)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

-- The tables over all shards
CREATE TABLE IF NOT EXISTS throughline.spans_distributed ON CLUSTER `main` AS throughline.spans
ENGINE = Distributed(`main`, throughline, spans, reinterpretAsUInt32(substring(trace_id, 13, 4)));

CREATE TABLE IF NOT EXISTS throughline.operation_15m_distributed ON CLUSTER `main` AS throughline.operation_15m
ENGINE = Distributed(`main`, throughline, operation_15m, cityHash64(service_name));

CREATE TABLE IF NOT EXISTS throughline.trace_times_distributed ON CLUSTER `main` AS throughline.trace_times
ENGINE = Distributed(`main`, throughline, trace_times, reinterpretAsUInt32(substring(trace_id, 13, 4)));

CREATE TABLE IF NOT EXISTS throughline.long_traces_distributed ON CLUSTER `main` AS throughline.long_traces
ENGINE = Distributed(`main`, throughline, long_traces, reinterpretAsUInt32(substring(trace_id, 13, 4)));

CREATE TABLE IF NOT EXISTS throughline.request_1m_distributed ON CLUSTER `main` AS throughline.request_1m
ENGINE = Distributed(`main`, throughline, request_1m, cityHash64(service_name));

CREATE TABLE IF NOT EXISTS throughline.request_1h_distributed ON CLUSTER `main` AS throughline.request_1h
ENGINE = Distributed(`main`, throughline, request_1h, cityHash64(service_name));

CREATE TABLE IF NOT EXISTS throughline.weight_15m_distributed ON CLUSTER `main` AS throughline.weight_15m
ENGINE = Distributed(`main`, throughline, weight_15m, cityHash64(service_name));

CREATE TABLE IF NOT EXISTS throughline.attribute_values_distributed ON CLUSTER `main` AS throughline.attribute_values
ENGINE = Distributed(`main`, throughline, attribute_values, cityHash64(key_slot, value_slot));

CREATE TABLE IF NOT EXISTS throughline.path_normals_distributed ON CLUSTER `main` AS throughline.path_normals
ENGINE = Distributed(`main`, throughline, path_normals, cityHash64(service_name));

CREATE TABLE IF NOT EXISTS throughline.path_resources_distributed ON CLUSTER `main` AS throughline.path_resources
ENGINE = Distributed(`main`, throughline, path_resources, cityHash64(service_name));

CREATE TABLE IF NOT EXISTS throughline.call_edges_distributed ON CLUSTER `main` AS throughline.call_edges
ENGINE = Distributed(`main`, throughline, call_edges, cityHash64(service_name));

CREATE TABLE IF NOT EXISTS throughline.normal_steps_distributed ON CLUSTER `main` AS throughline.normal_steps
ENGINE = Distributed(`main`, throughline, normal_steps, toUInt32(time));

CREATE TABLE IF NOT EXISTS throughline.counted_1m_distributed ON CLUSTER `main` AS throughline.counted_1m
ENGINE = Distributed(`main`, throughline, counted_1m, cityHash64(service_name));

CREATE TABLE IF NOT EXISTS throughline.counted_1h_distributed ON CLUSTER `main` AS throughline.counted_1h
ENGINE = Distributed(`main`, throughline, counted_1h, cityHash64(service_name));

-- The notes of what was done
INSERT INTO throughline.schema_migrations (number, applied_at, checksum)
SELECT toUInt32(1) AS number, now(), '2cb290c6966a059921e068788f03fe25698ff21197c8041b709d29503b7e8e3a'
WHERE number NOT IN (SELECT number FROM throughline.schema_migrations);

INSERT INTO throughline.schema_migrations (number, applied_at, checksum)
SELECT toUInt32(2) AS number, now(), '9f5076caab3efcfec06ae3842ccef679fd54c5d8c590ab0f8dea96041476ddf5'
WHERE number NOT IN (SELECT number FROM throughline.schema_migrations);

INSERT INTO throughline.schema_migrations (number, applied_at, checksum)
SELECT toUInt32(3) AS number, now(), 'a88c9891f59b973fda35d9069ae81c303ce4356c54759a55985b0afa052b0875'
WHERE number NOT IN (SELECT number FROM throughline.schema_migrations);

INSERT INTO throughline.schema_migrations (number, applied_at, checksum)
SELECT toUInt32(4) AS number, now(), '6ad491f9ac798e4faea70d96a9475678ed7cc5ea845a2f442ae52167c9c5ef75'
WHERE number NOT IN (SELECT number FROM throughline.schema_migrations);

INSERT INTO throughline.schema_migrations (number, applied_at, checksum)
SELECT toUInt32(5) AS number, now(), '69f8a7e16803d87fae0b1ae2d4905ea87b35b3c667c9a221e3a09eaa21f8bac4'
WHERE number NOT IN (SELECT number FROM throughline.schema_migrations);

INSERT INTO throughline.schema_migrations (number, applied_at, checksum)
SELECT toUInt32(6) AS number, now(), '328367a6ff3998a8bdaf4e4c3a5b37b3b48698c11ce17ce27c93ee534cd0b9e7'
WHERE number NOT IN (SELECT number FROM throughline.schema_migrations);
