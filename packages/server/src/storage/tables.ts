/**
 * The tables of ours that have a partition a day (UTC), named `YYYY-MM-DD`. Whoever else keeps a table in the database keeps
 * it: nothing that drops looks at another one. `spans` is the last: while it has a day, what was interrupted is done again.
 */
export const TABLES = [
  'operation_quarters',
  'trace_times',
  'request_minutes',
  'request_hours',
  'weight_quarters',
  'attribute_values',
  'counted_minutes',
  'counted_hours',
  'spans',
] as const;
