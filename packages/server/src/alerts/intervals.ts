import { betaCdf, gammaCdf, inverse } from './beta.ts';

/** Where a value lies with the confidence that was asked for, both ends included. */
export interface Interval {
  readonly lower: number;
  readonly upper: number;
}

/** Requests by duration, the shortest first; they do not overlap. */
export interface DurationShare {
  readonly fromNs: number;
  readonly toNs: number;
  readonly count: number;
}

/** Of more requests the interval is narrower than a limit is written, and takes longer to compute. */
const EFFECTIVE_MAX = 10_000_000;

/**
 * Clopper and Pearson's interval of a share: it holds the truth at least as often as asked for, also of few. Both
 * numbers may be fractions, as effective numbers are.
 *
 * @param hits from 0 to `count`.
 * @param count independent tries; of none nothing is known.
 * @param confidence above 0 and below 1.
 */
export function shareInterval(hits: number, count: number, confidence: number): Interval {
  if (count <= 0) return { lower: 0, upper: 1 };
  const scale = count > EFFECTIVE_MAX ? EFFECTIVE_MAX / count : 1;
  const [k, n] = [Math.min(hits, count) * scale, count * scale];
  const tail = (1 - confidence) / 2;
  const rest = n - k;
  // A fraction of a hit is none, and a fraction of a miss is none.
  const lower = k < 1e-9 ? 0 : inverse((x) => betaCdf(x, k, rest + 1), tail, 0, 1);
  const upper = rest < 1e-9 ? 1 : inverse((x) => betaCdf(x, k + 1, rest), 1 - tail, 0, 1);
  return { lower, upper };
}

/**
 * Garwood's interval of how many events a time has on average, of which so many were seen: that of a Poisson
 * distribution.
 */
export function eventsInterval(events: number, confidence: number): Interval {
  const k = Math.min(events, EFFECTIVE_MAX);
  const scale = k > 0 ? events / k : 1;
  const tail = (1 - confidence) / 2;
  const reach = 40 * Math.sqrt(k + 1) + 40;
  const lower = k < 1e-9 ? 0 : inverse((x) => gammaCdf(x, k), tail, Math.max(0, k - reach), k);
  const upper = inverse((x) => gammaCdf(x, k + 1), 1 - tail, k, k + reach);
  return { lower: lower * scale, upper: upper * scale };
}

/**
 * Interval of a quantile by order statistics: all durations are in it of which it cannot be excluded, by the interval
 * of the share of requests that are shorter, that they are the quantile. Its ends are those of buckets; the upper one
 * is Infinity where nothing bounds it.
 *
 * @param effectiveCount as many independent requests say as much as all buckets together.
 */
export function quantileInterval(
  durations: readonly DurationShare[],
  effectiveCount: number,
  quantile: number,
  confidence: number,
): Interval {
  const total = durations.reduce((sum, { count }) => sum + count, 0);
  if (total <= 0 || effectiveCount <= 0) return { lower: 0, upper: Number.POSITIVE_INFINITY };
  const tail = (1 - confidence) / 2;
  const n = Math.min(effectiveCount, EFFECTIVE_MAX);
  let below = 0;
  let lower = 0;
  for (const { fromNs, toNs, count } of durations) {
    if (isShareBelow((below / total) * n, n, quantile, tail)) lower = fromNs;
    below += count;
    if (isShareAbove(Math.min(n, (below / total) * n), n, quantile, tail)) return { lower, upper: toNs };
  }
  return { lower, upper: Number.POSITIVE_INFINITY };
}

/** Whether the interval of `hits` of `count` ends below the share, which takes a fraction of the time to find it. */
function isShareBelow(hits: number, count: number, share: number, tail: number): boolean {
  return count - hits >= 1e-9 && betaCdf(share, hits + 1, count - hits) > 1 - tail;
}

/** Whether it begins above the share. */
function isShareAbove(hits: number, count: number, share: number, tail: number): boolean {
  return hits >= 1e-9 && betaCdf(share, hits, count - hits + 1) < tail;
}

/** The quantile itself, in the middle of its bucket by proportion; null of no request. */
export function quantileOf(durations: readonly DurationShare[], quantile: number): number | null {
  const total = durations.reduce((sum, { count }) => sum + count, 0);
  let below = 0;
  for (const { fromNs, toNs, count } of durations) {
    below += count;
    if (count > 0 && below >= quantile * total) return Math.sqrt(fromNs * toNs);
  }
  return null;
}
