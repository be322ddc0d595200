import { fallBackToParser } from './json-cursor.ts';

/** Below it a loop over the characters costs less than a call into V8's writer. */
const SHORT_CHARACTERS = 24;
/** Up to here a loop costs less than a view. */
const COPIED_BYTES = 64;

/** Strings as UTF-8, one after the other; the columns take them as ranges. Growing replaces `bytes`. */
export class TextSource {
  bytes: Buffer = Buffer.allocUnsafe(1024);
  #length = 0;

  /** Behind what was added last. */
  get length(): number {
    return this.#length;
  }

  add(text: string): [start: number, end: number] {
    if (text === '') return [0, 0];
    const start = this.#length;
    this.append(text);
    return [start, this.#length];
  }

  /** The same for those who know where it begins. */
  append(text: string): void {
    const { length } = text;
    // A UTF-16 unit becomes three bytes at most.
    this.#reserve(length * 3);
    if (length < SHORT_CHARACTERS) {
      const { bytes } = this;
      const start = this.#length;
      let index = 0;
      for (; index < length; index++) {
        const code = text.charCodeAt(index);
        if (code > 0x7f) break;
        bytes[start + index] = code;
      }
      if (index === length) {
        this.#length = start + length;
        return;
      }
    }
    this.#length += this.bytes.write(text, this.#length, 'utf8');
  }

  /**
   * The bytes of hexadecimal digits of either case, two for each; `null`, and nothing added, where the text is anything
   * else.
   */
  addHex(text: string): [start: number, end: number] | null {
    const { length } = text;
    if (length % 2 === 1) return null;
    this.#reserve(length / 2);
    const { bytes } = this;
    const start = this.#length;
    for (let index = 0; index < length; index += 2) {
      const high = digitOf(text.charCodeAt(index));
      const low = digitOf(text.charCodeAt(index + 1));
      if ((high | low) < 0) return null;
      bytes[start + index / 2] = (high << 4) | low;
    }
    this.#length = start + length / 2;
    return [start, this.#length];
  }

  /** Adds a part of other bytes; answers where it begins. */
  addBytes(source: Uint8Array, start: number, end: number): number {
    this.#reserve(end - start);
    const { bytes } = this;
    const begin = this.#length;
    const shift = begin - start;
    if (end - start <= COPIED_BYTES)
      for (let index = start; index < end; index++) bytes[index + shift] = source[index] as number;
    else bytes.set(new Uint8Array(source.buffer, source.byteOffset + start, end - start), begin);
    this.#length = begin + end - start;
    return begin;
  }

  /** Appends what is in a JSON string, lone surrogates as U+FFFD. Throws `FallbackNeeded` for what must not. */
  appendEscaped(source: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start);
    const { bytes } = this;
    let length = this.#length;
    for (let at = start; at < end; at++) {
      let byte = source[at] as number;
      let isWrong = byte < 0x20;
      if (byte === BACKSLASH) {
        byte = ESCAPES[source[++at] as number] as number;
        // A character by its number, or no escape at all.
        isWrong = byte === 0;
      }
      if (isWrong) {
        this.append(parsedString(source, start, end));
        return;
      }
      bytes[length++] = byte;
    }
    this.#length = length;
  }

  /** The same as `addHex` for digits in other bytes; answers where it begins, or −1. */
  addHexBytes(source: Uint8Array, start: number, end: number): number {
    const count = (end - start) / 2;
    if (!Number.isInteger(count)) return -1;
    this.#reserve(count);
    const { bytes } = this;
    const begin = this.#length;
    let at = start;
    let wrong = 0;
    for (let index = begin; index < begin + count; index++) {
      const high = DIGITS[source[at] as number] as number;
      const low = DIGITS[source[at + 1] as number] as number;
      wrong |= high | low;
      bytes[index] = (high << 4) | low;
      at += 2;
    }
    if (wrong < 0) return -1;
    this.#length = begin + count;
    return begin;
  }

  clear(): void {
    this.#length = 0;
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.#length);
    this.bytes = grown;
  }
}

/** The value of a hexadecimal digit's character code, −1 for any other. */
function digitOf(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const letter = code | 0x20;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

/** The same for every byte. */
const DIGITS = Int8Array.from({ length: 256 }, (_, code) => digitOf(code));

const BACKSLASH = 0x5c;
const ESCAPE_LETTERS = '"\\/bfnrt';
const ESCAPED_CHARACTERS = '"\\/\b\f\n\r\t';
/** The character that follows a backslash, by the letter that stands for it; 0 for what is no such letter. */
const ESCAPES = new Uint8Array(256);
for (let index = 0; index < ESCAPE_LETTERS.length; index++) {
  ESCAPES[ESCAPE_LETTERS.charCodeAt(index)] = ESCAPED_CHARACTERS.charCodeAt(index);
}

/** Of the string between quotes that stand around the range. */
function parsedString(source: Uint8Array, start: number, end: number): string {
  const text = Buffer.from(source.buffer, source.byteOffset + start - 1, end - start + 2).toString('utf8');
  try {
    return (JSON.parse(text) as string).toWellFormed();
  } catch {
    return fallBackToParser();
  }
}
