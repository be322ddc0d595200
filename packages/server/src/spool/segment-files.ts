import { link, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FileReplacement, replaceFile, syncDirectory } from '../durable-file.ts';
import { createDurableDirectory } from '../storage/directory/durable-directory.ts';

/**
 * The blocks of a segment in their order: of spans, a valid file in the Native format; of request metrics, lines of
 * JSON.
 */
export const DATA_SUFFIX = '.native';
/** The records of the blocks. */
export const INDEX_SUFFIX = '.index';
const REPAIRED_DATA_SUFFIX = '.repaired';
/** Its presence says that the repair is complete and only has to take the place of the original. */
const REPAIRED_INDEX_SUFFIX = '.repaired-index';
const TEMPORARY_SUFFIX = '.temporary';
/** An index of this name says that nothing in the segment is needed any more: what is left of it is being removed. */
const REMOVED_SUFFIX = '.removed';
export const REJECTED_DIRECTORY = 'rejected';

/**
 * Names of the segments in the directory, oldest first. Completes repairs and removals that a crash has interrupted.
 */
export async function listSegments(directory: string): Promise<string[]> {
  const files = await readdir(directory);
  for (const file of files) {
    if (file.endsWith(REPAIRED_INDEX_SUFFIX)) await takeRepair(directory, stem(file, REPAIRED_INDEX_SUFFIX));
    if (file.endsWith(REMOVED_SUFFIX)) await removeSegment(directory, stem(file, REMOVED_SUFFIX));
  }
  const left = await readdir(directory);
  for (const file of left) {
    const isUnfinished = file.endsWith(REPAIRED_DATA_SUFFIX) || file.endsWith(TEMPORARY_SUFFIX);
    if (isUnfinished) await rm(join(directory, file), { force: true });
  }
  // Names begin with a sequence number of fixed width.
  return left
    .filter((file) => file.endsWith(DATA_SUFFIX))
    .map((file) => stem(file, DATA_SUFFIX))
    .toSorted();
}

/** Rejects where the file is not there or ends before. */
export async function readSegment(
  directory: string,
  name: string,
  offset: number,
  length: number,
): Promise<Uint8Array> {
  const file = await open(join(directory, name + DATA_SUFFIX));
  try {
    const bytes = Buffer.allocUnsafe(length);
    for (let read = 0; read < length;) {
      const { bytesRead } = await file.read(bytes, read, length - read, offset + read);
      if (bytesRead === 0) throw new Error(`segment ${name} ends before ${offset + length} bytes`);
      read += bytesRead;
    }
    return bytes;
  } finally {
    await file.close();
  }
}

/** The last one of these in whose files anything stands: behind it may be one that was created for what comes next. */
export async function newestSegment(directory: string, names: readonly string[]): Promise<string | undefined> {
  for (const name of names.toReversed()) {
    for (const suffix of [DATA_SUFFIX, INDEX_SUFFIX]) {
      const file = await stat(join(directory, name + suffix)).catch(() => null);
      if (file !== null && file.size > 0) return name;
    }
  }
  return undefined;
}

/**
 * Data without an index, and an index without data, would look damaged: where the process dies meanwhile, the next
 * start goes on. Not durable before the directory is synced.
 */
export async function removeSegment(directory: string, name: string): Promise<void> {
  // It may be gone, or the disk too full for another name: all the same, the segment goes.
  await rename(join(directory, name + INDEX_SUFFIX), join(directory, name + REMOVED_SUFFIX)).catch(() => {});
  for (const suffix of [DATA_SUFFIX, INDEX_SUFFIX, REMOVED_SUFFIX])
    await rm(join(directory, name + suffix), { force: true });
}

/** Puts other contents in the place of a segment's, at once or not at all, however often the process dies meanwhile. */
export async function replaceSegment(
  directory: string,
  name: string,
  blocks: AsyncIterable<Uint8Array>,
  index: Uint8Array,
): Promise<void> {
  const temporary = join(directory, name + TEMPORARY_SUFFIX);
  const data = await FileReplacement.begin(join(directory, name + REPAIRED_DATA_SUFFIX), { temporary });
  try {
    for await (const block of blocks) await data.write(block);
  } catch (error) {
    await data.abandon();
    throw error;
  }
  await data.commit();
  await replaceFile(join(directory, name + REPAIRED_INDEX_SUFFIX), index, { temporary });
  await takeRepair(directory, name);
}

async function takeRepair(directory: string, name: string): Promise<void> {
  const repaired = join(directory, name + REPAIRED_DATA_SUFFIX);
  if (await exists(repaired)) await rename(repaired, join(directory, name + DATA_SUFFIX));
  await rename(join(directory, name + REPAIRED_INDEX_SUFFIX), join(directory, name + INDEX_SUFFIX));
  await syncDirectory(directory);
}

/** Links the segment's files into `rejected/` as they are, under a name that ends on `.damaged`. */
export async function keepAsFound(directory: string, name: string): Promise<void> {
  const rejected = await rejectedDirectory(directory);
  for (const suffix of [DATA_SUFFIX, INDEX_SUFFIX]) {
    const from = join(directory, name + suffix);
    const to = join(rejected, `${name}.damaged${suffix}`);
    if (!(await exists(from))) continue;
    await rm(to, { force: true });
    await link(from, to);
  }
  // Before the files that it was found in are changed.
  await syncDirectory(rejected);
}

/** Names of the segments in `rejected/`. */
export async function listQuarantined(directory: string): Promise<string[]> {
  const files = await readdir(await rejectedDirectory(directory));
  return files.filter((file) => file.endsWith(DATA_SUFFIX)).map((file) => stem(file, DATA_SUFFIX));
}

async function rejectedDirectory(directory: string): Promise<string> {
  const rejected = join(directory, REJECTED_DIRECTORY);
  await createDurableDirectory(rejected);
  return rejected;
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null;
}

function stem(file: string, suffix: string): string {
  return file.slice(0, -suffix.length);
}
