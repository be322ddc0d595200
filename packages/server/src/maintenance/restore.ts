import { mkdir, readdir, rename, rm, rmdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncDirectory } from '../durable-file.ts';
import { copyHashed } from './copy-hashed.ts';
import { BackupError, DATA, MANIFEST, readManifest, type Manifest } from './manifest.ts';

/**
 * Makes a data directory out of a backup. It has its name only when every file has been verified. Rejects with `BackupError`, or with the
 * signal's reason; nothing is left behind then.
 */
export async function restoreBackup(directory: string, dataDirectory: string, signal: AbortSignal): Promise<Manifest> {
  const manifest = await readManifest(directory);
  const found = await readdir(dataDirectory).catch(() => []);
  if (found.length > 0) throw new BackupError(`${dataDirectory} is not empty; a backup is restored into a new one`);
  const restoring = `${dataDirectory}.restoring`;
  await rm(restoring, { recursive: true, force: true });
  try {
    for (const folder of ['.', ...manifest.folders]) {
      await mkdir(join(restoring, folder), { recursive: true, mode: 0o700 });
    }
    for (const { path, bytes, sha256 } of manifest.files) {
      const copied = await copyHashed(join(directory, DATA, path), join(restoring, path), { signal }).catch(
        (error: unknown) => {
          signal.throwIfAborted();
          throw new BackupError(`${path} of the backup cannot be copied: ${String(error)}`);
        },
      );
      if (copied.bytes !== bytes || copied.sha256 !== sha256) {
        throw new BackupError(`${path} of the backup is damaged: its checksum is not the one in ${MANIFEST}`);
      }
    }
    for (const { path, target } of manifest.links) {
      await symlink(target, join(restoring, path));
    }
    await rmdir(dataDirectory).catch(() => {});
    await rename(restoring, dataDirectory);
    await syncDirectory(dirname(dataDirectory));
  } catch (error) {
    await rm(restoring, { recursive: true, force: true });
    throw error;
  }
  return manifest;
}
