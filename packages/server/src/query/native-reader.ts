import type { NativeColumn } from './native-columns.ts';
import {
  ArrayColumn,
  BigIntColumn,
  IntColumn,
  NativeBlock,
  NativeFormatError,
  StringColumn,
} from './native-columns.ts';

/**
 * Reads what ClickHouse answers in its Native format: blocks of columns, exact to the byte, 64-bit integers whole.
 *
 * Read are String, FixedString(n), UInt8 … UInt64, Int8 … Int64, DateTime and Array of any of these. Other types
 * (LowCardinality, Nullable) are cast to one of them in the SELECT. The columns are views: `bytes` must stay unchanged
 * as long as they are used.
 *
 * Throws NativeFormatError when the bytes are cut off or hold another type.
 */
export function readNative(bytes: Uint8Array): NativeBlock[] {
  const cursor = new Cursor(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  const blocks: NativeBlock[] = [];
  while (!cursor.atEnd) {
    const columnCount = cursor.varint();
    const rowCount = cursor.varint();
    const columns = new Map<string, NativeColumn>();
    for (let i = 0; i < columnCount; i++) {
      const name = cursor.string();
      columns.set(name, readColumn(cursor, cursor.string(), rowCount));
    }
    blocks.push(new NativeBlock(rowCount, columns));
  }
  return blocks;
}

/**
 * A column of that many default values, of any type that is read here; a LowCardinality column as one of its plain
 * type.
 */
export function defaultColumn(type: string, rowCount: number): NativeColumn {
  const [, kind, inner] = /^(Array|LowCardinality|FixedString)\((.*)\)$/.exec(type) ?? [];
  if (kind === 'Array') return new ArrayColumn(defaultColumn(inner ?? '', 0), new Float64Array(rowCount));
  if (kind === 'LowCardinality') return defaultColumn(inner ?? '', rowCount);
  const zeros = new Cursor(Buffer.alloc(kind === 'FixedString' ? Number(inner) * rowCount : 8 * rowCount));
  if (kind === 'FixedString') return readFixedStrings(zeros, Number(inner), rowCount);
  return type === 'String' ? readStrings(zeros, rowCount) : readNumbers(zeros, type, rowCount);
}

function readColumn(cursor: Cursor, type: string, rowCount: number): NativeColumn {
  const array = /^Array\((.*)\)$/.exec(type);
  if (array?.[1] !== undefined) return readArray(cursor, array[1], rowCount);
  if (type === 'String') return readStrings(cursor, rowCount);
  const fixed = /^FixedString\((\d+)\)$/.exec(type);
  if (fixed?.[1] !== undefined) return readFixedStrings(cursor, Number(fixed[1]), rowCount);
  return readNumbers(cursor, type, rowCount);
}

function readArray(cursor: Cursor, type: string, rowCount: number): ArrayColumn {
  const ends = new Float64Array(rowCount);
  const offsets = new BigUint64Array(cursor.aligned(rowCount * 8));
  let previous = 0;
  for (let i = 0; i < rowCount; i++) {
    const end = Number(offsets[i]);
    if (end < previous || end > cursor.byteLength)
      throw new NativeFormatError('an array column has impossible offsets');
    ends[i] = end;
    previous = end;
  }
  return new ArrayColumn(readColumn(cursor, type, previous), ends);
}

function readStrings(cursor: Cursor, rowCount: number): StringColumn {
  cursor.expect(rowCount);
  const starts = new Uint32Array(rowCount);
  const ends = new Uint32Array(rowCount);
  for (let i = 0; i < rowCount; i++) {
    const length = cursor.varint();
    starts[i] = cursor.skip(length);
    ends[i] = cursor.position;
  }
  return new StringColumn(cursor.bytes, starts, ends);
}

function readFixedStrings(cursor: Cursor, width: number, rowCount: number): StringColumn {
  const first = cursor.skip(width * rowCount);
  const starts = new Uint32Array(rowCount);
  const ends = new Uint32Array(rowCount);
  for (let i = 0; i < rowCount; i++) {
    starts[i] = first + i * width;
    ends[i] = first + (i + 1) * width;
  }
  return new StringColumn(cursor.bytes, starts, ends);
}

function readNumbers(cursor: Cursor, type: string, rowCount: number): IntColumn | BigIntColumn {
  switch (type) {
    case 'UInt8':
      return new IntColumn(new Uint8Array(cursor.aligned(rowCount)));
    case 'Int8':
      return new IntColumn(new Int8Array(cursor.aligned(rowCount)));
    case 'UInt16':
      return new IntColumn(new Uint16Array(cursor.aligned(rowCount * 2)));
    case 'Int16':
      return new IntColumn(new Int16Array(cursor.aligned(rowCount * 2)));
    case 'UInt32':
    case 'DateTime':
      return new IntColumn(new Uint32Array(cursor.aligned(rowCount * 4)));
    case 'Int32':
      return new IntColumn(new Int32Array(cursor.aligned(rowCount * 4)));
    case 'UInt64':
      return new BigIntColumn(new BigUint64Array(cursor.aligned(rowCount * 8)));
    case 'Int64':
      return new BigIntColumn(new BigInt64Array(cursor.aligned(rowCount * 8)));
    default:
      throw new NativeFormatError(`type ${type} is not read here; cast it in the SELECT`);
  }
}

class Cursor {
  readonly bytes: Buffer;
  position = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get atEnd(): boolean {
    return this.position === this.bytes.length;
  }

  get byteLength(): number {
    return this.bytes.length;
  }

  /** Throws when fewer than `byteCount` bytes are left, so that no count in the bytes can make us allocate more. */
  expect(byteCount: number): void {
    if (byteCount > this.bytes.length - this.position) {
      throw new NativeFormatError(`the bytes end at ${this.bytes.length}, inside a column`);
    }
  }

  /** Steps over so many bytes and returns where they begin. */
  skip(byteCount: number): number {
    this.expect(byteCount);
    const start = this.position;
    this.position += byteCount;
    return start;
  }

  /** A copy of the next bytes, because a typed array must begin at a multiple of its width. */
  aligned(byteCount: number): ArrayBuffer {
    const start = this.skip(byteCount);
    const copy = new ArrayBuffer(byteCount);
    new Uint8Array(copy).set(this.bytes.subarray(start, this.position));
    return copy;
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 53; scale *= 128) {
      const byte = this.bytes[this.position];
      if (byte === undefined) break;
      this.position++;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw new NativeFormatError(`no length at byte ${this.position}`);
  }

  string(): string {
    const start = this.skip(this.varint());
    return this.bytes.toString('utf8', start, this.position);
  }
}
