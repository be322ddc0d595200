import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Spool } from '../spool/spool.ts';
import { silentLog as log } from '../storage/testing/start-engine.ts';
import { writeBackup } from './backup.ts';
import { readSnapshotList } from './file-list.ts';
import { restoreBackup } from './restore-backup.ts';
import { copyOrder } from './cut-segments.ts';
import { takeSnapshot } from './take-snapshot.ts';
import { singleServerTables } from '../storage/tables.ts';

const going = new AbortController().signal;

let directory = '';
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), 'throughline-segments-'))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function spoolAt(path: string): Spool {
  return new Spool({
    directory: path,
    log,
    registry: new Registry(),
    limits: { segmentAgeMs: 600_000, diskReserveBytes: 0 },
  });
}

/** A data directory with a segment of so many blocks; answers its name. */
async function filled(data: string, blocks: number): Promise<string> {
  mkdirSync(join(data, 'store', 'metadata'), { recursive: true });
  mkdirSync(join(data, 'store', 'store', 'abc', 'uuid'), { recursive: true });
  writeFileSync(join(data, 'store', 'metadata', 'throughline.sql'), 'a database');
  writeFileSync(join(data, 'store', 'store', 'abc', 'uuid', 'spans.sql'), 'a table');
  mkdirSync(join(data, 'store', 'data'));
  writeFileSync(join(data, 'store-id'), 'of this store');
  const spool = spoolAt(join(data, 'spool'));
  await spool.open();
  for (let block = 0; block < blocks; block++) await spool.append(Buffer.from(`block ${block}`), 1);
  const name = spool.openName;
  await spool.close();
  return name ?? '';
}

test('segments that grew while they were copied are whole in a backup, and none looks damaged', async () => {
  const data = join(directory, 'data');
  const name = await filled(data, 3);
  const [index, blocks] = ['.index', '.native'].map((suffix) => join(data, 'spool', name + suffix)) as [string, string];
  // The third block came behind the copy of the index, and the next segment has begun.
  writeFileSync(index, readFileSync(index).subarray(0, 2 * 32));
  const next = name.replace(/^\d+/, (number) => String(Number(number) + 1).padStart(number.length, '0'));
  expect(next > name).toBe(true);
  writeFileSync(join(data, 'spool', `${next}.index`), '');
  writeFileSync(join(data, 'spool', `${next}.native`), readFileSync(blocks));
  const path = join(directory, 'snapshot');
  await takeSnapshot({
    engine: {
      tables: singleServerTables(),
      query: () => Promise.resolve(new Uint8Array()),
      command: () => Promise.resolve(),
    },
    dataDirectory: data,
    path,
    whileStill: async (work) => {
      await work();
      mkdirSync(join(data, 'store', 'shadow', 'throughline_snapshot', 'store'), { recursive: true });
    },
  });
  await writeBackup({ path, list: await readSnapshotList(path) }, join(directory, 'backup'), going);
  await restoreBackup(join(directory, 'backup'), join(directory, 'restored'), going);
  const spool = spoolAt(join(directory, 'restored', 'spool'));
  await spool.open();
  expect(spool.sealed.map((segment) => [segment.name, segment.rows])).toEqual([[name, 2]]);
  expect(readFileSync(spool.sealed[0]?.path ?? '', 'utf8')).toBe('block 0block 1');
  expect(readdirSync(join(directory, 'restored', 'spool', 'rejected'))).toEqual([]);
  await spool.close();
});

test('indexes are copied before data, and the newest first', () => {
  expect(copyOrder(['1.index', '1.native', '2.native', '2.index', 'rejected'])).toEqual([
    '2.index',
    '1.index',
    '1.native',
    '2.native',
    'rejected',
  ]);
});
