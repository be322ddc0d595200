import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { replaceFile } from '../durable-file.ts';
import { DATABASE } from '../storage/tables.ts';

/** What of a data directory belongs to it wherever it is; the rest is of a process or of a machine. */
export const KEPT = ['spool', 'counts', 'sampling', 'store-id', 'stored-days', 'last-arrival'] as const;

/** What is copied of a data directory. Paths are relative to it; of a file that grows, its first `bytes` are meant. */
export interface FileList {
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  readonly links: readonly { readonly path: string; readonly target: string }[];
  /** The engine expects some that are empty. */
  readonly folders: readonly string[];
}

/** Stands in a snapshot that is complete. */
const SNAPSHOT_LIST = 'snapshot.json';
/** Of the store: what the engine creates again, what is damaged, and snapshots. */
const LEFT_OUT = /(?:^|\/)(?:detached\/.+|tmp_[^/]+\/.*|delete_tmp_[^/]+\/.*)$|^store\/(?:shadow|tmp|status)(?:\/|$)/;
const STORE_ID = 'store-id';
const DATABASE_DEFINITION = `store/metadata/${DATABASE}.sql`;
const SPANS_TABLE = /^store\/store\/[^/]+\/[^/]+\/spans\.sql$/;

/** Of a data directory that nobody changes meanwhile. */
export async function listFiles(from: string): Promise<FileList> {
  const files: { path: string; bytes: number }[] = [];
  const links: { path: string; target: string }[] = [];
  const folders: string[] = [];
  const walk = async (directory: string, names: readonly string[] | null): Promise<void> => {
    const entries = (await readdir(directory, { withFileTypes: true })).filter(
      ({ name }) => names === null || names.includes(name),
    );
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = relative(from, join(directory, entry.name));
      if (LEFT_OUT.test(path)) continue;
      if (entry.isSymbolicLink()) links.push({ path, target: await readlink(join(from, path)) });
      else if (entry.isDirectory()) {
        folders.push(path);
        await walk(join(from, path), null);
      } else if (entry.isFile()) files.push({ path, bytes: (await stat(join(from, path))).size });
    }
  };
  await walk(from, [...KEPT, 'store']);
  return { files, links, folders };
}

/** Without it no store can be opened, whatever else is there: its name; null where nothing of that is missing. */
export function missingOfStore(files: readonly { readonly path: string }[]): string | null {
  const paths = new Set(files.map(({ path }) => path));
  if (!paths.has(STORE_ID)) return STORE_ID;
  if (!paths.has(DATABASE_DEFINITION)) return DATABASE_DEFINITION;
  return [...paths].some((path) => SPANS_TABLE.test(path)) ? null : 'the definition of the table spans';
}

/** Writes down what a snapshot consists of, the last of its files. */
export async function writeSnapshotList(snapshot: string, list: FileList): Promise<void> {
  await replaceFile(join(snapshot, SNAPSHOT_LIST), `${JSON.stringify(list)}\n`);
}

/** Rejects with Node's error where the snapshot is not complete, or is gone. */
export async function readSnapshotList(snapshot: string): Promise<FileList> {
  return JSON.parse(await readFile(join(snapshot, SNAPSHOT_LIST), 'utf8')) as FileList;
}
