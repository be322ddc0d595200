import { stat } from 'node:fs/promises';
import { lastGeneration } from './lost-parts.ts';
import { CHECKED_TABLES, faultOf, type CheckedTable, type SelectRows, type ShortPart } from './part-check.ts';
import { sqlString } from '../sql.ts';
import { IN_DATABASE } from '../tables.ts';

/**
 * A part that a merge, or a mutation, has made, that is in use, and whose files are not what the engine has written.
 */
export interface ShortMerge extends ShortPart {
  readonly table: CheckedTable;
  readonly partition: string;
  readonly rows: number;
  /** Whether all of what it has replaced is still there. */
  readonly canBeTakenBack: boolean;
}

const MERGED = `${IN_DATABASE} AND table IN (${CHECKED_TABLES.map(sqlString).join(', ')}) AND active
  AND (min_block_number < max_block_number OR data_version > min_block_number)`;

/**
 * Looks at what merges have made of tables whose rows are nowhere else. The engine takes a part into use of which a
 * write has failed, even of its columns, and refuses it at its next start: what it has replaced takes its place then,
 * as long as that is there. Each part is looked at once. For one life of the engine, which looks by itself at what is
 * there when it starts.
 */
export class MergeCheck {
  readonly #select: SelectRows;
  #looked: ReadonlySet<string> = new Set();
  /** Of the tables; empty where they are not known. */
  #directories: readonly string[] = [];
  /** When names in them had changed last, before the last looks. */
  #changed: readonly (readonly bigint[])[] = [];

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

  /**
   * Those that were not looked at before. Rejects with the engine's error, or the disk's; what is new is looked at
   * again then.
   */
  async findShort(): Promise<ShortMerge[]> {
    // A statement costs an engine that has nothing to do twenty times what it costs another: its program is read from
    // the disk again.
    const changed = [await this.#changes(), ...this.#changed.slice(0, 1)];
    if (areSame(changed) && areSame(this.#changed)) return [];
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
    this.#changed = changed;
    return short;
  }

  /** When names in the directories of the tables have changed last; empty where that is unknown. */
  async #changes(): Promise<bigint[]> {
    try {
      if (this.#directories.length === 0) {
        const tables = await this.#select(
          `SELECT arrayJoin(data_paths) FROM system.tables WHERE ${IN_DATABASE} AND name IN (${CHECKED_TABLES.map(sqlString).join(', ')})`,
        );
        this.#directories = tables.map(([path]) => String(path));
      }
      return await Promise.all(this.#directories.map(async (path) => (await stat(path, { bigint: true })).mtimeNs));
    } catch {
      return [];
    }
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
      `SELECT min_block_number, max_block_number, rows FROM system.parts WHERE ${IN_DATABASE} AND table = ${sqlString(part.table)}
AND partition_id = ${sqlString(part.partition)} AND _state = 'Outdated' AND min_block_number >= ${Number(first)} AND max_block_number <= ${Number(last)}
AND name != ${sqlString(part.name)} ORDER BY min_block_number, max_block_number DESC, level DESC, data_version DESC`,
    );
    // An empty one stands for what was dropped.
    const replaced = lastGeneration(
      outdated.map(([begin, end, count]) => ({ first: Number(begin), last: Number(end), rows: Number(count) })),
    );
    // A merge that sums up makes fewer.
    return { ...part, fault, canBeTakenBack: replaced.reduce((sum, { rows: count }) => sum + count, 0) >= part.rows };
  }
}

/**
 * Whether there are two that say the same. A part has its name before the engine lists it, so that one look behind a
 * change is not enough.
 */
function areSame([now, before]: readonly (readonly bigint[])[]): boolean {
  return (
    now !== undefined && now.length > 0 && before?.length === now.length && now.every((ns, at) => ns === before[at])
  );
}
