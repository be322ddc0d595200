import {
  DATABASE,
  policyClauses,
  TABLE_NAMES,
  type StoragePolicy,
  type Table,
  type TableDefinition,
  type TableName,
  type Tables,
} from '../tables.ts';
import { sqlIdentifier, sqlString } from '../sql.ts';

/** Where the rows of a table are that is on a cluster. */
type Placement =
  /** Each row is on one shard, by this hash: rows that belong together are on the same one. */
  | { readonly shardBy: string; readonly isDeduplicated?: boolean }
  /** Every server has all rows: they are few, and whoever reads them must not read old ones. */
  | 'everywhere'
  /** Made and dropped on the server that is asked. */
  | 'server';

/** The last bytes of an id are the random ones in every format; `shardHashOfTrace` computes the same. */
const BY_TRACE = 'reinterpretAsUInt32(substring(trace_id, 13, 4))';
const BY_SERVICE = 'cityHash64(service_name)';

const PLACEMENTS: Readonly<Record<TableName, Placement>> = {
  // What is known of a trace is on one shard, so that what is looked up by its id need not leave it.
  spans: { shardBy: BY_TRACE, isDeduplicated: true },
  trace_times: { shardBy: BY_TRACE },
  long_traces: { shardBy: BY_TRACE },
  // Rows of one key are summed up where they are merged.
  operation_15m: { shardBy: BY_SERVICE },
  request_1m: { shardBy: BY_SERVICE },
  request_1h: { shardBy: BY_SERVICE },
  weight_15m: { shardBy: BY_SERVICE },
  counted_1m: { shardBy: BY_SERVICE },
  counted_1h: { shardBy: BY_SERVICE },
  attribute_values: { shardBy: 'cityHash64(key_slot, value_slot)' },
  path_normals: { shardBy: BY_SERVICE },
  path_resources: { shardBy: BY_SERVICE },
  call_edges: { shardBy: BY_SERVICE },
  normal_steps: { shardBy: 'toUInt32(time)' },
  rollup_progress: 'everywhere',
  schema_migrations: 'everywhere',
  store_id: 'everywhere',
  collector_leases: 'everywhere',
  collectors: 'everywhere',
  alert_states: 'everywhere',
  spans_fresh: 'server',
  spans_repair: 'server',
};

/** What the servers take the shard of a trace from, given the 16 bytes of its id at `offset`: an unsigned integer. */
export function shardHashOfTrace(bytes: Uint8Array, offset: number): number {
  const byte = (index: number): number => bytes[offset + 12 + index] ?? 0;
  return byte(0) + byte(1) * 2 ** 8 + byte(2) * 2 ** 16 + byte(3) * 2 ** 24;
}

/**
 * A repeat of an insert is known for so long, and among so many: 14 collectors pass 10,000 inserts in five minutes, and
 * a segment may wait through an outage of days.
 */
const DEDUPLICATION_WINDOW = 1_000_000;
const DEDUPLICATION_SECONDS = 14 * 86_400;

/** The table that reads and writes the rows of all shards has the name of the one that has them, and this. */
const DISTRIBUTED = '_distributed';

/** In ZooKeeper, where ClickHouse's own documents put tables. */
const PATH = '/clickhouse/tables';

/**
 * The tables of a store on a ClickHouse cluster: replicated, and those that grow spread over its shards.
 *
 * `cluster`: what the servers' configuration calls it (`remote_servers`). Each server needs the macros `shard` and
 * `replica`.
 * @see https://clickhouse.com/docs/engines/table-engines/special/distributed
 */
export function clusterTables(cluster: string, policy: StoragePolicy | null = null): Tables {
  const called = clusterIdentifier(cluster);
  const onCluster = ` ON CLUSTER ${called}`;
  const table = (name: TableName): Table => {
    const local = `${DATABASE}.${name}`;
    const placement = PLACEMENTS[name];
    if (placement === 'server') return plain(name);
    const all = placement === 'everywhere' ? local : `${local}${DISTRIBUTED}`;
    return { name, read: all, write: all, local, everywhere: `${local}${onCluster}` };
  };
  const ours = Object.fromEntries(TABLE_NAMES.map((name) => [name, table(name)])) as Record<TableName, Table>;
  const isOurs = (name: string): name is TableName => Object.hasOwn(ours, name);
  const createDistributed = (name: TableName): string | null => {
    const placement = PLACEMENTS[name];
    if (typeof placement === 'string') return null;
    return `CREATE TABLE IF NOT EXISTS ${ours[name].read}${onCluster} AS ${ours[name].local}
ENGINE = Distributed(${called}, ${DATABASE}, ${name}, ${placement.shardBy})`;
  };
  return {
    ...ours,
    onCluster,
    system: (name) => `cluster(${called}, system, ${name})`,
    named: (name) => (isOurs(name) ? ours[name] : plain(name)),
    createDatabase: `CREATE DATABASE IF NOT EXISTS ${DATABASE}${onCluster}`,
    create: (name, definition) => {
      const placement = PLACEMENTS[name];
      if (placement === 'server') throw new RangeError(`${name} is no table of a cluster`);
      const create = createReplicated(name, ours[name], definition, placement, policy);
      const distributed = createDistributed(name);
      return distributed === null ? [create] : [create, distributed];
    },
    // They cannot be altered everywhere on each version, and hold no rows that could be lost.
    takeOverColumns: TABLE_NAMES.flatMap((name) => {
      const create = createDistributed(name);
      return create === null ? [] : [`DROP TABLE IF EXISTS ${ours[name].read}${onCluster}`, create];
    }),
    isOnEveryServer: (name) => PLACEMENTS[name] === 'everywhere',
    inOfServer: 'GLOBAL IN',
  };
}

/** A table that is on the server that is asked. */
function plain(name: string): Table {
  sqlIdentifier(name);
  const qualified = `${DATABASE}.${name}`;
  return { name, read: qualified, write: qualified, local: qualified, everywhere: qualified };
}

/** What may be the name of a cluster, in configuration files and in statements. */
export const CLUSTER_NAME = /^[\w.-]{1,100}$/;

/** Throws a `RangeError` for what is no name. */
function clusterIdentifier(cluster: string): string {
  if (!CLUSTER_NAME.test(cluster)) throw new RangeError(`${JSON.stringify(cluster)} is not the name of a cluster`);
  return `\`${cluster}\``;
}

function createReplicated(
  name: TableName,
  { everywhere }: Table,
  { columns, engine, partitionBy, orderBy, settings = [] }: TableDefinition,
  placement: Exclude<Placement, 'server'>,
  policy: StoragePolicy | null,
): string {
  const [, family = '', given = ''] = /^(\w*MergeTree)(?:\((.*)\))?$/s.exec(engine) ?? [];
  if (family === '') throw new RangeError(`${engine} has no replicated kind`);
  const [path, replica] =
    placement === 'everywhere'
      ? [`${PATH}/${DATABASE}/${name}`, '{shard}-{replica}']
      : [`${PATH}/{shard}/${DATABASE}/${name}`, '{replica}'];
  const args = [sqlString(path), sqlString(replica), ...(given === '' ? [] : [given])];
  const isDeduplicated = placement !== 'everywhere' && placement.isDeduplicated === true;
  const window = isDeduplicated
    ? [
        `replicated_deduplication_window = ${DEDUPLICATION_WINDOW}`,
        `replicated_deduplication_window_seconds = ${DEDUPLICATION_SECONDS}`,
      ]
    : // Two rows that are alike are two.
      ['replicated_deduplication_window = 0'];
  const placed = policyClauses(policy, partitionBy);
  const own = settings.filter((setting) => !setting.startsWith('non_replicated_'));
  return [
    `CREATE TABLE IF NOT EXISTS ${everywhere} (\n${columns}\n) ENGINE = Replicated${family}(${args.join(', ')})`,
    ...(partitionBy === undefined ? [] : [`PARTITION BY ${partitionBy}`]),
    `ORDER BY ${orderBy}`,
    ...(placed.ttl === null ? [] : [`TTL ${placed.ttl}`]),
    `SETTINGS ${[...own, ...placed.settings, ...window].join(', ')}`,
  ].join('\n');
}
