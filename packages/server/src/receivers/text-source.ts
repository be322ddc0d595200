/** Below it a loop over the characters costs less than a call into V8's writer. */
const SHORT_CHARACTERS = 24;

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

  /** The bytes of hexadecimal digits of either case, two for each; `null`, and nothing added, where the text is anything else. */
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
