import { statfs } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { Registry } from 'prom-client';
import { Retention, type RetentionOptions } from './retention.ts';
import { findDisks, findStoredDays } from './stored-days.ts';
import { DAY_TABLES } from './day-tables.ts';
import { countStored, silentLog, startEngine, type StartedEngine } from '../testing/start-engine.ts';

const DAY_S = 86_400;
/** 2026-11-10, noon. */
const NOON_S = 1_794_312_000;
/** Those that the spans of this test have rows in. */
const FILLED = DAY_TABLES.filter(
  (table) => !/^(?:weight_15m|long_traces|counted_.*|path_.*|call_edges|normal_steps)$/.test(table),
);
const HOUR_MS = 3_600_000;

/** A store with spans of these days, counted from 2026-11-10 on. */
async function storeOf(days: readonly number[], spansADay = 1_000): Promise<StartedEngine> {
  const store = await startEngine();
  for (const day of days) {
    await store.engine
      .command(`INSERT INTO throughline.spans (trace_id, span_id, service, name, start_s, start_ns, attrs_k, attrs_v, attrs_t)
SELECT reinterpretAsFixedString(generateUUIDv4()), reinterpretAsFixedString(rand64()), 'web', 'GET /',
  toDateTime(${NOON_S + day * DAY_S}), toInt64(${NOON_S + day * DAY_S}) * 1000000000, ['k'], ['v'], [1] FROM numbers(${spansADay})`);
  }
  await countStored(store.engine);
  return store;
}

function retentionOf(
  store: StartedEngine,
  options: Partial<RetentionOptions>,
): [retention: Retention, registry: Registry] {
  const registry = new Registry();
  return [
    new Retention({
      engine: store.engine,
      log: silentLog,
      registry,
      now: () => NOON_S * 1000,
      elapsed: options.now ?? ((): number => 0),
      ...options,
    }),
    registry,
  ];
}

async function daysOf(store: StartedEngine): Promise<string[]> {
  const rows = await store.rows(`SELECT table, groupUniqArray(partition) AS days FROM system.parts
WHERE database = 'throughline' AND active AND table != 'schema_migrations' GROUP BY table`);
  const byTable = new Map(rows as [string, string[]][]);
  const days = byTable.get('spans')?.toSorted() ?? [];
  // Every table has the days of the spans, no more and no fewer.
  for (const table of FILLED) expect([table, byTable.get(table)?.toSorted() ?? []]).toEqual([table, days]);
  return days;
}

test('days are dropped from all tables when every moment of them is too long ago', async () => {
  await using store = await storeOf([-31, -8, -7, -6, -2, -1, 0, 1]);
  let now = NOON_S * 1000;
  const [retention, registry] = retentionOf(store, { retentionDays: 7, retentionDiskShare: 1, now: () => now });
  await retention.run();
  expect(await daysOf(store)).toEqual([
    '2026-11-03',
    '2026-11-04',
    '2026-11-08',
    '2026-11-09',
    '2026-11-10',
    '2026-11-11',
  ]);
  await retention.run();
  now += DAY_S * 1000;
  await retention.run();
  expect(await daysOf(store)).toEqual(['2026-11-04', '2026-11-08', '2026-11-09', '2026-11-10', '2026-11-11']);
  const metrics = await registry.metrics();
  expect(metrics).toContain('throughline_retention_dropped_days_total{reason="age"} 3');
  expect(metrics).toContain('throughline_retention_dropped_spans_total{reason="age"} 3000');
});

test('the oldest days give way when the store takes more than its share of the disk', async () => {
  await using store = await storeOf([-3, -2, -1, 0]);
  const [[bytes = 0] = []] = (await store.rows(
    "SELECT toFloat64(sum(bytes_on_disk)) FROM system.parts WHERE database = 'throughline' AND active AND table != 'schema_migrations'",
  )) as number[][];
  // All that there is comes to twice the store: 30% of it is a little more than two days.
  const [roomy] = retentionOf(store, { retentionDiskShare: 0.6, freeBytes: async () => bytes });
  await roomy.run();
  expect(await daysOf(store)).toHaveLength(4);
  const [tight, registry] = retentionOf(store, { retentionDiskShare: 0.3, freeBytes: async () => bytes });
  await tight.run();
  expect(await daysOf(store)).toEqual(['2026-11-09', '2026-11-10']);
  expect(await registry.metrics()).toContain('throughline_retention_dropped_days_total{reason="disk"} 2');
  const [full] = retentionOf(store, { retentionDiskShare: 0.01, freeBytes: async () => 0 });
  await full.run();
  expect(await daysOf(store)).toEqual(['2026-11-10']);
});

test('the engine reports how much is free, and inserts go on while days are dropped', async () => {
  await using store = await storeOf([-40, -39, -2, -1, 0]);
  const [retention] = retentionOf(store, {});
  const inserts = Array.from({ length: 5 }, (_, index) =>
    store.engine.command(
      `INSERT INTO throughline.spans (span_id, start_s) SELECT toFixedString('${index}', 8), toDateTime(${NOON_S})`,
    ),
  );
  await Promise.all([retention.run(), ...inserts]);
  expect(await daysOf(store)).toEqual(['2026-11-08', '2026-11-09', '2026-11-10']);
  expect(await store.rows('SELECT count() FROM throughline.spans')).toEqual([[3_005]]);
});

test('the list of tables is that of the store: what has a partition a day is dropped from', async () => {
  await using store = await startEngine();
  const found = await store.rows(`SELECT name FROM system.tables
WHERE database = 'throughline' AND partition_key != '' ORDER BY name`);
  expect(found.flat()).toEqual(DAY_TABLES.toSorted());
});

test('a clock that is ahead drops nothing, one that is behind neither, and no span is missing when it is right again', async () => {
  await using store = await storeOf([-30, -29, -1, 0]);
  const spans = 'SELECT hex(span_id) FROM throughline.spans ORDER BY span_id';
  const before = await store.rows(spans);
  for (const days of [40, -40, 4_000, -4_000, 0]) {
    const [retention] = retentionOf(store, { now: () => (NOON_S + days * DAY_S) * 1000 });
    await retention.run();
    expect(retention.heldBecause).toBe(null);
    expect(await store.rows(spans)).toEqual(before);
  }
});

test('where spans and clock are wrong together, days wait for an hour, and stay when the clock is right by then', async () => {
  await using store = await storeOf([-3, -2, -1, 0, 40]);
  let [wrongMs, elapsedMs] = [0, 0];
  const [retention, registry] = retentionOf(store, {
    retentionDays: 7,
    now: () => NOON_S * 1000 + wrongMs + elapsedMs,
    elapsed: () => elapsedMs,
  });
  const look = async (days: number, hours: number): Promise<string | null> => {
    [wrongMs, elapsedMs] = [days * DAY_S * 1000, hours * HOUR_MS];
    await retention.run();
    return retention.heldBecause;
  };
  expect(await look(0, 0)).toBe(null);
  expect(await look(40, 0.5)).toMatch(
    /^4 days, 2026-11-07 to 2026-11-10, .*60 min .*7 days: .*2026-12-20T12:30:00\.000Z; retention\.holdMs\)$/,
  );
  expect(await look(40, 1.25)).toContain('in 15 min');
  expect(await registry.metrics()).toContain('throughline_retention_held_days 4');
  expect(await registry.metrics()).toContain('throughline_clock_jumps_total 1');
  expect(await look(0, 1.5)).toBe(null);
  expect(await daysOf(store)).toHaveLength(5);
  // Nobody has mended it.
  expect(await look(40, 2)).toContain('in 60 min');
  expect(await look(40, 3)).toBe(null);
  expect(await daysOf(store)).toEqual(['2026-12-20']);
});

test('a span of tomorrow does not let today go for the disk, nor does a clock that is behind', async () => {
  await using store = await storeOf([-1, 0, 1]);
  const [full] = retentionOf(store, { retentionDiskShare: 0.01, freeBytes: async () => 0 });
  await full.run();
  expect(await daysOf(store)).toEqual(['2026-11-10', '2026-11-11']);
  const [behind] = retentionOf(store, {
    retentionDiskShare: 0.01,
    freeBytes: async () => 0,
    now: () => (NOON_S - 40 * DAY_S) * 1000,
  });
  await behind.run();
  expect(await daysOf(store)).toEqual(['2026-11-11']);
});

test("a user's own tables in the database are never touched, nor do they count", async () => {
  await using store = await storeOf([-9, -8, -2, -1, 0]);
  await store.engine.command(
    'CREATE TABLE throughline.`my; "own" table` (day Date, text String) ENGINE = MergeTree PARTITION BY day ORDER BY day',
  );
  await store.engine.command(`INSERT INTO throughline.\`my; "own" table\`
SELECT toDate('2026-11-10') - 20 + number % 20, randomPrintableASCII(1000) FROM numbers(20000)`);
  const [retention] = retentionOf(store, {
    retentionDays: 7,
    retentionDiskShare: 0.5,
    freeBytes: async () => 2_000_000,
  });
  await retention.run();
  expect(await daysOf(store)).toEqual(['2026-11-08', '2026-11-09', '2026-11-10']);
  expect(await store.rows('SELECT count() FROM throughline.`my; "own" table`')).toEqual([[20_000]]);
});

test('the disks of our own tables count, and of those no object store that has no end', async () => {
  await using store = await storeOf([-3, -2, -1, 0]);
  const onObjects = (name: string): string =>
    `disk = disk(type = object_storage, object_storage_type = local, metadata_type = local, path = '${store.directory}/${name}/')`;
  // One of a user in another database, and one of ours.
  await store.engine.command(
    `CREATE TABLE default.elsewhere (a UInt8) ENGINE = MergeTree ORDER BY a SETTINGS ${onObjects('elsewhere')}`,
  );
  await store.engine.command('DROP TABLE throughline.counted_1h');
  await store.engine.command(`CREATE TABLE throughline.counted_1h (hour DateTime, text String) ENGINE = MergeTree
PARTITION BY toDate(hour) ORDER BY hour SETTINGS ${onObjects('counted')}`);
  await store.engine.command(`INSERT INTO throughline.counted_1h
SELECT toDateTime(${NOON_S - 5 * DAY_S}), randomPrintableASCII(1000) FROM numbers(1000)`);
  const disks = await findDisks(store.engine);
  expect(disks?.names).toEqual(['default']);
  const { bavail, bsize } = await statfs(store.directory);
  expect(Math.abs((disks?.freeBytes ?? 0) - bavail * bsize)).toBeLessThan(2 ** 30);
  const days = await findStoredDays(store.engine, disks);
  expect(days.map(({ day, bytes }) => [day, bytes > 0])).toEqual([
    ['2026-11-05', false],
    ['2026-11-07', true],
    ['2026-11-08', true],
    ['2026-11-09', true],
    ['2026-11-10', true],
  ]);
  const [full] = retentionOf(store, { retentionDiskShare: 0.01, freeBytes: async () => 0 });
  await full.run();
  expect(await daysOf(store)).toEqual(['2026-11-10']);
  expect(await store.rows('SELECT count() FROM throughline.counted_1h')).toEqual([[1_000]]);
});

test('a day that the engine takes for too large to be dropped by mistake is dropped', async () => {
  await using store = await storeOf([-9, -2, -1, 0]);
  const { engine } = store;
  const [retention, registry] = retentionOf(store, {
    retentionDays: 7,
    retentionDiskShare: 1,
    engine: {
      tables: engine.tables,
      query: (sql, options) => engine.query(sql, options),
      command: (sql) =>
        engine.command(sql.includes('SETTINGS') ? sql : `${sql} SETTINGS max_partition_size_to_drop = 1`),
    },
  });
  await retention.run();
  expect(await daysOf(store)).toEqual(['2026-11-08', '2026-11-09', '2026-11-10']);
  expect(await registry.metrics()).toContain('throughline_retention_dropped_spans_total{reason="age"} 1000');
});

test('settings that make no sense are rejected', async () => {
  await using store = await storeOf([]);
  expect(() => retentionOf(store, { retentionDays: 0 })).toThrow('retentionDays: got 0, expected more than 0');
  expect(() => retentionOf(store, { retentionDiskShare: 80 })).toThrow('at most 1');
});
