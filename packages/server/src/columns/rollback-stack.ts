/** Where columns stood, to go back to: what was saved last is taken first. The memory is used again. */
export class RollbackStack {
  readonly #numbers: number[] = [];
  #length = 0;

  save(number: number): void {
    this.#numbers[this.#length++] = number;
  }

  /** What was saved last. */
  take(): number {
    return this.#numbers[--this.#length] as number;
  }

  clear(): void {
    this.#length = 0;
  }
}
