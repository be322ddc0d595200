import { resolve } from 'node:path';
import { restoreBackup } from '../maintenance/restore-backup.ts';
import { reportFailure, reportInterrupted } from './report-failure.ts';
import { stopOnSignal } from './stop-on-signal.ts';
import { readStoreOptions, type StoreCommand } from './store-options.ts';
import { countOf } from '../count-of.ts';

const USAGE = `Usage: throughline restore DIR [flags]

Creates a data directory from a backup after verifying every file. The data directory must be empty, or must not exist yet.

  --json                  One line of JSON

Also accepts the flags of throughline up; --data-dir selects the data directory to create.`;

const RESTORE: StoreCommand = { name: 'restore', takes: 'the directory of a backup' };

/** `throughline restore`. Returns the exit code. */
export async function runRestore(args: readonly string[]): Promise<number> {
  const stop = stopOnSignal();
  try {
    const options = readStoreOptions(RESTORE, args, process.env);
    if (options === null) {
      process.stdout.write(`${USAGE}\n`);
      return 0;
    }
    const dataDirectory = resolve(options.config.dataDirectory);
    const { createdAt, version, files } = await restoreBackup(resolve(options.directory), dataDirectory, stop);
    process.stdout.write(
      options.json
        ? `${JSON.stringify({ dataDirectory, createdAt, version, files: files.length })}\n`
        : `${countOf(files.length, 'file')} of ${createdAt} verified and restored to ${dataDirectory}; start with throughline up --data-dir ${dataDirectory}\n`,
    );
    return 0;
  } catch (error) {
    if (stop.aborted) return reportInterrupted(RESTORE.name, 'nothing was restored; the incomplete copy was removed');
    return reportFailure(RESTORE.name, error);
  }
}
