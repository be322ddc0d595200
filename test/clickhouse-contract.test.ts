import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ClusterEngine, type ClusterEngineOptions } from '../packages/server/src/storage/cluster/cluster-engine.ts';
import { forgetOldNotes } from '../packages/server/src/storage/cluster/old-notes.ts';
import { engineContract, type ContractEngine } from '../packages/server/src/storage/engine.contract.ts';
import { aRegistry, silentLog } from '../packages/server/src/storage/testing/start-engine.ts';
import { findClickHouseServer, findZooKeeper } from '../scripts/workspace.mjs';
import { startClickHouseCluster, type ClickHouseCluster } from './support/clickhouse-cluster.ts';
import { eventually } from './support/processes.ts';
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

  it('end what a collector has left behind that ran the jobs, before the next one does, and nothing else', async () => {
    const urls = cluster.servers.map(({ url }) => url);
    const running = async (service: string): Promise<number> => {
      const sql = `SELECT toUInt32(count()) FROM system.processes WHERE query LIKE 'INSERT%${service}%'`;
      const counts = await Promise.all(cluster.servers.map(async ({ rows }) => Number((await rows(sql))[0]?.[0])));
      return counts.reduce((sum, count) => sum + count, 0);
    };
    const [before, next] = [await open({ urls, cluster: cluster.name }), await open({ urls, cluster: cluster.name })];
    const [shard] = await (before.engine as ClusterEngine).shards();
    if (shard === undefined) throw new Error('a cluster without shards');
    const commands = [
      (before.engine as ClusterEngine).forJobs.command(longInsert('left')),
      shard.command(longInsert('left')),
      before.engine.command(longInsert('other')),
      (next.engine as ClusterEngine).forJobs.command(longInsert('own')),
    ].map((command) => command.catch(() => {}));
    await eventually('all of them run', async () => {
      const counts = await Promise.all(['left', 'other', 'own'].map(running));
      return counts.join() === '2,1,1';
    });
    await before[Symbol.asyncDispose]();
    expect(await running('left')).toBe(2);
    await expect((next.engine as ClusterEngine).endJobsOfOthers()).rejects.toMatchObject({ code: 'unavailable' });
    await eventually('they have ended', async () => {
      await (next.engine as ClusterEngine).endJobsOfOthers();
      return true;
    });
    expect(await Promise.all(['left', 'other', 'own'].map(running))).toEqual([0, 1, 1]);
    for (const { command } of cluster.servers) {
      await command("KILL QUERY WHERE query LIKE 'INSERT INTO throughline.counted_1m%' SYNC");
    }
    await next[Symbol.asyncDispose]();
    await Promise.all(commands);
  });

  it('forget what is noted and over, and none of them shows it as not over meanwhile', async () => {
    const urls = cluster.servers.map(({ url }) => url);
    const opened = await open({ urls, cluster: cluster.name });
    const note = (version: number, pendingUntil: number): Promise<void> =>
      opened.engine.command(`INSERT INTO throughline.rollup_progress (collector, version, counted_until, pending_until)
SELECT concat('late 1-2 ', toString(number)), ${version}, 0, ${pendingUntil} FROM numbers(150)`);
    const noteAgain = (version: number): Promise<void> =>
      opened.engine.command(`INSERT INTO throughline.rollup_progress (collector, version, counted_until, pending_until)
SELECT 'collector', ${version}, 0, 0`);
    await note(1, 2);
    await note(2, 0);
    // What is noted last is not merged before the next note.
    await noteAgain(3);
    await cluster.settled();
    const names = 'SELECT toUInt32(uniqExact(collector)) FROM throughline.rollup_progress';
    const notOver =
      'SELECT collector FROM throughline.rollup_progress GROUP BY collector HAVING argMax(pending_until, version) > 0';
    const forgotten = new AbortController();
    const watched = Promise.all(
      cluster.servers.map(async ({ rows }) => {
        while (!forgotten.signal.aborted) expect(await rows(notOver)).toEqual([]);
      }),
    );
    watched.catch(() => {});
    await forgetOldNotes((opened.engine as ClusterEngine).forJobs);
    await eventually('each server has forgotten', async () => {
      const left = await Promise.all(cluster.servers.map(async ({ rows }) => Number((await rows(names))[0]?.[0])));
      return left.every((count) => count === 1);
    });
    forgotten.abort();
    await watched;
    await opened[Symbol.asyncDispose]();
  });
});

/** It goes on for longer than anybody waits here. */
function longInsert(service: string): string {
  return `INSERT INTO throughline.counted_1m (service_name, requests)
SELECT '${service}', toUInt64(sleepEachRow(0.05)) FROM numbers(100000) SETTINGS max_block_size = 1`;
}
