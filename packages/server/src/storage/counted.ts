import type { Rollup } from './rollups.ts';

/** The columns of `counted_minutes` in the order in which they are inserted. */
export const COUNTED_COLUMNS = [
  ['minute', 'DateTime'],
  ['service_name', 'String'],
  ['operation', 'String'],
  ['kind', 'UInt8'],
  ['status', 'UInt8'],
  // ⌊8·log2 d⌋ of durations in nanoseconds, as in the rollups of requests.
  ['bucket', 'UInt16'],
  ['requests', 'UInt64'],
  ['duration_sum_ns', 'Float64'],
] as const;

function counted(table: string, time: string): Omit<Rollup, 'select'> {
  return {
    table,
    columns: COUNTED_COLUMNS.map(([name, type]) => `${name === 'minute' ? time : name} ${type} CODEC(ZSTD(1))`),
    engine: 'SummingMergeTree((requests, duration_sum_ns))',
    partitionBy: `toDate(${time})`,
    orderBy: `(${time}, service_name, operation, kind, status, bucket)`,
  };
}

/** Requests as the SDKs count them, sampled or not: what their messages add. */
export const COUNTED_MINUTES = counted('counted_minutes', 'minute');

/** The same by the hour, filled out of the same insert. */
export const COUNTED_HOURS: Rollup = {
  ...counted('counted_hours', 'hour'),
  select:
    () => `SELECT toDateTime(intDiv(toUInt32(minute), 3600) * 3600) AS hour, service_name, operation, kind, status, bucket,
  sum(requests) AS requests, sum(duration_sum_ns) AS duration_sum_ns
FROM throughline.counted_minutes
GROUP BY hour, service_name, operation, kind, status, bucket`,
};
