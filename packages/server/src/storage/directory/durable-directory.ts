import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { syncDirectory } from '../../durable-file.ts';

/**
 * Creates the directory, and its parents where they are missing, for its owner alone, so that a power failure does not
 * take it back. Nothing happens to one that is there. Rejects with Node's error.
 */
export async function createDurableDirectory(directory: string): Promise<void> {
  const missing = missingFolders(directory);
  // Not `recursive`: where the kernel refuses a folder as ENOENT, as below /proc, Node 20 tries for ever.
  for (const path of missing.toReversed()) {
    await mkdir(path, { mode: 0o700 }).catch(unless('EEXIST'));
    await syncName(path);
  }
  // Whoever created it may have died before this.
  if (missing.length === 0) await syncName(resolve(directory));
}

/** The directory and those of its parents that are not there, the innermost first. */
export function missingFolders(directory: string): readonly string[] {
  const missing: string[] = [];
  for (let path = resolve(directory); !existsSync(path); path = dirname(path)) missing.push(path);
  return missing;
}

/** A parent that may not be read, or whose file system syncs no directories, is left as it is. */
async function syncName(path: string): Promise<void> {
  await syncDirectory(dirname(path)).catch(unless('EACCES', 'EPERM', 'EINVAL', 'EROFS'));
}

function unless(...codes: readonly string[]): (error: NodeJS.ErrnoException) => void {
  return (error) => {
    if (!codes.includes(error.code ?? '')) throw error;
  };
}
