import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDataDirectory } from '../storage/directory/data-directory.ts';
import { silentLog as log } from '../storage/testing/start-engine.ts';
import { writeBackup } from './backup.ts';
import { listFiles } from './file-list.ts';
import { restoreBackup } from './restore-backup.ts';

const going = new AbortController().signal;

let directory = '';
let backup = '';
let target = '';
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'throughline-restore-'));
  backup = join(directory, 'backup');
  target = join(directory, 'target');
  const path = join(directory, 'data');
  mkdirSync(join(path, 'store', 'metadata'), { recursive: true });
  mkdirSync(join(path, 'store', 'store', 'abc', 'uuid'), { recursive: true });
  writeFileSync(join(path, 'store', 'metadata', 'throughline.sql'), 'a database');
  symlinkSync('../store/abc/uuid', join(path, 'store', 'metadata', 'throughline'));
  writeFileSync(join(path, 'store', 'store', 'abc', 'uuid', 'spans.sql'), 'a table');
  writeFileSync(join(path, 'store-id'), 'of this store');
  await writeBackup({ path, list: await listFiles(path) }, backup, going);
  rmSync(path, { recursive: true });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function expectRestored(path: string): void {
  expect(readFileSync(join(path, 'store', 'metadata', 'throughline', 'spans.sql'), 'utf8')).toBe('a table');
  expect(readFileSync(join(path, 'store-id'), 'utf8')).toBe('of this store');
  expect(existsSync(join(path, 'restoring'))).toBe(false);
}

test('a backup is restored into a directory whose name leads to another place, and which stays the one that it was', async () => {
  const disk = join(directory, 'disk');
  mkdirSync(join(disk, 'lost+found'), { recursive: true });
  symlinkSync(disk, target);
  await restoreBackup(backup, target, going);
  expectRestored(disk);
  expect(readdirSync(disk).toSorted()).toEqual(['lost+found', 'store', 'store-id']);
  await (await openDataDirectory(target, { log })).release();
});

test('nothing beside the data directory is touched', async () => {
  mkdirSync(`${target}.restoring`);
  writeFileSync(join(`${target}.restoring`, 'mine'), 'precious');
  await restoreBackup(backup, target, going);
  expectRestored(target);
  expect(readdirSync(directory).toSorted()).toEqual(['backup', 'target', 'target.restoring']);
  expect(readFileSync(join(`${target}.restoring`, 'mine'), 'utf8')).toBe('precious');
});

/** Does this before each file is copied. */
function atEachFile(work: () => void): AbortSignal {
  return new Proxy(going, {
    get: (signal, name) => (name === 'throwIfAborted' ? work : (Reflect.get(signal, name, signal) as unknown)),
  });
}

test('no collector starts on a data directory into which a backup is being restored, or was when it was killed', async () => {
  const seen: string[][] = [];
  // A collector that is about to be refused.
  const socket = 'collector-0123456789abcdef.sock';
  const look = (): void => {
    seen.push(readdirSync(target));
    writeFileSync(join(target, socket), '');
  };
  await restoreBackup(backup, target, atEachFile(look));
  expect(seen[0]).toEqual(['restoring']);
  expectRestored(target);
  rmSync(join(target, socket));
  mkdirSync(join(target, 'restoring'));
  await expect(openDataDirectory(target, { log })).rejects.toThrow(/unfinished restore .*restoring\//);
  expect(readdirSync(target).toSorted()).toEqual(['restoring', 'store', 'store-id']);
});

test('what a restore that was killed has left is told from what is not ours, and stays', async () => {
  mkdirSync(join(target, 'restoring'), { recursive: true });
  writeFileSync(join(target, 'restoring', 'file'), 'content');
  await expect(restoreBackup(backup, target, going)).rejects.toThrow(/unfinished restore .*restoring\//);
  expect(readdirSync(join(target, 'restoring'))).toEqual(['file']);
  rmSync(join(target, 'restoring'), { recursive: true });
  writeFileSync(join(target, 'mine'), 'precious');
  await expect(restoreBackup(backup, target, going)).rejects.toThrow(/not empty: .* mine;/);
  expect(readdirSync(target)).toEqual(['mine']);
});

test('a directory that a collector has is not restored into', async () => {
  const held = await openDataDirectory(target, { log });
  await expect(restoreBackup(backup, target, going)).rejects.toThrow(
    new RegExp(`${target} .*in use .*\\(pid ${process.pid}\\)`),
  );
  await held.release();
  await restoreBackup(backup, target, going);
  expectRestored(target);
});

test('a restore that fails leaves the directory as it was: away, or empty', async () => {
  writeFileSync(join(backup, 'data', 'store-id'), 'of another store');
  await expect(restoreBackup(backup, join(target, 'deep', 'below'), going)).rejects.toThrow(/store-id .*is damaged/);
  expect(readdirSync(directory)).toEqual(['backup']);
  mkdirSync(join(target, 'lost+found'), { recursive: true });
  await expect(restoreBackup(backup, target, going)).rejects.toThrow(/store-id .*is damaged/);
  expect(readdirSync(target)).toEqual(['lost+found']);
});

test('what appears in the directory meanwhile is not written over', async () => {
  const intruding = atEachFile(() => writeFileSync(join(target, 'store-id'), 'precious'));
  await expect(restoreBackup(backup, target, intruding)).rejects.toThrow(/not empty: .* store-id;/);
  expect(readdirSync(target)).toEqual(['store-id']);
  expect(readFileSync(join(target, 'store-id'), 'utf8')).toBe('precious');
});

test('a name that leads nowhere, or to a file, is rejected in words', async () => {
  symlinkSync(join(directory, 'nowhere'), target);
  await expect(restoreBackup(backup, target, going)).rejects.toMatchObject({ name: 'BackupError' });
  rmSync(target);
  writeFileSync(target, 'a file');
  await expect(restoreBackup(backup, target, going)).rejects.toMatchObject({ name: 'BackupError' });
  expect(readFileSync(target, 'utf8')).toBe('a file');
});

/** Why a backup is not restored. */
function reasonOf(from: string, to: string): Promise<string> {
  return restoreBackup(from, to, going).then(
    () => '',
    (error: unknown) => (error as Error).message,
  );
}

test('what is wrong with a backup or a directory is written as in restore-messages.golden.txt', async () => {
  const reasons = [await reasonOf(join(directory, 'nothing'), target), await reasonOf(backup, join(backup, 'inside'))];
  mkdirSync(join(target, 'restoring'), { recursive: true });
  writeFileSync(join(target, 'restoring', 'file'), 'content');
  reasons.push(await reasonOf(backup, target));
  rmSync(join(target, 'restoring'), { recursive: true });
  writeFileSync(join(target, 'mine'), 'precious');
  reasons.push(await reasonOf(backup, target));
  rmSync(target, { recursive: true });
  writeFileSync(join(backup, 'data', 'store-id'), 'of another store');
  reasons.push(await reasonOf(backup, target));
  writeFileSync(join(backup, 'manifest.json'), '{');
  reasons.push(await reasonOf(backup, target));
  rmSync(join(backup, 'manifest.json'));
  reasons.push(await reasonOf(backup, target));
  const text = `${reasons.join('\n')}\n`.replaceAll(directory, '/tmp');
  await expect(text).toMatchFileSnapshot('restore-messages.golden.txt');
});
