import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { findClickHouseServer, findZooKeeper } from '../scripts/workspace.mjs';
import { startClickHouseCluster } from './support/clickhouse-cluster.ts';
import { startCollector, type Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { metricOf } from './support/prometheus.ts';
import { NOTHING_WRONG, SpanLedger } from './support/span-ledger.ts';
import { isCountedOn, wrongTables } from './support/wrong-tables.ts';
import { startZooKeeperProxy, type LostPart, type ZooKeeperProxy } from './support/zookeeper-proxy.ts';

/** So few that attribute values are counted, not estimated. */
const SPANS_PER_REQUEST = 5;

/** Servers of 2018 may hang where they lose ZooKeeper: such a test ends, and is run once more. */
const ONCE_MORE = { timeout: 240_000, retry: 1 };

const [server, zooKeeper] = [findClickHouseServer(), findZooKeeper()];
/** `npm run setup` installs them. */
const isMissing = server === undefined || zooKeeper === undefined;

async function countingRuns(collector: Collector): Promise<number> {
  const ended = ['ok', 'failed'].map((outcome) =>
    metricOf(collector, 'throughline_job_runs_total', { job: 'rollups', outcome }),
  );
  return (await Promise.all(ended)).reduce((sum, runs) => sum + runs, 0);
}

describe.skipIf(isMissing)('a server that loses ZooKeeper while it commits spans', ONCE_MORE, () => {
  const opened: { stop: () => Promise<unknown> }[] = [];
  afterEach(async () => {
    for (const each of opened.splice(0).toReversed()) await each.stop();
  });

  it.each<[string, LostPart]>([
    ['has done so, and hears nothing of it', 'answer'],
    ['has not, and shows them all the same', 'request'],
  ])('%s: they are stored and counted once', async (_, part) => {
    let network: ZooKeeperProxy | undefined;
    const zooKeeperPort = async (port: number): Promise<number> => (network = await startZooKeeperProxy(port)).port;
    const cluster = await startClickHouseCluster(server ?? '', zooKeeper ?? '', { zooKeeperPort });
    opened.push({ stop: () => Promise.resolve(network?.stop()) }, cluster);
    const args = ['--store', cluster.servers.map(({ url }) => url).join(','), '--store-cluster', cluster.name];
    const collector = await startCollector({ args });
    opened.push(collector);
    const ledger = new SpanLedger(SPANS_PER_REQUEST);
    const sending = new AbortController();
    const sent = (async () => {
      while (!sending.signal.aborted) {
        expect(await ledger.send(collector.otlpUrl)).toBe(200);
        await delay(20);
      }
    })();
    await eventually('spans are stored', () => ledger.acknowledged.size > 50);
    // The one server of this shard: who counts cannot ask another one.
    const [, , victim] = cluster.servers;
    network?.lose(part, ['/tables/2/throughline/spans/blocks/', '/parts/']);
    await eventually('a commit is lost', () => network?.hasLost());
    if (part === 'request') {
      const twice = 'SELECT span_id FROM throughline.spans GROUP BY trace_id, span_id HAVING count() > 1 LIMIT 1';
      await eventually('the server shows spans twice', async () => (await victim.rows(twice)).length > 0);
    }
    sending.abort();
    await sent;
    await eventually(
      'everything is stored',
      async () => (await metricOf(collector, 'throughline_spool_backlog_segments')) === 0,
    );
    const before = await countingRuns(collector);
    await eventually('it was about to count them', async () => (await countingRuns(collector)) > before + 1);
    // A server that starts puts aside what is not stored. One that runs does so when it has looked for it, minutes later.
    await victim.kill();
    await victim.restart();
    await cluster.settled();
    await eventually('everything is counted', () => isCountedOn(cluster));
    await cluster.settled();
    expect(await ledger.auditRows(cluster.rows, () => wrongTables(cluster.rows))).toMatchObject(NOTHING_WRONG);
  });
});
