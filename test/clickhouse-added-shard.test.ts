import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { SystemResponse } from '@throughline/trace/client';
import { findClickHouseServer, findZooKeeper } from '../scripts/workspace.mjs';
import { startClickHouseCluster, type ClickHouseCluster } from './support/clickhouse-cluster.ts';
import { readyz, runCommand, startCollector, type Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { NOTHING_WRONG, SpanLedger } from './support/span-ledger.ts';
import { isCountedOn, wrongTables } from './support/wrong-tables.ts';

const SPANS_PER_REQUEST = 5;
const REQUESTS = 20;

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const [server, zooKeeper] = [findClickHouseServer(), findZooKeeper()];
/** `npm run setup` installs them. */
const isMissing = server === undefined || zooKeeper === undefined;

describe.skipIf(isMissing)('a shard that is added to the cluster of a store', () => {
  let cluster: ClickHouseCluster;
  let collector: Collector;
  let urls: readonly string[];
  const ledger = new SpanLedger(SPANS_PER_REQUEST);

  beforeAll(async () => {
    cluster = await startClickHouseCluster(server ?? '', zooKeeper ?? '', { isSmaller: true });
    urls = cluster.servers.map(({ url }) => url);
    collector = await start(urls.slice(0, 2));
  });
  afterAll(async () => {
    await collector?.stop();
    await cluster?.stop();
  });

  const storeOf = (servers: readonly string[]): string[] => [
    '--store',
    servers.join(','),
    '--store-cluster',
    cluster.name,
  ];

  function start(servers: readonly string[], dataDirectory?: string, startsDown = false): Promise<Collector> {
    return startCollector({
      args: storeOf(servers),
      ...(dataDirectory !== undefined && { dataDirectory }),
      startsDown,
    });
  }

  async function restartedOn(servers: readonly string[], startsDown = false): Promise<void> {
    await collector.stop({ keepData: true });
    collector = await start(servers, collector.dataDirectory, startsDown);
  }

  async function schema(action: string): Promise<{ readonly code: number | null; readonly lines: readonly string[] }> {
    const command = runCommand(['schema', action, ...storeOf(urls)]);
    const { code } = await command.exited;
    return { code, lines: command.output().trimEnd().split('\n') };
  }

  async function send(): Promise<void> {
    for (let sent = 0; sent < REQUESTS; sent++) expect(await ledger.send(collector.otlpUrl)).toBe(200);
  }

  async function stored(): Promise<void> {
    await eventually('the spool is empty', async () => {
      const { ingest } = (await (await fetch(`${collector.apiUrl}/api/v1/system`)).json()) as SystemResponse;
      return ingest.spoolBytes === 0;
    });
  }

  it('has no tables: a collector does not use it, and says what makes them', async () => {
    await send();
    await stored();
    const [, , third] = urls;
    await restartedOn(urls, true);
    await eventually('it says so', () => /no store id.*schema apply/.test(collector.output()));
    await restartedOn(urls.slice(0, 2));
    const { code, lines } = await schema('check');
    expect([code, lines.filter((line) => line.startsWith(third ?? ''))]).toEqual([
      1,
      [expect.stringContaining('schema apply')],
    ]);
  });

  it('gets them while a collector runs, once', async () => {
    const applied = await schema('apply');
    expect(applied).toMatchObject({ code: 0 });
    expect(applied.lines[0]).toMatch(new RegExp(`^${urls[2]}: .*\\d+ tables`));
    expect(await schema('apply')).toMatchObject({ code: 0, lines: [expect.stringContaining('nothing')] });
    expect(await schema('check')).toMatchObject({ code: 0 });
    await send();
    await stored();
  });

  it('is read by those that run, and refused in one line where --store names none of its servers', async () => {
    await cluster.addShard();
    await send();
    await stored();
    const services = (await (await fetch(`${collector.apiUrl}/api/v1/services`)).json()) as {
      readonly services: readonly { readonly spanCount: number }[];
      readonly partial?: unknown;
    };
    const count = services.services.reduce((sum, { spanCount }) => sum + spanCount, 0);
    expect([count, services.partial]).toEqual([ledger.acknowledged.size * SPANS_PER_REQUEST, undefined]);
    await collector.stop({ keepData: true });
    const ports = ['--http-port', '0', '--otlp-http-port', '0', '--otlp-grpc-port', '0'];
    const where = [...storeOf(urls.slice(0, 2)), '--data-dir', collector.dataDirectory];
    const refused = runCommand(['up', ...ports, ...where]);
    expect(await refused.exited).toMatchObject({ code: 1 });
    expect(refused.output()).toMatch(/^throughline up: .*--store.*each shard\n$/);
  });

  it('takes its share when --store names its server, in any order, and every span is there once', async () => {
    collector = await start(urls.toReversed(), collector.dataDirectory);
    await send();
    await stored();
    expect((await readyz(collector)).warnings).toEqual([]);
    await cluster.settled();
    const [counted] = await cluster.servers[2].rows('SELECT toUInt32(count()) FROM throughline.spans');
    expect(Number(counted?.[0])).toBeGreaterThan(0);
    await eventually('everything is counted', () => isCountedOn(cluster));
    await cluster.settled();
    expect(await ledger.auditRows(cluster.rows, () => wrongTables(cluster.rows))).toMatchObject(NOTHING_WRONG);
  });
});
