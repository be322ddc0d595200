import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ClusterEngine } from '../packages/server/src/storage/cluster/cluster-engine.ts';
import { CollectorFleet } from '../packages/server/src/storage/cluster/collector-fleet.ts';
import { StoreLease } from '../packages/server/src/storage/cluster/lease.ts';
import { MIGRATIONS } from '../packages/server/src/storage/migrations/migrate.ts';
import { aRegistry, silentLog as log } from '../packages/server/src/storage/testing/start-engine.ts';
import { findClickHouseServer, findZooKeeper } from '../scripts/workspace.mjs';
import { startClickHouseCluster, type ClickHouseCluster } from './support/clickhouse-cluster.ts';

const isLong = process.env['THROUGHLINE_TEST_LONG'] !== undefined;
const RACES = isLong ? 50 : 3;
const COLLECTORS = 3;

vi.setConfig({ testTimeout: RACES * 60_000, hookTimeout: 120_000 });

const [server, zooKeeper] = [findClickHouseServer(), findZooKeeper()];

describe.skipIf(server === undefined || zooKeeper === undefined)('three collectors that start at once', () => {
  let cluster: ClickHouseCluster;
  beforeAll(async () => void (cluster = await startClickHouseCluster(server ?? '', zooKeeper ?? '')));
  afterAll(() => cluster?.stop());

  it('make the tables of an empty cluster once, and one of them runs the jobs', async () => {
    for (let race = 0; race < RACES; race++) {
      const life = new AbortController();
      const collectors = Array.from({ length: COLLECTORS }, (_, index) => {
        const options = {
          session: `race ${race}, collector ${index}`,
          collector: `collector ${index}`,
          description: `collector ${index}`,
          log,
          limits: { leaseMs: 10_000, leaseRenewMs: 500 },
          signal: life.signal,
        };
        const lease = new StoreLease({ ...options, isShared: true });
        const fleet = new CollectorFleet({ ...options, storedUntil: () => race + 1, startAfter: () => {} });
        const engine = new ClusterEngine({
          // Each asks another server first.
          urls: cluster.servers.map((__, at) => cluster.servers[(at + index) % COLLECTORS]?.url ?? ''),
          cluster: cluster.name,
          log,
          registry: aRegistry(),
          lease,
          fleet,
        });
        return { lease, fleet, engine };
      });
      await Promise.all(collectors.map(({ engine }) => engine.start()));
      expect(collectors.map(({ engine }) => engine.state.kind)).toEqual(['ready', 'ready', 'ready']);
      expect(collectors.filter(({ lease }) => lease.lostBecause === null)).toHaveLength(1);
      expect(collectors.filter(({ fleet }) => fleet.lostBecause === null)).toHaveLength(COLLECTORS);
      const noted = await cluster.servers[race % COLLECTORS]?.rows(
        'SELECT toUInt32(number), count() FROM throughline.schema_migrations GROUP BY number ORDER BY number',
      );
      expect(noted?.map((row) => row.map(Number))).toEqual(MIGRATIONS.map((_, index) => [index + 1, 1]));
      life.abort();
      await Promise.all(collectors.map(({ engine }) => engine.close()));
      await emptyCluster();
    }
  });

  async function emptyCluster(): Promise<void> {
    for (const each of cluster.servers) {
      for (const [name] of await each.rows("SELECT name FROM system.tables WHERE database = 'throughline'")) {
        await each.command(`DROP TABLE throughline.${String(name)}`);
      }
      await each.command('DROP DATABASE throughline');
    }
  }
});
