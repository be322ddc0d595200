import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import pino from 'pino';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { findLostParts } from './lost-parts.ts';
import { MergeWatch } from './merge-watch.ts';
import { insertPart, killEngine, mergedPart, shortMerges } from '../testing/merged-parts.ts';
import { startEngine } from '../testing/start-engine.ts';
import { singleServerTables } from '../tables.ts';

test('what merges of spans and counts replace stays for its time, whatever it was before', async () => {
  await using store = await startEngine({ replacedPartsMs: 60_000 });
  const lifetimes = `SELECT name, extract(engine_full, 'old_parts_lifetime = (\\\\d+, max_cleanup_delay_period = \\\\d+, min_rows_to_fsync_after_merge = \\\\d+)') AS seconds FROM system.tables
WHERE database = 'throughline' AND seconds != '' ORDER BY name`;
  expect(await store.rows(lifetimes)).toEqual(onAll('60'));
  await store.engine.close();
  await using later = await startEngine({ replacedPartsMs: 1_500 }, store.directory);
  expect(await later.rows(lifetimes)).toEqual(onAll('2'));
});

test('merges pause behind one that was not written whole, longer each time, and begin again', async () => {
  const fake = aStore({ outdatedRows: 10 });
  const pauses: unknown[] = [];
  for (let life = 0; life < 5; life++) {
    await fake.watch.open(fake.select, fake.engine, 0);
    const reason = await fake.watch.look(fake.engine);
    expect(reason).toMatch(/20261123_1_2_1 of spans .*incomplete/);
    pauses.push(fake.told.at(-1)?.['pauseMs']);
  }
  expect(pauses).toEqual([10_000, 20_000, 40_000, 60_000, 60_000]);
  expect(fake.commands).toEqual(Array.from({ length: 4 }, () => STOPPED).flat());
  const short = aStore({ outdatedRows: 10, pauseMs: 0 });
  await short.watch.open(short.select, short.engine, 0);
  await short.watch.look(short.engine);
  await short.watch.open(short.select, short.engine, 0);
  short.parts.length = 0;
  expect(await short.watch.look(short.engine)).toBe(null);
  expect(await short.watch.look(short.engine)).toBe(null);
  expect(short.commands).toEqual([...STOPPED, ...STOPPED.map((sql) => sql.replace('STOP', 'START'))]);
});

test('what the engine has taken back by itself is not reported as lost, however it is merged later', async () => {
  await using store = await startEngine({ mergeLookIntervalMs: 600_000, restartDelayMs: 10 });
  for (const table of ['spans', 'counted_1h']) {
    truncateSync(join(await mergedPart(store, table), 'data.bin'), 1);
  }
  await killEngine(store);
  for (const table of ['spans', 'counted_1h']) {
    expect(await store.rows(`SELECT toUInt32(count()) FROM throughline.${table}`)).toEqual([[200]]);
    await insertPart(store, table, 3);
    await store.engine.command(`OPTIMIZE TABLE throughline.${table} FINAL`);
  }
  expect(await findLostParts(store.engine)).toEqual([]);
  expect(await store.rows("SELECT name FROM system.detached_parts WHERE database = 'throughline'")).toEqual([]);
  expect(await shortMerges(store)).toEqual({ taken_back: 2, lost: 0 });
});

test('a part that is not whole stays where it is as long as not all that it replaced is in use', async () => {
  await using store = await startEngine({ mergeLookIntervalMs: 600_000, restartDelayMs: 10 });
  const path = await mergedPart(store, 'counted_1h');
  truncateSync(join(path, 'data.bin'), 1);
  // It holds 100 rows of the same keys, and so does each that it replaced.
  const [[half] = []] = await store.rows(
    `SELECT path FROM system.parts WHERE database = 'throughline' AND table = 'counted_1h' AND NOT active ORDER BY min_block_number LIMIT 1`,
  );
  rmSync(String(half), { recursive: true });
  await killEngine(store);
  expect(await findLostParts(store.engine)).toMatchObject([
    { table: 'counted_1h', name: `broken-on-start_${basename(path)}`, day: '2026-11-18', rows: 100 },
  ]);
  expect(await shortMerges(store)).toEqual({ taken_back: 0, lost: 0 });
});

test.each(['spans', 'counted_1h'])(
  'a part of %s that is lost stays where it is, and told of, when its numbers are given to what is inserted later',
  async (table) => {
    await using store = await startEngine({ mergeLookIntervalMs: 600_000, restartDelayMs: 10 });
    const path = await mergedPart(store, table);
    truncateSync(join(path, 'data.bin'), 1);
    const replaced = await store.rows(
      `SELECT path FROM system.parts WHERE database = 'throughline' AND table = '${table}' AND NOT active`,
    );
    for (const [old] of replaced) rmSync(String(old), { recursive: true });
    await killEngine(store);
    const lost = [{ table, name: `broken-on-start_${basename(path)}` }];
    expect(await findLostParts(store.engine)).toMatchObject(lost);
    for (const number of [3, 4]) await insertPart(store, table, number);
    const blocks = `SELECT toUInt32(min(min_block_number)), toUInt32(max(max_block_number)) FROM system.parts
WHERE database = 'throughline' AND table = '${table}' AND active`;
    const [, first, last] = /_(\d+)_(\d+)_\d+$/.exec(path) ?? [];
    expect(await store.rows(blocks)).toEqual([[Number(first), Number(last)]]);
    expect(await findLostParts(store.engine)).toMatchObject(lost);
    await killEngine(store);
    expect(await findLostParts(store.engine)).toMatchObject(lost);
    expect(await shortMerges(store)).toEqual({ taken_back: 0, lost: 0 });
  },
);

test('a merged part that nothing can take the place of is left in use, and reported once', async () => {
  const fake = aStore({ outdatedRows: 9 });
  await fake.watch.open(fake.select, fake.engine, 0);
  expect(await fake.watch.look(fake.engine)).toBe(null);
  expect(await fake.watch.look(fake.engine)).toBe(null);
  expect(await fake.watch.lookAt('spans', '20261123_1_2_1')).toBe(null);
  expect(fake.told).toMatchObject([{ table: 'spans', part: '20261123_1_2_1', day: '2026-11-23', rows: 10 }]);
  expect(fake.commands).toEqual([]);
  expect(await fake.registry.metrics()).toContain('throughline_engine_short_merges_total{outcome="lost"} 1');
});

const onAll = (seconds: string): string[][] =>
  ['counted_1h', 'counted_1m', 'spans'].map((name) => [
    name,
    `${seconds}, max_cleanup_delay_period = 30, min_rows_to_fsync_after_merge = 1`,
  ]);

const STOPPED = ['spans', 'counted_1m', 'counted_1h'].map((table) => `SYSTEM STOP MERGES throughline.${table}`);

/** A store with one merged part of ten rows, which is short, and what it replaced; it never gets better. */
function aStore({ outdatedRows, pauseMs = 10_000 }: { readonly outdatedRows: number; readonly pauseMs?: number }) {
  const path = join(mkdtempSync(join(tmpdir(), 'throughline-merge-')), '20261123_1_2_1');
  mkdirSync(path);
  writeFileSync(join(path, 'data.bin'), 'short');
  const told: Record<string, unknown>[] = [];
  const commands: string[] = [];
  const registry = new Registry();
  const log = pino({}, { write: (line) => void told.push(JSON.parse(line) as Record<string, unknown>) });
  const limits = { replacedPartsMs: 60_000, mergePauseMs: pauseMs, mergePauseMsMax: 6 * pauseMs };
  const watch = new MergeWatch({ log, registry, limits });
  const parts: unknown[][] = [['spans', '20261123_1_2_1', path, 100, 10, '20261123', 1, 2]];
  const select = (sql: string): Promise<unknown[][]> => {
    if (sql.includes('Outdated')) return Promise.resolve([[1, 2, outdatedRows]]);
    if (sql.includes('detached_parts')) return Promise.resolve([]);
    return Promise.resolve(sql.includes('modification_time') ? [] : parts);
  };
  const engine = {
    tables: singleServerTables(),
    command: (sql: string): Promise<void> => Promise.resolve(void commands.push(sql)),
  };
  return { watch, select, engine, told, commands, registry, parts };
}
