/** Strings as UTF-8, one after the other; the columns take them as ranges. Growing replaces `bytes`. */
export class TextSource {
  bytes: Buffer = Buffer.allocUnsafe(1024);
  #length = 0;

  add(text: string): [start: number, end: number] {
    if (text === '') return [0, 0];
    // A UTF-16 unit becomes three bytes at most.
    this.#reserve(text.length * 3);
    const start = this.#length;
    this.#length += this.bytes.write(text, start, 'utf8');
    return [start, this.#length];
  }

  addBytes(bytes: Buffer): [start: number, end: number] {
    this.#reserve(bytes.length);
    const start = this.#length;
    this.#length += bytes.copy(this.bytes, start);
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
