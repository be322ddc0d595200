/** Bytes that are no Native block, or hold a type that no file of ours has. */
export class SplitError extends Error {
  override readonly name = 'SplitError';
}

export interface SplitOptions {
  /** Into so many. */
  readonly shards: number;
  /** The column whose bytes decide: a `FixedString`. Every block has it. */
  readonly by: string;
  /** The number of the shard, from 0, of the row whose value begins at `offset`. */
  readonly shardOf: (bytes: Uint8Array, offset: number) => number;
  /** Writes each string out: for a table that has no `LowCardinality`. */
  readonly isPlain?: boolean;
}

interface Column {
  readonly name: Buffer;
  readonly type: string;
  /** Where its values begin. */
  readonly begin: number;
}

/**
 * Parts the blocks of a file in ClickHouse's Native format by the rows' shards: yields, for each block, what each shard
 * gets of it, as a block of its own, and nothing where that is no row. Rows stay in order, so that the same file gives
 * the same parts each time. Costs the bytes that are copied; one block is parted at a time. Throws `SplitError`.
 * @see https://clickhouse.com/docs/interfaces/formats/Native
 */
export function* splitNative(bytes: Buffer, { shards, by, shardOf, isPlain = false }: SplitOptions): Generator<(Buffer | null)[]> {
  for (let begin = 0; begin < bytes.length; ) {
    const reader = new Reader(bytes, begin);
    const columnCount = reader.varint();
    const rowCount = reader.varint();
    const columns: Column[] = [];
    let key = -1;
    for (let index = 0; index < columnCount; index++) {
      const name = reader.text();
      const type = reader.text().toString('latin1');
      columns.push({ name, type, begin: reader.offset });
      if (name.toString('latin1') === by) key = reader.offset;
      skip(reader, typeOf(type), rowCount);
    }
    if (key < 0) throw new SplitError(`a block has no column ${by}`);
    const width = widthOf(columns.find((column) => column.begin === key)?.type ?? '');
    const shardOfRow = new Uint8Array(rowCount);
    const rows = new Array<number>(shards).fill(0);
    for (let row = 0; row < rowCount; row++) {
      const shard = shardOf(bytes, key + row * width);
      shardOfRow[row] = shard;
      rows[shard] = (rows[shard] ?? 0) + 1;
    }
    yield partsOf(bytes.subarray(0, reader.offset), begin, columns, shardOfRow, rows, isPlain);
    begin = reader.offset;
  }
}

function partsOf(
  bytes: Buffer,
  begin: number,
  columns: readonly Column[],
  shardOfRow: Uint8Array,
  rows: readonly number[],
  isPlain: boolean,
): (Buffer | null)[] {
  // Nothing is copied where one shard gets all.
  const [only, ...others] = rows.flatMap((count, shard) => (count === 0 ? [] : [shard]));
  const block = bytes.subarray(begin);
  if (others.length === 0 && !isPlain) return rows.map((_, shard) => (shard === only ? block : null));
  const outs = rows.map((count) => (count === 0 ? null : new Out(block.length)));
  outs.forEach((out, shard) => {
    out?.varint(columns.length);
    out?.varint(rows[shard] ?? 0);
  });
  for (const column of columns) {
    const header = headerOf(column, isPlain);
    for (const out of outs) out?.bytes(header, 0, header.length);
    copy(new Reader(bytes, column.begin), typeOf(column.type), shardOfRow, outs, isPlain);
  }
  return outs.map((out) => out?.done() ?? null);
}

function headerOf({ name, type }: Column, isPlain: boolean): Buffer {
  const out = new Out(name.length + type.length + 2);
  const typeText = Buffer.from(isPlain ? type.replace('LowCardinality(String)', 'String') : type, 'latin1');
  for (const text of [name, typeText]) {
    out.varint(text.length);
    out.bytes(text, 0, text.length);
  }
  return out.done();
}

type ColumnType =
  | { readonly kind: 'fixed'; readonly width: number }
  | { readonly kind: 'string' }
  | { readonly kind: 'lowCardinality' }
  | { readonly kind: 'array'; readonly of: ColumnType };

const TYPES = new Map<string, ColumnType>();

function typeOf(text: string): ColumnType {
  const known = TYPES.get(text);
  if (known !== undefined) return known;
  const type = parseType(text);
  TYPES.set(text, type);
  return type;
}

function parseType(text: string): ColumnType {
  const [, element] = /^Array\((.*)\)$/.exec(text) ?? [];
  if (element !== undefined) return { kind: 'array', of: parseType(element) };
  if (text === 'String') return { kind: 'string' };
  if (text === 'LowCardinality(String)') return { kind: 'lowCardinality' };
  return { kind: 'fixed', width: widthOf(text) };
}

function widthOf(type: string): number {
  const [, bits, bytes] = /^(?:U?Int(8|16|32|64)|FixedString\((\d+)\))$/.exec(type) ?? [];
  if (bits !== undefined) return Number(bits) / 8;
  if (bytes !== undefined) return Number(bytes);
  if (type === 'Float64') return 8;
  if (/^DateTime(?:\('UTC'\))?$/.test(type)) return 4;
  throw new SplitError(`a column of the type ${type.slice(0, 100)} cannot be parted`);
}

const KEY_WIDTHS = [1, 2, 4, 8];
/** Behind the width of the keys: the dictionary is in the block itself. */
const HAS_DICTIONARY = 0x200;

/** What stands before the values of a whole column, and before the ends of its rows if it is one of arrays. */
function prefixBytes(type: ColumnType): number {
  if (type.kind === 'array') return prefixBytes(type.of);
  return type.kind === 'lowCardinality' ? 8 : 0;
}

function skip(reader: Reader, type: ColumnType, rowCount: number): void {
  reader.skip(prefixBytes(type));
  skipValues(reader, type, rowCount);
}

function skipValues(reader: Reader, type: ColumnType, count: number): void {
  if (type.kind === 'fixed') reader.skip(type.width * count);
  else if (type.kind === 'string') for (let row = 0; row < count; row++) reader.skip(reader.varint());
  else if (type.kind === 'array') {
    const ends = reader.offset;
    reader.skip(8 * count);
    skipValues(reader, type.of, count === 0 ? 0 : reader.uint64At(ends + 8 * (count - 1)));
  } else if (count > 0) {
    const { width } = dictionaryOf(reader);
    // The number of rows, and the number of each.
    reader.skip(8 + width * count);
  }
}

/** The reader stands behind the dictionary then, before the number of rows. */
function dictionaryOf(reader: Reader): { readonly begin: number; readonly end: number; readonly width: number } {
  const begin = reader.offset;
  const flags = reader.uint64();
  const width = KEY_WIDTHS[flags & 0xff];
  if (width === undefined || (flags & HAS_DICTIONARY) === 0) throw new SplitError('a dictionary is of an unknown kind');
  for (let entries = reader.uint64(); entries > 0; entries--) reader.skip(reader.varint());
  return { begin, end: reader.offset, width };
}

function copy(
  reader: Reader,
  type: ColumnType,
  shardOf: Uint8Array,
  outs: readonly (Out | null)[],
  isPlain: boolean,
): void {
  const prefix = prefixBytes(type);
  if (!isPlain) for (const out of outs) out?.bytes(reader.bytes, reader.offset, prefix);
  reader.skip(prefix);
  copyValues(reader, type, shardOf, outs, isPlain);
}

function copyValues(
  reader: Reader,
  type: ColumnType,
  shardOf: Uint8Array,
  outs: readonly (Out | null)[],
  isPlain: boolean,
): void {
  if (type.kind === 'array') copyArrays(reader, type.of, shardOf, outs, isPlain);
  else if (type.kind === 'lowCardinality' && isPlain) writeOut(reader, shardOf, outs);
  else if (type.kind === 'lowCardinality') copyLowCardinality(reader, shardOf, outs);
  else if (type.kind === 'fixed') copyFixed(reader, type.width, shardOf, outs);
  else copyStrings(reader, shardOf, outs);
}

function copyFixed(reader: Reader, width: number, shardOf: Uint8Array, outs: readonly (Out | null)[]): void {
  const count = shardOf.length;
  for (let row = 0; row < count; ) {
    const begin = row;
    const shard = shardOf[row];
    while (row < count && shardOf[row] === shard) row++;
    const length = (row - begin) * width;
    outs[shard as number]?.bytes(reader.bytes, reader.offset, length);
    reader.skip(length);
  }
}

function copyStrings(reader: Reader, shardOf: Uint8Array, outs: readonly (Out | null)[]): void {
  const count = shardOf.length;
  for (let row = 0; row < count; ) {
    const begin = reader.offset;
    const shard = shardOf[row];
    for (; row < count && shardOf[row] === shard; row++) reader.skip(reader.varint());
    outs[shard as number]?.bytes(reader.bytes, begin, reader.offset - begin);
  }
}

/** Each shard gets the whole dictionary: it is small, and its numbers stay what they are. */
function copyLowCardinality(reader: Reader, shardOf: Uint8Array, outs: readonly (Out | null)[]): void {
  if (shardOf.length === 0) return;
  const { begin, end, width } = dictionaryOf(reader);
  const counts = countsOf(shardOf, outs.length);
  outs.forEach((out, shard) => {
    const count = counts[shard] ?? 0;
    // As of a column without rows, nothing stands there.
    if (out === null || count === 0) return;
    out.bytes(reader.bytes, begin, end - begin);
    out.uint64(count);
  });
  // The number of rows.
  reader.skip(8);
  copyFixed(reader, width, shardOf, outs);
}

/** The strings themselves, instead of their numbers. */
function writeOut(reader: Reader, shardOf: Uint8Array, outs: readonly (Out | null)[]): void {
  if (shardOf.length === 0) return;
  const { begin, end, width } = dictionaryOf(reader);
  const entries = new Reader(reader.bytes, begin + 16);
  const starts: number[] = [];
  for (; entries.offset < end; entries.skip(entries.varint())) starts.push(entries.offset);
  starts.push(end);
  reader.skip(8);
  const numbers = reader.offset;
  reader.skip(width * shardOf.length);
  for (let row = 0; row < shardOf.length; row++) {
    const number = reader.bytes.readUIntLE(numbers + row * width, Math.min(width, 6));
    const [entry, next] = [starts[number], starts[number + 1]];
    if (entry === undefined || next === undefined) throw new SplitError('a dictionary lacks an entry');
    outs[shardOf[row] as number]?.bytes(reader.bytes, entry, next - entry);
  }
}

function copyArrays(
  reader: Reader,
  of: ColumnType,
  shardOf: Uint8Array,
  outs: readonly (Out | null)[],
  isPlain: boolean,
): void {
  const rowCount = shardOf.length;
  const ends = reader.offset;
  reader.skip(8 * rowCount);
  const total = rowCount === 0 ? 0 : reader.uint64At(ends + 8 * (rowCount - 1));
  const shardOfItem = new Uint8Array(total);
  const ended = new Array<number>(outs.length).fill(0);
  let begin = 0;
  for (let row = 0; row < rowCount; row++) {
    const end = reader.uint64At(ends + 8 * row);
    if (end < begin || end > total) throw new SplitError('the rows of an array column do not follow each other');
    const shard = shardOf[row] as number;
    shardOfItem.fill(shard, begin, end);
    const sum = (ended[shard] as number) + end - begin;
    ended[shard] = sum;
    outs[shard]?.uint64(sum);
    begin = end;
  }
  copyValues(reader, of, shardOfItem, outs, isPlain);
}

function countsOf(shardOf: Uint8Array, shards: number): number[] {
  const counts = new Array<number>(shards).fill(0);
  for (const shard of shardOf) counts[shard] = (counts[shard] as number) + 1;
  return counts;
}

class Reader {
  readonly bytes: Buffer;
  offset: number;

  constructor(bytes: Buffer, offset: number) {
    this.bytes = bytes;
    this.offset = offset;
  }

  skip(length: number): void {
    this.offset += length;
    if (this.offset > this.bytes.length) throw new SplitError('a block is cut off');
  }

  varint(): number {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 49; factor *= 128) {
      const byte = this.bytes[this.offset++];
      if (byte === undefined) throw new SplitError('a block is cut off');
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
    throw new SplitError('a number is too large');
  }

  text(): Buffer {
    const length = this.varint();
    const begin = this.offset;
    this.skip(length);
    return this.bytes.subarray(begin, this.offset);
  }

  uint64(): number {
    const value = this.uint64At(this.offset);
    this.skip(8);
    return value;
  }

  uint64At(offset: number): number {
    if (offset + 8 > this.bytes.length) throw new SplitError('a block is cut off');
    const value = this.bytes.readUInt32LE(offset) + this.bytes.readUInt32LE(offset + 4) * 2 ** 32;
    if (value > Number.MAX_SAFE_INTEGER) throw new SplitError('a number is too large');
    return value;
  }
}

/** Grows; what is parted has at most the bytes of the block, besides the dictionaries. */
class Out {
  #bytes: Buffer;
  #length = 0;

  constructor(bytes: number) {
    this.#bytes = Buffer.allocUnsafe(Math.max(64, bytes >> 1));
  }

  bytes(source: Buffer, begin: number, length: number): void {
    this.#reserve(length);
    const target = this.#bytes;
    if (length < 16) for (let index = 0; index < length; index++) target[this.#length + index] = source[begin + index] as number;
    else source.copy(target, this.#length, begin, begin + length);
    this.#length += length;
  }

  uint64(value: number): void {
    this.#reserve(8);
    this.#bytes.writeUInt32LE(value % 2 ** 32, this.#length);
    this.#bytes.writeUInt32LE(Math.floor(value / 2 ** 32), this.#length + 4);
    this.#length += 8;
  }

  varint(value: number): void {
    this.#reserve(10);
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.#bytes[this.#length++] = (rest % 128) + 128;
    this.#bytes[this.#length++] = rest;
  }

  done(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(length: number): void {
    if (this.#length + length <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + length));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}
