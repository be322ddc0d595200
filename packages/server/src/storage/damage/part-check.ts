import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { IN_DATABASE } from '../tables.ts';
import { countOf } from '../../count-of.ts';

/** Returns a SELECT with its rows. */
export type SelectRows = (sql: string) => Promise<unknown[][]>;

/** A part that is in use, and whose files are not what the engine has written. */
export interface ShortPart {
  readonly name: string;
  readonly fault: string;
}

/** Not in the engine's list of a part's files, nor in their sum. Without the last two it starts all the same. */
const UNLISTED: readonly string[] = [
  'columns.txt',
  'columns_substreams.txt',
  'metadata_version.txt',
  'checksums.txt',
  'default_compression_codec.txt',
];

/** Tables whose rows are nowhere else when they have been inserted. */
export const CHECKED_TABLES = ['spans', 'counted_1m', 'counted_1h'] as const;
export type CheckedTable = (typeof CHECKED_TABLES)[number];

/**
 * Looks at what the engine has stored of an insert into the table. It answers that an insert succeeded when the file of
 * a skip index, or one that describes the part, could not be written, and refuses the part, with all of its rows, at
 * its next start. A write that failed leaves the file shorter than the engine believes it to be, so that the sizes show
 * it, and of texts that are in no list what they say of themselves: for a small part of what the engine's own check
 * costs, which reads the part. Nobody could insert again what merges hold: see `MergeCheck`.
 */
export class PartCheck {
  readonly #select: SelectRows;
  readonly #table: CheckedTable;
  /**
   * Parts up to this one are not looked at. Numbers may be given again after a start of the engine, so that it is a
   * check for one life of it.
   */
  #checkedBlock = -1;

  constructor(select: SelectRows, table: CheckedTable) {
    this.#select = select;
    this.#table = table;
  }

  /**
   * Call it before anything is inserted: what is there already is in no segment any more, and the engine has looked at
   * it itself.
   */
  async start(): Promise<void> {
    const [[block] = []] = await this.#select(
      `SELECT max(max_block_number) FROM system.parts WHERE ${IN_DATABASE} AND table = '${this.#table}'`,
    );
    this.#checkedBlock = Math.max(-1, Number(block));
  }

  /**
   * Parts of inserts since the last call that found none: those of one block, since an insert that sums up makes parts
   * of level 1, as a merge does. Rejects with the engine's error, or the disk's.
   */
  async findShort(): Promise<ShortPart[]> {
    const parts = await this.#select(
      `${PARTS} AND table = '${this.#table}' AND min_block_number = max_block_number AND min_block_number > ${this.#checkedBlock}`,
    );
    const short = await shortOf(parts);
    if (short.length === 0) {
      this.#checkedBlock = parts.reduce((last, [, , , block]) => Math.max(last, Number(block)), this.#checkedBlock);
    }
    return short;
  }
}

/** The same for every part of a table, whatever has made it. */
export async function findShortParts(select: SelectRows, table: CheckedTable | 'spans_repair'): Promise<ShortPart[]> {
  return await shortOf(await select(`${PARTS} AND table = '${table}'`));
}

const PARTS = `SELECT name, path, bytes_on_disk, min_block_number
FROM system.parts WHERE ${IN_DATABASE} AND active`;

async function shortOf(parts: readonly unknown[][]): Promise<ShortPart[]> {
  const short: ShortPart[] = [];
  for (const [name, path, bytes] of parts) {
    const fault = await faultOf(String(path), Number(bytes));
    if (fault !== null) short.push({ name: String(name), fault });
  }
  return short;
}

/**
 * What of a part's files is not as the engine has written it; null where all is, or where they are gone. Rejects with
 * the disk's error.
 */
export async function faultOf(path: string, listedBytes: number): Promise<string | null> {
  try {
    const names = await readdir(path);
    const listed = names.filter((name) => !UNLISTED.includes(name));
    const sizes = await Promise.all(listed.map(async (name) => (await stat(join(path, name))).size));
    const missing = listedBytes - sizes.reduce((sum, size) => sum + size, 0);
    if (missing > 0) return `${countOf(missing, 'byte of its files is', 'bytes of its files are')} missing`;
    for (const [name, isWhole] of Object.entries(TEXTS)) {
      if (names.includes(name) && !isWhole(await readFile(join(path, name), 'latin1'))) return `${name} is incomplete`;
    }
    return null;
  } catch (error) {
    // One that a merge has replaced meanwhile is gone, and its files with it: they were rewritten.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Those of the files that describe a part which show by themselves whether they are whole. */
export const TEXTS: Readonly<Record<string, (text: string) => boolean>> = {
  'metadata_version.txt': (text) => text !== '',
  'columns.txt': (text) => {
    const [, columns] = /^columns format version: 1\n(\d+) columns:\n/.exec(text) ?? [];
    return columns === undefined ? isOfAnotherVersion(text) : linesIn(text) === 2 + Number(columns);
  },
  'columns_substreams.txt': (text) => {
    const [, columns] = /^columns substreams version: 1\n(\d+) columns:\n/.exec(text) ?? [];
    if (columns === undefined) return isOfAnotherVersion(text);
    const streams = [...text.matchAll(/^(\d+) substreams for column /gm)].map(([, count]) => Number(count));
    const lines = streams.reduce((sum, count) => sum + count, 2 + streams.length);
    return streams.length === Number(columns) && linesIn(text) === lines;
  },
};

/** Of an engine that writes it differently nothing is known but that it writes something. */
function isOfAnotherVersion(text: string): boolean {
  return /^columns [a-z]+ version: (?!1\n)\d+\n/.test(text);
}

/** Those that end. */
function linesIn(text: string): number {
  return text.split('\n').length - 1 - (text.endsWith('\n') ? 0 : 1);
}
