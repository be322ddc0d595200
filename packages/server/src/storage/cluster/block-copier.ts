import { ByteBuffer } from '../../columns/growable-buffers.ts';
import { NativeCursor, SplitError, type ColumnType, type Dictionary } from './native-cursor.ts';
import type { TakeMemory } from './segment-memory.ts';

/**
 * What all parts may have more than the file: each has dictionaries of its own, and a string that was written out
 * stands there as often as it is used.
 */
const GROWTH_BYTES_MAX = 512 * 1024 * 1024;

/**
 * Each part gets the whole dictionary, whose numbers stay what they are, where there are so many numbers for an entry;
 * otherwise the entries that it uses. The first is faster; but of requests with few spans the attributes of resources
 * are a third of a block, and would be so of each part.
 */
const ITEMS_PER_ENTRY = 16;

/** What a shard gets of a block. */
export class Part {
  readonly bytes = new ByteBuffer();
  rows = 0;
  /** Of the column of arrays that is being copied. */
  items = 0;

  /** What has been copied, in memory of its own, and not the room that it grew into; null where that is no row. */
  end(take: TakeMemory): Buffer | null {
    if (this.rows === 0) return null;
    const part = take(this.bytes.length);
    part.set(this.bytes.content());
    this.bytes.clear();
    return part;
  }
}

export interface Column {
  readonly name: string;
  readonly typeName: string;
  readonly type: ColumnType;
  /** Where its name begins, and its values. */
  readonly begin: number;
  readonly values: number;
}

/** Rows, or the items of their arrays, that follow each other and are of the same part. */
export interface Runs {
  /** Of each run. */
  readonly parts: readonly Part[];
  /** Where it ends. */
  readonly ends: Uint32Array;
}

/** Copies a block, which has been read, to its parts. */
export class BlockCopier {
  readonly #cursor: NativeCursor;
  readonly #parts: readonly Part[];
  readonly #isPlain: boolean;
  #growth = 0;

  constructor(cursor: NativeCursor, parts: readonly Part[], isPlain: boolean) {
    this.#cursor = cursor;
    this.#parts = parts;
    this.#isPlain = isPlain;
  }

  copy(columns: readonly Column[], runs: Runs): void {
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
      if (isWrittenOut) writeHeader(bytes, name, 'Array(String)');
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
        // Less than 2^32: each item has a byte at least.
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

  #copyDictionary(parts: readonly Part[], runs: Runs): void {
    const count = itemCountOf(runs);
    if (count === 0) return;
    const cursor = this.#cursor;
    const dictionary = cursor.dictionary(count);
    const { begin, end, entryCount, width } = dictionary;
    const withItems = parts.filter(({ items }) => items > 0);
    if (entryCount * ITEMS_PER_ENTRY > count && withItems.length > 1) {
      this.#copyUsed(withItems, runs, dictionary);
      return;
    }
    this.#grow((end - begin) * (withItems.length - 1));
    for (const { bytes, items } of withItems) {
      bytes.copy(cursor.bytes, begin, end);
      bytes.uint64(items);
    }
    this.#copyFixed(width, runs);
  }

  /** Each part gets the entries that it uses, in the order in which it does. */
  #copyUsed(withItems: readonly Part[], { parts, ends }: Runs, dictionary: Dictionary): void {
    const cursor = this.#cursor;
    const { bytes: source, offset } = cursor;
    const { begin, entryCount, width } = dictionary;
    const starts = startsOf(source, dictionary);
    /** By the number of an entry: 0, or one more than the number that it has in the part. */
    const numbers = new Uint32Array(entryCount);
    for (const part of withItems) {
      const { bytes, items } = part;
      numbers.fill(0);
      const ofItems = new Uint32Array(items);
      let item = 0;
      bytes.copy(source, begin, begin + 8);
      const place = bytes.length;
      bytes.uint64(0);
      let used = 0;
      for (let run = 0; run < parts.length; run++) {
        if (parts[run] !== part) continue;
        const stop = offset + (ends[run] as number) * width;
        for (let at = offset + (run === 0 ? 0 : (ends[run - 1] as number)) * width; at < stop; at += width) {
          const entry = cursor.numberAt(at, width);
          if (entry >= entryCount) throw new SplitError('a dictionary lacks an entry');
          if (numbers[entry] === 0) {
            numbers[entry] = ++used;
            bytes.copy(source, starts[entry] as number, starts[entry + 1] as number);
          }
          ofItems[item++] = (numbers[entry] as number) - 1;
        }
      }
      bytes.view.setUint32(place, used, true);
      this.#grow(bytes.length - place);
      bytes.uint64(items);
      writeNumbers(bytes, ofItems, width);
    }
    cursor.skip(itemCountOf({ parts, ends }) * width);
  }

  /** The strings themselves, instead of their numbers. */
  #writeOut(runs: Runs): void {
    const count = itemCountOf(runs);
    if (count === 0) return;
    const cursor = this.#cursor;
    const dictionary = cursor.dictionary(count);
    const { entryCount, width } = dictionary;
    const { bytes, offset } = cursor;
    const starts = startsOf(bytes, dictionary);
    const stop = offset + count * width;
    let length = 0;
    for (let at = offset; at < stop; at += width) {
      const entry = cursor.numberAt(at, width);
      if (entry >= entryCount) throw new SplitError('a dictionary lacks an entry');
      length += (starts[entry + 1] as number) - (starts[entry] as number);
    }
    // Before any of it is made.
    this.#grow(length);
    const { parts, ends } = runs;
    let at = offset;
    for (let run = 0; run < parts.length; run++) {
      const part = parts[run] as Part;
      for (const end = offset + (ends[run] as number) * width; at < end; at += width) {
        const entry = cursor.numberAt(at, width);
        part.bytes.copy(bytes, starts[entry] as number, starts[entry + 1] as number);
      }
    }
    cursor.skip(count * width);
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

function writeHeader(out: ByteBuffer, ...texts: readonly string[]): void {
  for (const text of texts) out.string(Buffer.from(text, 'latin1'), 0, text.length);
}

/** Of all runs. */
function itemCountOf({ parts, ends }: Runs): number {
  return parts.length === 0 ? 0 : (ends[parts.length - 1] as number);
}

function writeNumbers(out: ByteBuffer, numbers: Uint32Array, width: number): void {
  const view = out.room(numbers.length * width);
  for (let item = 0; item < numbers.length; item++) {
    const number = numbers[item] as number;
    if (width === 1) view.setUint8(item, number);
    else if (width === 2) view.setUint16(item * 2, number, true);
    else view.setUint32(item * width, number, true);
  }
}
