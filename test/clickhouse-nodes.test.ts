import type { SystemResponse } from '@throughline/trace/client';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { findClickHouseServer, findZooKeeper } from '../scripts/workspace.mjs';
import { startClickHouseCluster, type ClickHouseCluster } from './support/clickhouse-cluster.ts';
import { isSpoolEmpty, readyz, startCollector, type Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { metricOf } from './support/prometheus.ts';
import { mountSmallDisk } from './support/small-disk.ts';
import { NOTHING_WRONG, SpanLedger } from './support/span-ledger.ts';

/** Servers of 2018 may hang where they are killed: such a test ends, and is run once more. */
vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 });

const [server, zooKeeper] = [findClickHouseServer(), findZooKeeper()];
/** `npm run setup` installs them. */
const isMissing = server === undefined || zooKeeper === undefined;

const disk = isMissing ? undefined : mountSmallDisk(256);

describe.skipIf(isMissing)('the servers of a cluster, as a collector sees them', () => {
  let cluster: ClickHouseCluster;
  let collector: Collector;
  const ledger = new SpanLedger(20);

  beforeAll(async () => {
    cluster = await startClickHouseCluster(server ?? '', zooKeeper ?? '', {
      ...(disk !== undefined && { firstDataFolder: join(disk.path, 'data') }),
    });
    const urls = cluster.servers.map(({ url }) => url).join(',');
    const checks = [
      '--cluster-ping-interval-ms',
      '200',
      '--cluster-ping-timeout-ms',
      '2s',
      '--cluster-disk-retry-ms',
      '1s',
    ];
    collector = await startCollector({ args: ['--store', urls, '--store-cluster', cluster.name, ...checks] });
  });
  afterAll(async () => {
    await collector?.stop();
    await cluster?.stop();
    disk?.unmount();
  });

  const nodeOf = (index: 0 | 1 | 2): string => new URL(cluster.servers[index].url).host;

  const isUp = (index: 0 | 1 | 2): Promise<number> =>
    metricOf(collector, 'throughline_store_node_up', { node: nodeOf(index) });

  const nodes = async (): Promise<SystemResponse['store']['nodes']> =>
    ((await (await fetch(`${collector.apiUrl}/api/v1/system`)).json()) as SystemResponse).store.nodes;

  async function isContent(): Promise<boolean> {
    const { problems, warnings } = await readyz(collector);
    return problems.length + warnings.length === 0;
  }

  /** Acknowledged, stored once, by their ids. */
  async function everythingIsStored(): Promise<void> {
    await eventually('everything is loaded', () => isSpoolEmpty(collector));
    await cluster.settled();
    expect(await ledger.auditRows(cluster.rows, () => Promise.resolve([]))).toMatchObject(NOTHING_WRONG);
  }

  it('are named with their shards', async () => {
    await eventually('all are up', async () => (await nodes()).every(({ state }) => state === 'up'));
    expect((await nodes()).map(({ node, shard, troubles }) => [node, shard, troubles])).toEqual([
      [nodeOf(0), 1, []],
      [nodeOf(1), 1, []],
      [nodeOf(2), 2, []],
    ]);
    expect(await Promise.all(([0, 1, 2] as const).map(isUp))).toEqual([1, 1, 1]);
    expect(await isContent()).toBe(true);
  });

  it('are read-only while they have lost ZooKeeper', async () => {
    await cluster.zooKeeper.kill();
    const readOnly = await eventually('it says so', async () => {
      const { warnings } = await readyz(collector);
      const found = warnings.filter(({ code }) => code === 'store_node_read_only');
      return found.length === cluster.servers.length ? found : undefined;
    });
    expect(readOnly.map(({ message }) => message).join('\n')).toContain(nodeOf(0));
    expect(await ledger.send(collector.otlpUrl)).toBe(200);
    await cluster.zooKeeper.restart();
    await eventually('all is well', isContent, 120_000);
    await everythingIsStored();
  });

  it.skipIf(disk === undefined)('have a full disk: the other replica takes the spans meanwhile', async () => {
    disk?.fill();
    const full = await eventually('it says so', async () => {
      expect(await ledger.send(collector.otlpUrl)).toBe(200);
      return (await readyz(collector)).warnings.find(({ code }) => code === 'store_node_disk_full');
    });
    expect(full.message).toMatch(new RegExp(`${nodeOf(0)}[^\n]*free space`));
    await eventually('everything is loaded', () => isSpoolEmpty(collector));
    expect((await readyz(collector)).ready).toBe(true);
    disk?.free();
    // One insert is tried there after a while, and tells that it has space again.
    await eventually(
      'all is well',
      async () => {
        expect(await ledger.send(collector.otlpUrl)).toBe(200);
        await delay(200);
        return await isContent();
      },
      120_000,
    );
    await everythingIsStored();
  });

  it('are a warning while each shard has another one, and a problem while one has none', async () => {
    await cluster.servers[1].kill();
    const away = await eventually('the replica is missed', async () =>
      (await readyz(collector)).warnings.find(({ code }) => code === 'store_node_away'),
    );
    expect(away.message).toMatch(new RegExp(`${nodeOf(1)}, since 20[^\n]*ECONNREFUSED`));
    expect(await readyz(collector)).toMatchObject({ ready: true, problems: [] });
    expect(await isUp(1)).toBe(0);
    expect((await nodes())[1]).toMatchObject({ state: 'down', troubles: [{ code: 'store_node_away' }] });
    expect(
      await metricOf(collector, 'throughline_store_node_failed_statements_total', {
        node: nodeOf(1),
        reason: 'unreachable',
      }),
    ).toBeGreaterThan(0);

    await cluster.servers[2].kill();
    const down = await eventually('the shard is missed', async () =>
      (await readyz(collector)).problems.find(({ code }) => code === 'store_shard_down'),
    );
    expect(down.message).toContain('shard 2');
    expect(await ledger.send(collector.otlpUrl)).toBe(200);
    await cluster.servers[1].restart();
    await cluster.servers[2].restart();
    await eventually('all is well', isContent);
    await everythingIsStored();
  });
});
