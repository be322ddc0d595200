import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ClusterEngine } from '../packages/server/src/storage/cluster/cluster-engine.ts';
import { CollectorFleet } from '../packages/server/src/storage/cluster/collector-fleet.ts';
import { StoreLease } from '../packages/server/src/storage/cluster/lease.ts';
import { MIGRATIONS } from '../packages/server/src/storage/migrations/migrate.ts';
import type { Migration } from '../packages/server/src/storage/migrations/migration.ts';
import { aRegistry, silentLog as log } from '../packages/server/src/storage/testing/start-engine.ts';
import { findClickHouseServer, findZooKeeper } from '../scripts/workspace.mjs';
import { startClickHouseCluster, type ClickHouseCluster } from './support/clickhouse-cluster.ts';
import { readyz, runCommand, startCollector, type Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { NOTHING_WRONG, SpanLedger } from './support/span-ledger.ts';
import { isCountedOn, wrongTables } from './support/wrong-tables.ts';

const SPANS_PER_REQUEST = 5;
const LEASE_MS = 8_000;
const OWN = MIGRATIONS.length;

vi.setConfig({ testTimeout: 240_000, hookTimeout: 180_000 });

const [server, zooKeeper] = [findClickHouseServer(), findZooKeeper()];
/** `npm run setup` installs them. */
const isMissing = server === undefined || zooKeeper === undefined;

/** Of a version that there is not yet. What it makes holds the spans that were stored when it was carried out. */
const NEXT: Migration = {
  name: 'a schema of tomorrow',
  statements: (_, { spans, onCluster }) => [
    `CREATE TABLE throughline.tomorrow${onCluster} ENGINE = Memory AS SELECT toUInt64(count()) AS spans FROM ${spans.local}`,
  ],
};

/** Of the log: a line of it is JSON, what is said at the start is not. */
function messagesOf({ output }: Collector): string[] {
  const lines = output().split('\n');
  return lines.filter((line) => line.startsWith('{')).map((line) => String((JSON.parse(line) as { msg: unknown }).msg));
}

describe.skipIf(isMissing)('collectors of an older version beside one whose schema is newer', () => {
  let cluster: ClickHouseCluster;
  let collectors: Collector[] = [];
  let urls: readonly string[];
  const ledger = new SpanLedger(SPANS_PER_REQUEST);

  beforeAll(async () => {
    cluster = await startClickHouseCluster(server ?? '', zooKeeper ?? '');
    urls = cluster.servers.map(({ url }) => url);
    collectors = [await startOld(), await startOld()];
  });
  afterAll(async () => {
    await Promise.all(collectors.map((collector) => collector.stop()));
    await cluster?.stop();
  });

  function startOld(dataDirectory?: string): Promise<Collector> {
    return startCollector({
      args: ['--store', urls.join(','), '--store-cluster', cluster.name],
      env: { THROUGHLINE_CLUSTER_LEASE_MS: `${LEASE_MS}ms`, THROUGHLINE_CLUSTER_LEASE_RENEW_MS: '500ms' },
      ...(dataDirectory !== undefined && { dataDirectory }),
    });
  }

  function aNewOne() {
    const life = new AbortController();
    const limits = { leaseMs: LEASE_MS, leaseRenewMs: 500 };
    const options = { session: 'newer', collector: 'newer', description: 'newer', log, limits, signal: life.signal };
    const lease = new StoreLease({ ...options, isShared: true });
    const migrations = [...MIGRATIONS, NEXT];
    const fleet = new CollectorFleet({
      ...options,
      schema: migrations.length,
      storedUntil: () => Date.now() * 1_000,
      startAfter: () => {},
      leader: () => lease.holder,
    });
    const registry = aRegistry();
    const { name } = cluster;
    const engine = new ClusterEngine({ urls, cluster: name, log, registry, limits, lease, fleet, migrations });
    const leave = async (): Promise<void> => {
      await Promise.all([lease.release(), fleet.release()]);
      life.abort();
      await engine.close();
    };
    return { engine, leave };
  }

  async function send(times: number): Promise<void> {
    for (let sent = 0; sent < times; sent++) {
      for (const { otlpUrl } of collectors) expect(await ledger.send(otlpUrl)).toBe(200);
      await delay(10);
    }
  }

  const storedSpans = async (): Promise<number[]> =>
    await Promise.all(
      cluster.servers.map(async ({ rows }) => Number((await rows('SELECT count() FROM throughline.spans'))[0]?.[0])),
    );

  it('store nothing from then on, say so in one line, and lose nothing', async () => {
    await send(20);
    const newer = aNewOne();
    const opening = newer.engine.start();
    // They go on taking spans for as long as the newer one waits for them, and behind that.
    while (newer.engine.state.kind !== 'ready') await send(5);
    await opening;
    await send(20);
    expect(newer.engine.state.kind).toBe('ready');
    for (const collector of collectors) {
      const { ready, problems } = await readyz(collector);
      expect(ready).toBe(false);
      expect(problems).toEqual([
        { code: 'store_not_leased', message: expect.stringMatching(new RegExp(`schema ${OWN + 1}.*${OWN}`)) as string },
      ]);
      expect(messagesOf(collector).filter((message) => message.includes(`schema ${OWN + 1}`))).toHaveLength(1);
    }
    await cluster.settled();
    // What each server has is what it had when its tables were altered.
    const altered = await Promise.all(
      cluster.servers.map(({ rows }) => rows('SELECT spans FROM throughline.tomorrow')),
    );
    expect(await storedSpans()).toEqual(altered.map((rows) => Number(rows[0]?.[0])));

    // A restart of the older version is refused, and keeps what it has.
    const [first, second] = collectors as [Collector, Collector];
    await first.stop({ keepData: true });
    const ports = ['--http-port', '0', '--otlp-http-port', '0', '--otlp-grpc-port', '0'];
    const where = ['--store', urls.join(','), '--store-cluster', cluster.name, '--data-dir', first.dataDirectory];
    const restarted = runCommand(['up', ...ports, ...where]);
    expect(await restarted.exited).toMatchObject({ code: 1 });
    expect(restarted.output()).toMatch(new RegExp(`^throughline up: .*schema ${OWN + 1}.*\n$`));
    // So is the command that would bring the schema of its own.
    const applied = runCommand(['schema', 'apply', ...where.slice(0, 4)]);
    expect(await applied.exited).toMatchObject({ code: 1 });

    // Nobody can start the version of tomorrow here: what it did is undone by hand, and all of it is stored once.
    await newer.leave();
    const [asked] = cluster.servers;
    const noted = await asked.rows(
      `SELECT DISTINCT number, checksum FROM throughline.schema_migrations WHERE number <= ${OWN} ORDER BY number`,
    );
    await asked.command('ALTER TABLE throughline.schema_migrations DROP PARTITION tuple()');
    const values = noted.map(([number, checksum]) => `(${Number(number)}, '${String(checksum)}')`).join(', ');
    const insert = `INSERT INTO throughline.schema_migrations (number, checksum) VALUES ${values}`;
    const { ok } = await fetch(`${asked.url}/?insert_quorum=2`, { method: 'POST', body: insert });
    expect([ok, noted.length]).toEqual([true, OWN]);
    collectors = [second, await startOld(first.dataDirectory)];
    await eventually('both store again', async () => (await readyz(second)).ready);
    await send(5);
    await eventually('the spools are empty', async () => {
      const spools = await Promise.all(
        collectors.map(async ({ apiUrl }) => {
          const { ingest } = (await (await fetch(`${apiUrl}/api/v1/system`)).json()) as {
            ingest: { spoolBytes: number };
          };
          return ingest.spoolBytes;
        }),
      );
      return spools.every((bytes) => bytes === 0);
    });
    await cluster.settled();
    await eventually('everything is counted', () => isCountedOn(cluster));
    await cluster.settled();
    expect(await ledger.auditRows(cluster.rows, () => wrongTables(cluster.rows))).toMatchObject(NOTHING_WRONG);
  });
});
