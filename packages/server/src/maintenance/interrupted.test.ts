import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDataDirectory } from '../storage/data-directory.ts';
import { silentLog as log } from '../storage/testing/start-engine.ts';
import { restoreBackup, writeBackup } from './backup.ts';
import { openUnlessTaken } from './check-stopped.ts';
import { RunningCheck } from './running-check.ts';

let directory = '';
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), 'throughline-backup-'))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const stopped = AbortSignal.abort(new Error('stopped'));
const going = new AbortController().signal;

function aDataDirectory(): string {
  const path = join(directory, 'data');
  mkdirSync(join(path, 'store', 'store', 'abc', 'uuid', 'detached', 'broken'), { recursive: true });
  writeFileSync(join(path, 'store', 'store', 'abc', 'uuid', 'data.bin'), 'rows');
  writeFileSync(join(path, 'store', 'store', 'abc', 'uuid', 'detached', 'broken', 'data.bin'), 'rows');
  writeFileSync(join(path, 'collector-id'), 'of this machine');
  writeFileSync(join(path, 'store-id'), 'of this store');
  return path;
}

test('a backup that was stopped leaves nothing behind, and can be made again', async () => {
  const data = aDataDirectory();
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

test('a backup that finds something in its way leaves it', async () => {
  const backup = join(directory, 'backup');
  mkdirSync(join(backup, 'data'), { recursive: true });
  await expect(writeBackup(aDataDirectory(), backup, going)).rejects.toThrow('is not empty');
  expect(readdirSync(backup)).toEqual(['data']);
});

test('a restore that was stopped leaves nothing behind, and can be done again', async () => {
  const backup = join(directory, 'backup');
  await writeBackup(aDataDirectory(), backup, going);
  const restored = join(directory, 'restored');
  await expect(restoreBackup(backup, restored, stopped)).rejects.toThrow('stopped');
  expect(readdirSync(directory).toSorted()).toEqual(['backup', 'data']);
  await restoreBackup(backup, restored, going);
  // Neither what is damaged, nor what belongs to the machine.
  expect(new Set(readdirSync(restored, { recursive: true, encoding: 'utf8' }))).toEqual(
    new Set([
      'store',
      'store-id',
      'store/store',
      'store/store/abc',
      'store/store/abc/uuid',
      'store/store/abc/uuid/data.bin',
      'store/store/abc/uuid/detached',
    ]),
  );
});

test('a manifest that names files elsewhere is not followed', async () => {
  const backup = join(directory, 'backup');
  const { files, ...manifest } = await writeBackup(aDataDirectory(), backup, going);
  const outside = files.map((file) => ({ ...file, path: '../outside' }));
  writeFileSync(join(backup, 'manifest.json'), JSON.stringify({ ...manifest, files: outside }));
  await expect(restoreBackup(backup, join(directory, 'restored'), going)).rejects.toThrow('outside of the backup');
  expect(readdirSync(directory).toSorted()).toEqual(['backup', 'data']);
});

test('a data directory that a collector has is told from a free one', async () => {
  const path = join(directory, 'free');
  const free = await openUnlessTaken({ dataDirectory: path }, log);
  expect(free).not.toBeNull();
  expect(await openUnlessTaken({ dataDirectory: path }, log)).toBeNull();
  await free?.release();
  await (await openDataDirectory(path, { log })).release();
});

test('one check runs at a time, and tells how it goes on', async () => {
  const runs: { signal: AbortSignal; end: (report: string) => void }[] = [];
  const checks = new RunningCheck<string>(
    (signal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('ended')));
        runs.push({ signal, end: resolve });
      }),
  );
  expect(checks.ask('a')).toEqual({ state: 'running' });
  expect(checks.ask('b')).toEqual({ state: 'busy' });
  runs[0]?.end('fine');
  await new Promise(setImmediate);
  expect(checks.ask('a')).toEqual({ state: 'done', report: 'fine' });
  expect(checks.ask('b')).toEqual({ state: 'running' });
  checks.stop();
  await new Promise(setImmediate);
  expect(checks.ask('b')).toEqual({ state: 'failed', reason: 'ended' });
});
