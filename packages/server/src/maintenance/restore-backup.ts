import { mkdir, readdir, rename, rm, rmdir, symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { syncDirectory } from '../durable-file.ts';
import { holderOf, RESTORING_FOLDER } from '../storage/directory/data-directory.ts';
import { isSocketName } from '../storage/directory/directory-claim.ts';
import { createDurableDirectory, missingFolders } from '../storage/directory/durable-directory.ts';
import { LOST_AND_FOUND } from '../storage/directory/foreign-files.ts';
import { copyHashed } from './copy-hashed.ts';
import { isWithin } from './is-within.ts';
import { BackupError, DATA, MANIFEST, readManifest, type Manifest } from './manifest.ts';

/**
 * Creates a data directory from a backup, in a directory that is empty (as a new disk is) or does not exist, and
 * touches nothing beside it. No collector starts on it before every file has been verified and is durable. Rejects with
 * `BackupError`, or with the signal's reason; nothing is left behind then.
 */
export async function restoreBackup(directory: string, dataDirectory: string, signal: AbortSignal): Promise<Manifest> {
  const manifest = await readManifest(directory);
  const target = resolve(dataDirectory);
  if (isWithin(target, directory)) {
    throw new BackupError(`${target} lies in the backup ${directory}; a backup is restored into a directory elsewhere`);
  }
  const missing = missingFolders(target);
  try {
    await createDurableDirectory(target);
    await inRestoringFolder(target, async (restoring) => {
      await copyInto(restoring, directory, manifest, signal);
      await moveUp(restoring, target);
    });
  } catch (error) {
    for (const folder of missing) await rmdir(folder).catch(() => {});
    if (error instanceof BackupError || signal.aborted) throw error;
    throw new BackupError(`restoring to ${target} failed: ${String(error)}`);
  }
  return manifest;
}

/** While the folder is there, no collector starts on the target, and nobody else restores into it. */
async function inRestoringFolder(target: string, work: (restoring: string) => Promise<void>): Promise<void> {
  const restoring = join(target, RESTORING_FOLDER);
  await expectEmpty(target);
  await mkdir(restoring, { mode: 0o700 }).catch((error: unknown) => {
    throw isCode(error, 'EEXIST') ? unfinished(target) : error;
  });
  try {
    // A collector that has looked before it was there has left its mark before.
    await expectEmpty(target, [RESTORING_FOLDER]);
    await work(restoring);
  } catch (error) {
    await rm(restoring, { recursive: true, force: true });
    throw error;
  }
}

async function expectEmpty(target: string, known: readonly string[] = []): Promise<void> {
  const found = (await readdir(target)).filter((name) => name !== LOST_AND_FOUND && !known.includes(name));
  if (found.includes(RESTORING_FOLDER)) throw unfinished(target);
  if (found.length === 0) return;
  const pid = await holderOf(target);
  if (pid !== null) {
    throw new BackupError(`${target} is in use by a running collector (pid ${pid}); restore into an empty directory`);
  }
  throw new BackupError(`${target} is not empty: it holds ${found[0]}; a backup is restored into an empty directory`);
}

function unfinished(target: string): BackupError {
  return new BackupError(
    `${target} holds an unfinished restore in ${RESTORING_FOLDER}/; if none is running, it was killed: empty ${target} and restore again`,
  );
}

async function copyInto(restoring: string, directory: string, manifest: Manifest, signal: AbortSignal): Promise<void> {
  for (const folder of manifest.folders) await mkdir(join(restoring, folder), { recursive: true, mode: 0o700 });
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
  for (const { path, target } of manifest.links) await symlink(target, join(restoring, path));
  for (const folder of [...manifest.folders.toReversed(), '.']) await syncDirectory(join(restoring, folder));
  signal.throwIfAborted();
}

/** Whenever it is killed, the folder that says so is still there. */
async function moveUp(restoring: string, target: string): Promise<void> {
  const names = await readdir(restoring);
  // Those of collectors that came meanwhile, and were refused.
  const sockets = (await readdir(target)).filter((name) => isSocketName(name));
  await expectEmpty(target, [RESTORING_FOLDER, ...sockets]);
  const moved: string[] = [];
  try {
    for (const name of names) {
      await rename(join(restoring, name), join(target, name));
      moved.push(name);
    }
    await syncDirectory(target);
    await rmdir(restoring);
    await syncDirectory(target);
  } catch (error) {
    for (const name of moved) await rm(join(target, name), { recursive: true, force: true });
    throw error;
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
