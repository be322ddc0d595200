import { sqlIdentifier, sqlString } from './sql.ts';

/** Holds every table of ours. */
export const DATABASE = 'throughline';

/** On the system's tables that name the database of what they list. */
export const IN_DATABASE = `database = '${DATABASE}'`;

export const TABLE_NAMES = [
  'spans',
  'spans_fresh',
  'spans_repair',
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
  'rollup_progress',
  'schema_migrations',
  'store_id',
  'collector_leases',
  'collectors',
  'alert_states',
] as const;

export type TableName = (typeof TABLE_NAMES)[number];

/** How a table is called where; each but the first is ready to be in a statement. */
export interface Table {
  /** What the system's tables call it, without the database. */
  readonly name: string;
  /** For SELECT: its rows, whatever servers hold them. */
  readonly read: string;
  /** For INSERT. */
  readonly write: string;
  /** The rows of the server that is asked: what has parts, merges and partitions. */
  readonly local: string;
  /** For CREATE, ALTER, DROP and TRUNCATE: `local`, on every server that has it. */
  readonly everywhere: string;
}

/** Where ClickHouse servers keep the tables that grow by the day: a policy of theirs, which names volumes of disks. */
export interface StoragePolicy {
  readonly name: string;
  /** Days of this age move to this volume of the policy; null where they stay. */
  readonly cold: { readonly afterDays: number; readonly volume: string } | null;
}

export interface TableDefinition {
  /** What stands between the parentheses: columns and indexes. */
  readonly columns: string;
  /** One of the MergeTree family, with its arguments, as a single server has it. */
  readonly engine: string;
  readonly partitionBy?: string;
  readonly orderBy: string;
  /** Such as `index_granularity = 1024`. */
  readonly settings?: readonly string[];
}

/**
 * What statements call the tables, and how they are made. An engine has those of its servers: no statement names a
 * table otherwise, so that it runs on whatever holds the rows.
 */
export type Tables = Readonly<Record<TableName, Table>> & {
  /** Stands behind the verb of a statement that has no table, and of `SYSTEM … MERGES`: '' or ` ON CLUSTER …`. */
  readonly onCluster: string;
  /** A table of the system with the rows of all servers, such as `system.parts`. */
  readonly system: (table: 'parts' | 'mutations') => string;
  /**
   * A table with another name than ours have, or one of ours whose name is only known at run time. Throws a
   * `RangeError` for what is no name.
   */
  readonly named: (name: string) => Table;
  readonly createDatabase: string;
  /** What makes the table where it is missing: one statement for each that it consists of. */
  readonly create: (name: TableName, definition: TableDefinition) => readonly string[];
  /** What gives new columns of the tables to those that only read and write them on other servers. */
  readonly takeOverColumns: readonly string[];
  /** Whether each of several servers has all rows of it, so that what is written must be read by all of them. */
  readonly isOnEveryServer: (name: TableName) => boolean;
  /** `IN`, where the set is made of a table that only the server has that is asked. */
  readonly inOfServer: 'IN' | 'GLOBAL IN';
};

/** What a table has of the policy: tables without days are small, and stay on the servers' own disk. */
export function policyClauses(
  policy: StoragePolicy | null,
  partitionBy: string | undefined,
): { readonly ttl: string | null; readonly settings: readonly string[] } {
  if (policy === null || partitionBy === undefined) return { ttl: null, settings: [] };
  const { name, cold } = policy;
  const ttl =
    cold === null ? null : `${partitionBy} + toIntervalDay(${cold.afterDays}) TO VOLUME ${sqlString(cold.volume)}`;
  return { ttl, settings: [`storage_policy = ${sqlString(name)}`] };
}

/** The tables of a store that is one server's: the embedded one, or a ClickHouse that keeps all rows itself. */
export function singleServerTables(policy: StoragePolicy | null = null): Tables {
  const named = (name: string): Table => {
    sqlIdentifier(name);
    const qualified = `${DATABASE}.${name}`;
    return { name, read: qualified, write: qualified, local: qualified, everywhere: qualified };
  };
  const ours = Object.fromEntries(TABLE_NAMES.map((name) => [name, named(name)])) as Record<TableName, Table>;
  return {
    ...ours,
    onCluster: '',
    system: (table) => `system.${table}`,
    named,
    createDatabase: `CREATE DATABASE IF NOT EXISTS ${DATABASE}`,
    create: (name, { columns, engine, partitionBy, orderBy, settings = [] }) => {
      const placed = policyClauses(policy, partitionBy);
      const all = [...settings, ...placed.settings];
      return [
        [
          `CREATE TABLE IF NOT EXISTS ${ours[name].everywhere} (\n${columns}\n) ENGINE = ${engine}`,
          ...(partitionBy === undefined ? [] : [`PARTITION BY ${partitionBy}`]),
          `ORDER BY ${orderBy}`,
          ...(placed.ttl === null ? [] : [`TTL ${placed.ttl}`]),
          ...(all.length === 0 ? [] : [`SETTINGS ${all.join(', ')}`]),
        ].join('\n'),
      ];
    },
    takeOverColumns: [],
    isOnEveryServer: () => false,
    inOfServer: 'IN',
  };
}
