import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PartCheck } from './part-check.ts';
import { startEngine, type StartedEngine } from './testing/start-engine.ts';

describe.each([
  ['compact', 300],
  ['wide', 100_000],
])('of a %s part', (form, spans) => {
  test('every file is missed that is shorter than it was written, and nothing else is', async () => {
    await using store = await startEngine();
    await store.engine.command('SYSTEM STOP MERGES throughline.spans');
    const earlier = await insert(store, spans, 'earlier');
    const check = new PartCheck((sql) => store.rows(sql));
    await check.start();
    const part = await insert(store, spans, 'later');
    expect(readdirSync(part).includes('data.bin')).toBe(form === 'compact');
    expect(await new PartCheck((sql) => store.rows(sql)).findShort()).toEqual([]);
    const name = part.split('/').at(-1);
    // The engine makes these anew.
    const files = readdirSync(part).filter((file) => !/^(?:checksums|default_compression_codec)\.txt$/.test(file));
    expect(files.filter((file) => file.startsWith('skp_idx_'))).toHaveLength(8);
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
  const check = new PartCheck((sql) => store.rows(sql));
  await check.start();
  const part = await insert(store, 300, 'gone');
  rmSync(part, { recursive: true });
  expect(await check.findShort()).toEqual([]);
});

test('a part whose files the disk does not tell of is taken for neither whole nor short', async () => {
  const parts = [['20261123_1_1_0', '/dev/null/20261123_1_1_0', 100, 1]];
  const check = new PartCheck((sql) => Promise.resolve(sql.includes('max(max_block_number)') ? [[0]] : parts));
  await check.start();
  await expect(check.findShort()).rejects.toThrow('ENOTDIR');
  // It is looked at again the next time.
  await expect(check.findShort()).rejects.toThrow('ENOTDIR');
});

/** Where the part is. */
async function insert(store: StartedEngine, spans: number, token: string): Promise<string> {
  const path = join(store.directory, `${token}.native`);
  const rows = `SELECT reinterpretAsFixedString(number + 1) AS span_id, toFixedString(toString(number), 16) AS trace_id,
  toDateTime(1795000000) AS start_s, ['key'] AS attrs_k, [repeat(toString(sipHash64(number)), 20)] AS attrs_v, [1] AS attrs_t
FROM numbers(${spans})`;
  writeFileSync(path, await store.engine.query(rows, { format: 'Native', timeoutMs: 30_000 }));
  await store.engine.insertNativeFile('spans', path, token);
  const [[part] = []] = await store.rows(
    "SELECT path FROM system.parts WHERE database = 'throughline' AND table = 'spans' AND active ORDER BY min_block_number DESC LIMIT 1",
  );
  return String(part).replace(/\/$/, '');
}
