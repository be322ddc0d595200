import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Replaces a file's content as a whole: whenever the process is killed or the power fails, the file holds the old
 * content or the new one. One call at a time for a path. Rejects with what the file system says; the file then holds
 * the old content.
 */
export async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  const replacement = await FileReplacement.begin(path);
  await replacement.write(content);
  await replacement.commit();
}

/**
 * The same in one go, for small files. The new name is not synced: after a power failure the file may hold the old
 * content. With `sync: false` the content is not synced either: the file is whole when the process is killed, and may
 * be empty after a power failure. Throws what the file system says.
 */
export function replaceFileSync(path: string, content: string, { sync = true } = {}): void {
  const file = openSync(temporary(path), 'w', 0o600);
  try {
    writeFileSync(file, content);
    if (sync) fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary(path), path);
}

/** The same as `replaceFile`, piece by piece. What is begun ends with `commit`, `abandon` or a rejection. */
export class FileReplacement {
  readonly #path: string;
  readonly #file: FileHandle;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  static async begin(path: string): Promise<FileReplacement> {
    return new FileReplacement(path, await open(temporary(path), 'w', 0o600));
  }

  write(content: string | Uint8Array): Promise<void> {
    return this.#orAbandon(() => this.#file.writeFile(content));
  }

  async commit(): Promise<void> {
    await this.#orAbandon(async () => {
      await this.#file.sync();
      await this.#file.close();
      await rename(temporary(this.#path), this.#path);
    });
    await syncDirectory(dirname(this.#path));
  }

  async abandon(): Promise<void> {
    await this.#file.close().catch(() => {});
    await rm(temporary(this.#path), { force: true });
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

/** Makes names that were added to the directory, or removed from it, as durable as the files. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** What a crash leaves of it is overwritten by the next replacement. */
function temporary(path: string): string {
  return `${path}.temporary`;
}
