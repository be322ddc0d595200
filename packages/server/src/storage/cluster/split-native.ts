import { ByteBuffer } from '../../columns/growable-buffers.ts';
import { columnType, NativeCursor, SplitError, type ColumnType, type Dictionary } from './native-cursor.ts';

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
}

/**
 * What all parts may have more than the file: each has dictionaries of its own, and a string that was written out
 * stands there as often as it is used.
 */
const GROWTH_BYTES_MAX = 512 * 1024 * 1024;

const COLUMNS_MAX = 1_000;

/**
 * Splits the blocks of a file in ClickHouse's Native format by the rows' shards: yields, for each block, what each shard
 * gets of it, as a block of its own, and null where that is no row. Rows stay in order, so that the same file gives the
 * same parts each time. One block is split at a time. Throws `SplitError`, for bytes that are no such file, and for one
 * that would become far larger; some that the store would refuse become parts that it refuses.
 *
 * @see https://clickhouse.com/docs/interfaces/formats/Native
 */
export function* splitNative(
  bytes: Buffer,
  { shards, by, shardOf, isPlain = false }: SplitOptions,
): Generator<(Buffer | null)[]> {
  const cursor = new NativeCursor(bytes);
  const parts = Array.from({ length: shards }, () => new Part());
  const copier = new BlockCopier(cursor, parts, isPlain);
  while (cursor.offset < bytes.length) {
    const block = readBlock(cursor, by);
    const runs = runsOf(bytes, block, parts, shardOf);
    const [only, other] = runs.parts;
    if (only !== undefined && other === undefined && !isPlain) {
      // Nothing is copied where one shard gets all.
      yield parts.map((part) => (part === only ? bytes.subarray(block.begin, block.end) : null));
    } else {
      copier.copy(block, runs);
      yield parts.map((part) => part.take());
    }
    cursor.offset = block.end;
  }
}

/** What a shard gets of a block. */
class Part {
  readonly bytes = new ByteBuffer();
  rows = 0;
  /** Of the column of arrays that is being copied. */
  items = 0;

  take(): Buffer | null {
    if (this.rows === 0) return null;
    // It must not hold the room that it grew into.
    const taken = Buffer.from(this.bytes.content());
    this.bytes.clear();
    return taken;
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

interface Column {
  readonly name: string;
  readonly typeName: string;
  readonly type: ColumnType;
  /** Where its name begins, and its values. */
  readonly begin: number;
  readonly values: number;
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

/** Rows, or the items of their arrays, that follow each other and are of the same part. */
interface Runs {
  /** Of each run. */
  readonly parts: readonly Part[];
  /** Where it ends. */
  readonly ends: Uint32Array;
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

/** Copies a block, which has been read, to its parts. */
class BlockCopier {
  readonly #cursor: NativeCursor;
  readonly #parts: readonly Part[];
  readonly #isPlain: boolean;
  #growth = 0;

  constructor(cursor: NativeCursor, parts: readonly Part[], isPlain: boolean) {
    this.#cursor = cursor;
    this.#parts = parts;
    this.#isPlain = isPlain;
  }

  copy({ columns }: Block, runs: Runs): void {
    const parts = this.#parts.filter(({ rows }) => rows > 0);
    for (const { bytes, rows } of parts) {
      bytes.varint(columns.length);
      bytes.varint(rows);
    }
    for (const column of columns) this.#copyColumn(column, parts, runs);
  }

  #copyColumn({ name, type: { isArray, value }, begin, values }: Column, parts: readonly Part[], rows: Runs): void {
    const cursor = this.#cursor;
    cursor.offset = values;
    const isWrittenOut = this.#isPlain && isArray && value.kind === 'dictionary';
    for (const { bytes } of parts) {
      if (isWrittenOut) for (const text of [name, 'Array(String)']) bytes.string(Buffer.from(text, 'latin1'), 0, text.length);
      else bytes.copy(cursor.bytes, begin, values);
    }
    if (value.kind === 'dictionary') {
      cursor.dictionaryVersion();
      if (!isWrittenOut) for (const { bytes } of parts) bytes.copy(cursor.bytes, values, cursor.offset);
    }
    for (const part of parts) part.items = isArray ? 0 : part.rows;
    const runs = isArray ? this.#copyEnds(rows) : rows;
    if (value.kind === 'fixed') this.#copyFixed(value.width, runs);
    else if (value.kind === 'string') this.#copyStrings(runs);
    else if (isWrittenOut) this.#writeOut(runs);
    else this.#copyDictionary(parts, runs);
  }

  /** Each row of an array column has the number of its last item. Returns the items' runs. */
  #copyEnds({ parts, ends }: Runs): Runs {
    const cursor = this.#cursor;
    const itemEnds = new Uint32Array(parts.length);
    const offset = cursor.offset;
    let row = 0;
    let last = 0;
    for (const [run, part] of parts.entries()) {
      const rowsEnd = ends[run] as number;
      const { bytes } = part;
      bytes.reserve((rowsEnd - row) * 8);
      // What a number of the part is less than that of the block.
      const shift = last - part.items;
      const { view } = bytes;
      for (; row < rowsEnd; row++, bytes.length += 8) {
        const end = cursor.uint64At(offset + row * 8);
        if (end < last) throw new SplitError('the rows of an array column do not follow each other');
        last = end;
        view.setUint32(bytes.length, end - shift, true);
        // Each has a byte at least.
        view.setUint32(bytes.length + 4, 0, true);
      }
      part.items = last - shift;
      itemEnds[run] = last;
    }
    cursor.skip(row * 8);
    return { parts, ends: itemEnds };
  }

  #copyFixed(width: number, { parts, ends }: Runs): void {
    const cursor = this.#cursor;
    const { bytes, offset } = cursor;
    let begin = offset;
    for (let run = 0; run < parts.length; run++) {
      const end = offset + (ends[run] as number) * width;
      (parts[run] as Part).bytes.copy(bytes, begin, end);
      begin = end;
    }
    cursor.offset = begin;
  }

  #copyStrings({ parts, ends }: Runs): void {
    const cursor = this.#cursor;
    let first = 0;
    for (let run = 0; run < parts.length; run++) {
      const begin = cursor.offset;
      const end = ends[run] as number;
      cursor.skipStrings(end - first);
      (parts[run] as Part).bytes.copy(cursor.bytes, begin, cursor.offset);
      first = end;
    }
  }

  /** Each part gets the whole dictionary: it is small, and its numbers stay what they are. */
  #copyDictionary(parts: readonly Part[], runs: Runs): void {
    const count = runs.ends.at(runs.parts.length - 1) ?? 0;
    if (count === 0) return;
    const cursor = this.#cursor;
    const { begin, end, width } = cursor.dictionary(count);
    this.#grow((end - begin) * (parts.length - 1));
    for (const { bytes, items } of parts) {
      // Of a column without items there is none.
      if (items === 0) continue;
      bytes.copy(cursor.bytes, begin, end);
      bytes.uint64(items);
    }
    this.#copyFixed(width, runs);
  }

  /** The strings themselves, instead of their numbers. */
  #writeOut({ parts, ends }: Runs): void {
    const count = ends.at(parts.length - 1) ?? 0;
    if (count === 0) return;
    const cursor = this.#cursor;
    const dictionary = cursor.dictionary(count);
    const { width } = dictionary;
    const { bytes, offset: numbers } = cursor;
    const starts = startsOf(bytes, dictionary);
    let item = 0;
    for (let run = 0; run < parts.length; run++) {
      const part = parts[run] as Part;
      for (const end = ends[run] as number; item < end; item++) {
        const number = cursor.numberAt(numbers + item * width, width);
        if (number >= dictionary.entryCount) throw new SplitError('a dictionary lacks an entry');
        const begin = starts[number] as number;
        const length = (starts[number + 1] as number) - begin;
        this.#grow(length);
        part.bytes.copy(bytes, begin, begin + length);
      }
    }
  }

  #grow(bytes: number): void {
    this.#growth += bytes;
    if (this.#growth > GROWTH_BYTES_MAX) throw new SplitError(`the parts would have ${this.#growth} bytes more`);
  }
}

/** Where each string begins, with its length, and where the last one ends. */
function startsOf(bytes: Buffer, { entryCount, entries }: Dictionary): Uint32Array {
  const starts = new Uint32Array(entryCount + 1);
  const cursor = new NativeCursor(bytes, entries);
  for (let entry = 0; entry < entryCount; entry++) {
    starts[entry] = cursor.offset;
    cursor.skipStrings(1);
  }
  starts[entryCount] = cursor.offset;
  return starts;
}
