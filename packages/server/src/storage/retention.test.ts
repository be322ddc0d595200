import { expect, test } from 'vitest';
import { Registry } from 'prom-client';
import { Retention, type RetentionOptions } from './retention.ts';
import { silentLog, startEngine, type StartedEngine } from './testing/start-engine.ts';

const DAY_S = 86_400;
/** 2026-11-10, noon. */
const NOON_S = 1_794_312_000;
const TABLES = ['spans', 'trace_times', 'operation_quarters', 'request_minutes', 'request_hours', 'attribute_values'];

/** A store with spans of these days, counted from 2026-11-10 on. */
async function storeOf(days: readonly number[], spansADay = 1_000): Promise<StartedEngine> {
  const store = await startEngine();
  for (const day of days) {
    await store.engine
      .command(`INSERT INTO throughline.spans (trace_id, span_id, service, name, start_s, start_ns, attrs_k, attrs_v, attrs_t)
SELECT reinterpretAsFixedString(generateUUIDv4()), reinterpretAsFixedString(rand64()), 'web', 'GET /',
  toDateTime(${NOON_S + day * DAY_S}), toInt64(${NOON_S + day * DAY_S}) * 1000000000, ['k'], ['v'], [1] FROM numbers(${spansADay})`);
  }
  return store;
}

function retentionOf(
  store: StartedEngine,
  options: Partial<RetentionOptions>,
): [retention: Retention, registry: Registry] {
  const registry = new Registry();
  return [
    new Retention({ engine: store.engine, log: silentLog, registry, now: () => NOON_S * 1000, ...options }),
    registry,
  ];
}

async function daysOf(store: StartedEngine): Promise<string[]> {
  const rows = await store.rows(`SELECT table, groupUniqArray(partition) AS days FROM system.parts
WHERE database = 'throughline' AND active AND table != 'schema_migrations' GROUP BY table`);
  const byTable = new Map(rows as [string, string[]][]);
  const days = byTable.get('spans')?.toSorted() ?? [];
  // Every table has the days of the spans, no more and no fewer.
  for (const table of TABLES) expect([table, byTable.get(table)?.toSorted() ?? []]).toEqual([table, days]);
  return days;
}

test('days are dropped from all tables when every moment of them is too long ago', async () => {
  await using store = await storeOf([-31, -8, -7, -6, 0, 1]);
  let now = NOON_S * 1000;
  const [retention, registry] = retentionOf(store, { retentionDays: 7, retentionDiskShare: 1, now: () => now });
  await retention.run();
  expect(await daysOf(store)).toEqual(['2026-11-03', '2026-11-04', '2026-11-10', '2026-11-11']);
  await retention.run();
  now += DAY_S * 1000;
  await retention.run();
  expect(await daysOf(store)).toEqual(['2026-11-04', '2026-11-10', '2026-11-11']);
  const metrics = await registry.metrics();
  expect(metrics).toContain('throughline_retention_dropped_days_total{reason="age"} 3');
  expect(metrics).toContain('throughline_retention_dropped_spans_total{reason="age"} 3000');
});

test('the oldest days give way when the store takes more than its share of the disk', async () => {
  await using store = await storeOf([-3, -2, -1, 0]);
  const [[bytes = 0] = []] = (await store.rows(
    "SELECT toFloat64(sum(bytes_on_disk)) FROM system.parts WHERE database = 'throughline' AND active AND table != 'schema_migrations'",
  )) as number[][];
  // All that there is comes to twice the store: 30 % of it is a little more than two days.
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

test('the engine tells how much is free, and inserts go on while days are dropped', async () => {
  await using store = await storeOf([-40, -39, 0]);
  const [retention] = retentionOf(store, {});
  const inserts = Array.from({ length: 5 }, (_, index) =>
    store.engine.command(
      `INSERT INTO throughline.spans (span_id, start_s) SELECT toFixedString('${index}', 8), toDateTime(${NOON_S})`,
    ),
  );
  await Promise.all([retention.run(), ...inserts]);
  expect(await daysOf(store)).toEqual(['2026-11-10']);
  expect(await store.rows('SELECT count() FROM throughline.spans')).toEqual([[1_005]]);
});

test('settings that make no sense are refused', async () => {
  await using store = await storeOf([]);
  expect(() => retentionOf(store, { retentionDays: 0 })).toThrow('retentionDays is 0; accepted is more than 0');
  expect(() => retentionOf(store, { retentionDiskShare: 80 })).toThrow('at most 1');
});
