import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readdir, readFile, readlink, rename, rm, rmdir, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { replaceFile, syncDirectory } from '../durable-file.ts';
import { MIGRATIONS } from '../storage/migrations/migrate.ts';
import { VERSION } from '../version.ts';
import { KEPT } from './snapshot.ts';

/** What is in the way of a backup or a restore, for the person who asked for it. */
export class BackupError extends Error {
  override readonly name = 'BackupError';
  readonly code = 'backup_unusable';
}

export interface Manifest {
  /** Of this file and of the directory beside it. */
  readonly format: 1;
  /** Of the Throughline that has written it. */
  readonly version: string;
  /** The newest schema that this one knows. */
  readonly schema: number;
  readonly createdAt: string;
  /** The engine expects some that are empty. */
  readonly folders: readonly string[];
  readonly files: readonly { readonly path: string; readonly bytes: number; readonly sha256: string }[];
  readonly links: readonly { readonly path: string; readonly target: string }[];
}

const MANIFEST = 'manifest.json';
const DATA = 'data';
const CHUNK_BYTES = 1024 * 1024;
/** Of the store: what the engine makes anew, what is damaged, and snapshots. */
const LEFT_OUT = /(?:^|\/)(?:detached\/.+|tmp_[^/]+\/.*|delete_tmp_[^/]+\/.*)$|^store\/(?:shadow|tmp|status)(?:\/|$)/;

/**
 * Copies a data directory that nobody changes (a snapshot, or one that is not in use) into a new directory. The manifest is written last: a
 * backup without one is incomplete. Rejects with `BackupError`, or with the signal's reason; nothing of the backup is left then.
 */
export async function writeBackup(from: string, directory: string, signal: AbortSignal): Promise<Manifest> {
  const withDirectory = !(await isThereAndEmpty(directory));
  try {
    return await copyInto(directory, from, signal);
  } catch (error) {
    await removeBackup(directory, { withDirectory });
    throw error;
  }
}

/** False where there is no such directory. Rejects with `BackupError` where it holds anything. */
export async function isThereAndEmpty(directory: string): Promise<boolean> {
  const found = await readdir(directory).catch(() => null);
  if (found !== null && found.length > 0) throw new BackupError(`${directory} is not empty; name a new directory`);
  return found !== null;
}

/** What `writeBackup` has made so far, the file that tells of it first. */
async function removeBackup(directory: string, { withDirectory }: { readonly withDirectory: boolean }): Promise<void> {
  try {
    await rm(join(directory, MANIFEST), { force: true });
    await rm(join(directory, DATA), { recursive: true, force: true });
    if (withDirectory) await rmdir(directory);
  } catch {
    // What cannot be removed has no manifest, and is no backup.
  }
}

async function copyInto(directory: string, from: string, signal: AbortSignal): Promise<Manifest> {
  await mkdir(join(directory, DATA), { recursive: true, mode: 0o700 });
  const { files, links, folders } = await listFiles(from);
  for (const folder of folders) await mkdir(join(directory, DATA, folder), { recursive: true, mode: 0o700 });
  const copied: { path: string; bytes: number; sha256: string }[] = [];
  for (const path of files) {
    copied.push({ path, ...(await copyHashed(join(from, path), join(directory, DATA, path), signal)) });
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
  signal.throwIfAborted();
  await replaceFile(join(directory, MANIFEST), `${JSON.stringify(manifest)}\n`);
  return manifest;
}

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
      const copied = await copyHashed(join(directory, DATA, path), join(restoring, path), signal).catch(
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

async function readManifest(directory: string): Promise<Manifest> {
  const path = join(directory, MANIFEST);
  const text = await readFile(path, 'utf8').catch(() => null);
  if (text === null) throw new BackupError(`${directory} has no ${MANIFEST}: it is no backup, or an incomplete one`);
  let manifest: Manifest;
  try {
    manifest = JSON.parse(text) as Manifest;
  } catch {
    throw new BackupError(`${path} is damaged`);
  }
  if (manifest.format !== 1 || manifest.schema > MIGRATIONS.length) {
    throw new BackupError(
      `the backup was made by Throughline ${manifest.version}; restore it with that one or a newer one`,
    );
  }
  const paths = [...manifest.files, ...manifest.links].map((entry) => entry.path).concat(manifest.folders);
  if (paths.some((entry) => entry.startsWith('/') || entry.split('/').includes('..'))) {
    throw new BackupError(`${path} names files outside of the backup`);
  }
  return manifest;
}

interface Listed {
  readonly files: readonly string[];
  readonly links: readonly { readonly path: string; readonly target: string }[];
  readonly folders: readonly string[];
}

async function listFiles(from: string): Promise<Listed> {
  const files: string[] = [];
  const links: { path: string; target: string }[] = [];
  const folders: string[] = [];
  const walk = async (directory: string, names: readonly string[]): Promise<void> => {
    const entries = (await readdir(directory, { withFileTypes: true })).filter(
      ({ name }) => names.length === 0 || names.includes(name),
    );
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = relative(from, join(directory, entry.name));
      if (LEFT_OUT.test(path)) continue;
      if (entry.isSymbolicLink()) links.push({ path, target: await readlink(join(from, path)) });
      else if (entry.isDirectory()) {
        folders.push(path);
        await walk(join(from, path), []);
      } else if (entry.isFile()) files.push(path);
    }
  };
  await walk(from, [...KEPT, 'store']);
  return { files, links, folders };
}

/** Durable when it resolves. */
async function copyHashed(from: string, to: string, signal: AbortSignal): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  const source = await open(from, constants.O_RDONLY);
  try {
    const target = await open(to, 'wx', 0o600);
    try {
      const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
      let bytes = 0;
      for (;;) {
        signal.throwIfAborted();
        const { bytesRead } = await source.read(buffer, 0, CHUNK_BYTES, bytes);
        if (bytesRead === 0) break;
        const chunk = buffer.subarray(0, bytesRead);
        hash.update(chunk);
        await target.writeFile(chunk);
        bytes += bytesRead;
      }
      await target.sync();
      return { bytes, sha256: hash.digest('hex') };
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}
