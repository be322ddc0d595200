/** 1 µs, below which durations count as that. */
const OCTAVE_MIN = 10;
/** About 73 minutes (2⁴² ns), above which they count as that. */
const OCTAVE_MAX = 42;
/** Bounds are 9% apart: OTLP's exponential histogram of scale 3. */
export const BUCKETS_PER_OCTAVE = 8;
export const HISTOGRAM_BUCKETS = (OCTAVE_MAX - OCTAVE_MIN) * BUCKETS_PER_OCTAVE;
/** The index that OTLP gives the first bucket of durations in nanoseconds. */
export const HISTOGRAM_OFFSET = OCTAVE_MIN * BUCKETS_PER_OCTAVE;
/**
 * Durations of OTLP's metrics are in seconds, whose buckets begin elsewhere than those of nanoseconds: they are counted
 * in units of 2⁻³⁰ s, from which seconds are a whole number of buckets away. A little less than that, because a bucket
 * of OTLP's holds its upper bound.
 */
export const UNITS_PER_NS = (2 ** 30 - 2 ** -10) / 1e9;
/** The index that OTLP gives the first bucket of durations in seconds. */
export const SECONDS_OFFSET = (OCTAVE_MIN - 30) * BUCKETS_PER_OCTAVE;

// The exponent and the mantissa's first bits of a double say where it is: a logarithm would cost three times as much.
const float = new Float64Array(1);
const word = new Uint32Array(float.buffer);
const EXPONENT_BIAS = 1023;
const MANTISSA_BITS = 8;
const BUCKET_OF_MANTISSA: readonly number[] = Array.from({ length: 2 ** MANTISSA_BITS }, (_, i) =>
  Math.floor(Math.log2(1 + (i + 0.5) / 2 ** MANTISSA_BITS) * BUCKETS_PER_OCTAVE),
);

/** The place of a duration, in nanoseconds or units, among the buckets. */
export function bucketOf(duration: number): number {
  if (!(duration > 0)) return 0;
  float[0] = duration;
  const high = word[1] ?? 0;
  const octave = (high >>> 20) - EXPONENT_BIAS;
  if (octave < OCTAVE_MIN) return 0;
  if (octave >= OCTAVE_MAX) return HISTOGRAM_BUCKETS - 1;
  const mantissa = (high >>> (20 - MANTISSA_BITS)) & (2 ** MANTISSA_BITS - 1);
  return (octave - OCTAVE_MIN) * BUCKETS_PER_OCTAVE + (BUCKET_OF_MANTISSA[mantissa] ?? 0);
}

/** The least duration of a bucket, in nanoseconds. */
export function bucketStartNs(bucket: number): number {
  return 2 ** (OCTAVE_MIN + bucket / BUCKETS_PER_OCTAVE);
}

/** The filled part of a histogram: the place of its first bucket, and the counts from there on. */
export function filledPart(buckets: Float64Array): readonly [first: number, counts: number[]] {
  const first = buckets.findIndex((count) => count > 0);
  return [first, [...buckets.subarray(first, buckets.findLastIndex((count) => count > 0) + 1)]];
}
