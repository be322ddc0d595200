import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { findClickHouseServer, findZooKeeper } from '../scripts/workspace.mjs';
import { startClickHouseCluster, type ClickHouseCluster } from './support/clickhouse-cluster.ts';
import { startClickHouseServer } from './support/clickhouse-server.ts';
import { newDirectory, runCommand, startCollector, type Collector } from './support/collector.ts';
import { ask, askApart, QUESTIONS, SELECTIONS, storeTheTraces, TRACES } from './support/questions.ts';

/** Servers of 2018 may hang where they are killed: such a test ends, and is run once more. */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

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
    await storeTheTraces([onCluster, embedded]);
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

  it.each(SELECTIONS)('answers what sets %j apart as the embedded one does', async (selection) => {
    const expected = await askApart(embedded, selection);
    expect(expected.selected.readCount).toBeGreaterThan(0);
    expect(await askApart(onCluster, selection)).toEqual(expected);
  });

  it('has the spans of a trace on one shard, and spans on each', async () => {
    const counts = await Promise.all(
      cluster.servers.map(({ rows }) => rows('SELECT hex(trace_id), count() FROM throughline.spans GROUP BY trace_id')),
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
    expect(await refusalOf(urls, 'nowhere')).toMatch(/nowhere.*main/);
  });

  it('is refused where a shard has no server in the URLs', async () => {
    expect(await refusalOf([cluster.servers[0].url], cluster.name)).toMatch(/--store: .*each shard/);
  });

  it('is refused where a server lacks a macro, by its name', async () => {
    const replica = '<shard><replica><host>127.0.0.1</host><port>9</port></replica></shard>';
    const more = `<remote_servers><one>${replica}</one></remote_servers><macros><shard>1</shard></macros>`;
    const alone = await startClickHouseServer(server ?? '', { more });
    expect(await refusalOf([alone.url], 'one')).toMatch(/macro replica/);
    await alone.stop();
  });
});

/** What a collector says that refuses its store. */
async function refusalOf(urls: readonly string[], name: string): Promise<string> {
  const dataDirectory = newDirectory();
  const ports = ['--http-port', '0', '--otlp-http-port', '0', '--otlp-grpc-port', '0'];
  const store = ['--store', urls.join(','), '--store-cluster', name, '--data-dir', dataDirectory];
  const command = runCommand(['up', ...ports, ...store]);
  expect((await command.exited).code).toBe(1);
  rmSync(dataDirectory, { recursive: true });
  return command.output();
}
