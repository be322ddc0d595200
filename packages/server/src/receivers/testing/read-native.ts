import { SPAN_COLUMNS, SPAN_FIELDS } from '../../storage/schema.ts';

/**
 * Reads blocks of ClickHouse's Native format as a span block writes them into a segment, dictionaries included, and
 * returns rows in the form of `expectedRows`: strings as hex in capitals, 64-bit integers as decimals. A column that is
 * left out of a block has the default of its type in every row, as the store has it.
 */
export function readNativeRows(bytes: Buffer): unknown[][] {
  const rows: unknown[][] = [];
  const cursor = new Cursor(bytes);
  while (cursor.at < bytes.length) {
    const columnCount = cursor.varint();
    const rowCount = cursor.varint();
    const columns = new Map<string, unknown[]>();
    for (let column = 0; column < columnCount; column++) {
      const name = cursor.string().toString('latin1');
      const type = cursor.string().toString('latin1');
      if (type !== TYPES.get(name)) throw new Error(`a column ${name} of type ${type}`);
      columns.set(name, readColumn(cursor, type, rowCount));
    }
    if (columns.size < columnCount) throw new Error('a column stands twice in a block');
    for (let row = 0; row < rowCount; row++) {
      rows.push(SPAN_FIELDS.map(([name, type]) => (columns.has(name) ? columns.get(name)?.[row] : defaultOf(type))));
    }
  }
  return rows;
}

const TYPES: ReadonlyMap<string, string> = new Map(SPAN_COLUMNS);

function defaultOf(type: string): unknown {
  if (type.startsWith('Array(')) return [];
  return type.endsWith('String)') || type === 'String' ? '' : 0;
}

const DICTIONARY = /LowCardinality\(String\)/;

function readColumn(cursor: Cursor, type: string, rows: number): unknown[] {
  // The version of the dictionaries' encoding comes before everything else of the column, and nowhere else.
  if (DICTIONARY.test(type) && cursor.uint64() !== 1n) throw new Error('another version of LowCardinality');
  const item = /^Array\((.*)\)$/.exec(type)?.[1];
  if (item === undefined) return readItems(cursor, type, rows);
  const ends = Array.from({ length: rows }, () => Number(cursor.uint64()));
  const items = readItems(cursor, item, ends.at(-1) ?? 0);
  return ends.map((end, row) => items.slice(ends[row - 1] ?? 0, end));
}

function readItems(cursor: Cursor, type: string, count: number): unknown[] {
  if (DICTIONARY.test(type)) return readDictionary(cursor, count);
  const width = Number(/^FixedString\((\d+)\)$/.exec(type)?.[1] ?? 0);
  return Array.from({ length: count }, () => {
    if (width > 0) return hex(cursor.take(width));
    if (type === 'String') return hex(cursor.string());
    if (type === 'UInt8') return cursor.take(1).readUInt8();
    if (type === 'UInt32' || type === 'DateTime') return cursor.take(4).readUInt32LE();
    if (type === 'UInt64') return String(cursor.uint64());
    if (type === 'Int64') return String(cursor.take(8).readBigInt64LE());
    throw new Error(`a column of type ${type}`);
  });
}

function readDictionary(cursor: Cursor, count: number): unknown[] {
  if (count === 0) return [];
  const width = 1 << Number(cursor.uint64() & 0xffn);
  const entries = Array.from({ length: Number(cursor.uint64()) }, () => hex(cursor.string()));
  if (Number(cursor.uint64()) !== count) throw new Error('a dictionary for another number of rows');
  return Array.from({ length: count }, () => {
    const entry = entries[cursor.take(width).readUIntLE(0, width)];
    if (entry === undefined) throw new Error('a number beyond the dictionary');
    return entry;
  });
}

class Cursor {
  readonly #bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  take(length: number): Buffer {
    if (length > this.#bytes.length - this.at) throw new Error('the block ends early');
    this.at += length;
    return this.#bytes.subarray(this.at - length, this.at);
  }

  uint64(): bigint {
    return this.take(8).readBigUInt64LE();
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.take(1).readUInt8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  string(): Buffer {
    return this.take(this.varint());
  }
}

function hex(bytes: Buffer): string {
  return bytes.toString('hex').toUpperCase();
}
