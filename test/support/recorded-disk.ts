import { copyFileSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Seeded } from '../../packages/server/src/columns/testing/seeded.ts';
import type { FaultInjection } from './fault-injection.ts';

/**
 * - `posix`: a name is kept by a sync of its directory alone, and each directory forgets on its own.
 * - `ordered`: changes of names are kept in their order, and any sync keeps all that came before it, as ext4 and XFS do.
 */
export type DiskModel = 'posix' | 'ordered';

/**
 * A directory of which it is known what a disk would have kept of it: the library for faults notes every change of a name and every
 * sync (see `fault-injection/journal.c`). What is there when it is made counts as kept.
 */
export class RecordedDisk {
  readonly #root: string;
  readonly #control: string;
  #tree = new Folder();

  constructor(root: string, faults: FaultInjection) {
    this.#root = root;
    this.#control = faults.directory;
    writeFileSync(join(this.#control, 'root'), root);
    this.#begin();
  }

  /**
   * The power fails: the directory becomes one of those that a disk may come back with. No process may use it any more. `modelOf` has
   * paths of directories, relative to the root; of what was not synced, a seeded choice survives.
   */
  cut(random: Seeded, modelOf: (path: string) => DiskModel): void {
    const journal = join(this.#control, 'journal');
    const lines = existsSync(journal) ? readFileSync(journal, 'utf8').split('\n').slice(0, -1) : [];
    const { lastSync, end } = replay(this.#tree, lines);
    const present = new Map<string, string>();
    for (const { path, id } of filesBelow(this.#root)) present.set(id, path);
    const synced = (id: string): Buffer | null => readIfThere(join(this.#control, 'synced', id));

    // Nothing, or anything.
    const isHarsh = random.chance(0.4);
    const until = isHarsh ? lastSync : lastSync + random.below(end - lastSync + 1);
    const kept: Kept[] = [];
    const keep = (folder: Folder, path: string): void => {
      const isOrdered = modelOf(path) === 'ordered';
      const inTime = folder.edits.filter(({ at }) => at <= until).length;
      const loose = folder.edits.length - folder.syncedEdits;
      const edits = isOrdered ? inTime : folder.syncedEdits + (isHarsh ? 0 : random.below(loose + 1));
      for (const [name, node] of folder.after(edits)) {
        const below = path === '' ? name : `${path}/${name}`;
        if (node instanceof Folder) {
          kept.push({ path: below, content: null });
          keep(node, below);
        } else if (node.kind === 'symlink') {
          kept.push({ path: below, content: node.target });
        } else {
          const now = present.get(node.id);
          const bytes = survivor(random, isHarsh, synced(node.id), now === undefined ? null : readFileSync(now));
          kept.push({ path: below, content: bytes });
        }
      }
    };
    keep(this.#tree, '');

    for (const name of readdirSync(this.#root)) rmSync(join(this.#root, name), { recursive: true });
    for (const { path, content } of kept) {
      const whole = join(this.#root, path);
      if (content === null) mkdirSync(whole, { mode: 0o700 });
      else if (typeof content === 'string') symlinkSync(content, whole);
      else writeFileSync(whole, content, { mode: 0o600 });
    }
    this.#begin();
  }

  #begin(): void {
    rmSync(join(this.#control, 'journal'), { force: true });
    const synced = join(this.#control, 'synced');
    rmSync(synced, { recursive: true, force: true });
    mkdirSync(synced);
    this.#tree = Folder.found(this.#root, (path, id) => copyFileSync(path, join(synced, id)));
  }
}

interface Kept {
  /** Folders stand before what is in them. */
  readonly path: string;
  /** Null for a folder; of a symbolic link its target. */
  readonly content: Buffer | string | null;
}

type Node =
  | Folder
  | { readonly kind: 'file'; readonly id: string }
  | { readonly kind: 'symlink'; readonly target: string };

interface Edit {
  /** The number of its line. */
  readonly at: number;
  /** Several names change at once; null takes one away. */
  readonly names: readonly (readonly [string, Node | null])[];
}

class Folder {
  readonly edits: Edit[] = [];
  /** A sync keeps all that came before it. */
  syncedEdits = 0;
  readonly present = new Map<string, Node>();
  #first = new Map<string, Node>();

  static found(path: string, onFile: (path: string, id: string) => void): Folder {
    const folder = new Folder();
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const below = join(path, entry.name);
      if (entry.isDirectory()) folder.#first.set(entry.name, Folder.found(below, onFile));
      else if (entry.isFile()) {
        const id = identityOf(below);
        onFile(below, id);
        folder.#first.set(entry.name, { kind: 'file', id });
      } else if (entry.isSymbolicLink())
        folder.#first.set(entry.name, { kind: 'symlink', target: readlinkSync(below) });
    }
    for (const [name, node] of folder.#first) folder.present.set(name, node);
    return folder;
  }

  edit(at: number, names: Edit['names']): void {
    this.edits.push({ at, names });
    apply(this.present, names);
  }

  /** Its names after so many of the edits. */
  after(edits: number): Map<string, Node> {
    const names = new Map(this.#first);
    for (const edit of this.edits.slice(0, edits)) apply(names, edit.names);
    return names;
  }
}

function apply(to: Map<string, Node>, names: Edit['names']): void {
  for (const [name, node] of names) {
    if (node === null) to.delete(name);
    else to.set(name, node);
  }
}

/** Answers the number of the last line that is a sync, and of the last line. */
function replay(tree: Folder, lines: readonly string[]): { lastSync: number; end: number } {
  let lastSync = 0;
  for (const [index, line] of lines.entries()) {
    const at = index + 1;
    const [what, path = '', other = ''] = line.split('\t');
    if (what === 'sync' || what === 'syncdir') lastSync = at;
    if (what === 'sync') continue;
    if (what === 'syncdir') {
      const folder = path === '.' ? tree : find(tree, path);
      if (folder instanceof Folder) folder.syncedEdits = folder.edits.length;
      continue;
    }
    const { folder, name } = parentOf(tree, path, line);
    if (what === 'mkdir') folder.edit(at, [[name, new Folder()]]);
    else if (what === 'create') folder.edit(at, [[name, { kind: 'file', id: other }]]);
    else if (what === 'symlink') folder.edit(at, [[name, { kind: 'symlink', target: other }]]);
    else if (what === 'unlink') folder.edit(at, [[name, null]]);
    else move(tree, at, what ?? '', folder, name, other, line);
  }
  return { lastSync, end: lines.length };
}

function move(tree: Folder, at: number, what: string, folder: Folder, name: string, other: string, line: string): void {
  const node = folder.present.get(name);
  const to = parentOf(tree, other, line);
  if (node === undefined) throw new Error(`the journal does not know the first path of: ${line}`);
  const stays = what === 'link' ? node : what === 'exchange' ? (to.folder.present.get(to.name) ?? null) : null;
  if (to.folder === folder) {
    folder.edit(at, [
      [name, stays],
      [to.name, node],
    ]);
  } else {
    if (what !== 'link') folder.edit(at, [[name, stays]]);
    to.folder.edit(at, [[to.name, node]]);
  }
}

function parentOf(tree: Folder, path: string, line: string): { folder: Folder; name: string } {
  const slash = path.lastIndexOf('/');
  const folder = slash < 0 ? tree : find(tree, path.slice(0, slash));
  if (!(folder instanceof Folder)) throw new Error(`the journal does not know the folder of: ${line}`);
  return { folder, name: path.slice(slash + 1) };
}

function find(tree: Folder, path: string): Node | undefined {
  let node: Node | undefined = tree;
  for (const name of path.split('/')) node = node instanceof Folder ? node.present.get(name) : undefined;
  return node;
}

const SECTOR_BYTES = 512;

/** What a disk may have of a file whose last synced bytes and last written bytes these are. Null: never synced, no longer there. */
function survivor(random: Seeded, isHarsh: boolean, synced: Buffer | null, written: Buffer | null): Buffer {
  const durable = synced ?? Buffer.alloc(0);
  if (written === null || isHarsh || durable.equals(written)) return durable;
  // The length may be there before the bytes, and any sector before any other.
  const length = random.pick([
    durable.length,
    written.length,
    durable.length + random.below(Math.max(1, written.length - durable.length + 1)),
  ]);
  const bytes = Buffer.alloc(length);
  const share = random.pick([0, 0.5, 1]);
  for (let from = 0; from < length; from += SECTOR_BYTES) {
    const source = random.chance(share) ? written : durable;
    if (from < source.length) source.copy(bytes, from, from, Math.min(from + SECTOR_BYTES, length));
  }
  // What was synced is there where nothing was written over it.
  for (let at = 0; at < Math.min(length, durable.length, written.length); at++) {
    if (durable[at] === written[at]) bytes[at] = durable[at] ?? 0;
  }
  return bytes;
}

function* filesBelow(path: string): Generator<{ path: string; id: string }> {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const below = join(path, entry.name);
    if (entry.isDirectory()) yield* filesBelow(below);
    else if (entry.isFile()) yield { path: below, id: identityOf(below) };
  }
}

/** As `journal.c` writes it. */
function identityOf(path: string): string {
  const { ino, birthtimeNs } = lstatSync(path, { bigint: true });
  return `${ino}-${birthtimeNs}`;
}

function readIfThere(path: string): Buffer | null {
  return existsSync(path) ? readFileSync(path) : null;
}
