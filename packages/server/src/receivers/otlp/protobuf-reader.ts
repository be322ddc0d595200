import { isUtf8 } from 'node:buffer';
import { MalformedRequestError, TooLongHereError } from '../../columns/ingest-result.ts';

export const WireType = { varint: 0, fixed64: 1, bytes: 2, startGroup: 3, endGroup: 4, fixed32: 5 } as const;

const WIRE_TYPE_NAMES = ['varint', '64-bit', 'length-delimited', 'group', 'end of group', '32-bit'];

/** Nested groups that are skipped; protobuf's own parsers stop at 100. */
const GROUP_DEPTH_MAX = 100;

/** More messages than any bytes that Node holds can have. */
const ANY_NUMBER = 2 ** 30 - 1;

/** The bytes are no protobuf of the expected message. `offset` is where reading stopped. */
export class MalformedProtobufError extends MalformedRequestError {
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

/**
 * A cursor over protobuf bytes. Reading a value leaves it in plain fields and moves `at` behind it; nothing is
 * allocated. Every method throws `MalformedProtobufError` at the end of the message that is read.
 */
export class ProtobufReader {
  readonly bytes: Uint8Array;
  at = 0;
  /** The end of the message that is read. */
  end: number;
  /** The last varint or fixed value, as unsigned words; `high` is 0 after a 32-bit value. */
  low = 0;
  high = 0;
  /** The last length-delimited value. */
  start = 0;
  stop = 0;
  /** How many strings that `text` has read were not in UTF-8. */
  repairedTexts = 0;
  /** Of `bytes`. */
  readonly view: DataView;

  /** How many more messages may be read. */
  messagesLeft: number;

  /** Throws `TooLongHereError` when it comes to one message more than so many, those in others included. */
  constructor(bytes: Uint8Array, messagesMax = ANY_NUMBER) {
    this.bytes = bytes;
    this.end = bytes.length;
    this.messagesLeft = messagesMax;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  tag(): number {
    const byte = this.bytes[this.at] as number;
    // Fields 1 to 15, nearly all of them.
    if (byte < 0x80 && this.at < this.end) {
      this.at += 1;
      if (byte < 8) this.#fail('field number 0');
      return byte;
    }
    this.varint();
    if (this.high !== 0 || this.low < 8) this.#fail('a field number out of range');
    return this.low;
  }

  varint(): void {
    const byte = this.bytes[this.at] as number;
    if (byte < 0x80 && this.at < this.end) {
      this.at += 1;
      this.low = byte;
      this.high = 0;
    } else this.#longVarint();
  }

  #longVarint(): void {
    const { bytes, end } = this;
    let at = this.at;
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (at >= end) this.#fail('truncated');
      const byte = bytes[at++] as number;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else if (shift < 63) high |= bits << (shift - 32);
      else high |= (bits & 1) << 31;
      if (byte < 0x80) {
        this.at = at;
        this.low = low >>> 0;
        this.high = high >>> 0;
        return;
      }
    }
    this.#fail('a varint of more than 10 bytes');
  }

  /** A varint's low 32 bits, which is what protobuf makes of a uint32. */
  uint32(): number {
    this.varint();
    return this.low;
  }

  fixed32(): number {
    if (this.at + 4 > this.end) this.#fail('truncated');
    this.low = this.view.getUint32(this.at, true);
    this.high = 0;
    this.at += 4;
    return this.low;
  }

  fixed64(): void {
    if (this.at + 8 > this.end) this.#fail('truncated');
    this.low = this.view.getUint32(this.at, true);
    this.high = this.view.getUint32(this.at + 4, true);
    this.at += 8;
  }

  double(): number {
    if (this.at + 8 > this.end) this.#fail('truncated');
    const value = this.view.getFloat64(this.at, true);
    this.at += 8;
    return value;
  }

  /** A string, bytes or message: `start` and `stop` say where it is. */
  range(): void {
    const { at } = this;
    const length = this.bytes[at] as number;
    const shortStop = at + 1 + length;
    if (length < 0x80 && shortStop <= this.end) {
      this.start = at + 1;
      this.stop = this.at = shortStop;
      return;
    }
    this.varint();
    const stop = this.at + this.low;
    if (this.high !== 0 || stop > this.end) this.#fail('truncated');
    this.start = this.at;
    this.stop = stop;
    this.at = stop;
  }

  /** The string that `range` reads, which is as much work as a message; what is no UTF-8 in it is U+FFFD. */
  text(): string {
    this.countMessage();
    this.range();
    const { bytes, start, stop } = this;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, stop - start);
    if (!isUtf8(text)) this.repairedTexts += 1;
    return text.toString('utf8');
  }

  /** Throws `TooLongHereError` beyond those that may be read. */
  countMessage(): void {
    if (--this.messagesLeft < 0) throw new TooLongHereError();
  }

  /** Begins to read a message that stands inside the one that is read now. Returns what `leave` wants. */
  enter(start: number, stop: number): number {
    this.countMessage();
    const outerEnd = this.end;
    this.at = start;
    this.end = stop;
    return outerEnd;
  }

  /** Goes on behind the inner message. */
  leave(outerEnd: number): void {
    this.at = this.end;
    this.end = outerEnd;
  }

  /**
   * Skips a field that the message does not know. A known number with another wire type is one of these, as for
   * protobuf's own parsers.
   */
  skip(tag: number): void {
    const wireType = tag & 7;
    if (wireType === WireType.startGroup) this.#skipGroup(tag);
    else if (wireType === WireType.varint) this.varint();
    else if (wireType === WireType.fixed64) this.fixed64();
    else if (wireType === WireType.bytes) this.range();
    else if (wireType === WireType.fixed32) this.fixed32();
    else this.#fail(`wire type ${WIRE_TYPE_NAMES[wireType] ?? wireType}`);
  }

  #skipGroup(tag: number): void {
    const openFields = [tag >>> 3];
    while (openFields.length > 0) {
      const next = this.tag();
      const wireType = next & 7;
      if (wireType === WireType.startGroup) openFields.push(next >>> 3);
      else if (wireType !== WireType.endGroup) this.skip(next);
      else if (openFields.pop() !== next >>> 3) this.#fail('the end of another group');
      if (openFields.length > GROUP_DEPTH_MAX) this.#fail('groups nested too deeply');
    }
  }

  #fail(what: string): never {
    throw new MalformedProtobufError(this.at, what);
  }
}

/** Reads the length of a message and calls back with the reader standing in it. */
export function decodeMessage(reader: ProtobufReader, decode: () => void): void {
  reader.range();
  const outerEnd = reader.enter(reader.start, reader.stop);
  decode();
  reader.leave(outerEnd);
}
