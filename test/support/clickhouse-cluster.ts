import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { clusterTables } from '../../packages/server/src/storage/cluster/cluster-tables.ts';
import { freePorts, startClickHouseServer, type ClickHousePorts, type ClickHouseServer } from './clickhouse-server.ts';
import { eventually, isAlive } from './processes.ts';
import { startZooKeeper, type ZooKeeper } from './zookeeper.ts';

export interface ClickHouseCluster {
  /** What `ON CLUSTER` calls it. */
  readonly name: string;
  /** Two replicas of the first shard, and the one of the second. */
  readonly servers: readonly [ClickHouseServer, ClickHouseServer, ClickHouseServer];
  readonly zooKeeper: ZooKeeper;
  /**
   * Rows of one SELECT over the store of a collector, whose tables are called there what they are called on a single
   * server.
   */
  readonly rows: (sql: string) => Promise<unknown[][]>;
  /** Tells all servers of the second shard, of a cluster that began without it; resolves when they know it. */
  readonly addShard: () => Promise<void>;
  /** Resolves when each replica has what the others have. */
  readonly settled: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

const SYNC_MS = 2_000;

const NAME = 'main';
const TABLES = clusterTables(NAME);
/** The shard of each server. */
const SHARDS = [1, 1, 2];

/**
 * Three ClickHouse servers in two shards, of which one has two replicas, and the ZooKeeper between them. `profile`:
 * settings of their default profile, as XML. `firstDataFolder`: where the data of the first server is. `isSmaller`: the
 * cluster is the first shard alone, until `addShard`; the server of the second one runs beside it. `zooKeeperPort`: where
 * the servers reach ZooKeeper, given its own port.
 */
export async function startClickHouseCluster(
  program: string,
  zooKeeperJar: string,
  {
    profile = '',
    firstDataFolder,
    isSmaller = false,
    zooKeeperPort = (port) => Promise.resolve(port),
  }: {
    readonly profile?: string;
    readonly firstDataFolder?: string;
    readonly isSmaller?: boolean;
    readonly zooKeeperPort?: (port: number) => Promise<number>;
  } = {},
): Promise<ClickHouseCluster> {
  const zooKeeper = await startZooKeeper(zooKeeperJar);
  const portForServers = await zooKeeperPort(zooKeeper.port);
  const ports = await freePorts(SHARDS.length * 3);
  const nodes = SHARDS.map((shard, index) => {
    const [http = 0, tcp = 0, interserver = 0] = ports.slice(index * 3);
    return { shard, replica: `server-${index + 1}`, ports: { http, tcp }, interserver };
  });
  const shards = [...new Set(SHARDS)].map(
    (shard) =>
      `<shard><internal_replication>true</internal_replication>${nodes
        .filter((node) => node.shard === shard)
        .map((node) => `<replica><host>127.0.0.1</host><port>${node.ports.tcp}</port></replica>`)
        .join('')}</shard>`,
  );
  // All servers read it, and again when it changes.
  const folder = mkdtempSync(join(tmpdir(), 'throughline-cluster-'));
  const clustersFile = join(folder, 'clusters.xml');
  const writeClusters = (known: readonly string[]): void =>
    writeFileSync(clustersFile, `<yandex><clusters><${NAME}>${known.join('')}</${NAME}></clusters></yandex>`);
  writeClusters(isSmaller ? shards.slice(0, 1) : shards);
  // A killed server of few parts finds half of them unknown to ZooKeeper, and would wait for a person.
  const start = (node: (typeof nodes)[number]): Promise<ClickHouseServer> =>
    startClickHouseServer(program, {
      ports: node.ports satisfies ClickHousePorts,
      profile,
      ...(node === nodes[0] && firstDataFolder !== undefined && { dataFolder: firstDataFolder }),
      more: `
  <interserver_http_port>${node.interserver}</interserver_http_port><interserver_http_host>127.0.0.1</interserver_http_host>
  <zookeeper><node><host>127.0.0.1</host><port>${portForServers}</port></node><session_timeout_ms>5000</session_timeout_ms></zookeeper>
  <include_from>${clustersFile}</include_from><remote_servers incl="clusters"/>
  <macros><shard>${node.shard}</shard><replica>${node.replica}</replica></macros>
  <distributed_ddl><path>/clickhouse/task_queue/ddl</path></distributed_ddl>
  <merge_tree><replicated_max_ratio_of_wrong_parts>1</replicated_max_ratio_of_wrong_parts></merge_tree>`,
    });
  const [first, ...others] = nodes as [(typeof nodes)[number], ...typeof nodes];
  const servers = (await Promise.all([first, ...others].map(start))) as [
    ClickHouseServer,
    ClickHouseServer,
    ClickHouseServer,
  ];
  await eventually('the servers take statements for the cluster', () => {
    // 18.16 crashes with one that comes before.
    if (!servers.every(({ pid }) => isAlive(pid))) throw new Error('a server of the cluster ended');
    return servers.every((server) => server.hasLogged('DDLWorker: Waiting a watch'));
  });
  return {
    name: NAME,
    servers,
    zooKeeper,
    rows: (sql) => servers[0].rows(sql.replaceAll(/throughline\.(\w+)/g, (_, name: string) => TABLES.named(name).read)),
    addShard: async () => {
      writeClusters(shards);
      const known = `SELECT toUInt32(count()) FROM system.clusters WHERE cluster = '${NAME}'`;
      for (const { rows } of servers) {
        await eventually('the server knows the new shard', async () => (await rows(known))[0]?.[0] === SHARDS.length);
      }
    },
    settled: async () => {
      for (const server of servers) {
        const tables = await server.rows(
          "SELECT name FROM system.tables WHERE engine LIKE 'Replicated%' ORDER BY name",
        );
        for (const [name] of tables) {
          // 18.16 may miss that it has everything, and wait on: asked again, it answers at once.
          await eventually(`${String(name)} is the same on each replica`, async () => {
            const synced = server.command(`SYSTEM SYNC REPLICA throughline.${String(name)}`).then(() => true);
            return await Promise.race([synced, delay(SYNC_MS, false, { ref: false })]);
          });
        }
      }
    },
    stop: async () => {
      for (const server of servers) await server.stop();
      await zooKeeper.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
