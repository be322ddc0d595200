import { copyFile, cp, link, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Engine } from '../storage/engine.ts';
import type { TakesBackMerges } from '../storage/damage/merge-watch.ts';
import { CHECKED_TABLES, faultOf } from '../storage/damage/part-check.ts';
import { sqlString } from '../storage/sql.ts';
import { KEPT, listFiles, writeSnapshotList } from './file-list.ts';
import { copyOrder, cutSegments } from './cut-segments.ts';
import { IN_DATABASE } from '../storage/tables.ts';
import { rowsOf } from '../storage/rows-of.ts';

export interface SnapshotOptions {
  readonly engine: Pick<Engine, 'query' | 'command' | 'tables'> & Partial<TakesBackMerges>;
  /** Its spools are part of the snapshot. */
  readonly dataDirectory: string;
  /** Where the snapshot goes, on the same file system: a data directory of its own. Nothing may be there. */
  readonly path: string;
  /** Runs work while nothing is inserted and nothing is added to the derived tables. */
  readonly whileStill: (work: () => Promise<void>) => Promise<void>;
  /** Nobody wants it any more. */
  readonly signal?: AbortSignal;
}

/** The engine escapes other characters in the directory's name. */
const FREEZE_NAME = 'throughline_snapshot';
/**
 * Larger files get a second name, smaller ones are copied. Only a segment that is being written grows, behind what its
 * index says.
 */
const COPIED_BYTES_MAX = 1024 * 1024;
/** How often what merges have not written whole may be taken back for one snapshot; merges pause behind each time. */
const FREEZES_MAX = 3;

/**
 * Keeps everything that was acknowledged before as a data directory of its own, within moments and without a copy of
 * the store: parts never change, so that second names of their files are enough. A segment that is in the store as well
 * is found there when it is loaded again. The list of its files is written last. One call at a time. Rejects with
 * `EngineError`, with what the file system says or with the signal's reason, and leaves nothing then.
 */
export async function takeSnapshot(options: SnapshotOptions): Promise<void> {
  const { dataDirectory, path, whileStill, signal } = options;
  const shadow = join(dataDirectory, 'store', 'shadow', FREEZE_NAME);
  // Of one that was killed.
  await rm(shadow, { recursive: true, force: true });
  await mkdir(path, { mode: 0o700 });
  try {
    await mkdir(join(path, 'store', 'store'), { recursive: true, mode: 0o700 });
    await whileStill(() => keepAll(options));
    await moveInto(join(shadow, 'store'), join(path, 'store', 'store'));
    await writeSnapshotList(path, await cutSegments(path, await listFiles(path)));
    signal?.throwIfAborted();
  } catch (error) {
    await rm(path, { recursive: true, force: true });
    throw error;
  } finally {
    await rm(shadow, { recursive: true, force: true });
  }
}

async function keepAll({ engine, dataDirectory, path, signal }: SnapshotOptions): Promise<void> {
  const store = join(dataDirectory, 'store');
  signal?.throwIfAborted();
  // Before the store: what leaves the spool meanwhile has come there.
  for (const name of KEPT) await keep(join(dataDirectory, name), join(path, name));
  const shadow = join(store, 'shadow', FREEZE_NAME);
  let tables: readonly unknown[][] = [];
  for (let freezes = 1; ; freezes++) {
    // Each start of the engine creates some of them again.
    tables = await rowsOf(
      engine,
      `SELECT name, toString(uuid) FROM system.tables WHERE ${IN_DATABASE} AND engine LIKE '%MergeTree' AND name != 'collector_leases'`,
    );
    for (const [table] of tables) {
      // Their spans are in the spool.
      if (String(table).startsWith('spans_fresh')) continue;
      signal?.throwIfAborted();
      await engine.command(
        `ALTER TABLE ${engine.tables.named(String(table)).local} FREEZE WITH NAME ${sqlString(FREEZE_NAME)}`,
      );
    }
    if (freezes === FREEZES_MAX || !(await takeBackMerges(engine, tables, shadow))) break;
    await rm(shadow, { recursive: true });
  }
  for (const [, uuid] of tables) await keepAround(store, String(uuid), join(path, 'store'));
  await keepDefinitions(store, join(path, 'store'));
}

/**
 * A part that a merge has not written whole is refused where the snapshot is opened, and what it replaced is not in it.
 * Nobody may have looked at it yet. True where that is in use again.
 */
async function takeBackMerges(
  engine: SnapshotOptions['engine'],
  tables: readonly unknown[][],
  shadow: string,
): Promise<boolean> {
  let isAny = false;
  for (const table of CHECKED_TABLES) {
    const uuid = String(tables.find(([name]) => name === table)?.[1]);
    const frozen = new Set(await readdir(join(shadow, 'store', uuid.slice(0, 3), uuid)).catch(() => []));
    const parts = await rowsOf(
      engine,
      `SELECT name, path, bytes_on_disk FROM system.parts WHERE ${IN_DATABASE} AND table = ${sqlString(table)}`,
    );
    for (const [name, path, bytes] of parts) {
      if (!frozen.has(String(name)) || (await faultOf(String(path), Number(bytes))) === null) continue;
      isAny = (await engine.takeBackMerge?.(table, String(name))) === true || isAny;
    }
  }
  return isAny;
}

/** Files beside the parts of a table: its format, mutations, and the tokens of what was inserted. */
async function keepAround(store: string, uuid: string, into: string): Promise<void> {
  const below = join('store', uuid.slice(0, 3), uuid);
  await mkdir(join(into, below, 'detached'), { recursive: true, mode: 0o700 });
  for (const entry of await readdir(join(store, below), { withFileTypes: true })) {
    if (!entry.isFile() && entry.name !== 'deduplication_logs') continue;
    await cp(join(store, below, entry.name), join(into, below, entry.name), { recursive: true });
  }
}

/** The definitions of databases and tables, and the names under which the engine finds them. */
async function keepDefinitions(store: string, into: string): Promise<void> {
  for (const below of ['metadata', 'data']) {
    await cp(join(store, below), join(into, below), { recursive: true, verbatimSymlinks: true });
  }
  for (const prefix of await readdir(join(store, 'store'))) {
    for (const name of await readdir(join(store, 'store', prefix))) {
      const directory = join('store', prefix, name);
      for (const file of await readdir(join(store, directory))) {
        if (!file.endsWith('.sql')) continue;
        await mkdir(join(into, directory), { recursive: true, mode: 0o700 });
        await copyFile(join(store, directory, file), join(into, directory, file));
      }
    }
  }
}

/** Of what a process works on: files may grow, be replaced and go. */
async function keep(from: string, to: string): Promise<void> {
  const found = await stat(from).catch(() => null);
  if (found === null) return;
  if (!found.isDirectory()) {
    await mkdir(dirname(to), { recursive: true, mode: 0o700 });
    // What is gone is in the store.
    await (found.size > COPIED_BYTES_MAX ? link(from, to) : copyFile(from, to)).catch(ignoreMissing);
    return;
  }
  await mkdir(to, { recursive: true, mode: 0o700 });
  const names = await readdir(from);
  for (const name of copyOrder(names)) await keep(join(from, name), join(to, name));
}

async function moveInto(from: string, to: string): Promise<void> {
  for (const prefix of await readdir(from)) {
    for (const table of await readdir(join(from, prefix))) {
      await mkdir(join(to, prefix, table), { recursive: true, mode: 0o700 });
      for (const part of await readdir(join(from, prefix, table))) {
        await rename(join(from, prefix, table, part), join(to, prefix, table, part));
      }
    }
  }
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
}
