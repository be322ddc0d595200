/** What a measure usually is, by its values in the baseline. */
export interface Usual {
  readonly count: number;
  readonly median: number;
  /** Values above it are unusual. */
  readonly threshold: number;
}

/** How a measure's values differ from what is usual. */
export interface Rise {
  readonly count: number;
  readonly baselineCount: number;
  /** Share of the values that are unusual, from 0 to 1. */
  readonly share: number;
  /** The same in the baseline, and never less than can be told of so few values. */
  readonly usualShare: number;
  readonly usualMedian: number;
  readonly median: number;
  readonly threshold: number;
  /** Median of how far the unusual values are above the usual median; 0 where there are none. */
  readonly excess: number;
  /** 0 for nothing; a value that is always far above what is usual has about 50. */
  readonly evidence: number;
}

/** Fewer values than this have no usual range of their own. */
export const BASELINE_MIN = 8;
/** Of fewer values the highest stands for their 90th percentile. */
const PERCENTILE_MIN = 20;
/** A normal distribution's standard deviation, in median absolute deviations. */
const DEVIATIONS_PER_MAD = 1.4826;
/** Logarithm of the likelihood ratio below which nothing is shown, and from which on the evidence is full. */
const LIKELIHOOD_MIN = 3;
const LIKELIHOOD_FULL = 8;
const USUAL_SHARE_MIN = 0.03;
/** From so many values on the evidence is full. */
const COUNT_FULL = 12;
const MAGNITUDE_MAX = 8;

/**
 * The usual range ends at the 90th percentile, at three deviations above the median if that is more, and half of
 * the median beyond, so that a rise that nobody would notice is none.
 *
 * @param sorted values in ascending order.
 * @param slack the least that the range ends beyond, in the unit of the values.
 */
export function usualOf(sorted: ArrayLike<number>, slack: number): Usual {
  const count = sorted.length;
  if (count === 0) return { count, median: 0, threshold: Number.POSITIVE_INFINITY };
  const median = quantile(sorted, 0.5);
  const deviations = Float64Array.from(sorted, (value) => Math.abs(value - median)).toSorted();
  const high = count < PERCENTILE_MIN ? sorted[count - 1]! : quantile(sorted, 0.9);
  const threshold = Math.max(high, median + 3 * DEVIATIONS_PER_MAD * quantile(deviations, 0.5));
  return { count, median, threshold: threshold + Math.max(slack, median / 2) };
}

/**
 * Counts how many values are above the usual range: with few values this tells more than means or percentiles, and no
 * single outlier decides.
 *
 * @param unit the smallest difference that matters, in the unit of the values.
 */
export function riseOf(baseline: ArrayLike<number>, values: ArrayLike<number>, usual: Usual, unit: number): Rise {
  const { threshold, median: usualMedian } = usual;
  const baselineCount = usual.count;
  const above = sortedAbove(values, threshold);
  const count = values.length;
  const share = count === 0 ? 0 : above.length / count;
  const usualAbove = countAbove(baseline, threshold);
  const usualShare = Math.max(USUAL_SHARE_MIN, baseline.length === 0 ? 0 : usualAbove / baseline.length);
  const excess = above.length === 0 ? 0 : quantile(above, 0.5) - usualMedian;
  const likelihood = likelihoodRatio(count, share, usualShare);
  const certainty =
    likelihood < LIKELIHOOD_MIN ? 0 : Math.min(1, likelihood / LIKELIHOOD_FULL) * Math.min(1, count / COUNT_FULL);
  const magnitude = Math.min(MAGNITUDE_MAX, Math.log2(1 + excess / (0.2 * Math.max(0, usualMedian) + unit)));
  const rise = share <= usualShare ? 0 : (share - usualShare) / (1 - usualShare);
  return {
    count,
    baselineCount,
    share,
    usualShare,
    usualMedian,
    median: count === 0 ? 0 : quantile(Float64Array.from(values).toSorted(), 0.5),
    threshold,
    excess,
    evidence: rise * certainty * magnitude,
  };
}

/** How much more weight the word of many values has. */
export function weightOf(count: number): number {
  return Math.log2(1 + count);
}

/** In nats: how much better a share explains what was counted than the usual share does; 0 where it is not higher. */
export function likelihoodRatio(count: number, share: number, usualShare: number): number {
  if (share <= usualShare) return 0;
  const rest = share >= 1 ? 0 : (1 - share) * Math.log((1 - share) / (1 - usualShare));
  return count * (share * Math.log(share / usualShare) + rest);
}

/** Of values in ascending order; between two of them in proportion. */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  const at = q * (sorted.length - 1);
  const low = Math.floor(at);
  const value = sorted[low] ?? 0;
  const next = sorted[low + 1] ?? value;
  return value + (next - value) * (at - low);
}

function sortedAbove(values: ArrayLike<number>, threshold: number): Float64Array {
  const above: number[] = [];
  for (let at = 0; at < values.length; at++) if (values[at]! > threshold) above.push(values[at]!);
  return Float64Array.from(above).toSorted();
}

function countAbove(values: ArrayLike<number>, threshold: number): number {
  let count = 0;
  for (let at = 0; at < values.length; at++) if (values[at]! > threshold) count++;
  return count;
}
