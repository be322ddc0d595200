import { EngineError, type Engine } from './engine.ts';

/**
 * The tables, as numbered migrations. A migration that has shipped is never edited: the next change is the next number.
 *
 * One row a span. The attributes of a span, of its resource, of its scope, of its events and of its links are each three
 * parallel arrays, in the order sent: keys (`_k`), values as text (`_v`) and value types (`_t`, an `AttributeType`).
 * The attributes of all events (links) of a span stand in one run of such arrays; `ev_attr_n` (`link_attr_n`) says
 * how many belong to each.
 *
 * `duration_ns` is end − start and may be negative: what was sent comes back.
 */
export const AttributeType = {
  /** No value at all (an AnyValue without a member); text ''. */
  empty: 0,
  /** Text is the string itself. */
  string: 1,
  /** `true` or `false`. */
  bool: 2,
  /** Decimal. */
  int: 3,
  /** The shortest decimal that reads back as the same double; `-0`, `NaN`, `Infinity`, `-Infinity`. */
  double: 4,
  /** The raw bytes. */
  bytes: 5,
  /** The OTLP JSON of the ArrayValue: `{"values":[…]}`. */
  array: 6,
  /** The OTLP JSON of the KeyValueList: `{"values":[…]}`. */
  kvlist: 7,
} as const;

/** The columns of `spans` in the order in which a span block writes them. */
export const SPAN_COLUMNS = [
  ['trace_id', 'FixedString(16)', 'CODEC(NONE)'],
  ['span_id', 'FixedString(8)', 'CODEC(NONE)'],
  ['parent_span_id', 'FixedString(8)', 'CODEC(NONE)'],
  ['service', 'LowCardinality(String)'],
  ['name', 'LowCardinality(String)'],
  ['kind', 'UInt8'],
  ['status_code', 'UInt8'],
  ['status_message', 'String', 'CODEC(ZSTD(1))'],
  ['start_s', 'DateTime', 'CODEC(Delta(4), ZSTD(1))'],
  ['start_ns', 'Int64', 'CODEC(Delta(8), ZSTD(1))'],
  ['duration_ns', 'Int64', 'CODEC(T64, ZSTD(1))'],
  ['trace_state', 'String', 'CODEC(ZSTD(1))'],
  ['flags', 'UInt32', 'CODEC(ZSTD(1))'],
  ['dropped_attributes', 'UInt32', 'CODEC(ZSTD(1))'],
  ['dropped_events', 'UInt32', 'CODEC(ZSTD(1))'],
  ['dropped_links', 'UInt32', 'CODEC(ZSTD(1))'],
  ['attrs_k', 'Array(LowCardinality(String))', 'CODEC(ZSTD(1))'],
  ['attrs_v', 'Array(String)', 'CODEC(ZSTD(1))'],
  ['attrs_t', 'Array(UInt8)', 'CODEC(ZSTD(1))'],
  ['res_k', 'Array(LowCardinality(String))', 'CODEC(ZSTD(1))'],
  ['res_v', 'Array(String)', 'CODEC(ZSTD(1))'],
  ['res_t', 'Array(UInt8)', 'CODEC(ZSTD(1))'],
  ['res_dropped', 'UInt32', 'CODEC(ZSTD(1))'],
  ['res_schema_url', 'LowCardinality(String)'],
  // The OTLP JSON of Resource.entity_refs, '' where there are none.
  ['res_entity_refs', 'LowCardinality(String)'],
  ['scope_name', 'LowCardinality(String)'],
  ['scope_version', 'LowCardinality(String)'],
  ['scope_k', 'Array(LowCardinality(String))', 'CODEC(ZSTD(1))'],
  ['scope_v', 'Array(String)', 'CODEC(ZSTD(1))'],
  ['scope_t', 'Array(UInt8)', 'CODEC(ZSTD(1))'],
  ['scope_dropped', 'UInt32', 'CODEC(ZSTD(1))'],
  ['scope_schema_url', 'LowCardinality(String)'],
  ['ev_ns', 'Array(Int64)', 'CODEC(ZSTD(1))'],
  ['ev_name', 'Array(LowCardinality(String))', 'CODEC(ZSTD(1))'],
  ['ev_dropped', 'Array(UInt32)', 'CODEC(ZSTD(1))'],
  ['ev_attr_n', 'Array(UInt32)', 'CODEC(ZSTD(1))'],
  ['ev_k', 'Array(LowCardinality(String))', 'CODEC(ZSTD(1))'],
  ['ev_v', 'Array(String)', 'CODEC(ZSTD(1))'],
  ['ev_t', 'Array(UInt8)', 'CODEC(ZSTD(1))'],
  ['link_trace_id', 'Array(FixedString(16))', 'CODEC(ZSTD(1))'],
  ['link_span_id', 'Array(FixedString(8))', 'CODEC(ZSTD(1))'],
  ['link_trace_state', 'Array(String)', 'CODEC(ZSTD(1))'],
  ['link_flags', 'Array(UInt32)', 'CODEC(ZSTD(1))'],
  ['link_dropped', 'Array(UInt32)', 'CODEC(ZSTD(1))'],
  ['link_attr_n', 'Array(UInt32)', 'CODEC(ZSTD(1))'],
  ['link_k', 'Array(LowCardinality(String))', 'CODEC(ZSTD(1))'],
  ['link_v', 'Array(String)', 'CODEC(ZSTD(1))'],
  ['link_t', 'Array(UInt8)', 'CODEC(ZSTD(1))'],
] as const;

export const DATABASE = 'throughline';

const spanColumns = SPAN_COLUMNS.map((column) => column.join(' ')).join(',\n  ');

/**
 * Migration n is the n-th item (counted from 1). Every statement may run again after a crash half way.
 *
 * 1: inserts are synced, because the spool forgets a segment as soon as the store has taken it.
 */
export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS ${DATABASE}.spans (
  ${spanColumns},
  INDEX trace_id_bloom trace_id TYPE bloom_filter(0.001) GRANULARITY 1,
  INDEX attrs_v_bloom attrs_v TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX res_v_bloom res_v TYPE bloom_filter(0.01) GRANULARITY 1,
  PROJECTION by_trace (SELECT _part_offset ORDER BY trace_id)
) ENGINE = MergeTree
PARTITION BY toDate(start_s)
ORDER BY (service, start_s)
SETTINGS index_granularity = 1024, non_replicated_deduplication_window = 10000,
  fsync_after_insert = 1, fsync_part_directory = 1`,
];

const MIGRATE_TIMEOUT_MS = 60_000;

/**
 * Brings the store to the newest migration. Throws where the store has one that this program does not know: an older
 * program must not write into it.
 */
export async function migrate(engine: Pick<Engine, 'query' | 'command'>): Promise<void> {
  await engine.command(`CREATE DATABASE IF NOT EXISTS ${DATABASE}`);
  await engine.command(`CREATE TABLE IF NOT EXISTS ${DATABASE}.schema_migrations
(number UInt32, applied_at DateTime DEFAULT now()) ENGINE = MergeTree ORDER BY number`);
  const row = await engine.query(`SELECT max(number) FROM ${DATABASE}.schema_migrations`, {
    format: 'JSONCompactEachRow',
    timeoutMs: MIGRATE_TIMEOUT_MS,
  });
  const [applied] = JSON.parse(new TextDecoder().decode(row)) as [number];
  if (applied > MIGRATIONS.length) {
    throw new EngineError(
      'refused',
      `the store has schema ${applied}, this Throughline knows up to ${MIGRATIONS.length}: use the version that wrote it, or a newer one`,
    );
  }
  for (const [index, statement] of MIGRATIONS.entries()) {
    if (index < applied) continue;
    await engine.command(statement);
    await engine.command(`INSERT INTO ${DATABASE}.schema_migrations (number) SELECT ${index + 1}`);
  }
}
