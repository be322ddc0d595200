import { link, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { copyToDurableFile, syncDirectory, TEMPORARY_SUFFIX } from '../durable-file.ts';
import { createDurableDirectory } from '../storage/directory/durable-directory.ts';

interface JournalFile {
  readonly name: string;
  readonly bytes: number;
}

const SUFFIX = '.records';
/** Names are ordered by it. */
const NUMBER_DIGITS = 16;

/**
 * The records that the store has and the totals on the disk may not have: segments of the spool of counts, kept under a
 * second name until the totals are written down again. That costs nothing but the name.
 */
export class Journal {
  readonly #directory: string;
  #files: JournalFile[] = [];
  #bytes = 0;
  /** An earlier process may have ended before its last name was durable. */
  #areNamesDurable = false;

  constructor(directory: string) {
    this.#directory = directory;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The oldest first. */
  get paths(): string[] {
    return this.#files.map(({ name }) => join(this.#directory, name));
  }

  /** Finds what an earlier process left. */
  async open(): Promise<void> {
    await createDurableDirectory(this.#directory);
    const all = await readdir(this.#directory);
    // Of a copy that was interrupted: the segment may not need one the next time.
    for (const name of all.filter((each) => each.endsWith(TEMPORARY_SUFFIX))) {
      await rm(join(this.#directory, name)).catch(() => {});
    }
    const names = all.filter((name) => name.endsWith(SUFFIX)).toSorted();
    for (const name of names) this.#add({ name, bytes: (await stat(join(this.#directory, name))).size });
  }

  /**
   * Keeps a sealed segment whose first record has this number. Durable when it resolves; does nothing for one that it
   * has.
   */
  async keep(path: string, segment: string, firstNumber: number): Promise<void> {
    const name = `${String(firstNumber).padStart(NUMBER_DIGITS, '0')}-${segment}${SUFFIX}`;
    const isKnown = this.#files.some((file) => file.name === name);
    if (isKnown && this.#areNamesDurable) return;
    const kept = join(this.#directory, name);
    if (!isKnown) {
      await link(path, kept).catch(async (error: NodeJS.ErrnoException) => {
        // Where the file system knows no second names.
        if (error.code !== 'EEXIST') await copyToDurableFile(path, kept);
      });
    }
    await syncDirectory(this.#directory);
    this.#areNamesDurable = true;
    if (!isKnown) this.#add({ name, bytes: (await stat(kept)).size });
  }

  /** Removes these, of `paths`: the totals on the disk hold what they say. */
  async remove(paths: readonly string[]): Promise<void> {
    for (const path of paths) await rm(path, { force: true });
    const gone = new Set(paths);
    this.#files = this.#files.filter(({ name }) => !gone.has(join(this.#directory, name)));
    this.#bytes = this.#files.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  #add(file: JournalFile): void {
    this.#files.push(file);
    this.#bytes += file.bytes;
  }
}
