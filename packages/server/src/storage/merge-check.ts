import { CHECKED_TABLES, faultOf, type CheckedTable, type SelectRows, type ShortPart } from './part-check.ts';
import { sqlString } from './sql.ts';

/** The numbers of the inserts that a part holds. */
interface Blocks {
  readonly first: number;
  readonly last: number;
}

/** A part that a merge, or a mutation, has made, that is in use, and whose files are not what the engine has written. */
export interface ShortMerge extends ShortPart {
  readonly table: CheckedTable;
  readonly partition: string;
  readonly rows: number;
  /** What it has replaced; empty where not all of that is there any more. */
  readonly replaced: readonly Blocks[];
}

const MERGED = `database = 'throughline' AND table IN (${CHECKED_TABLES.map(sqlString).join(', ')}) AND active
  AND (min_block_number < max_block_number OR data_version > min_block_number)`;

/**
 * Looks at what merges have made of tables whose rows are nowhere else. The engine takes a part into use of which a write has failed, even of its
 * columns, and refuses it at its next start: what it has replaced takes its place then, as long as that is there. Each part is looked at once. For
 * one life of the engine, which looks by itself at what is there when it starts.
 */
export class MergeCheck {
  readonly #select: SelectRows;
  #looked: ReadonlySet<string> = new Set();

  constructor(select: SelectRows) {
    this.#select = select;
  }

  /** `startedAtMs`: before the engine was started. It may have merged since. */
  async start(startedAtMs: number): Promise<void> {
    const parts = await this.#select(
      `SELECT table, name FROM system.parts WHERE ${MERGED} AND toUnixTimestamp(modification_time) < ${Math.floor(startedAtMs / 1_000)}`,
    );
    this.#looked = new Set(parts.map(([table, name]) => `${String(table)}/${String(name)}`));
  }

  /** Those that were not looked at before. Rejects with the engine's error, or the disk's; what is new is looked at again then. */
  async findShort(): Promise<ShortMerge[]> {
    const short: ShortMerge[] = [];
    const looked = new Set<string>();
    const parts = await this.#select(
      `SELECT table, name, path, bytes_on_disk, rows, partition_id, min_block_number, max_block_number FROM system.parts WHERE ${MERGED}`,
    );
    for (const part of parts) {
      const [table, name] = part;
      const key = `${String(table)}/${String(name)}`;
      looked.add(key);
      if (this.#looked.has(key)) continue;
      const found = await this.#lookAt(part);
      if (found !== null) short.push(found);
    }
    this.#looked = looked;
    return short;
  }

  /** The same for one of them, whether it was looked at or not. */
  async look(table: string, name: string): Promise<ShortMerge | null> {
    const [part] = await this.#select(
      `SELECT table, name, path, bytes_on_disk, rows, partition_id, min_block_number, max_block_number FROM system.parts
WHERE ${MERGED} AND table = ${sqlString(table)} AND name = ${sqlString(name)}`,
    );
    return part === undefined ? null : await this.#lookAt(part);
  }

  async #lookAt([
    table,
    name,
    path,
    bytes,
    rows,
    partition,
    first,
    last,
  ]: readonly unknown[]): Promise<ShortMerge | null> {
    const fault = await faultOf(String(path), Number(bytes));
    if (fault === null) return null;
    const part = { table: table as CheckedTable, name: String(name), partition: String(partition), rows: Number(rows) };
    const outdated = await this.#select(
      `SELECT min_block_number, max_block_number, rows FROM system.parts WHERE database = 'throughline' AND table = ${sqlString(part.table)}
AND partition_id = ${sqlString(part.partition)} AND _state = 'Outdated' AND min_block_number >= ${Number(first)} AND max_block_number <= ${Number(last)}
ORDER BY min_block_number, max_block_number DESC, level DESC, data_version DESC`,
    );
    // Of several generations the last one: the others are in it. An empty one stands for what was dropped.
    const replaced: Blocks[] = [];
    let replacedRows = 0;
    let seen = -1;
    for (const [begin, end, count] of outdated) {
      if (Number(begin) <= seen) continue;
      seen = Number(end);
      if (Number(count) > 0) replaced.push({ first: Number(begin), last: Number(end) });
      replacedRows += Number(count);
    }
    // A merge that sums up makes fewer.
    return { ...part, fault, replaced: replacedRows >= part.rows ? replaced : [] };
  }
}

/** Whether what it has replaced is in parts that are in use; it may have been merged again by now. */
export async function isReplacedInUse(select: SelectRows, part: ShortMerge): Promise<boolean> {
  const used = await select(
    `SELECT min_block_number, max_block_number FROM system.parts
WHERE database = 'throughline' AND table = ${sqlString(part.table)} AND partition_id = ${sqlString(part.partition)} AND active`,
  );
  return part.replaced.every(({ first, last }) =>
    used.some(([begin, end]) => Number(begin) <= first && Number(end) >= last),
  );
}
