import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MIGRATIONS } from '../storage/migrations/migrate.ts';
import type { CopiedFile } from './copy-hashed.ts';
import { missingOfStore, type FileList } from './file-list.ts';

/** What is in the way of a backup or a restore, in words for the operator. */
export class BackupError extends Error {
  override readonly name = 'BackupError';
  readonly code = 'backup_unusable';
}

/** Of a backup that is complete: of each file its size and its checksum. */
export interface Manifest extends FileList {
  /** Of this file and of the directory beside it. */
  readonly format: 1;
  /** Of the Throughline that has written it. */
  readonly version: string;
  /** The newest schema that this one knows. */
  readonly schema: number;
  readonly createdAt: string;
  readonly files: readonly ({ readonly path: string } & CopiedFile)[];
}

/** Its name in the directory of a backup. */
export const MANIFEST = 'manifest.json';
/** Holds the files of a backup. */
export const DATA = 'data';

/** Rejects with `BackupError` where nothing can be restored by it. */
export async function readManifest(directory: string): Promise<Manifest> {
  const path = join(directory, MANIFEST);
  const text = await readFile(path, 'utf8').catch(({ code }: NodeJS.ErrnoException) => {
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new BackupError(`${directory} has no ${MANIFEST}: it is not a backup, or an incomplete one`);
    }
    throw new BackupError(`${path} cannot be read: ${code === 'EACCES' ? 'permission denied' : code}`);
  });
  const manifest = parse(text);
  if (manifest === null || (manifest.format === 1 && !isWhole(text))) throw new BackupError(`${path} is damaged`);
  if (manifest.format !== 1 || manifest.schema > MIGRATIONS.length) {
    throw new BackupError(
      `the backup was made by Throughline ${manifest.version}; restore it with that one or a newer one`,
    );
  }
  const paths = [...manifest.files, ...manifest.links].map((entry) => entry.path).concat(manifest.folders);
  if (paths.some((entry) => entry.startsWith('/') || entry.split('/').includes('..'))) {
    throw new BackupError(`${path} names files outside of the backup`);
  }
  const missing = missingOfStore(manifest.files);
  if (missing !== null)
    throw new BackupError(`${directory} is not a complete backup: ${path} does not list ${missing}`);
  return manifest;
}

function parse(text: string): Manifest | null {
  try {
    const manifest = JSON.parse(text) as Partial<Manifest> | null;
    const lists = [manifest?.files, manifest?.links, manifest?.folders];
    return lists.every((list) => Array.isArray(list)) ? (manifest as Manifest) : null;
  } catch {
    return null;
  }
}

/** With a checksum of its own: a wrong byte in the name of a folder, or in what a link leads to, is met by no other. */
export function manifestText(manifest: Manifest): string {
  const text = JSON.stringify(manifest);
  return `${text.slice(0, -1)},"sha256":"${sha256(text)}"}\n`;
}

function isWhole(text: string): boolean {
  const [, members = '', checksum] = /^(.+),"sha256":"([0-9a-f]{64})"\}\n$/.exec(text) ?? [];
  return sha256(`${members}}`) === checksum;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
