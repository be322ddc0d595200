import { copyWords, viewOf } from './byte-view.ts';
import { repairedText } from './repaired-text.ts';

/** Plain growable memory. Lengths are public and may be lowered to forget what was appended last. */

const FIRST_CAPACITY = 256;

/** Memory above this is given back when it is not needed: one large request must not be paid for ever … */
const KEPT_BYTES_MAX = 4 * 1024 * 1024;
/**
 * … but only after so many uses in a row that took less than a quarter of it: to grow again costs more than to write.
 */
const SMALL_USES = 16;

/** Strings up to this are copied word by word; a call into native code costs more than that. */
const SHORT_BYTES = 256;

/** The highest bit of each of four bytes. */
const BEYOND_ASCII = 0x80808080 | 0;

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

  /** Returns 0 where all of it is ASCII; where it is not, or is long, any other number. */
  copy(source: Uint8Array, start: number, end: number): number {
    const count = end - start;
    this.reserve(count);
    const { bytes, length } = this;
    let bits = 0;
    if (count < 4) {
      for (let index = 0; index < count; index++) {
        const byte = source[start + index] as number;
        bits |= byte;
        bytes[length + index] = byte;
      }
    } else if (count <= SHORT_BYTES) {
      bits = copyWords(viewOf(source), start, this.view, length, count);
    } else {
      // Not `subarray`, which is slower for a Buffer.
      bytes.set(new Uint8Array(source.buffer, source.byteOffset + start, count), length);
      bits = BEYOND_ASCII;
    }
    this.length = length + count;
    return bits & BEYOND_ASCII;
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

  /** The same for a text, which is in UTF-8 afterwards. Returns whether it had to be repaired. */
  text(source: Uint8Array, start: number, end: number): boolean {
    const { length } = this;
    this.varint(end - start);
    return this.copy(source, start, end) !== 0 && this.#repair(length, source, start, end);
  }

  /**
   * A text of less than 128 bytes behind its length, which is one byte: the same in protobuf and in ClickHouse's
   * String.
   */
  shortText(source: Uint8Array, start: number, end: number): boolean {
    const { length } = this;
    return this.copy(source, start, end) !== 0 && this.#repair(length, source, start + 1, end);
  }

  uint64(value: number): void {
    const view = this.room(8);
    view.setUint32(0, value % 0x1_0000_0000, true);
    view.setUint32(4, Math.floor(value / 0x1_0000_0000), true);
  }

  /** Appends zeros and returns a view of them, to be filled in before anything else is appended. */
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

  /** Replaces the text that has been appended from `length` on, if it is not in UTF-8. */
  #repair(length: number, source: Uint8Array, start: number, end: number): boolean {
    const repaired = repairedText(source, start, end);
    if (repaired === null) return false;
    this.length = length;
    this.string(repaired, 0, repaired.length);
    return true;
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
