import type { TableDefinition } from '../tables.ts';

/** A row for each sign of life of a collector beside others. */
export const FLEET_TABLE: TableDefinition = {
  columns:
    '  session String, renewal UInt64, collector String, description String, stored_until UInt64, expires_at DateTime',
  engine: 'ReplacingMergeTree(renewal)',
  orderBy: 'session',
};
