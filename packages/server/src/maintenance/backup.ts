import { mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile, syncDirectory } from '../durable-file.ts';
import { createDurableDirectory, missingFolders } from '../storage/directory/durable-directory.ts';
import { MIGRATIONS } from '../storage/migrations/migrate.ts';
import { VERSION } from '../version.ts';
import { copyHashed, type CopiedFile } from './copy-hashed.ts';
import { missingOfStore, type FileList } from './file-list.ts';
import { BackupError, DATA, MANIFEST, manifestText, type Manifest } from './manifest.ts';

/** What is backed up. */
export interface BackupSource {
  /** A data directory. */
  readonly path: string;
  /** What of it is copied, no more and no less. */
  readonly list: FileList;
  /** Called when everything has been copied; where it rejects, there is no backup. */
  readonly confirm?: () => Promise<void>;
}

/**
 * Copies what is listed into a new directory. The manifest is written last: a backup without one is incomplete. Rejects
 * with `BackupError`, with what `confirm` rejects with, or with the signal's reason; the incomplete backup was removed
 * then.
 */
export async function writeBackup(source: BackupSource, directory: string, signal: AbortSignal): Promise<Manifest> {
  const missingFile = missingOfStore(source.list.files);
  if (missingFile !== null) {
    throw new BackupError(
      `${source.path} has no complete store: ${missingFile} is missing; has a collector been started on it?`,
    );
  }
  await expectEmptyOrNone(directory);
  const missing = missingFolders(directory);
  try {
    await createDurableDirectory(directory);
    // Fails where another one has begun here meanwhile: what is removed below is ours.
    await mkdir(join(directory, DATA), { mode: 0o700 });
  } catch (error) {
    await removeFolders(missing);
    throw new BackupError(`the directory ${directory} cannot be used for a backup: ${String(error)}`);
  }
  try {
    return await copyInto(directory, source, signal);
  } catch (error) {
    await removeBackup(directory, missing);
    throw error;
  }
}

/** Rejects with `BackupError` where the directory holds anything. */
export async function expectEmptyOrNone(directory: string): Promise<void> {
  const found = await readdir(directory).catch(() => []);
  if (found.length > 0) throw new BackupError(`${directory} is not empty; name a new directory`);
}

/** What `writeBackup` has made so far, the file that names it first. */
async function removeBackup(directory: string, missing: readonly string[]): Promise<void> {
  try {
    await rm(join(directory, MANIFEST), { force: true });
    await rm(join(directory, DATA), { recursive: true, force: true });
  } catch {
    // What cannot be removed has no manifest, and is no backup.
  }
  await removeFolders(missing);
}

/** Those that are empty, the innermost first. */
async function removeFolders(folders: readonly string[]): Promise<void> {
  for (const folder of folders) await rmdir(folder).catch(() => {});
}

async function copyInto(
  directory: string,
  { path: from, list: { files, links, folders }, confirm }: BackupSource,
  signal: AbortSignal,
): Promise<Manifest> {
  for (const folder of folders) await mkdir(join(directory, DATA, folder), { recursive: true, mode: 0o700 });
  const copied: ({ path: string } & CopiedFile)[] = [];
  for (const { path, bytes } of files) {
    const file = await copyHashed(join(from, path), join(directory, DATA, path), { bytesMax: bytes, signal });
    if (file.bytes !== bytes) throw new BackupError(`${join(from, path)} was truncated while it was copied`);
    copied.push({ path, ...file });
  }
  const manifest: Manifest = {
    format: 1,
    version: VERSION,
    schema: MIGRATIONS.length,
    createdAt: new Date().toISOString(),
    folders,
    files: copied,
    links,
  };
  for (const folder of [...folders.toReversed(), '.']) await syncDirectory(join(directory, DATA, folder));
  await confirm?.();
  signal.throwIfAborted();
  await replaceFile(join(directory, MANIFEST), manifestText(manifest));
  return manifest;
}
