import type { TableName } from '../tables.ts';

/**
 * The tables of ours that have a partition a day (UTC), named `YYYY-MM-DD`. Whoever else keeps a table in the database
 * keeps it: nothing that drops looks at another one. `spans` is the last: while it has a day, what was interrupted is
 * done again.
 */
export const DAY_TABLES = [
  'operation_15m',
  'trace_times',
  'long_traces',
  'request_1m',
  'request_1h',
  'weight_15m',
  'attribute_values',
  'path_normals',
  'path_resources',
  'call_edges',
  'normal_steps',
  'counted_1m',
  'counted_1h',
  'spans',
] as const satisfies readonly TableName[];

export type DayTable = (typeof DAY_TABLES)[number];
