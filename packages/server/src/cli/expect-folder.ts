import { statSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError } from './command-error.ts';

/** Throws `CommandError` where a data directory has no such folder, or this user may not look. */
export function expectFolder(dataDirectory: string, name: 'store' | 'spool'): void {
  try {
    if (statSync(join(dataDirectory, name), { throwIfNoEntry: false }) !== undefined) return;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES') {
      const user = process.getuid?.() ?? -1;
      throw new CommandError(`permission denied: user ${user} cannot read ${dataDirectory}`);
    }
    // A part of its path is a file.
    if (code !== 'ENOTDIR') throw error;
  }
  throw new CommandError(`${dataDirectory} has no ${name}; set the collector's data directory with --data-dir`);
}
