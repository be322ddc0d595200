/** Random numbers that follow from a seed: xoshiro128**, seeded by a hash of a text. */
export class Random {
  readonly #seed: string;
  readonly #state = new Uint32Array(4);
  #spareNormal: number | undefined;

  constructor(seed: string) {
    this.#seed = seed;
    for (let word = 0; word < 4; word += 1) this.#state[word] = hash(`${word} ${seed}`);
    // All zeros would stay zeros.
    this.#state[3] = (this.#state[3] ?? 0) | 1;
    for (let round = 0; round < 8; round += 1) this.#word();
  }

  /** A stream of its own, which does not move this one. */
  fork(name: string): Random {
    return new Random(`${this.#seed}/${name}`);
  }

  /** From 0, below 1. */
  next(): number {
    return this.#word() / 2 ** 32;
  }

  between(min: number, max: number): number {
    return min + (max - min) * this.next();
  }

  /** From `min` to `max`, both included. */
  integer(min: number, max: number): number {
    return Math.floor(this.between(min, max + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** @throws RangeError if there is nothing to pick from */
  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError('nothing to pick from');
    return items[this.integer(0, items.length - 1)] as T;
  }

  /** @throws RangeError if there is nothing to pick from */
  weighted<T extends { readonly weight: number }>(items: readonly T[]): T {
    let rest = this.next() * items.reduce((sum, { weight }) => sum + weight, 0);
    for (const item of items) {
      rest -= item.weight;
      if (rest < 0) return item;
    }
    return this.pick(items);
  }

  shuffled<T>(items: readonly T[]): T[] {
    const result = [...items];
    for (let at = result.length - 1; at > 0; at -= 1) {
      const other = this.integer(0, at);
      [result[at], result[other]] = [result[other] as T, result[at] as T];
    }
    return result;
  }

  exponential(mean: number): number {
    return -mean * Math.log(1 - this.next());
  }

  logNormal(median: number, sigma: number): number {
    return median * Math.exp(sigma * this.#normal());
  }

  /** Lower-case digits, a multiple of 8. */
  hex(digits: number): string {
    let result = '';
    while (result.length < digits) result += this.#word().toString(16).padStart(8, '0');
    return result;
  }

  #normal(): number {
    const spare = this.#spareNormal;
    if (spare !== undefined) {
      this.#spareNormal = undefined;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()));
    const angle = 2 * Math.PI * this.next();
    this.#spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  #word(): number {
    const state = this.#state;
    const [first = 0, second = 0, third = 0, fourth = 0] = state;
    const result = Math.imul(rotated(Math.imul(second, 5), 7), 9) >>> 0;
    state[2] = third ^ first;
    state[3] = fourth ^ second;
    state[1] = second ^ (state[2] ?? 0);
    state[0] = first ^ (state[3] ?? 0);
    state[2] = (state[2] ?? 0) ^ (second << 9);
    state[3] = rotated(state[3] ?? 0, 11);
    return result;
  }
}

function rotated(word: number, by: number): number {
  return ((word << by) | (word >>> (32 - by))) >>> 0;
}

/** 32 bits of a text: FNV-1a, and a last mix. */
function hash(text: string): number {
  let value = 0x81_1c_9d_c5;
  for (let at = 0; at < text.length; at += 1) value = Math.imul(value ^ text.charCodeAt(at), 0x01_00_01_93);
  value = Math.imul(value ^ (value >>> 15), 0x2c_1b_3c_6d);
  value = Math.imul(value ^ (value >>> 12), 0x29_7a_2d_39);
  return (value ^ (value >>> 15)) >>> 0;
}
