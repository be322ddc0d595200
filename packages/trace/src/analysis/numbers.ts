/**
 * Numbers things in the order in which they come, so that they can be keys of a map: a text for each span would cost
 * more than the look-up.
 */
export class Numbers {
  readonly #texts = new Map<string, number>();
  readonly #pairs = new Map<number, Map<number, number>>();
  #pairCount = 0;

  of(text: string): number {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    this.#texts.set(text, this.#texts.size);
    return this.#texts.size - 1;
  }

  ofPair(one: number, other: number): number {
    let numbers = this.#pairs.get(one);
    if (numbers === undefined) {
      numbers = new Map();
      this.#pairs.set(one, numbers);
    }
    const known = numbers.get(other);
    if (known !== undefined) return known;
    numbers.set(other, ++this.#pairCount);
    return this.#pairCount;
  }
}
