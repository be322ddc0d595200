import { chown, link, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DATA_SUFFIX, INDEX_SUFFIX, REJECTED_DIRECTORY, removeSegment } from './segment-files.ts';
import { replaceFile, syncDirectory } from '../durable-file.ts';

/** Segments that are to be loaded again wait here until the collector takes them, which may not run at all now. */
export const RETRY_DIRECTORY = join(REJECTED_DIRECTORY, 'retry');
/** A segment as it was found, of which some blocks are damaged. */
export const DAMAGED_SUFFIX = '.damaged';
/** A line of text beside a quarantined segment. */
const REASON_SUFFIX = '.reason';

/** Notes why a segment is in `rejected/`, for whoever looks. */
export async function noteReason(directory: string, name: string, reason: string): Promise<void> {
  const rejected = join(directory, REJECTED_DIRECTORY);
  await mkdir(rejected, { recursive: true, mode: 0o700 });
  await replaceFile(join(rejected, name + REASON_SUFFIX), `${reason}\n`);
}

/** Moves a segment of the spool into its `rejected/`. */
export async function quarantineSegment(directory: string, name: string): Promise<void> {
  const rejected = join(directory, REJECTED_DIRECTORY);
  await mkdir(rejected, { recursive: true, mode: 0o700 });
  await moveSegment({ directory, name }, { directory: rejected, name });
}

/** Null where none was noted. */
export async function readReason(directory: string, name: string): Promise<string | null> {
  const text = await readFile(join(directory, REJECTED_DIRECTORY, name + REASON_SUFFIX), 'utf8').catch(() => null);
  return text === null ? null : text.trim();
}

/**
 * Hands a quarantined segment to the collector that runs on the spool, or to the next one. False where there is no such
 * segment. May be called by another process.
 */
export async function requestRetry(directory: string, name: string): Promise<boolean> {
  const rejected = join(directory, REJECTED_DIRECTORY);
  if (!(await exists(join(rejected, name + DATA_SUFFIX)))) return false;
  const retry = await retryDirectory(directory);
  // No links: the collector may have taken the segment, and quarantined it again, before we had removed what we have
  // linked.
  for (const suffix of [INDEX_SUFFIX, DATA_SUFFIX]) {
    await rename(join(rejected, name + suffix), join(retry, name + suffix)).catch((error: NodeJS.ErrnoException) => {
      // It never had an index, or somebody was faster, or died between the two.
      if (error.code !== 'ENOENT') throw error;
    });
  }
  await syncDirectory(retry);
  await syncDirectory(rejected);
  await rm(join(rejected, name + REASON_SUFFIX), { force: true });
  return true;
}

/**
 * Moves the segments that are to be loaded again into the spool, one by one, and returns their names there. One whose
 * name the spool has still, because its good blocks wait to be loaded, stays until they are.
 */
export async function* takeRetries(directory: string, isHeld: (name: string) => boolean): AsyncGenerator<string> {
  const retry = join(directory, RETRY_DIRECTORY);
  for (const found of await namesIn(retry)) {
    const name = found.endsWith(DAMAGED_SUFFIX) ? found.slice(0, -DAMAGED_SUFFIX.length) : found;
    // One whose files are just being removed is held as well: of two under one name the wrong ones would go.
    if (isHeld(name) || (await exists(join(directory, name + DATA_SUFFIX)))) continue;
    if (await moveSegment({ directory: retry, name: found }, { directory, name })) yield name;
  }
}

/**
 * Names of segments of the spool whose data is gone while their index says that blocks were written: somebody has
 * removed it, or the disk has lost it. Each gets data without a byte, to be treated as any other that is damaged.
 */
export async function findWithoutData(directory: string): Promise<string[]> {
  const whole = new Set(await namesIn(directory));
  const lost: string[] = [];
  for (const name of await namesIn(directory, INDEX_SUFFIX)) {
    if (whole.has(name)) continue;
    const { size } = await stat(join(directory, name + INDEX_SUFFIX));
    // Whoever moved it from one place to the other was interrupted.
    const others = [
      join(REJECTED_DIRECTORY, name),
      join(RETRY_DIRECTORY, name),
      join(RETRY_DIRECTORY, name + DAMAGED_SUFFIX),
    ];
    const isElsewhere = await Promise.all(others.map((other) => exists(join(directory, other + DATA_SUFFIX))));
    if (size === 0 || isElsewhere.includes(true)) {
      await removeSegment(directory, name);
      continue;
    }
    await writeFile(join(directory, name + DATA_SUFFIX), '', { mode: 0o600 });
    lost.push(name);
  }
  return lost;
}

/** Names of the segments in a directory, which may be missing, by their files of one kind; the oldest first. */
export async function namesIn(directory: string, suffix = DATA_SUFFIX): Promise<string[]> {
  const files = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return files
    .filter((file) => file.endsWith(suffix))
    .map((file) => file.slice(0, -suffix.length))
    .toSorted();
}

/** Whoever makes it, the collector must be able to take files out of it. */
async function retryDirectory(directory: string): Promise<string> {
  const retry = join(directory, RETRY_DIRECTORY);
  const isNew = (await mkdir(retry, { recursive: true, mode: 0o700 })) !== undefined;
  const { uid, gid } = await stat(join(directory, REJECTED_DIRECTORY));
  // Only root may give it away, and needs to.
  if (isNew) await chown(retry, uid, gid).catch(() => {});
  return retry;
}

interface Place {
  readonly directory: string;
  readonly name: string;
}

/**
 * Whoever dies meanwhile leaves the whole segment in one of the places, or in both; whoever reads it never sees data
 * without its index.
 */
async function moveSegment(from: Place, to: Place): Promise<boolean> {
  const fileOf = ({ directory, name }: Place, suffix: string): string => join(directory, name + suffix);
  if (!(await exists(fileOf(from, DATA_SUFFIX)))) return false;
  for (const suffix of [INDEX_SUFFIX, DATA_SUFFIX]) {
    if (!(await exists(fileOf(from, suffix)))) continue;
    await rm(fileOf(to, suffix), { force: true });
    await link(fileOf(from, suffix), fileOf(to, suffix));
  }
  await syncDirectory(to.directory);
  for (const suffix of [DATA_SUFFIX, INDEX_SUFFIX]) await rm(fileOf(from, suffix), { force: true });
  await syncDirectory(from.directory);
  return true;
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null;
}
