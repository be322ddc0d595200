import { readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { startEngine } from '../testing/start-engine.ts';

const ROWS = 'SELECT toUInt32(count()) FROM throughline.operation_15m';

it.each([
  ['empty', ''],
  ['cut in its first line', 'format vers'],
  ['cut', 'format version: 1\ncreate time: 2026-11-29 08:00:00\ncommands: DELETE WHERE (time'],
])('a store is opened though the note of a mutation is %s', async (_, text) => {
  await using first = await startEngine();
  await first.engine.command(
    `INSERT INTO throughline.operation_15m (time, service_name, spans) SELECT toDateTime(1795000000), 'a', 1`,
  );
  await first.engine.command(
    "ALTER TABLE throughline.operation_15m DELETE WHERE service_name = 'a' SETTINGS mutations_sync = 1",
  );
  await first.engine.command(
    `INSERT INTO throughline.operation_15m (time, service_name, spans) SELECT toDateTime(1795000000), 'b', 1`,
  );
  const [[part] = []] = await first.rows(
    "SELECT path FROM system.parts WHERE database = 'throughline' AND table = 'operation_15m' AND active",
  );
  await first.engine.close();
  const table = dirname(String(part).replace(/\/$/, ''));
  const notes = (await readdir(table)).filter((name) => name.startsWith('mutation_'));
  expect(notes).toHaveLength(1);
  await writeFile(join(table, notes[0] ?? ''), text);
  await using again = await startEngine({}, first.directory);
  expect(await again.rows(ROWS)).toEqual([[1]]);
  // And the next one has a number of its own.
  await again.engine.command(
    "ALTER TABLE throughline.operation_15m DELETE WHERE service_name = 'b' SETTINGS mutations_sync = 1",
  );
  expect(await again.rows(ROWS)).toEqual([[0]]);
});
