import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, vi } from 'vitest';
import { ClusterEngine, type ClusterEngineOptions } from '../packages/server/src/storage/cluster/cluster-engine.ts';
import { engineContract, type ContractEngine } from '../packages/server/src/storage/engine.contract.ts';
import { aRegistry, silentLog } from '../packages/server/src/storage/testing/start-engine.ts';
import { findClickHouseServer, findZooKeeper } from '../scripts/workspace.mjs';
import { startClickHouseCluster, type ClickHouseCluster } from './support/clickhouse-cluster.ts';
import { startClickHouseServer, type ClickHouseServer } from './support/clickhouse-server.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const [program, zooKeeper] = [findClickHouseServer(), findZooKeeper()];

async function open(
  options: Pick<ClusterEngineOptions, 'urls' | 'cluster' | 'limits'>,
  settled?: () => Promise<void>,
): Promise<ContractEngine> {
  const directory = mkdtempSync(join(tmpdir(), 'throughline-contract-'));
  const engine = new ClusterEngine({ ...options, log: silentLog, registry: aRegistry() });
  await engine.start();
  return {
    engine,
    directory,
    ...(settled !== undefined && { settled }),
    [Symbol.asyncDispose]: async () => {
      await engine.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** `npm run setup` installs them. */
describe.skipIf(program === undefined)('on a real server', () => {
  let server: ClickHouseServer;
  beforeAll(async () => {
    server = await startClickHouseServer(program ?? '');
  });
  afterAll(async () => {
    await server?.stop();
  });
  engineContract('ClickHouse 18.16', (limits) => open({ urls: [server.url], limits }), 'nothing');
});

describe.skipIf(program === undefined || zooKeeper === undefined)('on real servers', () => {
  let cluster: ClickHouseCluster;
  beforeAll(async () => {
    cluster = await startClickHouseCluster(program ?? '', zooKeeper ?? '');
  });
  afterAll(async () => {
    await cluster?.stop();
  });
  engineContract(
    'a cluster of two shards',
    (limits) => {
      const urls = cluster.servers.map(({ url }) => url);
      return open({ urls, cluster: cluster.name, limits }, () => cluster.settled());
    },
    'contents',
  );
});
