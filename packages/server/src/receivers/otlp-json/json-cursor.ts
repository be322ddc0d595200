/** A body that the walkers leave to the decoder that parses it first, which may find that nothing is wrong with it. */
export class FallbackNeeded extends Error {
  override readonly name = 'FallbackNeeded';
}

export function fallBackToParser(): never {
  throw new FallbackNeeded();
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const BRACKET = 0x5b;
const BRACKET_END = 0x5d;
const BRACE = 0x7b;
const BRACE_END = 0x7d;
const DIGIT_0 = 0x30;
const WORD = 0x1_0000_0000;
/** So many digits are below 2^64. */
const UINT64_DIGITS = 19;
const UINT32_DIGITS = 10;

/**
 * Reads JSON from the bytes of a body, token by token; what it returns without an error is JSON up to there. Everything
 * else, and what it does not read for all that it may be right, throws `FallbackNeeded`.
 */
export class JsonCursor {
  readonly bytes: Uint8Array;
  at = 0;
  /** Between the quotes of the last string. */
  start = 0;
  end = 0;
  /** Whether there is a backslash in it. */
  isEscaped = false;
  /** The words of the last integer. */
  low = 0;
  high = 0;

  /** Objects and arrays up to here. */
  objects = 0;
  readonly #objectsMax: number;

  /** `bytes` are UTF-8. */
  constructor(bytes: Uint8Array, objectsMax: number) {
    this.bytes = bytes;
    this.#objectsMax = objectsMax;
  }

  /** Counts objects and arrays that are read: what is beyond the limit is for the parser, which says so. */
  countObjects(count: number): void {
    this.objects += count;
    if (this.objects > this.#objectsMax) fallBackToParser();
  }

  /** The next byte that is no white space, 0 at the end. */
  peek(): number {
    const { bytes, at } = this;
    // Not behind the bytes: a place that was once answered undefined is read slower from then on.
    const byte = at < bytes.length ? (bytes[at] as number) : 0;
    return byte > 0x20 ? byte : this.#skipSpace();
  }

  /** Enters an object and reads its first member's name, and the colon. False for an empty one. */
  enterObject(): boolean {
    if (this.peek() !== BRACE) fallBackToParser();
    this.countObjects(1);
    this.at += 1;
    if (this.peek() !== BRACE_END) return this.#name();
    this.at += 1;
    return false;
  }

  /** The same for the next member, behind a value. */
  nextMember(): boolean {
    const byte = this.peek();
    this.at += 1;
    if (byte === COMMA) return this.#name();
    return byte === BRACE_END ? false : fallBackToParser();
  }

  /** Enters an array; false for an empty one. */
  enterArray(): boolean {
    if (this.peek() !== BRACKET) fallBackToParser();
    this.countObjects(1);
    this.at += 1;
    if (this.peek() !== BRACKET_END) return true;
    this.at += 1;
    return false;
  }

  nextItem(): boolean {
    const byte = this.peek();
    this.at += 1;
    if (byte === COMMA) return true;
    return byte === BRACKET_END ? false : fallBackToParser();
  }

  /** Whether the value is null, which is then read. */
  isNull(): boolean {
    if (this.peek() !== 0x6e) return false;
    const { bytes, at } = this;
    if (bytes[at + 1] !== 0x75 || bytes[at + 2] !== 0x6c || bytes[at + 3] !== 0x6c) fallBackToParser();
    this.at = at + 4;
    return true;
  }

  string(): void {
    if (this.peek() !== QUOTE) fallBackToParser();
    const { bytes } = this;
    const start = this.at + 1;
    this.isEscaped = false;
    let at = plainEnd(bytes, start);
    if (bytes[at] !== QUOTE) {
      if (bytes[at] !== BACKSLASH) fallBackToParser();
      this.isEscaped = true;
      at = closingQuote(bytes, at);
    }
    this.start = start;
    this.end = at;
    this.at = at + 1;
  }

  /** An integer of 0 to 2^32 − 1, as a number or a string. */
  uint32(): number {
    this.#digits(UINT32_DIGITS);
    return this.high === 0 ? this.low : fallBackToParser();
  }

  /** The same below 10^19, in `low` and `high`. */
  uint64(): void {
    this.#digits(UINT64_DIGITS);
  }

  /** Reads any value without looking into it; answers where it begins. */
  skip(): number {
    const first = this.peek();
    const { bytes } = this;
    const start = this.at;
    let at = start;
    if (first === QUOTE) at = closingQuote(bytes, start + 1) + 1;
    else if (first === BRACE || first === BRACKET) {
      let depth = 0;
      let objects = 0;
      do {
        const byte = bytes[at];
        if (byte === undefined) fallBackToParser();
        if (byte === QUOTE) at = closingQuote(bytes, at + 1);
        else if (byte === BRACE || byte === BRACKET) {
          depth += 1;
          objects += 1;
        } else if (byte === BRACE_END || byte === BRACKET_END) depth -= 1;
        at += 1;
      } while (depth > 0);
      this.countObjects(objects);
    } else {
      while (isWordPart(bytes[at])) at += 1;
    }
    this.at = at;
    return start;
  }

  /** What `JSON.parse` makes of a part of the body; long integers are doubles. */
  parsed(start: number, end: number): unknown {
    try {
      return JSON.parse(this.text(start, end)) as unknown;
    } catch {
      return fallBackToParser();
    }
  }

  text(start: number, end: number): string {
    const { bytes } = this;
    return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
  }

  #skipSpace(): number {
    const { bytes } = this;
    let { at } = this;
    for (; at < bytes.length; at++) {
      const byte = bytes[at] as number;
      if (byte > 0x20) break;
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) fallBackToParser();
    }
    this.at = at;
    return at < bytes.length ? (bytes[at] as number) : 0;
  }

  /** A member's name. Nobody escapes those that we know. */
  #name(): true {
    this.string();
    if (this.isEscaped || this.peek() !== COLON) fallBackToParser();
    this.at += 1;
    return true;
  }

  #digits(digitsMax: number): void {
    const { bytes } = this;
    const isQuoted = this.peek() === QUOTE;
    const start = isQuoted ? this.at + 1 : this.at;
    let at = start;
    /** The last nine digits, and those before them. */
    let tail = 0;
    let head = 0;
    for (;;) {
      const digit = (bytes[at] as number) - DIGIT_0;
      // Also where the body ends.
      if (!(digit >= 0 && digit <= 9)) break;
      at += 1;
      if (at - start <= 9) tail = tail * 10 + digit;
      else if (at - start > digitsMax) fallBackToParser();
    }
    const count = at - start;
    if (count === 0 || (!isQuoted && count > 1 && bytes[start] === DIGIT_0)) fallBackToParser();
    if (count > 9) {
      const split = at - 9;
      for (let index = start; index < split; index++) head = head * 10 + (bytes[index] as number) - DIGIT_0;
      tail = 0;
      for (let index = split; index < at; index++) tail = tail * 10 + (bytes[index] as number) - DIGIT_0;
    }
    if (isQuoted && bytes[at] !== QUOTE) fallBackToParser();
    this.at = isQuoted ? at + 1 : at;
    // A fraction or an exponent, which may follow, is no token that is taken next.
    this.#setWords(head, tail);
  }

  /** Of head · 10^9 + tail, in steps that a double holds exactly. */
  #setWords(head: number, tail: number): void {
    const headHigh = Math.floor(head / 0x1_0000);
    const upper = headHigh * 1_000_000_000;
    const upperHigh = Math.floor(upper / 0x1_0000);
    const sum = (upper - upperHigh * 0x1_0000) * 0x1_0000 + (head - headHigh * 0x1_0000) * 1_000_000_000 + tail;
    const carry = Math.floor(sum / WORD);
    this.low = sum - carry * WORD;
    this.high = upperHigh + carry;
  }
}

/** Where the first byte is that no plain text has: a quote, a backslash, a control character, or the end. */
export function plainEnd(bytes: Uint8Array, start: number): number {
  const { length } = bytes;
  let at = start;
  while (at < length) {
    const byte = bytes[at] as number;
    if (byte <= 0x22 ? byte === QUOTE || byte < 0x20 : byte === BACKSLASH) break;
    at += 1;
  }
  return at;
}

/** The closing quote of the string that `start` is in, not behind a backslash. */
function closingQuote(bytes: Uint8Array, start: number): number {
  let at = start;
  for (;;) {
    const byte = bytes[at];
    if (byte === QUOTE) return at;
    if (byte === undefined) fallBackToParser();
    at += byte === BACKSLASH ? 2 : 1;
  }
}

/** Of a number or of a word, as true. */
function isWordPart(byte: number | undefined): boolean {
  return byte !== undefined && byte > 0x20 && byte !== COMMA && byte !== BRACE_END && byte !== BRACKET_END;
}
