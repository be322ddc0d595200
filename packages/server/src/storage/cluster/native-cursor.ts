/** Bytes that are no Native block, or are of a kind that no file of ours is. */
export class SplitError extends Error {
  override readonly name = 'SplitError';
}

/** The type of a column, or of the items of one of arrays. */
export type ValueType = { readonly kind: 'fixed'; readonly width: number } | { readonly kind: 'string' | 'dictionary' };

export interface ColumnType {
  readonly isArray: boolean;
  readonly value: ValueType;
}

/** Throws `SplitError` for a type that no column of ours has. */
export function columnType(text: string): ColumnType {
  const [, item] = /^Array\((.*)\)$/.exec(text) ?? [];
  return { isArray: item !== undefined, value: valueType(item ?? text) };
}

function valueType(text: string): ValueType {
  if (text === 'String') return { kind: 'string' };
  if (text === 'LowCardinality(String)') return { kind: 'dictionary' };
  const [, bits, bytes] = /^(?:U?Int(8|16|32|64)|FixedString\(([1-9]\d{0,3})\))$/.exec(text) ?? [];
  if (bits !== undefined) return { kind: 'fixed', width: Number(bits) / 8 };
  if (bytes !== undefined) return { kind: 'fixed', width: Number(bytes) };
  if (text === 'DateTime' || text === "DateTime('UTC')") return { kind: 'fixed', width: 4 };
  throw new SplitError(`a column of the type ${text.slice(0, 100)} cannot be split`);
}

/** The strings that a column's numbers stand for. */
export interface Dictionary {
  readonly entryCount: number;
  /** Where its flags begin, its first string, and what follows its last one: the number of rows. */
  readonly begin: number;
  readonly entries: number;
  readonly end: number;
  /** Bytes of a number. */
  readonly width: number;
}

/** SharedDictionariesWithAdditionalKeys. */
const DICTIONARY_VERSION = 1;
/** Behind the width of the numbers, as a power of two: the dictionary is in the block itself. */
const HAS_DICTIONARY = 0x200;
/** It replaces that of the block before. */
const IS_NEW = 0x400;

/**
 * Reads a file in ClickHouse's Native format. What it steps over is within the bytes: it throws `SplitError` where they
 * end, so that no number in them makes anything larger than they are.
 */
export class NativeCursor {
  readonly bytes: Buffer;
  readonly #view: DataView;
  offset: number;

  constructor(bytes: Buffer, offset = 0) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.offset = offset;
  }

  skip(length: number): void {
    if (!(length <= this.bytes.length - this.offset)) throw new SplitError('a block is cut off');
    this.offset += length;
  }

  varint(): number {
    const { bytes } = this;
    let value = 0;
    for (let factor = 1; factor <= 2 ** 42; factor *= 128) {
      const byte = bytes[this.offset];
      if (byte === undefined) throw new SplitError('a block is cut off');
      this.offset += 1;
      if (byte < 128) return value + byte * factor;
      value += (byte & 127) * factor;
    }
    throw new SplitError('a number is too large');
  }

  uint64(): number {
    const begin = this.offset;
    this.skip(8);
    return this.uint64At(begin);
  }

  /** Of bytes that have been stepped over. */
  uint64At(offset: number): number {
    const high = this.#view.getUint32(offset + 4, true);
    const value = this.#view.getUint32(offset, true) + high * 2 ** 32;
    if (high > 0x1f_ffff) throw new SplitError('a number is too large');
    return value;
  }

  /** Of 1, 2, 4 or 8 bytes that have been stepped over. */
  numberAt(offset: number, width: number): number {
    if (width === 1) return this.#view.getUint8(offset);
    if (width === 2) return this.#view.getUint16(offset, true);
    return width === 4 ? this.#view.getUint32(offset, true) : this.uint64At(offset);
  }

  text(): string {
    const length = this.varint();
    const begin = this.offset;
    this.skip(length);
    return this.bytes.toString('latin1', begin, this.offset);
  }

  skipStrings(count: number): void {
    const { bytes } = this;
    for (let index = 0; index < count; index++) {
      // Nearly all are short.
      const length = bytes[this.offset] ?? 128;
      if (length < 128) this.skip(length + 1);
      else this.skip(this.varint());
    }
  }

  skipColumn({ isArray, value }: ColumnType, rowCount: number): void {
    if (value.kind === 'dictionary') this.dictionaryVersion();
    let count = rowCount;
    if (isArray) {
      this.skip(8 * rowCount);
      count = rowCount === 0 ? 0 : this.uint64At(this.offset - 8);
    }
    this.#skipValues(value, count);
  }

  #skipValues(type: ValueType, count: number): void {
    if (type.kind === 'fixed') this.skip(type.width * count);
    else if (type.kind === 'string') this.skipStrings(count);
    else if (count > 0) this.skip(this.dictionary(count).width * count);
  }

  /** What stands before all else of a column, and before the ends of its rows if it is one of arrays. */
  dictionaryVersion(): void {
    if (this.uint64() !== DICTIONARY_VERSION) throw new SplitError('a dictionary is of another version');
  }

  /** That of so many values; where there is none, it has not been written. Stands before their numbers then. */
  dictionary(count: number): Dictionary {
    const begin = this.offset;
    const flags = this.uint64();
    const power = flags % HAS_DICTIONARY;
    if (power > 3 || (flags - power !== HAS_DICTIONARY && flags - power !== HAS_DICTIONARY + IS_NEW)) {
      throw new SplitError('a dictionary is of an unknown kind');
    }
    const entryCount = this.uint64();
    const entries = this.offset;
    this.skipStrings(entryCount);
    const end = this.offset;
    // There could be further ones, each with numbers of its own.
    if (this.uint64() !== count) throw new SplitError('a dictionary is for another number of rows');
    return { entryCount, begin, entries, end, width: 2 ** power };
  }
}
