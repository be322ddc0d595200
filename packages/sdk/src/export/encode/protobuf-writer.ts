/**
 * The write would take the message over the writer's limit; what was written since the caller's mark must be undone.
 */
export const WRITE_LIMIT_REACHED = new RangeError('the message is larger than the limit');

/**
 * `endMax` where there is no limit: what a buffer can hold, and an integer, because `Infinity` would make V8 box the
 * field.
 */
export const NO_WRITE_LIMIT = 0x7fffffff;

/** How many bytes a length takes that is only known later; it fits lengths below 2²⁸. */
const PADDED_LENGTH_BYTES = 4;
/** Below it a loop over the characters is cheaper than a call into V8's native writer. */
export const NATIVE_WRITE_CHARACTERS = 24;
/** From it on, the exact size is worth counting before three bytes a character are set aside. */
const LONG_STRING_CHARACTERS = 16 * 1024;

/** What `write(…, 'utf8')` calls after checking its arguments; taken directly where Node has it. */
type NativeUtf8Write = (this: Buffer, text: string, offset: number, length: number) => number;

const nativeUtf8Write = utf8WriteOf(Buffer.prototype);

function utf8WriteOf(prototype: Buffer & { utf8Write?: NativeUtf8Write }): NativeUtf8Write {
  return (
    prototype.utf8Write ??
    function (text, offset, length) {
      return this.write(text, offset, length, 'utf8');
    }
  );
}

/**
 * Writes protobuf fields into one growing buffer. Field tags are given ready-made (number · 8 + wire type). It throws
 * `WRITE_LIMIT_REACHED` before `endMax` would be passed; the caller goes back to a position that it noted.
 */
export class ProtobufWriter {
  position = 0;
  /** The position that no write may pass. */
  endMax: number;
  /** Read it, and change it by `use`. */
  buffer: Buffer;
  view: DataView;

  constructor(buffer: Buffer, endMax: number) {
    this.endMax = endMax;
    this.buffer = buffer;
    this.view = viewOf(buffer);
  }

  /** Goes on in another buffer, at the same position. */
  use(buffer: Buffer): void {
    this.buffer = buffer;
    this.view = viewOf(buffer);
  }

  /** Makes room for `bytes` more. */
  reserve(bytes: number): void {
    const end = this.position + bytes;
    if (end > this.buffer.length) this.#grow(end);
  }

  #grow(end: number): void {
    if (end > this.endMax) throw WRITE_LIMIT_REACHED;
    const larger = Buffer.allocUnsafeSlow(Math.min(this.endMax, Math.max(end, this.buffer.length * 2)));
    this.buffer.copy(larger, 0, 0, this.position);
    this.use(larger);
  }

  byte(value: number): void {
    this.buffer[this.position++] = value;
  }

  /** An unsigned integer below 2³²; the caller has reserved its bytes. */
  varint(value: number): void {
    const { buffer } = this;
    let position = this.position;
    while (value > 0x7f) {
      buffer[position++] = (value & 0x7f) | 0x80;
      value >>>= 7;
    }
    buffer[position++] = value;
    this.position = position;
  }

  /** A safe integer as int64: a negative one takes ten bytes. */
  int64(value: number): void {
    if (value >= 0 && value <= 0xffffffff) this.varint(value);
    else this.bigint64(BigInt(value));
  }

  bigint64(value: bigint): void {
    let rest = BigInt.asUintN(64, value);
    while (rest > 0x7fn) {
      this.byte(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.byte(Number(rest));
  }

  double(value: number): void {
    this.view.setFloat64(this.position, value, true);
    this.position += 8;
  }

  fixed32(value: number): void {
    this.view.setUint32(this.position, value, true);
    this.position += 4;
  }

  /** The bytes of a 32-bit integer in reading order, as ids are written. */
  bigEndian32(value: number): void {
    this.view.setInt32(this.position, value, false);
    this.position += 4;
  }

  /**
   * Bytes that are ready as words, which a loop copies at a quarter of the steps; up to three more bytes are
   * overwritten.
   */
  words(bytes: WordBytes): void {
    this.reserve(bytes.words.length * 4);
    this.wordsWithin(bytes);
  }

  /** The same where the caller has reserved the bytes, and three more. */
  wordsWithin({ words, byteLength }: WordBytes): void {
    const { view } = this;
    const position = this.position;
    for (let i = 0, at = position; i < words.length; i++, at += 4) view.setInt32(at, words[i] ?? 0, true);
    this.position = position + byteLength;
  }

  /** Bytes as they are. */
  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.position);
    this.position += bytes.length;
  }

  /** A `bytes` field. */
  bytesField(tag: number, bytes: Uint8Array): void {
    this.reserve(6);
    this.byte(tag);
    this.varint(bytes.length);
    this.raw(bytes);
  }

  /** A `string` field, omitted when empty, as protobuf does. */
  stringField(tag: number, text: string): void {
    if (text === '') return;
    const start = this.position;
    let bytes = likelyUtf8Length(text);
    for (;;) {
      this.reserve(8 + roomFor(text, bytes));
      this.byte(tag);
      this.varint(bytes);
      if (this.utf8(text, bytes)) return;
      this.position = start;
      bytes = Buffer.byteLength(text);
    }
  }

  /**
   * A string's UTF-8 bytes, lone surrogates as U+FFFD. Returns whether they were as many as expected; if not, the
   * caller starts again with the true number. `roomFor` says what it must have reserved.
   */
  utf8(text: string, bytesExpected: number): boolean {
    const { length } = text;
    const { buffer } = this;
    const position = this.position;
    if (length < NATIVE_WRITE_CHARACTERS && bytesExpected === length) {
      for (let i = 0; i < length; i++) {
        const code = text.charCodeAt(i);
        if (code > 0x7f) return false;
        buffer[position + i] = code;
      }
      this.position = position + length;
      return true;
    }
    const written = nativeUtf8Write.call(buffer, text, position, roomFor(text, bytesExpected));
    this.position = position + written;
    return written === bytesExpected;
  }

  /** Opens a nested message whose length is not known yet; `end` closes it. */
  begin(tag: number): number {
    this.reserve(2 + PADDED_LENGTH_BYTES);
    this.byte(tag);
    this.position += PADDED_LENGTH_BYTES;
    return this.position;
  }

  /** Closes the message that `begin` returned `start` for: a length may be written longer than it needs to be. */
  end(start: number): void {
    const { buffer } = this;
    const length = this.position - start;
    buffer[start - 4] = (length & 0x7f) | 0x80;
    buffer[start - 3] = ((length >>> 7) & 0x7f) | 0x80;
    buffer[start - 2] = ((length >>> 14) & 0x7f) | 0x80;
    buffer[start - 1] = (length >>> 21) & 0x7f;
  }
}

/** A whole field of text: tag, length, bytes. */
export function encodedField(tag: number, text: string): Uint8Array {
  const writer = new ProtobufWriter(Buffer.allocUnsafeSlow(16 + text.length * 3), NO_WRITE_LIMIT);
  writer.byte(tag);
  writer.varint(Buffer.byteLength(text));
  writer.raw(Buffer.from(text));
  return writer.buffer.subarray(0, writer.position);
}

/** Bytes as little-endian 32-bit words, the last one filled up with zeros. */
export interface WordBytes {
  readonly words: Int32Array;
  readonly byteLength: number;
}

export function wordBytes(bytes: Uint8Array): WordBytes {
  const words = new Int32Array(Math.ceil(bytes.length / 4));
  for (let i = 0; i < bytes.length; i++) words[i >> 2] = (words[i >> 2] ?? 0) | ((bytes[i] ?? 0) << (8 * (i & 3)));
  return { words, byteLength: bytes.length };
}

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
}

/** A string's number of UTF-8 bytes: a guess that is right for ASCII, exact for a long string. */
export function likelyUtf8Length(text: string): number {
  return text.length < LONG_STRING_CHARACTERS ? text.length : Buffer.byteLength(text);
}

/** Bytes to set aside for a string: a wrong guess must show itself as more bytes, not as a cut text. */
export function roomFor(text: string, bytesExpected: number): number {
  return text.length < LONG_STRING_CHARACTERS ? text.length * 3 : bytesExpected;
}

export function varintLength(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  return value < 0x10000000 ? 4 : 5;
}
