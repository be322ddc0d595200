import { RARE } from './rare-columns.ts';
import { OPERATION_NAME, SERVICE_NAME } from './rollup-names.ts';
import type { TableName, Tables } from '../tables.ts';
import { DAY_SECONDS } from '../utc-day.ts';

/**
 * A table that is derived from `spans`: the rollup job adds what has arrived, and a day or an hour of it can be made
 * anew. Rows of one partition (a UTC day) come from spans of the same partition, so that both leave the store together.
 */
export interface Rollup {
  readonly table: TableName;
  /** In the order of `select`. */
  readonly columns: readonly string[];
  /** The column that says when, and the seconds of its steps: what is rebuilt begins and ends with one. */
  readonly time: string;
  readonly stepSeconds: number;
  /** A repeat of the same rows changes nothing. */
  readonly isIdempotent?: boolean;
  /** `source`: a table, or a subquery in parentheses, with the columns of `spans`; it has about `spans` rows. */
  readonly select: (source: string, spans: number) => string;
  /**
   * Rebuilds a whole day (the second of its begin), where its hours would not show it: from `trace_times`, rebuilt
   * before, and spans.
   */
  readonly ofDay?: (tables: Tables, begin: number) => string;
}

/** Duration d falls into bucket ⌊8·log2 d⌋: the bucket's middle is off by at most 4.4% (2^(1/16) − 1). */
export const BUCKETS_PER_OCTAVE = 8;

const OPERATION = `${OPERATION_NAME} AS operation`;

/** Spans that answer a request: SERVER, CONSUMER, a root, or a span whose parent is known to be remote. */
export const IS_REQUEST = `(kind IN (2, 5) OR parent_span_id = unhex('0000000000000000') OR bitAnd(flags, 768) = 768)`;

/** Counted from the epoch, whatever the server's time zone is. */
export function startOf(seconds: number, column: string): string {
  return `toDateTime(intDiv(toUInt32(${column}), ${seconds}) * ${seconds}, 'UTC')`;
}

/** Spans, errors and when they were seen, by operation. */
export const OPERATION_15M: Rollup = {
  table: 'operation_15m',
  columns: [
    'tenant',
    'time',
    'service_name',
    'operation',
    'spans',
    'errors',
    'weight',
    'error_weight',
    'first_ns',
    'last_ns',
  ],
  time: 'time',
  stepSeconds: 900,
  select: (source) => `SELECT tenant, ${startOf(900, 'start_s')} AS time, ${SERVICE_NAME}, ${OPERATION},
  count() AS spans, countIf(status_code = 2) AS errors,
  sum(sampling_weight) AS weight, sumIf(sampling_weight, status_code = 2) AS error_weight,
  minState(start_ns) AS first_ns, maxState(start_ns) AS last_ns
FROM ${source}
GROUP BY tenant, time, service_name, operation`,
};

/**
 * Where the spans of a trace stand: from when to when they start, whether its root was among them, and which rare
 * columns they need.
 */
export const TRACE_TIMES: Rollup = {
  table: 'trace_times',
  columns: ['tenant', 'trace_id', 'first_s', 'length_s', 'has_root', 'rare'],
  time: 'first_s',
  stepSeconds: 86_400,
  isIdempotent: true,
  select: (
    source,
  ) => `SELECT tenant, trace_id, min(start_s) AS first_s, toUInt32(max(start_s) - min(start_s)) AS length_s,
  max(parent_span_id = unhex('0000000000000000')) AS has_root, groupBitOr(${RARE}) AS rare
FROM ${source}
GROUP BY tenant, trace_id, toDate(start_s)`,
};

/** From its first start to its last end, a trace of `long_traces` lasts at least so long. */
export const LONG_TRACE_SECONDS = 3_600;
/** Of a trace whose spans start further apart a rebuild of a day finds what is within so many days. */
const REBUILT_DAYS = 7;

const END_S = 'toUInt32(least(greatest(intDiv(start_ns + greatest(duration_ns, 0), 1000000000), 0), 4294967295))';

/**
 * Traces of which what came together lasts long: a workflow, or clocks that disagree. A row for each day on which spans
 * of it start, so that it is known as long as any of them is.
 */
export const LONG_TRACES: Rollup = {
  table: 'long_traces',
  columns: ['tenant', 'trace_id', 'day', 'begin_s', 'end_s'],
  time: 'day',
  stepSeconds: 86_400,
  isIdempotent: true,
  select: (source) => `SELECT tenant, trace_id, arrayJoin(days) AS day, begin_s, end_s
FROM (
  SELECT tenant, trace_id, groupUniqArray(toDate(start_s)) AS days, min(start_s) AS begin_s, toDateTime(max(${END_S}), 'UTC') AS end_s
  FROM ${source}
  GROUP BY tenant, trace_id
  HAVING toInt64(toUInt32(end_s)) - toInt64(toUInt32(begin_s)) >= ${LONG_TRACE_SECONDS}
)`,
  ofDay: (
    tables,
    begin,
  ) => `SELECT tenant, trace_id, toDate(toUInt16(${begin / DAY_SECONDS})) AS day, min(first) AS begin_s, toDateTime(max(last), 'UTC') AS end_s
FROM (
  SELECT tenant, trace_id, first_s AS first, toUInt32(first_s) + length_s AS last FROM ${tables.trace_times.read}
  WHERE ${startsWithin('first_s', begin - REBUILT_DAYS * DAY_SECONDS, begin + (REBUILT_DAYS + 1) * DAY_SECONDS)}
  UNION ALL
  ${endsAround(tables, begin)}
)
GROUP BY tenant, trace_id
HAVING toInt64(toUInt32(end_s)) - toInt64(toUInt32(begin_s)) >= ${LONG_TRACE_SECONDS}
  AND max(toDate(first) = toDate(toUInt16(${begin / DAY_SECONDS}))) = 1`,
};

/**
 * Of spans whose ends may be what makes a trace of a day a long one, though its starts are less than that apart:
 * whoever lasts half as long, and the spans of traces whose starts are half as far apart.
 */
function endsAround(tables: Tables, begin: number): string {
  const half = LONG_TRACE_SECONDS / 2;
  return `SELECT tenant, trace_id, start_s AS first, ${END_S} AS last FROM ${tables.spans.read}
  WHERE ${startsWithin('start_s', begin - LONG_TRACE_SECONDS, begin + DAY_SECONDS + LONG_TRACE_SECONDS)}
    AND (duration_ns >= ${half}000000000 OR (tenant, trace_id) IN (
      SELECT tenant, trace_id FROM ${tables.trace_times.read}
      WHERE ${startsWithin('first_s', begin - DAY_SECONDS, begin + 2 * DAY_SECONDS)}
      GROUP BY tenant, trace_id HAVING max(toUInt32(first_s) + length_s) - toUInt32(min(first_s)) >= ${half}))`;
}

function startsWithin(column: string, begin: number, end: number): string {
  return `${column} >= toDateTime(${Math.max(0, begin)}) AND ${column} <= toDateTime(${Math.min(end - 1, 4_294_967_295)})`;
}

/** The requests of each time of `seconds`, by operation, outcome and duration. */
function requests(table: TableName, seconds: number): Rollup {
  return {
    table,
    columns: ['tenant', 'time', 'service_name', 'operation', 'is_error', 'bucket', 'spans', 'weight'],
    time: 'time',
    stepSeconds: seconds,
    select: (source) => `SELECT tenant, ${startOf(seconds, 'start_s')} AS time, ${SERVICE_NAME}, ${OPERATION},
  status_code = 2 AS is_error,
  toUInt16(floor(log2(greatest(duration_ns, 1)) * ${BUCKETS_PER_OCTAVE})) AS bucket,
  count() AS spans, sum(sampling_weight) AS weight
FROM ${source}
WHERE ${IS_REQUEST}
GROUP BY tenant, time, service_name, operation, is_error, bucket`,
  };
}

export const REQUEST_1M = requests('request_1m', 60);
export const REQUEST_1H = requests('request_1h', 3_600);
