import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Config } from '../config/config.ts';
import { expectEmptyOrNone, writeBackup } from '../maintenance/backup.ts';
import { openUnlessTaken } from '../maintenance/check-stopped.ts';
import { listFiles, readSnapshotList } from '../maintenance/file-list.ts';
import { isWithin } from '../maintenance/is-within.ts';
import type { Manifest } from '../maintenance/manifest.ts';
import { CommandError } from './command-error.ts';
import { LeasedSnapshot } from './leased-snapshot.ts';
import { expectFolder } from './expect-folder.ts';
import { createLog } from './log.ts';
import { reportFailure, reportInterrupted } from './report-failure.ts';
import { apiOfRunning } from './running-collector.ts';
import { stopOnSignal } from './stop-on-signal.ts';
import { readStoreOptions, type StoreCommand } from './store-options.ts';
import { countOf } from '../count-of.ts';

const USAGE = `Usage: throughline backup DIR [flags]

Copies all acknowledged data (spans, request metrics, sampling settings) from the embedded store and the spool into a new directory, whether a
collector runs or not. The settings of the collector are not included.

  --json                  One line of JSON

Also accepts the flags of throughline up; --data-dir selects what is copied.`;

const BACKUP: StoreCommand = { name: 'backup', takes: 'the directory for the backup' };

/** `throughline backup`. Returns the exit code. */
export async function runBackup(args: readonly string[]): Promise<number> {
  const temporary: string[] = [];
  const left = (): string => {
    const paths = temporary.filter((path) => existsSync(path));
    return paths.length === 0
      ? 'the incomplete backup was removed'
      : `the backup is incomplete: remove ${paths.join(' and ')}`;
  };
  const stop = stopOnSignal(() => void reportInterrupted(BACKUP.name, left()));
  try {
    const options = readStoreOptions(BACKUP, args, process.env);
    if (options === null) {
      process.stdout.write(`${USAGE}\n`);
      return 0;
    }
    const { config, json } = options;
    const directory = resolve(options.directory);
    expectFolder(config.dataDirectory, 'store');
    if (isWithin(directory, config.dataDirectory)) {
      throw new CommandError(
        `${directory} is inside the data directory ${config.dataDirectory} and would be lost with it; choose a directory elsewhere, preferably on another disk`,
      );
    }
    // Before a snapshot is taken, and before what is in it could be taken for ours.
    await expectEmptyOrNone(directory);
    temporary.push(join(directory, 'data'));
    const manifest = await backUp(config, directory, stop, (path) => void temporary.push(path));
    const { version, schema, createdAt, files } = manifest;
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    process.stdout.write(
      json
        ? `${JSON.stringify({ directory, version, schema, createdAt, files: files.length, bytes })}\n`
        : `${countOf(files.length, 'file')} (${countOf(bytes, 'byte')}) copied to ${directory}; restore with throughline restore ${directory}\n`,
    );
    return 0;
  } catch (error) {
    if (stop.aborted) return reportInterrupted(BACKUP.name, left());
    return reportFailure(BACKUP.name, error);
  }
}

async function backUp(
  config: Config,
  directory: string,
  signal: AbortSignal,
  onSnapshot: (path: string) => void,
): Promise<Manifest> {
  const stopped = await openUnlessTaken(config, createLog(config));
  if (stopped !== null) {
    try {
      const { path } = stopped;
      return await writeBackup({ path, list: await listFiles(path) }, directory, signal);
    } finally {
      await stopped.release();
    }
  }
  const snapshot = await LeasedSnapshot.take('backup', apiOfRunning(config), signal);
  try {
    const { path } = snapshot;
    onSnapshot(path);
    signal.throwIfAborted();
    const list = await readSnapshotList(path);
    return await writeBackup({ path, list, confirm: () => snapshot.confirm() }, directory, signal);
  } catch (error) {
    // Files that are missing have a reason.
    if (!signal.aborted) await snapshot.confirm();
    throw error;
  } finally {
    await snapshot.release();
  }
}
