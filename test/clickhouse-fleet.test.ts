import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { findClickHouseServer, findZooKeeper } from '../scripts/workspace.mjs';
import { startClickHouseCluster, type ClickHouseCluster } from './support/clickhouse-cluster.ts';
import { readyz, startCollector, type Collector } from './support/collector.ts';
import { startHangingProxy, type HangingProxy } from './support/hanging-proxy.ts';
import { eventually } from './support/processes.ts';
import { mountSmallDisk } from './support/small-disk.ts';
import { NOTHING_WRONG, SERVICE, SpanLedger } from './support/span-ledger.ts';
import { isCountedOn, wrongTables } from './support/wrong-tables.ts';

/** So few that attribute values are counted, not estimated, also where a day is counted again. */
const SPANS_PER_REQUEST = 5;
const REQUESTS = 30;
const LEASE_MS = 6_000;

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const [server, zooKeeper] = [findClickHouseServer(), findZooKeeper()];
/** `npm run setup` installs them. */
const isMissing = server === undefined || zooKeeper === undefined;
/** Of the first server, which has another replica. */
const disk = isMissing ? undefined : mountSmallDisk(512);

async function metric({ apiUrl }: Collector, name: string): Promise<number> {
  const text = await (await fetch(`${apiUrl}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

describe.skipIf(isMissing)('three collectors side by side on one cluster', () => {
  let cluster: ClickHouseCluster;
  let collectors: Collector[] = [];
  /** Between the collectors and the second server. */
  let network: HangingProxy;
  const ledger = new SpanLedger(SPANS_PER_REQUEST);

  beforeAll(async () => {
    cluster = await startClickHouseCluster(server ?? '', zooKeeper ?? '', {
      ...(disk !== undefined && { firstDataFolder: join(disk.path, 'data') }),
    });
    network = await startHangingProxy(cluster.servers[1].url);
    collectors = await Promise.all([1, 2, 3].map(() => startOnCluster()));
  });
  afterAll(async () => {
    await Promise.all(collectors.map((collector) => collector.stop()));
    network?.stop();
    await cluster?.stop();
    disk?.unmount();
  });

  function startOnCluster(dataDirectory?: string): Promise<Collector> {
    const [first, , third] = cluster.servers;
    const checks = [
      '--cluster-ping-interval-ms',
      '500',
      '--cluster-ping-timeout-ms',
      '2s',
      '--cluster-disk-retry-ms',
      '1s',
    ];
    return startCollector({
      args: ['--store', [first.url, network.url, third.url].join(','), '--store-cluster', cluster.name, ...checks],
      env: { THROUGHLINE_CLUSTER_LEASE_MS: `${LEASE_MS}ms`, THROUGHLINE_CLUSTER_LEASE_RENEW_MS: '500ms' },
      ...(dataDirectory !== undefined && { dataDirectory }),
    });
  }

  async function sendTo(those: readonly Collector[]): Promise<void> {
    for (let request = 0; request < REQUESTS; request++) {
      for (const { otlpUrl } of those) expect(await ledger.send(otlpUrl)).toBe(200);
      await delay(10);
    }
  }

  async function leaders(): Promise<Collector[]> {
    const are = await Promise.all(collectors.map((each) => metric(each, 'throughline_store_leader')));
    return collectors.filter((_, index) => are[index] === 1);
  }

  async function areSpoolsEmpty(): Promise<boolean> {
    const left = await Promise.all(collectors.map((each) => metric(each, 'throughline_spool_backlog_segments')));
    return left.every((segments) => segments === 0);
  }

  /** Everything is stored, counted, and on each replica. */
  async function settled(): Promise<void> {
    await eventually('the spools are empty', areSpoolsEmpty);
    await cluster.settled();
    await eventually('everything is counted', () => isCountedOn(cluster));
    await cluster.settled();
  }

  async function expectAllOnce(): Promise<void> {
    await settled();
    expect(await ledger.auditRows(cluster.rows, () => wrongTables(cluster.rows))).toMatchObject(NOTHING_WRONG);
  }

  it('store, answer alike, and one of them runs the jobs', async () => {
    await sendTo(collectors);
    expect(await leaders()).toHaveLength(1);
    expect(await metric(collectors[0] as Collector, 'throughline_store_collectors')).toBe(3);
    const counts = async (): Promise<number[]> =>
      await Promise.all(
        collectors.map(async ({ apiUrl }) => {
          const { services } = (await (await fetch(`${apiUrl}/api/v1/services`)).json()) as {
            services: { spanCount: number }[];
          };
          return services.reduce((sum, { spanCount }) => sum + spanCount, 0);
        }),
      );
    // Stored by three, and counted or not: each collector finds every span once.
    await eventually('the spools are empty', areSpoolsEmpty);
    // A replica that is asked may not have yet what another one got.
    await cluster.settled();
    const all = ledger.acknowledged.size * SPANS_PER_REQUEST;
    expect(await counts()).toEqual([all, all, all]);
    await expectAllOnce();
    expect(await counts()).toEqual([all, all, all]);
  });

  it.each([
    ['a replica', () => cluster.servers[1]],
    ['ZooKeeper', () => cluster.zooKeeper],
  ])('while %s is killed and comes back', async (_, victim) => {
    await sendTo(collectors);
    await victim().kill();
    await sendTo(collectors);
    await victim().restart();
    await sendTo(collectors);
    await expectAllOnce();
  });

  /** Each collector says this of a server, or of a shard. */
  async function allSay(code: string): Promise<void> {
    await eventually(`each collector says ${code}`, async () => {
      const said = await Promise.all(collectors.map((each) => readyz(each)));
      return said.every(({ problems, warnings }) => [...problems, ...warnings].some((each) => each.code === code));
    });
  }

  it.each([
    ['killed', (victim: ClickHouseCluster['servers'][2]) => victim.kill(), () => cluster.servers[2].restart()],
    [
      'stopped',
      (victim: ClickHouseCluster['servers'][2]) => Promise.resolve(victim.hang()),
      () => Promise.resolve(cluster.servers[2].resume()),
    ],
  ])('while the one server of a shard is %s, and the other shard gets what is its own', async (_, end, begin) => {
    await sendTo(collectors);
    await end(cluster.servers[2]);
    await sendTo(collectors);
    await allSay('store_shard_down');
    await sendTo(collectors);
    // Traces are on the first shard and the second in turn, by the numbers of their requests.
    const ofFirst = [...ledger.acknowledged].filter((number) => number % 2 === 0).length * SPANS_PER_REQUEST;
    const stored = `SELECT count() FROM throughline.spans WHERE service = '${SERVICE}'`;
    await eventually('the other shard has its spans', async () => {
      const [[count] = []] = await cluster.servers[0].rows(stored);
      return Number(count) === ofFirst;
    });
    await begin();
    await sendTo(collectors);
    await expectAllOnce();
  });

  it.skipIf(disk === undefined)('while the disk of a replica is full', async () => {
    await sendTo(collectors);
    disk?.fill();
    await eventually('each collector says so', async () => {
      await sendTo(collectors);
      const said = await Promise.all(collectors.map((each) => readyz(each)));
      return said.every(({ warnings }) => warnings.some(({ code }) => code === 'store_node_disk_full'));
    });
    // Its other replica takes them.
    await eventually('the spools are empty', areSpoolsEmpty);
    disk?.free();
    await sendTo(collectors);
    await expectAllOnce();
  });

  it('while the network to a replica hangs', async () => {
    await sendTo(collectors);
    network.hang();
    await sendTo(collectors);
    await allSay('store_node_away');
    await sendTo(collectors);
    await eventually('the spools are empty', areSpoolsEmpty);
    network.resume();
    await sendTo(collectors);
    await expectAllOnce();
  });

  it('while the one that runs the jobs is killed, and comes back', async () => {
    await sendTo(collectors);
    const [leader] = (await leaders()) as [Collector];
    const others = collectors.filter((each) => each !== leader);
    process.kill(leader.pid, 'SIGKILL');
    await leader.exited;
    collectors = others;
    await sendTo(others);
    await eventually('another one runs the jobs', async () => (await leaders()).length === 1);
    await sendTo(others);
    collectors = [...others, await startOnCluster(leader.dataDirectory)];
    await sendTo(collectors);
    await expectAllOnce();
  });

  it.each(['the one that runs the jobs', 'another one'])(
    'while %s is stopped for longer than its lease, with spans that nobody else has',
    async (which) => {
      await eventually('one runs the jobs', async () => (await leaders()).length === 1);
      const [leader] = (await leaders()) as [Collector];
      const stopped = which === 'another one' ? (collectors.find((each) => each !== leader) as Collector) : leader;
      const others = collectors.filter((each) => each !== stopped);
      await sendTo(collectors);
      process.kill(stopped.pid, 'SIGSTOP');
      await delay(LEASE_MS + 2_000);
      await sendTo(others);
      await delay(2_000);
      process.kill(stopped.pid, 'SIGCONT');
      await sendTo(collectors);
      await expectAllOnce();
    },
  );
});
