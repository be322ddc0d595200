import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClusterEngine } from '../packages/server/src/storage/cluster/cluster-engine.ts';
import { silentLog } from '../packages/server/src/storage/testing/start-engine.ts';
import { findClickHouseServer, findZooKeeper } from '../scripts/workspace.mjs';
import { startClickHouseCluster, type ClickHouseCluster } from './support/clickhouse-cluster.ts';
import { startClickHouseServer } from './support/clickhouse-server.ts';
import { startCollector, type Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { ask, QUESTIONS, storedSpans, theTraces, TRACES } from './support/questions.ts';
import { postJson } from './support/traces.ts';

const [server, zooKeeper] = [findClickHouseServer(), findZooKeeper()];
/** `npm run setup` installs them. */
const isMissing = server === undefined || zooKeeper === undefined;

describe.skipIf(isMissing)('three ClickHouse servers in two shards as the store', () => {
  let cluster: ClickHouseCluster;
  let onCluster: Collector;
  let embedded: Collector;

  beforeAll(async () => {
    cluster = await startClickHouseCluster(server ?? '', zooKeeper ?? '');
    const urls = cluster.servers.map(({ url }) => url).join(',');
    onCluster = await startCollector({
      args: ['--store', urls, '--store-cluster', cluster.name, '--log-level', 'info'],
    });
    embedded = await startCollector();
    for (const collector of [onCluster, embedded]) {
      await postJson(collector.otlpUrl, theTraces());
      await eventually('the traces are stored', async () =>
        (await storedSpans(collector)()) === TRACES * 3 ? true : undefined,
      );
      await eventually('they are counted', async () =>
        JSON.stringify(await ask(collector, '/attributes')).includes('http.method') ? true : undefined,
      );
    }
  });
  afterAll(async () => {
    await onCluster?.stop();
    await embedded?.stop();
    await cluster?.stop();
  });

  it.each(QUESTIONS)('answers %s as the embedded one does', async (question) => {
    const expected = await ask(embedded, question);
    expect(expected).toMatchObject({ status: 200 });
    expect(await ask(onCluster, question)).toEqual(expected);
  });

  it('has the spans of a trace on one shard, and spans on each', async () => {
    const counts = await Promise.all(
      cluster.servers.map((server) =>
        server.rows('SELECT hex(trace_id), count() FROM throughline.spans GROUP BY trace_id'),
      ),
    );
    const [first = [], second = [], third = []] = counts.map((rows) =>
      rows.map(([id, count]) => `${String(id)} ${String(count)}`).toSorted(),
    );
    expect(second).toEqual(first);
    expect([...first, ...third].every((row) => row.endsWith(' 3'))).toBe(true);
    expect(new Set([...first, ...third]).size).toBe(TRACES);
    expect(Math.min(first.length, third.length)).toBeGreaterThan(0);
  });

  it('is refused under a name that the servers do not know, with those that they do', async () => {
    const urls = cluster.servers.map(({ url }) => url);
    const engine = new ClusterEngine({ urls, cluster: 'nowhere', log: silentLog, registry: new Registry() });
    await expect(engine.start()).rejects.toThrow(/nowhere.*main/);
    await engine.close();
  });

  it('is refused where a server lacks a macro, by its name', async () => {
    const more =
      '<remote_servers><one><shard><replica><host>127.0.0.1</host><port>9</port></replica></shard></one></remote_servers><macros><shard>1</shard></macros>';
    const alone = await startClickHouseServer(server ?? '', { more });
    const engine = new ClusterEngine({ urls: [alone.url], cluster: 'one', log: silentLog, registry: new Registry() });
    await expect(engine.start()).rejects.toThrow(/macro replica/);
    await engine.close();
    await alone.stop();
  });
});
