import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Config } from '../config/config.ts';
import { ConfigError } from '../config/setting.ts';
import { expectEmptyOrNone, writeBackup } from '../maintenance/backup.ts';
import { openUnlessTaken } from '../maintenance/check-stopped.ts';
import { listFiles, readSnapshotList } from '../maintenance/file-list.ts';
import { isWithin } from '../maintenance/is-within.ts';
import type { Manifest } from '../maintenance/manifest.ts';
import { CommandError } from './command-error.ts';
import { LeasedSnapshot } from './leased-snapshot.ts';
import { expectFolder } from './expect-folder.ts';
import { createLog } from './log.ts';
import { oneLine } from './one-line.ts';
import { apiOfRunning } from './running-collector.ts';
import { sayInterrupted, stopOnSignal } from './stop-signal.ts';
import { readStoreOptions } from './store-options.ts';

const USAGE = `Usage: throughline backup DIR [flags]

Copies everything that was acknowledged, in the embedded store and in the spool, into a new directory, while a collector runs or not. What
is in the backup are spans, counts and sampling settings, not the settings of the collector.

  --json                  One line of JSON

and the flags of throughline up, of which --data-dir says what is copied.`;

/** `throughline backup`. Answers the exit code. */
export async function runBackup(args: readonly string[]): Promise<number> {
  const temporary: string[] = [];
  const left = (): string => {
    const paths = temporary.filter((path) => existsSync(path));
    return paths.length === 0
      ? 'nothing of the backup is left'
      : `no backup: remove what is left in ${paths.join(' and ')}`;
  };
  const stop = stopOnSignal(() => void sayInterrupted(left()));
  try {
    const options = readStoreOptions(
      { name: 'backup', flags: [] },
      'the directory that the backup goes into',
      args,
      process.env,
    );
    if (options === null) {
      process.stdout.write(`${USAGE}\n`);
      return 0;
    }
    const { config, json } = options;
    const directory = resolve(options.directory);
    expectFolder(config.dataDirectory, 'store');
    if (isWithin(directory, config.dataDirectory)) {
      throw new CommandError(
        `${directory} lies in the data directory ${config.dataDirectory}, and would be lost with it; name a directory elsewhere, best on another disk`,
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
        : `${files.length} files with ${bytes} bytes copied to ${directory}; throughline restore ${directory} makes a data directory of them\n`,
    );
    return 0;
  } catch (error) {
    if (stop.aborted) return sayInterrupted(left());
    process.stderr.write(`throughline: ${oneLine(error)}\n`);
    return error instanceof ConfigError ? 2 : 1;
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
  const snapshot = await LeasedSnapshot.take(apiOfRunning(config), signal);
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
