/**
 * A distribution of measured values by the logarithm of their size, like DDSketch: the sketch of a union is the sum of
 * the sketches, whoever adds them and in what order, and a quantile is off by no more than `SKETCH_ERROR` of its value.
 * Values below 0 have buckets of their own, so that differences keep their sign. Values between -1 and 1 count as 0.
 */
export class LogSketch {
  readonly #weights = new Map<number, number>();
  #total = 0;

  /** Sum of the weights. */
  get total(): number {
    return this.#total;
  }

  /** @param weight above 0; how many values it stands for. */
  add(value: number, weight = 1): void {
    this.#put(bucketOf(value), weight);
  }

  /** Adds what another sketch holds, as its buckets and their weights. */
  merge(buckets: ArrayLike<number>, weights: ArrayLike<number>): void {
    for (let at = 0; at < buckets.length; at++) this.#put(buckets[at]!, weights[at]!);
  }

  /** The buckets in ascending order, with the weight of each. */
  entries(): (readonly [bucket: number, weight: number])[] {
    return [...this.#weights].toSorted(([a], [b]) => a - b);
  }

  #put(bucket: number, weight: number): void {
    if (!(weight > 0)) return;
    this.#weights.set(bucket, (this.#weights.get(bucket) ?? 0) + weight);
    this.#total += weight;
  }
}

/** The largest relative error of a quantile of values above 1. */
export const SKETCH_ERROR = 0.02;
const GROWTH = (1 + SKETCH_ERROR) / (1 - SKETCH_ERROR);
const LOG_GROWTH = Math.log(GROWTH);
/** The middle of a bucket, as a share of its upper end. */
const MIDDLE = 2 / (1 + GROWTH);

/** Of a number of up to 64 bits it fits into 16 bits. */
export function bucketOf(value: number): number {
  const size = Math.abs(value);
  if (!(size >= 1)) return 0;
  const bucket = Math.ceil(Math.log(size) / LOG_GROWTH) + 1;
  return value < 0 ? -bucket : bucket;
}

export function valueOf(bucket: number): number {
  if (bucket === 0) return 0;
  return Math.sign(bucket) * MIDDLE * GROWTH ** (Math.abs(bucket) - 1);
}

/**
 * The value that the share `q` of the weight is not above, for each of some shares in ascending order; NaN where there
 * is no weight at all.
 */
export function quantilesOf(entries: readonly (readonly [number, number])[], shares: readonly number[]): number[] {
  const total = entries.reduce((sum, [, weight]) => sum + weight, 0);
  let at = -1;
  let reached = 0;
  return shares.map((share) => {
    // Sums of the same weights in another order differ in their last digits.
    const wanted = share * total * (1 - 1e-12);
    while (at + 1 < entries.length && (at < 0 || reached < wanted)) reached += entries[++at]![1];
    return at < 0 ? Number.NaN : valueOf(entries[at]![0]);
  });
}
