import { thresholdOf, type Threshold } from './threshold.ts';

/** Functions usually return one of a few numbers. */
const CACHED_MAX = 64;

/** The thresholds of probabilities from 0 to 1, of which a few are used again and again. */
export class ThresholdCache {
  readonly #known = new Map<number, Threshold>();
  #last: Threshold | undefined;
  #lastProbability = 0;

  /** `undefined` for 0. */
  of(probability: number): Threshold | undefined {
    if (probability === this.#lastProbability) return this.#last;
    let threshold = this.#known.get(probability);
    if (threshold === undefined && probability > 0) {
      if (this.#known.size === CACHED_MAX) this.#known.clear();
      threshold = thresholdOf(probability);
      this.#known.set(probability, threshold);
    }
    this.#last = threshold;
    this.#lastProbability = probability;
    return threshold;
  }
}
