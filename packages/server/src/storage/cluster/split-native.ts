import { BlockCopier, Part, type Column, type Runs } from './block-copier.ts';
import { columnType, NativeCursor, SplitError } from './native-cursor.ts';
import type { TakeMemory } from './segment-memory.ts';

export { SplitError };

export interface SplitOptions {
  /** Into so many. */
  readonly shards: number;
  /** The column whose bytes decide: a `FixedString`. Every block has it. */
  readonly by: string;
  /** The number of the shard, from 0, of the row whose value begins at `offset`. */
  readonly shardOf: (bytes: Uint8Array, offset: number) => number;
  /** Writes the strings of arrays out: for a table that has no `LowCardinality` in arrays. */
  readonly isPlain?: boolean;
  /** Where parts are put; into memory of their own otherwise. */
  readonly take?: TakeMemory;
}

const COLUMNS_MAX = 1_000;

const newMemory: TakeMemory = (length) => Buffer.allocUnsafeSlow(length);

/**
 * Splits the blocks of a file in ClickHouse's Native format by the rows' shards: yields, for each block with rows, what
 * each shard gets of it, as a block of its own, and null where that is no row. Rows stay in order, so that the same
 * file gives the same parts each time. One block is split at a time. Throws `SplitError`, for bytes that are no such
 * file, and for one that would become far larger; some that the store would refuse become parts that it refuses.
 *
 * @see https://clickhouse.com/docs/interfaces/formats/Native
 */
export function* splitNative(
  bytes: Buffer,
  { shards, by, shardOf, isPlain = false, take = newMemory }: SplitOptions,
): Generator<(Buffer | null)[]> {
  const cursor = new NativeCursor(bytes);
  const parts = Array.from({ length: shards }, () => new Part());
  const copier = new BlockCopier(cursor, parts, isPlain);
  while (cursor.offset < bytes.length) {
    const block = readBlock(cursor, by);
    const runs = runsOf(bytes, block, parts, shardOf);
    const [first, second] = runs.parts;
    if (first === undefined) continue;
    if (second === undefined && !isPlain) {
      // Nothing is copied where one shard gets all.
      yield parts.map((part) => (part === first ? bytes.subarray(block.begin, block.end) : null));
    } else {
      copier.copy(block.columns, runs);
      yield parts.map((part) => part.end(take));
    }
    cursor.offset = block.end;
  }
}

interface Block {
  /** Where it begins and ends in the file. */
  readonly begin: number;
  readonly end: number;
  readonly rowCount: number;
  readonly columns: readonly Column[];
  /** Where the values of the column begin that decides, and their width. */
  readonly key: number;
  readonly keyWidth: number;
}

function readBlock(cursor: NativeCursor, by: string): Block {
  const { offset: begin } = cursor;
  const columnCount = cursor.varint();
  if (columnCount > COLUMNS_MAX) throw new SplitError(`a block has ${columnCount} columns`);
  const rowCount = cursor.varint();
  const columns: Column[] = [];
  for (let index = 0; index < columnCount; index++) {
    const { offset: start } = cursor;
    const name = cursor.text();
    const typeName = cursor.text();
    const type = columnType(typeName);
    columns.push({ name, typeName, type, begin: start, values: cursor.offset });
    if (rowCount > 0) cursor.skipColumn(type, rowCount);
  }
  const [key, another] = columns.filter(({ name }) => name === by);
  if (key === undefined || another !== undefined) throw new SplitError(`a block does not have one column ${by}`);
  const { isArray, value } = key.type;
  if (isArray || value.kind !== 'fixed' || !key.typeName.startsWith('FixedString')) {
    throw new SplitError(`the column ${by} is a ${key.typeName}`);
  }
  return { begin, end: cursor.offset, rowCount, columns, key: key.values, keyWidth: value.width };
}

/** Sets how many rows each part has. */
function runsOf(
  bytes: Buffer,
  { key, keyWidth, rowCount }: Block,
  parts: readonly Part[],
  shardOf: SplitOptions['shardOf'],
): Runs {
  for (const part of parts) part.rows = 0;
  const runs: Part[] = [];
  const ends = new Uint32Array(rowCount);
  let last: Part | undefined;
  for (let row = 0; row < rowCount; row++) {
    const shard = shardOf(bytes, key + row * keyWidth);
    const part = parts[shard];
    if (part === undefined) throw new SplitError(`a row is of the shard ${shard} of ${parts.length}`);
    if (part !== last) runs.push((last = part));
    part.rows += 1;
    ends[runs.length - 1] = row + 1;
  }
  return { parts: runs, ends };
}
