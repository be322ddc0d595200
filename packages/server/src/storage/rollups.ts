import type { Capabilities } from './capabilities.ts';

/**
 * What is noted as spans are inserted, by materialized views, so that questions about long times stay short. Rows of
 * one partition (a UTC day) come from spans of the same partition, so that both leave the store together.
 */
export interface Rollup {
  readonly table: string;
  readonly columns: readonly string[];
  readonly engine: string;
  readonly partitionBy: string;
  readonly orderBy: string;
  /** What a view over the spans that are inserted puts into it. */
  readonly select: (capabilities: Capabilities) => string;
}

/** The service and the operation that stand for those beyond the limits. */
export const OTHER = '(other)';

/** Duration d falls into bucket ⌊8·log2 d⌋: the bucket's middle is off by at most 4.4 %. */
export const BUCKETS_AN_OCTAVE = 8;

// Old servers make a plain string of the condition's result, and do not take it for a dictionary's column.
export const SERVICE_NAME = `CAST(if(rollup_other >= 2, toLowCardinality('${OTHER}'), service) AS LowCardinality(String)) AS service_name`;
export const OPERATION_NAME = `CAST(if(rollup_other >= 1, toLowCardinality('${OTHER}'), name) AS LowCardinality(String))`;
const OPERATION = `${OPERATION_NAME} AS operation`;

/** Spans that answer a request: SERVER, CONSUMER, a root, or a span whose parent is known to be remote. */
export const IS_REQUEST = `(kind IN (2, 5) OR parent_span_id = unhex('0000000000000000') OR bitAnd(flags, 768) = 768)`;

/** Counted from the epoch, whatever the server's time zone is. */
export function startOf(seconds: number, column: string): string {
  return `toDateTime(intDiv(toUInt32(${column}), ${seconds}) * ${seconds})`;
}

/** The requests of each time of `seconds`, by operation, outcome and duration. */
function requests(table: string, time: string, seconds: number): Rollup {
  return {
    table,
    columns: [
      `${time} DateTime CODEC(Delta(4), ZSTD(1))`,
      'service_name LowCardinality(String)',
      'operation LowCardinality(String)',
      'is_error UInt8 CODEC(ZSTD(1))',
      'bucket UInt16 CODEC(Delta(2), ZSTD(1))',
      'spans UInt64 CODEC(T64, ZSTD(1))',
      'weight Float64 CODEC(Gorilla, ZSTD(1))',
    ],
    engine: 'SummingMergeTree((spans, weight))',
    partitionBy: `toDate(${time})`,
    orderBy: `(${time}, service_name, operation, is_error, bucket)`,
    select: () => `SELECT ${startOf(seconds, 'start_s')} AS ${time}, ${SERVICE_NAME}, ${OPERATION},
  status_code = 2 AS is_error,
  toUInt16(floor(log2(greatest(duration_ns, 1)) * ${BUCKETS_AN_OCTAVE})) AS bucket,
  count() AS spans, sum(sampling_weight) AS weight
FROM throughline.spans
WHERE ${IS_REQUEST}
GROUP BY ${time}, service_name, operation, is_error, bucket`,
  };
}

export const ROLLUPS: readonly Rollup[] = [
  {
    table: 'operation_quarters',
    columns: [
      'quarter DateTime',
      'service_name LowCardinality(String)',
      'operation LowCardinality(String)',
      'spans UInt64',
      'errors UInt64',
      'weight Float64',
      'error_weight Float64',
      'first_ns AggregateFunction(min, Int64)',
      'last_ns AggregateFunction(max, Int64)',
    ],
    engine: 'SummingMergeTree()',
    partitionBy: 'toDate(quarter)',
    orderBy: '(service_name, quarter, operation)',
    select: () => `SELECT ${startOf(900, 'start_s')} AS quarter, ${SERVICE_NAME}, ${OPERATION},
  count() AS spans, countIf(status_code = 2) AS errors,
  sum(sampling_weight) AS weight, sumIf(sampling_weight, status_code = 2) AS error_weight,
  minState(start_ns) AS first_ns, maxState(start_ns) AS last_ns
FROM throughline.spans
GROUP BY quarter, service_name, operation`,
  },
  {
    table: 'trace_times',
    columns: [
      'trace_id FixedString(16) CODEC(NONE)',
      'first_s DateTime CODEC(ZSTD(1))',
      'length_s UInt32 CODEC(ZSTD(1))',
    ],
    engine: 'MergeTree',
    partitionBy: 'toDate(first_s)',
    orderBy: 'trace_id',
    select: () => `SELECT trace_id, min(start_s) AS first_s, toUInt32(max(start_s) - min(start_s)) AS length_s
FROM throughline.spans
GROUP BY trace_id, toDate(start_s)`,
  },
  requests('request_minutes', 'minute', 60),
  requests('request_hours', 'hour', 3_600),
];

export function createRollup(rollup: Omit<Rollup, 'select'>, capabilities: Capabilities): string {
  const settings = capabilities.syncedInserts
    ? `\nSETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1`
    : '';
  return `CREATE TABLE IF NOT EXISTS throughline.${rollup.table} (
  ${rollup.columns.map((column) => (capabilities.codecs ? column : column.replace(/ CODEC\(.*\)$/, ''))).join(',\n  ')}
) ENGINE = ${rollup.engine}
PARTITION BY ${rollup.partitionBy}
ORDER BY ${rollup.orderBy}${settings}`;
}

export function createRollupView({ table, select }: Rollup, capabilities: Capabilities): string {
  return `CREATE MATERIALIZED VIEW IF NOT EXISTS throughline.${table}_view TO throughline.${table} AS\n${select(capabilities)}`;
}
