import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDataDirectory } from '../storage/directory/data-directory.ts';
import { MIGRATIONS } from '../storage/migrations/migrate.ts';
import { silentLog as log } from '../storage/testing/start-engine.ts';
import { writeBackup, type BackupSource } from './backup.ts';
import { openUnlessTaken } from './check-stopped.ts';
import { listFiles } from './file-list.ts';
import { BackupError, manifestText, readManifest, type Manifest } from './manifest.ts';
import { restoreBackup } from './restore-backup.ts';

let directory = '';
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), 'throughline-backup-'))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const stopped = AbortSignal.abort(new Error('stopped'));
const going = new AbortController().signal;

async function aDataDirectory(): Promise<BackupSource> {
  const path = join(directory, 'data');
  mkdirSync(join(path, 'store', 'metadata'), { recursive: true });
  mkdirSync(join(path, 'store', 'store', 'abc', 'uuid', 'detached', 'broken'), { recursive: true });
  writeFileSync(join(path, 'store', 'metadata', 'throughline.sql'), 'a database');
  writeFileSync(join(path, 'store', 'store', 'abc', 'uuid', 'spans.sql'), 'a table');
  writeFileSync(join(path, 'store', 'store', 'abc', 'uuid', 'data.bin'), 'rows');
  writeFileSync(join(path, 'store', 'store', 'abc', 'uuid', 'detached', 'broken', 'data.bin'), 'rows');
  writeFileSync(join(path, 'collector-id'), 'of this machine');
  writeFileSync(join(path, 'store-id'), 'of this store');
  return { path, list: await listFiles(path) };
}

test('a backup that was stopped leaves nothing behind, and can be made again', async () => {
  const data = await aDataDirectory();
  const backup = join(directory, 'backup');
  await expect(writeBackup(data, backup, stopped)).rejects.toThrow('stopped');
  expect(readdirSync(directory)).toEqual(['data']);
  mkdirSync(backup);
  await expect(writeBackup(data, backup, stopped)).rejects.toThrow('stopped');
  expect(readdirSync(backup)).toEqual([]);
  await expect(restoreBackup(backup, join(directory, 'restored'), going)).rejects.toThrow('incomplete');
  await writeBackup(data, backup, going);
  await restoreBackup(backup, join(directory, 'restored'), going);
});

// There is no such file system elsewhere: below /proc the kernel says that a folder which is there is not.
test.runIf(process.platform === 'linux')('a backup into a place where none can be made is rejected', async () => {
  await expect(writeBackup(await aDataDirectory(), '/proc/backup', going)).rejects.toThrow(
    /\/proc\/backup cannot be used .*: Error: ENOENT/,
  );
});

test('a backup that was stopped takes the folders with it that it has made', async () => {
  await expect(writeBackup(await aDataDirectory(), join(directory, 'new', 'er', 'backup'), stopped)).rejects.toThrow(
    'stopped',
  );
  expect(readdirSync(directory)).toEqual(['data']);
});

test('a backup is not restored into itself', async () => {
  const backup = join(directory, 'backup');
  await writeBackup(await aDataDirectory(), backup, going);
  await expect(restoreBackup(backup, join(backup, 'restored'), going)).rejects.toThrow('in the backup');
  expect(readdirSync(backup).toSorted()).toEqual(['data', 'manifest.json']);
});

test('a backup that finds something in its way leaves it', async () => {
  const backup = join(directory, 'backup');
  mkdirSync(join(backup, 'data'), { recursive: true });
  await expect(writeBackup(await aDataDirectory(), backup, going)).rejects.toThrow('is not empty');
  expect(readdirSync(backup)).toEqual(['data']);
});

test('a restore that was stopped leaves nothing behind, and can be done again', async () => {
  const backup = join(directory, 'backup');
  await writeBackup(await aDataDirectory(), backup, going);
  const restored = join(directory, 'restored');
  await expect(restoreBackup(backup, restored, stopped)).rejects.toThrow('stopped');
  expect(readdirSync(directory).toSorted()).toEqual(['backup', 'data']);
  await restoreBackup(backup, restored, going);
  // Neither what is damaged, nor what belongs to the machine.
  expect(new Set(readdirSync(restored, { recursive: true, encoding: 'utf8' }))).toEqual(
    new Set([
      'store',
      'store-id',
      'store/metadata',
      'store/metadata/throughline.sql',
      'store/store',
      'store/store/abc',
      'store/store/abc/uuid',
      'store/store/abc/uuid/data.bin',
      'store/store/abc/uuid/spans.sql',
      'store/store/abc/uuid/detached',
    ]),
  );
});

test('a manifest that names files elsewhere is not followed', async () => {
  const backup = join(directory, 'backup');
  const { files, ...manifest } = await writeBackup(await aDataDirectory(), backup, going);
  const outside = files.map((file) => ({ ...file, path: '../outside' }));
  writeFileSync(join(backup, 'manifest.json'), manifestText({ ...manifest, files: outside }));
  await expect(restoreBackup(backup, join(directory, 'restored'), going)).rejects.toThrow('outside of');
  expect(readdirSync(directory).toSorted()).toEqual(['backup', 'data']);
});

test('what is not a whole store makes no backup', async () => {
  const { path, list } = await aDataDirectory();
  for (const missing of ['store-id', 'store/metadata/throughline.sql', 'store/store/abc/uuid/spans.sql']) {
    const files = list.files.filter((file) => file.path !== missing);
    await expect(writeBackup({ path, list: { ...list, files } }, join(directory, 'backup'), going)).rejects.toThrow(
      'no complete store',
    );
  }
  await expect(
    writeBackup({ path, list: { files: [], links: [], folders: [] } }, join(directory, 'backup'), going),
  ).rejects.toThrow('store-id is missing');
  expect(readdirSync(directory)).toEqual(['data']);
});

test('a manifest that names no store, or nothing, restores nothing', async () => {
  const backup = join(directory, 'backup');
  const manifest = await writeBackup(await aDataDirectory(), backup, going);
  for (const [text, words] of [
    [{ ...manifest, files: [], links: [], folders: [] }, 'not list store-id'],
    [{ ...manifest, files: manifest.files.filter(({ path }) => !path.endsWith('.sql')) }, 'not list store/metadata'],
    [{ ...manifest, files: manifest.files.filter(({ path }) => !path.endsWith('spans.sql')) }, 'the table spans'],
    [{ format: 1 }, 'is damaged'],
    [{ ...manifest, schema: MIGRATIONS.length + 1 }, 'made by Throughline'],
  ] as const) {
    writeFileSync(join(backup, 'manifest.json'), manifestText(text as Manifest));
    await expect(restoreBackup(backup, join(directory, 'restored'), going)).rejects.toThrow(words);
  }
  expect(readdirSync(directory).toSorted()).toEqual(['backup', 'data']);
});

test('a wrong byte anywhere in a manifest restores nothing', async () => {
  const backup = join(directory, 'backup');
  await writeBackup(await aDataDirectory(), backup, going);
  const path = join(backup, 'manifest.json');
  const good = readFileSync(path);
  for (const bit of [1, 2, 32]) {
    for (const at of good.keys()) {
      const harmed = Buffer.from(good);
      harmed.writeUInt8(good.readUInt8(at) ^ bit, at);
      writeFileSync(path, harmed);
      await expect(readManifest(backup), `bit ${bit} of byte ${at}`).rejects.toThrow(BackupError);
    }
  }
  writeFileSync(path, good);
  await restoreBackup(backup, join(directory, 'restored'), going);
});

test('of a file that grows as much is copied as was listed; one that has become shorter makes no backup', async () => {
  const { path, list } = await aDataDirectory();
  const file = join('store', 'store', 'abc', 'uuid', 'data.bin');
  writeFileSync(join(path, file), 'rows and more');
  await writeBackup({ path, list }, join(directory, 'backup'), going);
  expect(readFileSync(join(directory, 'backup', 'data', file), 'utf8')).toBe('rows');
  writeFileSync(join(path, file), 'row');
  await expect(writeBackup({ path, list }, join(directory, 'shorter'), going)).rejects.toThrow('was truncated');
  expect(readdirSync(directory).toSorted()).toEqual(['backup', 'data']);
});

test('a backup is none before what it was copied from is confirmed', async () => {
  const backup = join(directory, 'backup');
  const source = await aDataDirectory();
  const confirm = (): Promise<void> => {
    expect(readdirSync(backup)).toEqual(['data']);
    return Promise.reject(new Error('it was removed meanwhile'));
  };
  await expect(writeBackup({ ...source, confirm }, backup, going)).rejects.toThrow('it was removed meanwhile');
  expect(readdirSync(directory)).toEqual(['data']);
});

test('a data directory that a collector has is told from a free one', async () => {
  const path = join(directory, 'free');
  const free = await openUnlessTaken({ dataDirectory: path }, log);
  expect(free).not.toBeNull();
  expect(await openUnlessTaken({ dataDirectory: path }, log)).toBeNull();
  await free?.release();
  await (await openDataDirectory(path, { log })).release();
});
