import { AttributeType } from '../storage/schema.ts';
import { ByteBuffer, Uint32Buffer } from './growable-buffers.ts';
import { BLOCK_LIMITS, type BlockLimits } from './limits.ts';
import { DropCounts } from './drop-counts.ts';
import { LowCardinalityColumn } from './low-cardinality-column.ts';
import type { RollbackStack } from './rollback-stack.ts';
import { REPAIRED_TEXTS } from './repaired-text.ts';

/**
 * The attributes of spans, resources, scopes, events or links: three parallel columns and the rows' ends in them. Call
 * `key` and then exactly one of the value methods, and `settle` behind the last attribute of a thing. Keys and strings
 * are the sender's bytes unchanged, but for texts that are too long or no UTF-8.
 */
export class AttributeColumns {
  readonly keys: LowCardinalityColumn;
  /** Each value's text as a length and its bytes. */
  readonly values = new ByteBuffer();
  readonly types = new ByteBuffer();
  /** The number of attributes up to the end of each row. */
  readonly ends = new Uint32Buffer();
  /** Levels of arrays and maps that a value may have. */
  readonly valueDepthMax: number;
  readonly valueBytesMax: number;
  readonly #attributesMax: number;
  readonly #losses: DropCounts;
  /** Up to where attributes belong to things that are complete. */
  #settledCount = 0;
  #settledBytes = 0;
  /** Attributes of the open thing that were dropped one by one. */
  #dropped = 0;
  /** Where the last row ended. */
  #rowBytes = 0;
  #rowKeys = 0;

  constructor(seed: number, limits: BlockLimits = BLOCK_LIMITS, losses = new DropCounts()) {
    this.keys = new LowCardinalityColumn(seed, losses);
    this.valueDepthMax = limits.valueDepthMax;
    this.valueBytesMax = limits.valueBytesMax;
    this.#attributesMax = limits.attributesMax;
    this.#losses = losses;
  }

  get count(): number {
    return this.keys.indexes.length;
  }

  /** Attributes since the last row's end. */
  get openCount(): number {
    return this.count - this.ends.last();
  }

  key(source: Uint8Array, start: number, end: number): void {
    this.keys.append(source, start, end - start > this.valueBytesMax ? this.#cut(source, start) : end);
  }

  empty(): void {
    this.types.byte(AttributeType.empty);
    this.values.byte(0);
  }

  string(source: Uint8Array, start: number, end: number): void {
    this.types.byte(AttributeType.string);
    const stop = end - start > this.valueBytesMax ? this.#cut(source, start) : end;
    if (this.values.text(source, start, stop)) this.#losses.add(REPAIRED_TEXTS);
  }

  /** A string of less than 128 bytes with its length before it, as one byte. */
  shortString(source: Uint8Array, start: number, end: number): void {
    this.types.byte(AttributeType.string);
    if (this.values.shortText(source, start, end)) this.#losses.add(REPAIRED_TEXTS);
  }

  bytes(source: Uint8Array, start: number, end: number): void {
    this.types.byte(AttributeType.bytes);
    const isTooLong = end - start > this.valueBytesMax;
    if (isTooLong) this.#losses.add('ingest.valueBytesMax');
    this.values.string(source, start, isTooLong ? start + this.valueBytesMax : end);
  }

  bool(value: boolean): void {
    this.types.byte(AttributeType.bool);
    this.#text(value ? 'true' : 'false');
  }

  /** A signed 64-bit integer by its unsigned words. */
  int(low: number, high: number): void {
    this.types.byte(AttributeType.int);
    this.#text(int64Text(low, high));
  }

  /** An integer of 0 to 2^30. */
  smallInt(value: number): void {
    this.types.byte(AttributeType.int);
    const { values } = this;
    let digits = 1;
    for (let limit = 10; value >= limit; limit *= 10) digits += 1;
    values.reserve(digits + 1);
    const { bytes, length } = values;
    bytes[length] = digits;
    let rest = value;
    for (let at = length + digits; at > length; at--) {
      const tenth = (rest / 10) | 0;
      bytes[at] = 48 + rest - tenth * 10;
      rest = tenth;
    }
    values.length = length + digits + 1;
  }

  double(value: number): void {
    this.types.byte(AttributeType.double);
    this.#text(doubleText(value));
  }

  /** `json` is the OTLP JSON of the ArrayValue. */
  array(json: string): void {
    this.#json(AttributeType.array, json);
  }

  /** `json` is the OTLP JSON of the KeyValueList. */
  kvlist(json: string): void {
    this.#json(AttributeType.kvlist, json);
  }

  /** Drops the attribute whose key has been appended and whose value is beyond the limit with this key. */
  dropOpen(limit: string): void {
    this.keys.indexes.length -= 1;
    this.drop(limit);
  }

  /**
   * Counts an attribute of the open thing that is not appended, by the key of a limit or as a part that is unusable.
   */
  drop(loss: string): void {
    this.#dropped += 1;
    this.#losses.add(loss);
  }

  /** Ends the attributes of one thing: drops those beyond the limit, and returns how many of it were dropped in all. */
  settle(): number {
    const excess = this.count - this.#settledCount - this.#attributesMax;
    const dropped = excess > 0 || this.#dropped > 0 ? this.#dropExcess(excess) : 0;
    this.#settledCount = this.count;
    this.#settledBytes = this.values.length;
    return dropped;
  }

  /** Forgets the attributes of a thing that is not kept. */
  discard(): void {
    this.#truncate(this.#settledCount, this.#settledBytes);
    this.#dropped = 0;
  }

  /** Where a text ends that is cut to the limit, between two characters. */
  #cut(source: Uint8Array, start: number): number {
    this.#losses.add('ingest.valueBytesMax');
    return cutEnd(source, start, this.valueBytesMax);
  }

  #dropExcess(excess: number): number {
    const dropped = this.#dropped + Math.max(0, excess);
    this.#dropped = 0;
    if (excess <= 0) return dropped;
    this.#losses.add('ingest.attributesMax', excess);
    const { bytes } = this.values;
    let at = this.#settledBytes;
    for (let kept = 0; kept < this.#attributesMax; kept++) at = endOfString(bytes, at);
    this.#truncate(this.#settledCount + this.#attributesMax, at);
    return dropped;
  }

  #truncate(count: number, bytes: number): void {
    this.keys.indexes.length = count;
    this.types.length = count;
    this.values.length = bytes;
  }

  endRow(): void {
    this.ends.push(this.count);
    this.keys.startRow();
    this.#beginRow();
  }

  /** Forgets what has been appended since the last row's end. */
  abandonRow(): void {
    this.keys.truncateEntries(this.#rowKeys);
    this.#settledBytes = this.#rowBytes;
    this.#settledCount = this.ends.last();
    this.discard();
  }

  /** Saves what `restore` takes. */
  save(marks: RollbackStack): void {
    marks.save(this.count);
    marks.save(this.values.length);
    marks.save(this.keys.entryCount);
    marks.save(this.ends.length);
  }

  /** Takes what `save` has put there, and forgets what has been appended since. */
  restore(marks: RollbackStack): void {
    this.ends.length = marks.take();
    this.keys.truncateEntries(marks.take());
    this.#settledBytes = marks.take();
    this.#settledCount = marks.take();
    this.discard();
    this.#beginRow();
  }

  clear(): void {
    this.keys.clear();
    this.values.clear();
    this.types.clear();
    this.ends.clear();
    this.#settledCount = this.#settledBytes = this.#dropped = 0;
    this.#beginRow();
  }

  #beginRow(): void {
    this.#rowBytes = this.values.length;
    this.#rowKeys = this.keys.entryCount;
  }

  #json(type: number, json: string): void {
    const bytes = Buffer.from(json);
    // A part of it would be no value.
    if (bytes.length > this.valueBytesMax) {
      this.dropOpen('ingest.valueBytesMax');
      return;
    }
    this.types.byte(type);
    this.values.string(bytes, 0, bytes.length);
  }

  /** Short ASCII. */
  #text(text: string): void {
    const { values } = this;
    values.byte(text.length);
    values.reserve(text.length);
    for (let index = 0; index < text.length; index++) values.bytes[values.length++] = text.charCodeAt(index);
  }
}

/** Where a text ends that is cut to `bytesMax`, which is counted, if it is longer. */
export function limitedEnd(
  source: Uint8Array,
  start: number,
  end: number,
  bytesMax: number,
  losses: DropCounts,
): number {
  if (end - start <= bytesMax) return end;
  losses.add('ingest.valueBytesMax');
  return cutEnd(source, start, bytesMax);
}

/** Where at most `bytesMax` bytes of a UTF-8 text end, between two characters. */
function cutEnd(source: Uint8Array, start: number, bytesMax: number): number {
  let end = start + bytesMax;
  for (let step = 0; step < 3 && ((source[end] as number) & 0xc0) === 0x80; step++) end -= 1;
  return end;
}

/** Where the string begins whose length stands there. */
export function startOfString(bytes: Uint8Array, at: number): number {
  let index = at;
  while ((bytes[index++] as number) >= 0x80);
  return index;
}

/** Behind the string, with its length before it, that begins there. */
export function endOfString(bytes: Uint8Array, at: number): number {
  let length = 0;
  let shift = 1;
  let index = at;
  for (;;) {
    const byte = bytes[index++] as number;
    length += (byte & 0x7f) * shift;
    if (byte < 0x80) return index + length;
    shift *= 0x80;
  }
}

function int64Text(low: number, high: number): string {
  if (high === 0) return String(low);
  return String(BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low)));
}

/** The shortest decimal that reads back as the same double. */
export function doubleText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}
