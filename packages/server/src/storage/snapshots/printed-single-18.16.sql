-- A new store with schema 6, for ClickHouse 18.16.
-- Run all of it in one session, in this order: clickhouse-client --multiquery < schema.sql
-- A second run ends at the first column that is there already.

-- The session
SET allow_experimental_low_cardinality_type = 1;

-- The database
CREATE DATABASE IF NOT EXISTS throughline;

-- What collectors note
CREATE TABLE IF NOT EXISTS throughline.collector_leases (
  session String, renewal UInt64, collector String, description String, term UInt64, expires_at DateTime
) ENGINE = ReplacingMergeTree(renewal)
ORDER BY session;

CREATE TABLE IF NOT EXISTS throughline.store_id (
  id String, created_at DateTime
) ENGINE = MergeTree
ORDER BY id;

CREATE TABLE IF NOT EXISTS throughline.schema_migrations (
  number UInt32, applied_at DateTime DEFAULT now(), checksum String
) ENGINE = MergeTree
ORDER BY number;

-- Schema 1: tables
CREATE TABLE IF NOT EXISTS throughline.spans (
  tenant LowCardinality(String) DEFAULT '',
  arrival UInt64 DEFAULT toUInt64(now()) * 1000000,
  trace_id FixedString(16),
  span_id FixedString(8),
  parent_span_id FixedString(8),
  service LowCardinality(String),
  name LowCardinality(String),
  kind UInt8,
  status_code UInt8,
  status_message String,
  start_s DateTime('UTC'),
  start_ns Int64,
  duration_ns Int64,
  trace_state String,
  flags UInt32,
  dropped_attributes UInt32,
  dropped_events UInt32,
  dropped_links UInt32,
  attrs_k Array(LowCardinality(String)),
  attrs_v Array(String),
  attrs_t Array(UInt8),
  res_k Array(LowCardinality(String)),
  res_v Array(LowCardinality(String)),
  res_t Array(UInt8),
  res_dropped UInt32,
  res_schema_url LowCardinality(String),
  res_entity_refs LowCardinality(String),
  scope_name LowCardinality(String),
  scope_version LowCardinality(String),
  scope_k Array(LowCardinality(String)),
  scope_v Array(String),
  scope_t Array(UInt8),
  scope_dropped UInt32,
  scope_schema_url LowCardinality(String),
  ev_ns Array(Int64),
  ev_name Array(LowCardinality(String)),
  ev_dropped Array(UInt32),
  ev_attr_n Array(UInt32),
  ev_k Array(LowCardinality(String)),
  ev_v Array(String),
  ev_t Array(UInt8),
  link_trace_id Array(FixedString(16)),
  link_span_id Array(FixedString(8)),
  link_trace_state Array(String),
  link_flags Array(UInt32),
  link_dropped Array(UInt32),
  link_attr_n Array(UInt32),
  link_k Array(LowCardinality(String)),
  link_v Array(String),
  link_t Array(UInt8),
  sampling_th LowCardinality(String) DEFAULT extract(trace_state, '(?:^|,)[ \\t]*ot=(?:[^,;]*;)*th:([0-9a-f]{1,14})(?:[,;]|[ \\t]*$)'),
  sampling_weight Float64 DEFAULT if(sampling_th = '', toFloat64(1), 72057594037927936 / (72057594037927936 - reinterpretAsUInt64(reverse(unhex(concat('00', substring(concat(toString(sampling_th), '00000000000000'), 1, 14))))))),
  rollup_other UInt8 DEFAULT 0
) ENGINE = MergeTree
PARTITION BY toDate(start_s)
ORDER BY (tenant, service, start_s)
SETTINGS index_granularity = 1024;

CREATE TABLE IF NOT EXISTS throughline.trace_times (
  tenant LowCardinality(String),
  trace_id FixedString(16),
  first_s DateTime('UTC'),
  length_s UInt32
) ENGINE = MergeTree
PARTITION BY toDate(first_s)
ORDER BY (tenant, trace_id);

CREATE TABLE IF NOT EXISTS throughline.operation_15m (
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
) ENGINE = SummingMergeTree()
PARTITION BY toDate(time)
ORDER BY (tenant, service_name, time, operation);

CREATE TABLE IF NOT EXISTS throughline.request_1m (
  tenant LowCardinality(String),
  time DateTime('UTC'),
  service_name LowCardinality(String),
  operation LowCardinality(String),
  is_error UInt8,
  bucket UInt16,
  spans UInt64,
  weight Float64
) ENGINE = SummingMergeTree((spans, weight))
PARTITION BY toDate(time)
ORDER BY (tenant, time, service_name, operation, is_error, bucket);

CREATE TABLE IF NOT EXISTS throughline.request_1h (
  tenant LowCardinality(String),
  time DateTime('UTC'),
  service_name LowCardinality(String),
  operation LowCardinality(String),
  is_error UInt8,
  bucket UInt16,
  spans UInt64,
  weight Float64
) ENGINE = SummingMergeTree((spans, weight))
PARTITION BY toDate(time)
ORDER BY (tenant, time, service_name, operation, is_error, bucket);

CREATE TABLE IF NOT EXISTS throughline.weight_15m (
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
) ENGINE = SummingMergeTree((excess, variance, request_excess, request_variance, unknown, unknown_requests))
PARTITION BY toDate(time)
ORDER BY (tenant, of_service, service_name, time, operation);

CREATE TABLE IF NOT EXISTS throughline.attribute_values (
  tenant LowCardinality(String),
  day Date,
  key_slot UInt16,
  value_slot UInt16,
  key String,
  value String,
  weight Float64
) ENGINE = SummingMergeTree((weight))
PARTITION BY day
ORDER BY (tenant, day, key_slot, value_slot);

CREATE TABLE IF NOT EXISTS throughline.rollup_progress (
  collector String,
  version UInt64,
  counted_until UInt64,
  pending_until UInt64
) ENGINE = ReplacingMergeTree(version)
ORDER BY collector;

CREATE TABLE IF NOT EXISTS throughline.counted_1m (
  tenant LowCardinality(String) DEFAULT '',
  time DateTime('UTC'),
  service_name String,
  operation String,
  kind UInt8,
  status UInt8,
  bucket UInt16,
  requests UInt64,
  duration_sum_ns Float64
) ENGINE = SummingMergeTree((requests, duration_sum_ns))
PARTITION BY toDate(time)
ORDER BY (tenant, time, service_name, operation, kind, status, bucket);

CREATE TABLE IF NOT EXISTS throughline.counted_1h (
  tenant LowCardinality(String) DEFAULT '',
  time DateTime('UTC'),
  service_name String,
  operation String,
  kind UInt8,
  status UInt8,
  bucket UInt16,
  requests UInt64,
  duration_sum_ns Float64
) ENGINE = SummingMergeTree((requests, duration_sum_ns))
PARTITION BY toDate(time)
ORDER BY (tenant, time, service_name, operation, kind, status, bucket);

-- Schema 3: long traces
ALTER TABLE throughline.trace_times ADD COLUMN has_root UInt8 DEFAULT 1;

CREATE TABLE IF NOT EXISTS throughline.long_traces (
  tenant LowCardinality(String),
  trace_id FixedString(16),
  day Date,
  begin_s DateTime('UTC'),
  end_s DateTime('UTC')
) ENGINE = ReplacingMergeTree()
PARTITION BY day
ORDER BY (tenant, end_s, trace_id, begin_s);

-- Schema 4: rare columns
ALTER TABLE throughline.trace_times ADD COLUMN rare UInt8 DEFAULT 255;

-- Schema 6: normals
CREATE TABLE IF NOT EXISTS throughline.path_normals (
  tenant LowCardinality(String) DEFAULT '',
  time DateTime('UTC'),
  run UInt64,
  service_name String,
  operation String,
  kind UInt8,
  path UInt64,
  path_text String,
  spans UInt64,
  traces UInt64,
  weight Float64,
  trace_weight Float64,
  error_weight Float64,
  `durationMap.bucket` Array(Int16),
  `durationMap.weight` Array(Float64),
  `ownMap.bucket` Array(Int16),
  `ownMap.weight` Array(Float64),
  `gapMap.bucket` Array(Int16),
  `gapMap.weight` Array(Float64)
) ENGINE = SummingMergeTree()
PARTITION BY toDate(time)
ORDER BY (tenant, service_name, operation, kind, path, time, run);

CREATE TABLE IF NOT EXISTS throughline.path_resources (
  tenant LowCardinality(String) DEFAULT '',
  time DateTime('UTC'),
  run UInt64,
  service_name String,
  path UInt64,
  resource String,
  value String,
  weight Float64
) ENGINE = SummingMergeTree((weight))
PARTITION BY toDate(time)
ORDER BY (tenant, service_name, path, resource, value, time, run);

CREATE TABLE IF NOT EXISTS throughline.call_edges (
  tenant LowCardinality(String) DEFAULT '',
  time DateTime('UTC'),
  run UInt64,
  service_name String,
  operation String,
  callee_kind String,
  callee String,
  calls UInt64,
  weight Float64,
  error_weight Float64,
  variance Float64,
  unknown UInt64,
  `latencyMap.bucket` Array(Int16),
  `latencyMap.weight` Array(Float64),
  `gapMap.bucket` Array(Int16),
  `gapMap.weight` Array(Float64)
) ENGINE = SummingMergeTree()
PARTITION BY toDate(time)
ORDER BY (tenant, service_name, operation, callee_kind, callee, time, run);

CREATE TABLE IF NOT EXISTS throughline.normal_steps (
  tenant LowCardinality(String) DEFAULT '',
  time DateTime('UTC'),
  run UInt64,
  steps UInt8,
  stored_spans UInt64,
  taken_spans UInt64,
  taken_traces UInt64,
  share Float64,
  dropped_spans UInt64
) ENGINE = MergeTree
PARTITION BY toDate(time)
ORDER BY (tenant, time, run);

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
