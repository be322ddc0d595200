import type { ErrorRateInterval, Estimate } from '@throughline/trace/client';

/** Sums over stored spans, from which follows what their count is worth. */
export interface Weighed {
  /** Σ weight. */
  readonly count: number;
  /** Of the count, as an estimate of all that there were; 0 where everything was sampled. */
  readonly variance: number;
  /** Spans whose weight is not known. */
  readonly unknown: number;
}

/** 95% of a normal distribution lie within so many standard deviations. */
const Z = 1.96;
const EXACT: Estimate = { basis: 'exact', relativeError: 0 };
const BIASED: Estimate = { basis: 'biased', relativeError: null };

export function estimateOf({ count, variance, unknown }: Weighed): Estimate {
  if (unknown > 0) return BIASED;
  if (variance <= 0) return EXACT;
  const number = effectiveNumber({ count, variance });
  // The variance is estimated from as few: Student's t instead of the normal distribution, its first term.
  return { basis: 'estimated', relativeError: (Z * (1 + (Z * Z + 1) / (4 * number))) / Math.sqrt(number) };
}

/**
 * For how many independently sampled ones, out of very many, the count stands: Kish's effective number, which counts a
 * trace's spans as one, and which grows without bound as everything is sampled.
 */
export function effectiveNumber({ count, variance }: Omit<Weighed, 'unknown'>): number {
  return variance > 0 ? (count * count) / variance : Number.POSITIVE_INFINITY;
}

/** Wilson's interval at the effective number; null where there is nothing that could fail. */
export function errorRateInterval(errors: number, weighed: Weighed): ErrorRateInterval | null {
  if (weighed.count <= 0) return null;
  const rate = Math.min(1, errors / weighed.count);
  // Spans of unknown weight say less than those of which it is known: at best as much as if each stood for very many.
  const number = weighed.unknown > 0 ? Math.min(weighed.count, effectiveNumber(weighed)) : effectiveNumber(weighed);
  const spread = (Z * Z) / number;
  const middle = (rate + spread / 2) / (1 + spread);
  const half = Math.sqrt(spread * (rate * (1 - rate) + spread / 4)) / (1 + spread);
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}
