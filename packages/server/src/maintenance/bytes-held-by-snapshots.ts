import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** What of a data directory gives second names to files of the store, or holds copies, and goes by itself. */
const SNAPSHOTS = ['snapshot', 'before-migration', 'before-migration.new', join('store', 'shadow')];

/**
 * The bytes that nothing of a data directory needs but its snapshots: files that the store has replaced or dropped
 * meanwhile, and copies. They are free again when the snapshots go. 0 while there are none.
 */
export async function bytesHeldBySnapshots(dataDirectory: string): Promise<number> {
  let bytes = 0;
  /** How many names of a file with several of them were met. */
  const met = new Map<string, number>();
  const waiting = SNAPSHOTS.map((name) => join(dataDirectory, name));
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    // What goes meanwhile holds nothing.
    for (const entry of await readdir(directory, { withFileTypes: true }).catch(() => [])) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) waiting.push(path);
      if (!entry.isFile()) continue;
      const found = await lstat(path).catch(() => null);
      if (found === null) continue;
      const key = `${found.dev} ${found.ino}`;
      const names = (met.get(key) ?? 0) + 1;
      if (found.nlink > 1) met.set(key, names);
      if (names === found.nlink) bytes += found.size;
    }
  }
  return bytes;
}
