/** xoshiro128**: random integers that repeat from run to run. */
export class SeededRandom {
  #a;
  #b;
  #c;
  #d;

  constructor(seed) {
    // splitmix32 fills the state, so that similar seeds share nothing.
    let state = seed | 0;
    const next = () => {
      state = (state + 0x9e3779b9) | 0;
      let z = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      return z ^ (z >>> 16);
    };
    [this.#a, this.#b, this.#c, this.#d] = [next(), next(), next(), next()];
  }

  /** 32 random bits as a signed integer: what a tracer's `ids` answer. */
  int32() {
    const result = Math.imul(rotated(Math.imul(this.#b, 5), 7), 9);
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = rotated(this.#d, 11);
    return result | 0;
  }

  /** 0 up to 1. */
  uniform() {
    return (this.int32() >>> 0) / 2 ** 32;
  }

  /** The time to the next of events that come at random, `perSecond` on average. */
  gapMs(perSecond) {
    return (-Math.log(1 - this.uniform()) / perSecond) * 1000;
  }
}

function rotated(value, bits) {
  return (value << bits) | (value >>> (32 - bits));
}
