/** Plain growable memory. Lengths are public and may be lowered to forget what was appended last. */

const FIRST_CAPACITY = 256;

/** `clear` gives back memory above this: one large request must not be paid for ever. */
const KEPT_BYTES_MAX = 4 * 1024 * 1024;

/** Strings up to this are copied byte by byte; a call into native code costs more than that. */
const SHORT_BYTES = 24;

export class ByteBuffer {
  bytes = new Uint8Array(FIRST_CAPACITY);
  length = 0;

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  byte(value: number): void {
    if (this.length === this.bytes.length) this.reserve(1);
    this.bytes[this.length++] = value;
  }

  zeros(count: number): void {
    this.reserve(count);
    this.bytes.fill(0, this.length, (this.length += count));
  }

  copy(source: Uint8Array, start: number, end: number): void {
    const count = end - start;
    this.reserve(count);
    const { bytes, length } = this;
    if (count <= SHORT_BYTES) {
      for (let index = 0; index < count; index++) bytes[length + index] = source[start + index] as number;
    } else {
      bytes.set(source.subarray(start, end), length);
    }
    this.length = length + count;
  }

  /** LEB128, as protobuf and ClickHouse write lengths. */
  varint(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.byte((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.byte(rest);
  }

  /** A length and the bytes: ClickHouse's String. */
  string(source: Uint8Array, start: number, end: number): void {
    this.varint(end - start);
    this.copy(source, start, end);
  }

  uint64(value: number): void {
    const view = this.room(8);
    view.setUint32(0, value % 0x1_0000_0000, true);
    view.setUint32(4, Math.floor(value / 0x1_0000_0000), true);
  }

  /** Appends zeros and answers a view of them, to be filled in before anything else is appended. */
  room(count: number): DataView {
    const start = this.length;
    this.zeros(count);
    return new DataView(this.bytes.buffer, this.bytes.byteOffset + start, count);
  }

  /** Appends the memory of 32-bit integers, which is little-endian on every platform that we run on. */
  words(list: Uint32Buffer): void {
    this.copy(new Uint8Array(list.items.buffer, list.items.byteOffset, list.length * 4), 0, list.length * 4);
  }

  content(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  clear(): void {
    this.length = 0;
    if (this.bytes.length > KEPT_BYTES_MAX) this.bytes = new Uint8Array(FIRST_CAPACITY);
  }
}

/** 32-bit integers; a 64-bit integer is two of them, the low word first. */
export class Uint32Buffer {
  items = new Uint32Array(FIRST_CAPACITY / 4);
  length = 0;

  push(value: number): void {
    if (this.length === this.items.length) {
      const grown = new Uint32Array(this.items.length * 2);
      grown.set(this.items);
      this.items = grown;
    }
    this.items[this.length++] = value;
  }

  /** 0 outside of the list. */
  at(index: number): number {
    return index >= 0 && index < this.length ? (this.items[index] as number) : 0;
  }

  last(): number {
    return this.at(this.length - 1);
  }

  clear(): void {
    this.length = 0;
    if (this.items.length * 4 > KEPT_BYTES_MAX) this.items = new Uint32Array(FIRST_CAPACITY / 4);
  }
}
