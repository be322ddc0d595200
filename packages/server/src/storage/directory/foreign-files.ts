import { accessSync, constants, lstatSync, readdirSync, type Stats } from 'node:fs';
import { join } from 'node:path';

/** Of the file system of a disk, for root alone: a disk with nothing else on it is empty. */
export const LOST_AND_FOUND = 'lost+found';

/** Deeper lie the parts of tables, which are made by whoever made what is above them. */
const DEPTH = 3;
const ENTRIES_MAX = 10_000;

/**
 * What in a data directory another user has left there, such as root by an earlier start, and this one may not use: why
 * not, in words that name it. Null where nothing is in the way.
 */
export function foreignFile(directory: string): string | null {
  const waiting = [{ path: directory, depth: 0 }];
  let looked = 0;
  for (let next = waiting.pop(); next !== undefined && looked < ENTRIES_MAX; next = waiting.pop()) {
    const { path, depth } = next;
    looked++;
    const stats = lstatSync(path, { throwIfNoEntry: false });
    // Gone meanwhile, or a link or a socket, which others check.
    if (stats === undefined || !(stats.isDirectory() || stats.isFile())) continue;
    const why = notUsable(path, stats);
    if (why !== null) return why;
    if (stats.isDirectory() && depth < DEPTH) {
      const names = namesIn(path).filter((name) => depth > 0 || name !== LOST_AND_FOUND);
      for (const name of names) waiting.push({ path: join(path, name), depth: depth + 1 });
    }
  }
  return null;
}

function notUsable(path: string, stats: Stats): string | null {
  const { R_OK, W_OK, X_OK } = constants;
  try {
    accessSync(path, stats.isDirectory() ? R_OK | W_OK | X_OK : R_OK | W_OK);
    return null;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EROFS') return 'the file system is read-only';
    if (code === 'ENOENT') return null;
    const user = process.getuid?.() ?? -1;
    const owner =
      stats.uid === user
        ? `does not allow its own user, ${user}, to read and write it`
        : `belongs to user ${stats.uid}, and user ${user} may not read and write it`;
    return `permission denied: ${path} ${owner}`;
  }
}

/** None where a collector that is at work here has removed the folder meanwhile: that is found out by its lock. */
function namesIn(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
