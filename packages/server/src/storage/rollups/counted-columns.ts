/** The columns of `counted_1m` in the order in which they are inserted. */
export const COUNTED_COLUMNS = [
  ['time', 'DateTime'],
  ['service_name', 'String'],
  ['operation', 'String'],
  ['kind', 'UInt8'],
  ['status', 'UInt8'],
  // ⌊8·log2 d⌋ of durations in nanoseconds, as in the rollups of requests.
  ['bucket', 'UInt16'],
  ['requests', 'UInt64'],
  ['duration_sum_ns', 'Float64'],
] as const;
