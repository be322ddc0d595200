import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { findClickHouseServer, findZooKeeper } from '../scripts/workspace.mjs';
import { startClickHouseCluster, type ClickHouseCluster } from './support/clickhouse-cluster.ts';
import { isSpoolEmpty, readyz, startCollector, type Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { metricOf } from './support/prometheus.ts';
import { NOTHING_WRONG, SpanLedger, traceIdOfRequest } from './support/span-ledger.ts';
import { isCountedOn, wrongTables } from './support/wrong-tables.ts';

const SPANS_PER_REQUEST = 20;
/** So many requests are acknowledged before and after each fault, and while it lasts. */
const REQUESTS = 30;

const QUICK_CHECKS = ['--cluster-ping-interval-ms', '500', '--cluster-ping-timeout-ms', '2s'];

/** Servers of 2018 may hang where they are killed: such a test ends, and is run once more. */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const [server, zooKeeper] = [findClickHouseServer(), findZooKeeper()];
/** `npm run setup` installs them. */
const isMissing = server === undefined || zooKeeper === undefined;

describe.skipIf(isMissing)('under load, what was acknowledged is stored once on a cluster', () => {
  let cluster: ClickHouseCluster;
  let collector: Collector;
  const ledger = new SpanLedger(SPANS_PER_REQUEST);

  beforeAll(async () => {
    cluster = await startClickHouseCluster(server ?? '', zooKeeper ?? '');
    collector = await startOnCluster();
  });
  afterAll(async () => {
    await collector?.stop();
    await cluster?.stop();
  });

  function startOnCluster(dataDirectory?: string, more: readonly string[] = []): Promise<Collector> {
    const urls = cluster.servers.map(({ url }) => url).join(',');
    return startCollector({
      args: ['--store', urls, '--store-cluster', cluster.name, ...more],
      ...(dataDirectory !== undefined && { dataDirectory }),
    });
  }

  async function sendMore(): Promise<void> {
    const until = ledger.acknowledged.size + REQUESTS;
    while (ledger.acknowledged.size < until) {
      expect(await ledger.send(collector.otlpUrl)).toBe(200);
      await delay(10);
    }
  }

  /** Whether a trace of the ledger is found by its id. */
  async function isFound(request: number): Promise<boolean> {
    return (await fetch(`${collector.apiUrl}/api/v1/traces/${traceIdOfRequest(request)}`)).status === 200;
  }

  it.each([
    ['a replica', () => cluster.servers[1]],
    ['the replica that is asked first', () => cluster.servers[0]],
    ['the one server of a shard', () => cluster.servers[2]],
    ['ZooKeeper', () => cluster.zooKeeper],
  ])('while %s is killed and comes back', async (_, victim) => {
    await sendMore();
    await victim().kill();
    await sendMore();
    await delay(1_000);
    await sendMore();
    await victim().restart();
    await sendMore();
    await eventually('everything is loaded', () => isSpoolEmpty(collector));
    await eventually('everything is counted', () => isCountedOn(cluster));
    await cluster.settled();
    const audit = await ledger.auditRows(cluster.rows, () => wrongTables(cluster.rows));
    expect(audit).toMatchObject(NOTHING_WRONG);
    expect(audit.acknowledgedSpans).toBeGreaterThanOrEqual(4 * REQUESTS * SPANS_PER_REQUEST);
  });

  it.each([
    ['the replica that is asked first', 0],
    ['the other replica', 1],
  ] as const)('while %s hangs, and spans are found meanwhile', async (_, index) => {
    const { dataDirectory } = collector;
    await collector.stop({ keepData: true });
    collector = await startOnCluster(dataDirectory, QUICK_CHECKS);
    await sendMore();
    const hanging = cluster.servers[index];
    hanging.hang();
    await sendMore();
    const missed = async (): Promise<boolean> =>
      (await readyz(collector)).warnings.some(({ code }) => code === 'store_node_away');
    await eventually('it is missed', missed);
    // Its inserts take no longer than the ping: the default of `cluster.insertTimeoutMs` is that of this test, and more.
    await sendMore();
    await eventually(
      'everything is loaded',
      async () => (await metricOf(collector, 'throughline_spool_backlog_segments')) === 0,
    );
    expect(await isFound(Math.max(...ledger.acknowledged))).toBe(true);
    expect((await readyz(collector)).problems).toEqual([]);
    hanging.resume();
    await sendMore();
    await eventually('it is used again', async () => !(await missed()));
    await eventually('everything is loaded', () => isSpoolEmpty(collector));
    await eventually('everything is counted', () => isCountedOn(cluster));
    await cluster.settled();
    expect(await ledger.auditRows(cluster.rows, () => wrongTables(cluster.rows))).toMatchObject(NOTHING_WRONG);
  });

  it('while the one server of a shard hangs', async () => {
    const { dataDirectory } = collector;
    await collector.stop({ keepData: true });
    collector = await startOnCluster(dataDirectory, QUICK_CHECKS);
    await sendMore();
    cluster.servers[2].hang();
    await sendMore();
    await eventually('it is missed', async () =>
      (await readyz(collector)).problems.some(({ code }) => code === 'store_shard_down'),
    );
    await sendMore();
    cluster.servers[2].resume();
    await eventually('it is used again', async () => (await readyz(collector)).ready);
    await sendMore();
    await eventually('everything is loaded', () => isSpoolEmpty(collector));
    await eventually('everything is counted', () => isCountedOn(cluster));
    await cluster.settled();
    expect(await ledger.auditRows(cluster.rows, () => wrongTables(cluster.rows))).toMatchObject(NOTHING_WRONG);
  });

  it('while a replica is away when the collector starts, and nothing but a shard is waited for', async () => {
    const { dataDirectory } = collector;
    await sendMore();
    await collector.stop({ keepData: true });
    await cluster.servers[1].kill();
    collector = await startOnCluster(dataDirectory);
    await sendMore();
    await eventually('everything is loaded', () => isSpoolEmpty(collector));
    await cluster.servers[1].restart();
    await eventually('everything is counted', () => isCountedOn(cluster));
    await cluster.settled();
    expect(await ledger.auditRows(cluster.rows, () => wrongTables(cluster.rows))).toMatchObject(NOTHING_WRONG);
  });
});
