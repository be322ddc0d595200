/** A bounded number of bytes that requests share. Each takes what it reads and gives all of it back at its end. */
export class ByteBudget {
  readonly #max: number;
  #taken = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get taken(): number {
    return this.#taken;
  }

  has(bytes: number): boolean {
    return this.#taken + bytes <= this.#max;
  }

  /** False, and nothing is taken, when they are not left. */
  take(bytes: number): boolean {
    if (!this.has(bytes)) return false;
    this.#taken += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#taken -= bytes;
  }
}
