import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PartCheck, type CheckedTable } from './part-check.ts';
import { startEngine, type StartedEngine } from '../testing/start-engine.ts';

describe.each([
  ['compact', 'spans', 300],
  ['wide', 'spans', 100_000],
  ['compact', 'counted_1m', 300],
  ['compact', 'counted_1h', 300],
] as const)('of a %s part of %s', (form, table, rows) => {
  test('every file is missed that is shorter than it was written, and nothing else is', async () => {
    await using store = await startEngine();
    await store.engine.command(`SYSTEM STOP MERGES throughline.${table}`);
    const earlier = await insert(store, table, rows, 'earlier');
    const check = new PartCheck((sql) => store.rows(sql), table);
    await check.start();
    const part = await insert(store, table, rows, 'later');
    expect(readdirSync(part).includes('data.bin')).toBe(form === 'compact');
    expect(await new PartCheck((sql) => store.rows(sql), table).findShort()).toEqual([]);
    const name = part.split('/').at(-1);
    // The engine makes these anew.
    const files = readdirSync(part).filter((file) => !/^(?:checksums|default_compression_codec)\.txt$/.test(file));
    expect(files.filter((file) => file.startsWith('skp_idx_'))).toHaveLength(table === 'spans' ? 8 : 0);
    for (const file of files.toReversed()) {
      const path = join(part, file);
      const content = readFileSync(path);
      for (const left of new Set([content.length - 1, content.length >> 1, 0])) {
        if (left < 0 || left === content.length) continue;
        truncateSync(path, left);
        expect(await check.findShort(), `${file}, ${left}`).toMatchObject([{ name }]);
        writeFileSync(path, content);
      }
    }
    // No longer in a segment, so that nobody could insert it again.
    truncateSync(join(earlier, 'columns.txt'), 0);
    expect(await check.findShort()).toEqual([]);
    // Once is enough.
    truncateSync(join(part, 'columns.txt'), 0);
    expect(await check.findShort()).toEqual([]);
  });
});

test('a part whose files are gone, as behind a merge, is none that is short', async () => {
  await using store = await startEngine();
  const check = new PartCheck((sql) => store.rows(sql), 'spans');
  await check.start();
  const part = await insert(store, 'spans', 300, 'gone');
  rmSync(part, { recursive: true });
  expect(await check.findShort()).toEqual([]);
});

test('a part whose files the disk does not tell of is taken for neither whole nor short', async () => {
  const parts = [['20261123_1_1_0', '/dev/null/20261123_1_1_0', 100, 1]];
  const check = new PartCheck((sql) => Promise.resolve(sql.includes('max(max_block_number)') ? [[0]] : parts), 'spans');
  await check.start();
  await expect(check.findShort()).rejects.toThrow('ENOTDIR');
  // It is looked at again the next time.
  await expect(check.findShort()).rejects.toThrow('ENOTDIR');
});

test.each(['counted_1m', 'counted_1h'] as const)(
  'an insert of %s that nobody has looked at has ended without what the next start would refuse',
  async (table) => {
    await using store = await startEngine();
    await store.engine.command(`SYSTEM STOP MERGES throughline.${table}`);
    await insert(store, table, 300, 'looked-at');
    await store.engine.command(
      `INSERT INTO throughline.${table} (time, requests) VALUES (toDateTime(1795000000), 1000)`,
    );
    truncateSync(join(await newestPart(store, table), 'columns.txt'), 0);
    await store.engine.checkInsertEnded();
    expect(await store.rows(`SELECT toUInt32(sum(requests)) FROM throughline.${table}`)).toEqual([[300]]);
  },
);

/** Where the part is. */
async function insert(store: StartedEngine, table: CheckedTable, rows: number, token: string): Promise<string> {
  const path = join(store.directory, `${token}.native`);
  const sql = table === 'spans' ? spans(rows) : counts(rows);
  writeFileSync(path, await store.engine.query(sql, { format: 'Native', timeoutMs: 240_000 }));
  if (table === 'spans') await store.engine.insertNativeFile(table, path, token);
  else await store.engine.insertPlainFile(table, path);
  return await newestPart(store, table);
}

const spans = (rows: number): string =>
  `SELECT reinterpretAsFixedString(number + 1) AS span_id, toFixedString(toString(number), 16) AS trace_id,
  toDateTime(1795000000) AS start_s, ['key'] AS attrs_k, [repeat(toString(sipHash64(number)), 20)] AS attrs_v, [1] AS attrs_t
FROM numbers(${rows})`;

const counts = (rows: number): string =>
  `SELECT toDateTime(1795000000) AS time, 'shop' AS service_name, toString(number) AS operation, toUInt64(1) AS requests FROM numbers(${rows})`;

async function newestPart(store: StartedEngine, table: CheckedTable): Promise<string> {
  const [[part] = []] = await store.rows(
    `SELECT path FROM system.parts WHERE database = 'throughline' AND table = '${table}' AND active ORDER BY min_block_number DESC LIMIT 1`,
  );
  return String(part).replace(/\/$/, '');
}
