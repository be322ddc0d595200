import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Answers a SELECT with its rows. */
export type SelectRows = (sql: string) => Promise<unknown[][]>;

/** A part that is in use, and whose index files are not as long as the engine has written them. */
export interface ShortPart {
  readonly name: string;
  readonly missingBytes: number;
}

const INDEX_FILE = /^skp_idx_/;

/**
 * Looks at what the engine has stored of an insert into `spans`. It answers that an insert succeeded when the file of a skip index could
 * not be written, and refuses the part, with all of its spans, at its next start. A write that failed leaves the file shorter than the
 * engine believes it to be, so that the sizes tell it: for a hundredth of what the engine's own check costs, which reads the part.
 * Merges need no look: what they leave is repaired at the start.
 */
export class PartCheck {
  readonly #select: SelectRows;
  /** Parts up to this one are not looked at. Numbers may be given again after a start of the engine, so that it is a check for one life of it. */
  #checkedBlock = -1;

  constructor(select: SelectRows) {
    this.#select = select;
  }

  /** Call it before anything is inserted: what is there already is in no segment any more, and the engine has looked at it itself. */
  async start(): Promise<void> {
    const [[block] = []] = await this.#select(
      "SELECT max(max_block_number) FROM system.parts WHERE database = 'throughline' AND table = 'spans'",
    );
    this.#checkedBlock = Math.max(-1, Number(block));
  }

  /** Parts of inserts since the last call that found none. Rejects with the engine's error, or the disk's. */
  async findShort(): Promise<ShortPart[]> {
    const parts = await this.#select(
      `${PARTS} AND table = 'spans' AND level = 0 AND min_block_number > ${this.#checkedBlock}`,
    );
    const short = await shortOf(parts);
    if (short.length === 0) {
      this.#checkedBlock = parts.reduce((last, [, , , block]) => Math.max(last, Number(block)), this.#checkedBlock);
    }
    return short;
  }
}

/** The rows of an answer in JSONCompactEachRow. */
export function rowsIn(answer: Uint8Array): unknown[][] {
  const lines = new TextDecoder().decode(answer).split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as unknown[]);
}

/** The same for every part of a table, whatever has made it. */
export async function findShortParts(select: SelectRows, table: 'spans' | 'spans_repair'): Promise<ShortPart[]> {
  return await shortOf(await select(`${PARTS} AND table = '${table}'`));
}

const PARTS = `SELECT name, path, secondary_indices_compressed_bytes + secondary_indices_marks_bytes, min_block_number
FROM system.parts WHERE database = 'throughline' AND active`;

async function shortOf(parts: readonly unknown[][]): Promise<ShortPart[]> {
  const short: ShortPart[] = [];
  for (const [name, path, bytes] of parts) {
    const found = await indexBytes(String(path));
    // One that a merge has replaced meanwhile is gone, and its indexes with it: they were made anew.
    if (found !== null && found < Number(bytes))
      short.push({ name: String(name), missingBytes: Number(bytes) - found });
  }
  return short;
}

async function indexBytes(path: string): Promise<number | null> {
  try {
    const names = (await readdir(path)).filter((name) => INDEX_FILE.test(name));
    const sizes = await Promise.all(names.map(async (name) => (await stat(join(path, name))).size));
    return sizes.reduce((sum, size) => sum + size, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
