import { copyWords, viewOf } from './byte-view.ts';

/** Plain growable memory. Lengths are public and may be lowered to forget what was appended last. */

const FIRST_CAPACITY = 256;

/** Memory above this is given back when it is not needed: one large request must not be paid for ever … */
const KEPT_BYTES_MAX = 4 * 1024 * 1024;
/** … but only after so many uses in a row that took less than a quarter of it: to grow again costs more than to write. */
const SMALL_USES = 16;

/** Strings up to this are copied word by word; a call into native code costs more than that. */
const SHORT_BYTES = 256;

export class ByteBuffer {
  bytes = new Uint8Array(FIRST_CAPACITY);
  /** Of all of `bytes`. */
  view = new DataView(this.bytes.buffer);
  length = 0;
  #smallUses = 0;

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    if (this.length + count > this.bytes.length) this.#grow(this.length + count);
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
    if (count < 4) {
      for (let index = 0; index < count; index++) bytes[length + index] = source[start + index] as number;
    } else if (count <= SHORT_BYTES) {
      copyWords(viewOf(source), start, this.view, length, count);
    } else {
      // Not `subarray`, which is slower for a Buffer.
      bytes.set(new Uint8Array(source.buffer, source.byteOffset + start, count), length);
    }
    this.length = length + count;
  }

  /** Appends what stands from `start` on so many times more; each copy doubles what the next one copies. */
  repeat(start: number, times: number): void {
    const total = (this.length - start) * times;
    this.reserve(total);
    const { bytes, length } = this;
    const stop = length + total;
    for (let at = length; at < stop;) {
      const count = Math.min(at - start, stop - at);
      bytes.copyWithin(at, start, start + count);
      at += count;
    }
    this.length = stop;
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
    const capacity = this.bytes.length;
    this.#smallUses = isWasted(this.length, capacity) ? this.#smallUses + 1 : 0;
    this.length = 0;
    if (this.#smallUses === SMALL_USES) {
      this.#smallUses = 0;
      this.#replace(new Uint8Array(FIRST_CAPACITY));
    }
  }

  #grow(needed: number): void {
    const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.length));
    this.#replace(grown);
  }

  #replace(bytes: Uint8Array<ArrayBuffer>): void {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
  }
}

/** 32-bit integers; a 64-bit integer is two of them, the low word first. */
export class Uint32Buffer {
  items = new Uint32Array(FIRST_CAPACITY / 4);
  length = 0;
  #smallUses = 0;

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
    this.#smallUses = isWasted(this.length * 4, this.items.length * 4) ? this.#smallUses + 1 : 0;
    this.length = 0;
    if (this.#smallUses === SMALL_USES) {
      this.#smallUses = 0;
      this.items = new Uint32Array(FIRST_CAPACITY / 4);
    }
  }
}

function isWasted(usedBytes: number, capacityBytes: number): boolean {
  return capacityBytes > KEPT_BYTES_MAX && usedBytes < capacityBytes / 4;
}
