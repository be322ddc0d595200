import { EventEmitter, once } from 'node:events';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startClickHouseHttp, type ClickHouseHttp } from '../../../../../test/support/clickhouse-http/server.ts';
import { MIGRATIONS } from '../migrations/migrate.ts';
import type { Migration } from '../migrations/migration.ts';
import { eventually, silentLog } from '../testing/start-engine.ts';
import { ClusterEngine } from './cluster-engine.ts';
import { CollectorFleet } from './collector-fleet.ts';
import { StoreLease, underLease } from './lease.ts';

const NEXT: Migration = {
  name: 'a schema of tomorrow',
  statements: (_, tables) => [
    `ALTER TABLE ${tables.spans.everywhere} ADD COLUMN IF NOT EXISTS of_tomorrow String DEFAULT 'nothing'`,
  ],
};
/** Long enough for a slow machine to renew in time: whoever alters the tables waits for the end of a lease. */
const LIMITS = { leaseMs: 6_000, leaseRenewMs: 100, startRetryMs: 50 };
const OWN = MIGRATIONS.length;

interface Played {
  readonly engine: ClusterEngine;
  readonly fleet: CollectorFleet;
  readonly lease: StoreLease;
  /** Rejects where this collector may not store. */
  readonly store: (word: string) => Promise<void>;
  readonly leave: () => Promise<void>;
  /** As after SIGKILL. */
  readonly kill: () => Promise<void>;
}

let server: ClickHouseHttp;
const played: Played[] = [];
beforeEach(async () => void (server = await startClickHouseHttp()));
afterEach(async () => {
  await Promise.all(played.splice(0).map(({ kill }) => kill()));
  await server.stop();
});

/** A collector beside others, of this version or of the next one, as `server.ts` puts it together. */
function aCollector(name: string, migrations: readonly Migration[] = MIGRATIONS): Played {
  const life = new AbortController();
  const identity = { session: name, collector: name, description: `host ${name}`, log: silentLog };
  const options = { ...identity, limits: LIMITS, signal: life.signal };
  const lease: StoreLease = new StoreLease({ ...options, isShared: true, mayHold: () => !fleet.isOutdated });
  const fleet: CollectorFleet = new CollectorFleet({
    ...options,
    schema: migrations.length,
    storedUntil: () => 1e12,
    startAfter: () => {},
    leader: () => lease.holder,
  });
  const urls = [server.url];
  const engine = new ClusterEngine({
    urls,
    log: silentLog,
    registry: new Registry(),
    limits: LIMITS,
    lease,
    fleet,
    migrations,
  });
  const writable = underLease(engine, fleet);
  const kill = async (): Promise<void> => {
    life.abort();
    await engine.close();
  };
  const collector: Played = {
    engine,
    fleet,
    lease,
    store: (word) => writable.command(`INSERT INTO throughline.rows_of_tests SELECT '${word}'`),
    leave: async () => {
      await Promise.all([lease.release(), fleet.release()]);
      await kill();
    },
    kill,
  };
  played.push(collector);
  return collector;
}

const schemaOfStore = async (): Promise<number> =>
  Number((await server.rows('SELECT max(number) FROM throughline.schema_migrations'))[0]?.[0]);

async function anOlderOne(name: string): Promise<Played> {
  const older = aCollector(name);
  await older.engine.start();
  await older.engine.command(
    'CREATE TABLE IF NOT EXISTS throughline.rows_of_tests (word String) ENGINE = MergeTree ORDER BY word',
  );
  return older;
}

test('those of an older version store nothing more once a newer one is there, which alters the tables when they are gone', async () => {
  const [leading, following] = [await anOlderOne('leading'), await anOlderOne('following')];
  await eventually(() => leading.lease.lostBecause === null && following.fleet.lostBecause === null);
  await following.store('before');
  const newer = aCollector('newer', [...MIGRATIONS, NEXT]);
  const opening = newer.engine.start();
  await eventually(() => leading.fleet.isOutdated && following.fleet.isOutdated);
  // Nothing is altered while what they have begun may still run.
  expect(await schemaOfStore()).toBe(OWN);
  for (const { fleet, store } of [leading, following]) {
    expect([fleet.term, fleet.lostBecause]).toEqual([null, expect.stringContaining(`schema ${OWN + 1}`)]);
    await expect(store('after')).rejects.toMatchObject({ code: 'unavailable', isUnseen: true });
  }
  await opening;
  expect(await schemaOfStore()).toBe(OWN + 1);
  expect([newer.engine.state.kind, newer.lease.lostBecause, newer.fleet.lostBecause]).toEqual(['ready', null, null]);
  expect(leading.lease.lostBecause).not.toBe(null);
  await newer.store('newer');
  // The note of the schema stays when the announcement has gone.
  await leading.fleet.renew();
  expect(leading.fleet.isOutdated).toBe(true);
  expect(await server.rows('SELECT word FROM throughline.rows_of_tests ORDER BY word')).toEqual([
    ['before'],
    ['newer'],
  ]);
  const back = aCollector('back');
  await expect(back.engine.start()).rejects.toMatchObject({ code: 'rejected' });
});

test('one of an older version that starts while the tables are altered stores nothing', async () => {
  await (await anOlderOne('first')).leave();
  let isAltering = false;
  const gate = new EventEmitter();
  server.faults.hold = async (sql) => {
    if (!sql.includes('of_tomorrow')) return;
    isAltering = true;
    await once(gate, 'open');
  };
  const newer = aCollector('newer', [...MIGRATIONS, NEXT]);
  const opening = newer.engine.start();
  await eventually(() => isAltering);
  const late = aCollector('late');
  await late.engine.start();
  expect([late.fleet.isOutdated, late.fleet.term]).toEqual([true, null]);
  await expect(late.store('late')).rejects.toMatchObject({ isUnseen: true });
  gate.emit('open');
  await opening;
  expect(newer.engine.state.kind).toBe('ready');
});

test('those of an older version go on when the newer one is gone before it has altered anything', async () => {
  const older = await anOlderOne('older');
  const { term } = older.fleet;
  const newer = aCollector('newer', [...MIGRATIONS, NEXT]);
  newer.engine.start().catch(() => {});
  await eventually(() => older.fleet.isOutdated);
  await newer.kill();
  await eventually(() => older.fleet.lostBecause === null);
  expect(older.fleet.term).not.toBe(null);
  await older.store('again');
  await eventually(() => older.lease.lostBecause === null);
  expect([await schemaOfStore(), term]).toEqual([OWN, expect.any(Number)]);
});

test('of several newer ones that start at once all store when one has altered the tables', async () => {
  const older = await anOlderOne('older');
  const newer = ['a', 'b', 'c'].map((name) => aCollector(name, [...MIGRATIONS, NEXT]));
  await Promise.all(newer.map(({ engine }) => engine.start()));
  expect(newer.map(({ fleet }) => fleet.lostBecause)).toEqual([null, null, null]);
  expect(older.fleet.isOutdated).toBe(true);
  const [a] = newer as [Played];
  await eventually(async () => {
    await a.fleet.renew();
    return a.fleet.size === 3;
  });
  expect(
    a.fleet.collectors
      .filter(({ isUp }) => isUp)
      .map(({ collector }) => collector)
      .toSorted(),
  ).toEqual(['a', 'b', 'c']);
  expect(a.fleet.collectors.find(({ isUp }) => !isUp)).toMatchObject({ collector: 'older', isLeader: false });
  expect(a.fleet.collectors.filter(({ isLeader }) => isLeader)).toHaveLength(1);
});
