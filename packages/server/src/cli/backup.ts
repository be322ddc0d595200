import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Config } from '../config/config.ts';
import { ConfigError } from '../config/setting.ts';
import { isThereAndEmpty, writeBackup, type Manifest } from '../maintenance/backup.ts';
import { openUnlessTaken } from '../maintenance/check-stopped.ts';
import { CommandError } from './command-error.ts';
import { createLog } from './log.ts';
import { oneLine } from './one-line.ts';
import { apiOfRunning, askRunning } from './running-collector.ts';
import { sayInterrupted, stopOnSignal } from './stop-signal.ts';
import { readStoreOptions } from './store-options.ts';

const USAGE = `Usage: throughline backup DIR [flags]

Copies everything that was acknowledged, in the embedded store and in the spool, into a new directory, while a collector runs or not. What
is in the backup are spans, counts and sampling settings, not the settings of the collector.

  --json                  One line of JSON

and the flags of throughline up, of which --data-dir says what is copied.`;

/** Whoever is interrupted waits so long for a snapshot that was asked for, to remove it. */
const SNAPSHOT_WAIT_MS = 5_000;

/** `throughline backup`. Answers the exit code. */
export async function runBackup(args: readonly string[]): Promise<number> {
  let temporary: readonly string[] = [];
  const left = (): string => {
    const paths = temporary.filter((path) => existsSync(path));
    return paths.length === 0
      ? 'nothing of the backup is left'
      : `no backup: remove what is left in ${paths.join(' and ')}`;
  };
  const stop = stopOnSignal(() => void sayInterrupted(left()));
  try {
    const options = readStoreOptions('backup', 'the directory that the backup goes into', args, process.env);
    if (options === null) {
      process.stdout.write(`${USAGE}\n`);
      return 0;
    }
    const { config, json } = options;
    const directory = resolve(options.directory);
    if (!existsSync(join(config.dataDirectory, 'store'))) {
      throw new CommandError(
        `${config.dataDirectory} has no store; name the collector's data directory with --data-dir`,
      );
    }
    // Before a snapshot is taken, and before what is in it could be taken for ours.
    await isThereAndEmpty(directory);
    temporary = [join(directory, 'data'), join(config.dataDirectory, 'snapshot')];
    const { version, schema, createdAt, files } = await backUp(config, directory, stop);
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

async function backUp(config: Config, directory: string, signal: AbortSignal): Promise<Manifest> {
  const stopped = await openUnlessTaken(config, createLog(config));
  if (stopped !== null) {
    try {
      return await writeBackup(stopped.path, directory, signal);
    } finally {
      await stopped.release();
    }
  }
  const path = await takeSnapshot(`${apiOfRunning(config)}/api/v1/snapshot`, signal);
  try {
    signal.throwIfAborted();
    return await writeBackup(path, directory, signal);
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}

/** The collector takes it to its end, whether somebody waits for it or not. */
async function takeSnapshot(url: string, signal: AbortSignal): Promise<string> {
  const leaving = new AbortController();
  const leave = (): void => void setTimeout(() => leaving.abort(), SNAPSHOT_WAIT_MS).unref();
  signal.addEventListener('abort', leave, { once: true });
  try {
    return ((await askRunning(url, 'PUT', leaving.signal)) as { path: string }).path;
  } finally {
    signal.removeEventListener('abort', leave);
  }
}
