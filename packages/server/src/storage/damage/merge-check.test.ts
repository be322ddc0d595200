import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { MergeCheck } from './merge-check.ts';
import { insertPart, mergedPart, pathsInUse } from '../testing/merged-parts.ts';
import { startEngine } from '../testing/start-engine.ts';

/** The engine takes a short merge back by itself when it looks, every 10 s, and a busy machine may take longer here. */
const NO_LOOKS = { mergeLookIntervalMs: 3_600_000 };

describe.each(['spans', 'counted_1m', 'counted_1h'])('of a merged part of %s', (table) => {
  test('every file is missed that is shorter than it was written, and it is reported whether what it replaced is there', async () => {
    await using store = await startEngine(NO_LOOKS);
    const path = await mergedPart(store, table);
    const check = new MergeCheck((sql) => store.rows(sql));
    const name = path.split('/').at(-1);
    // The engine makes these anew.
    const files = readdirSync(path).filter((file) => !/^(?:checksums|default_compression_codec)\.txt$/.test(file));
    expect(files).toContain('data.bin');
    for (const file of files.toReversed()) {
      const content = readFileSync(join(path, file));
      for (const left of new Set([content.length - 1, 0])) {
        if (left < 0 || left === content.length) continue;
        truncateSync(join(path, file), left);
        const found = { table, name, partition: '20261118', canBeTakenBack: true };
        expect(await check.look(table, String(name)), `${file}, ${left}`).toMatchObject(found);
        // One that is looked at for the first time.
        const [first, ...others] = await new MergeCheck((sql) => store.rows(sql)).findShort();
        expect(first).toMatchObject(found);
        expect(others).toEqual([]);
        writeFileSync(join(path, file), content);
      }
    }
    expect(await check.look(table, String(name))).toBe(null);
  });

  test('one look is enough, and none is for what was there when the engine started', async () => {
    await using store = await startEngine(NO_LOOKS);
    const path = await mergedPart(store, table);
    const before = new MergeCheck((sql) => store.rows(sql));
    await before.start(Date.now() + 60_000);
    const check = new MergeCheck((sql) => store.rows(sql));
    await check.start(Date.now() - 60_000);
    expect(await check.findShort()).toEqual([]);
    truncateSync(join(path, 'columns.txt'), 0);
    expect(await check.findShort()).toEqual([]);
    expect(await before.findShort()).toEqual([]);
    const late = new MergeCheck((sql) => store.rows(sql));
    await late.start(Date.now() - 60_000);
    expect(await late.findShort()).toHaveLength(1);
  });
});

test('the engine is asked twice when names in the directories of the tables have changed, and not before they change again', async () => {
  await using store = await startEngine(NO_LOOKS);
  await mergedPart(store, 'spans');
  let asked = 0;
  const check = new MergeCheck((sql) => {
    asked += sql.includes('bytes_on_disk') ? 1 : 0;
    return store.rows(sql);
  });
  await check.start(0);
  for (const times of [1, 2, 2, 2]) {
    await check.findShort();
    expect(asked).toBe(times);
  }
  truncateSync(join(await mergedPart(store, 'counted_1h'), 'columns.txt'), 0);
  expect(await check.findShort()).toMatchObject([{ table: 'counted_1h' }]);
  for (const times of [4, 4]) {
    await check.findShort();
    expect(asked).toBe(times);
  }
});

test('of a wide part that was merged column by column a column is missed as well', async () => {
  await using store = await startEngine(NO_LOOKS);
  for (const number of [1, 2]) {
    await store.engine.command(`INSERT INTO throughline.spans (span_id, start_s, status_message)
SELECT reinterpretAsFixedString(number * ${number}), toDateTime(1795000000), repeat(hex(sipHash128(number)), 10) FROM numbers(150000)`);
  }
  await store.engine.command('OPTIMIZE TABLE throughline.spans FINAL');
  const [[path] = []] = await store.rows(pathsInUse('spans'));
  expect(readdirSync(String(path))).toContain('status_message.bin');
  expect(await new MergeCheck((sql) => store.rows(sql)).findShort()).toEqual([]);
  truncateSync(join(String(path), 'status_message.bin'), 1);
  expect(await new MergeCheck((sql) => store.rows(sql)).findShort()).toMatchObject([{ table: 'spans', rows: 300_000 }]);
});

test('a mutated part is looked at as well', async () => {
  await using store = await startEngine(NO_LOOKS);
  await insertPart(store, 'spans', 1);
  await store.engine.command(
    `ALTER TABLE throughline.spans UPDATE status_message = 'changed' WHERE 1 SETTINGS mutations_sync = 1`,
  );
  const [[path] = []] = await store.rows(pathsInUse('spans'));
  truncateSync(join(String(path), 'columns.txt'), 0);
  const found = { table: 'spans', canBeTakenBack: true };
  expect(await new MergeCheck((sql) => store.rows(sql)).findShort()).toMatchObject([found]);
});

test('inserts are not looked at, nor what is gone', async () => {
  await using store = await startEngine(NO_LOOKS);
  await store.engine.command('SYSTEM STOP MERGES throughline.counted_1m');
  await insertPart(store, 'counted_1m', 1);
  const [[inserted] = []] = await store.rows(pathsInUse('counted_1m'));
  truncateSync(join(String(inserted), 'columns.txt'), 0);
  rmSync(await mergedPart(store, 'spans'), { recursive: true });
  expect(await new MergeCheck((sql) => store.rows(sql)).findShort()).toEqual([]);
});

test('what the disk does not tell of is looked at again', async () => {
  const parts = [['spans', '20261123_1_2_1', '/dev/null/20261123_1_2_1', 100, 10, '20261123', 1, 2]];
  const check = new MergeCheck(() => Promise.resolve(parts));
  await expect(check.findShort()).rejects.toThrow('ENOTDIR');
  await expect(check.findShort()).rejects.toThrow('ENOTDIR');
});
