import { closeSync, constants, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { copyFile, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

export interface ReplaceOptions {
  /** Where the new content is until it is whole, on the same file system. Default: beside the file. */
  readonly temporary?: string;
}

/**
 * Replaces a file's content as a whole: whenever the process is killed or the power fails, the file holds the old
 * content or the new one. One call at a time for a path. Rejects with what the file system says; the file then holds
 * the old content.
 */
export async function replaceFile(
  path: string,
  content: string | Uint8Array,
  options: ReplaceOptions = {},
): Promise<void> {
  const replacement = await FileReplacement.begin(path, options);
  await replacement.write(content);
  await replacement.commit();
}

/**
 * The same in one go, for small files. The new name is not synced: after a power failure the file may hold the old
 * content. With `sync: false` the content is not synced either: the file is whole when the process is killed, and may
 * be empty after a power failure. Throws what the file system says; the file then holds the old content.
 */
export function replaceFileSync(
  path: string,
  content: string,
  { sync = true, temporary = beside(path) }: ReplaceOptions & { readonly sync?: boolean } = {},
): void {
  try {
    const file = openSync(temporary, 'w', 0o600);
    try {
      writeFileSync(file, content);
      if (sync) fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** The same as `replaceFile`, piece by piece. What is begun ends with `commit`, `abandon` or a rejection. */
export class FileReplacement {
  readonly #path: string;
  readonly #temporary: string;
  readonly #file: FileHandle;

  private constructor(path: string, temporary: string, file: FileHandle) {
    this.#path = path;
    this.#temporary = temporary;
    this.#file = file;
  }

  static async begin(path: string, { temporary = beside(path) }: ReplaceOptions = {}): Promise<FileReplacement> {
    return new FileReplacement(path, temporary, await open(temporary, 'w', 0o600));
  }

  write(content: string | Uint8Array): Promise<void> {
    return this.#orAbandon(() => this.#file.writeFile(content));
  }

  async commit(): Promise<void> {
    await this.#orAbandon(async () => {
      await this.#file.sync();
      await this.#file.close();
      await rename(this.#temporary, this.#path);
    });
    await syncDirectory(dirname(this.#path));
  }

  async abandon(): Promise<void> {
    await this.#file.close().catch(() => {});
    await rm(this.#temporary, { force: true });
  }

  async #orAbandon(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      await this.abandon().catch(() => {});
      throw error;
    }
  }
}

/**
 * Copies a file as a whole: under the new name is all of it, or what was there before. Costs no space where the file
 * system can share it. Rejects with what the file system says.
 */
export async function copyToDurableFile(from: string, to: string): Promise<void> {
  const temporary = beside(to);
  try {
    await copyFile(from, temporary, constants.COPYFILE_FICLONE);
    const copy = await open(temporary, 'r+');
    try {
      await copy.sync();
    } finally {
      await copy.close();
    }
    await rename(temporary, to);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(to));
}

/** Makes names that were added to the directory, or removed from it, as durable as the files. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Ends the names of files that were not whole when the process ended. */
export const TEMPORARY_SUFFIX = '.temporary';

/** What a crash leaves of it is overwritten by the next replacement. */
function beside(path: string): string {
  return `${path}${TEMPORARY_SUFFIX}`;
}
