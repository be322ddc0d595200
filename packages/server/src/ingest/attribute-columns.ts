import { AttributeType } from '../storage/schema.ts';
import { ByteBuffer, Uint32Buffer } from './growable.ts';
import { LowCardinalityColumn } from './low-cardinality.ts';

/**
 * The attributes of spans, resources, scopes, events or links: three parallel columns and the rows' ends in them. Call
 * `key` and then exactly one of the value methods. Keys and strings are taken from the sender's bytes unchanged.
 */
export class AttributeColumns {
  readonly keys: LowCardinalityColumn;
  /** Each value's text as a length and its bytes. */
  readonly values = new ByteBuffer();
  readonly types = new ByteBuffer();
  /** The number of attributes up to the end of each row. */
  readonly ends = new Uint32Buffer();

  constructor(seed: number) {
    this.keys = new LowCardinalityColumn(seed);
  }

  get count(): number {
    return this.keys.indexes.length;
  }

  /** Attributes since the last row's end. */
  get openCount(): number {
    return this.count - this.ends.last();
  }

  key(source: Uint8Array, start: number, end: number): void {
    this.keys.append(source, start, end);
  }

  empty(): void {
    this.types.byte(AttributeType.empty);
    this.values.byte(0);
  }

  string(source: Uint8Array, start: number, end: number): void {
    this.types.byte(AttributeType.string);
    this.values.string(source, start, end);
  }

  /** A string of less than 128 bytes with its length before it, as one byte: the same in protobuf and in the column. */
  shortString(source: Uint8Array, start: number, end: number): void {
    this.types.byte(AttributeType.string);
    this.values.copy(source, start, end);
  }

  bytes(source: Uint8Array, start: number, end: number): void {
    this.types.byte(AttributeType.bytes);
    this.values.string(source, start, end);
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
    this.types.byte(AttributeType.array);
    this.#json(json);
  }

  /** `json` is the OTLP JSON of the KeyValueList. */
  kvlist(json: string): void {
    this.types.byte(AttributeType.kvlist);
    this.#json(json);
  }

  endRow(): void {
    this.ends.push(this.count);
  }

  /** Puts what `restore` needs on the stack. */
  save(stack: number[]): void {
    stack.push(this.count, this.values.length, this.keys.entryCount, this.ends.length);
  }

  /** Takes from the stack what `save` put there, and forgets what has been appended since. */
  restore(stack: number[]): void {
    this.ends.length = stack.pop() as number;
    this.keys.truncateEntries(stack.pop() as number);
    this.values.length = stack.pop() as number;
    const count = stack.pop() as number;
    this.keys.indexes.length = count;
    this.types.length = count;
  }

  clear(): void {
    this.keys.clear();
    this.values.clear();
    this.types.clear();
    this.ends.clear();
  }

  #json(json: string): void {
    const bytes = Buffer.from(json);
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

function int64Text(low: number, high: number): string {
  if (high === 0) return String(low);
  return String(BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low)));
}

/** The shortest decimal that reads back as the same double. */
export function doubleText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}
