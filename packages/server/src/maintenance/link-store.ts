import { copyFile, link, mkdir, readdir, readlink, symlink } from 'node:fs/promises';
import { join } from 'node:path';

/** In the data directory, as long as a check of a stopped collector's store lasts. */
export const CHECKED_COPY = 'checked-store';

/** Such as `20261123_1_5_1`, also with what the engine puts before and behind the name of one that it has detached. */
const PART = /(?:^|_)(?:\d{8}|all)_\d+_\d+_\d+(?:_\d+)?(?:_try\d+)?$/;
/**
 * Of a process, or created at each start: parts that were being written or removed, and what has been kept of earlier
 * damage.
 */
const LEFT_OUT = /^(?:tmp_.*|delete_tmp_.*|shadow|tmp|status|damaged|scratch-.*)$/;

/**
 * Makes a store out of one that is not in use, with second names of its parts' files, which never change, and copies of
 * the few others: what the engine does with it leaves the first one as it is. Rejects with what the file system says,
 * or with the signal's reason.
 */
export async function linkStore(from: string, to: string, signal: AbortSignal, isInPart = false): Promise<void> {
  await mkdir(to, { recursive: true, mode: 0o700 });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    signal.throwIfAborted();
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (!isInPart && LEFT_OUT.test(entry.name)) continue;
    if (entry.isSymbolicLink()) await symlink(await readlink(source), target);
    else if (entry.isDirectory()) await linkStore(source, target, signal, isInPart || PART.test(entry.name));
    else if (entry.isFile()) await (isInPart ? link(source, target) : copyFile(source, target));
  }
}
