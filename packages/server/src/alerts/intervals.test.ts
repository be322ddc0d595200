import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  eventsInterval,
  quantileInterval,
  quantileOf,
  shareInterval,
  type DurationShare,
  type Interval,
} from './intervals.ts';

/** Mulberry32. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function countOf(times: number, isHit: (at: number) => boolean): number {
  let hits = 0;
  for (let at = 0; at < times; at++) if (isHit(at)) hits++;
  return hits;
}

/** Buckets of a width of an eighth octave, as the store has them. */
function bucketsOf(values: readonly number[]): DurationShare[] {
  const counts = new Map<number, number>();
  for (const value of values) {
    const bucket = Math.floor(Math.log2(value) * 8);
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
  }
  return [...counts]
    .toSorted(([a], [b]) => a - b)
    .map(([bucket, count]) => ({ fromNs: 2 ** (bucket / 8), toNs: 2 ** ((bucket + 1) / 8), count }));
}

function rounded({ lower, upper }: Interval, digits: number): number[] {
  return [lower, upper].map((value) => Number(value.toFixed(digits)));
}

describe('the interval of a share', () => {
  it('is that of published tables', () => {
    // Clopper and Pearson's, as R's binom.test gives them.
    expect(rounded(shareInterval(10, 100, 0.95), 4)).toEqual([0.049, 0.1762]);
    expect(rounded(shareInterval(0, 100, 0.95), 4)).toEqual([0, 0.0362]);
    expect(rounded(shareInterval(100, 100, 0.95), 4)).toEqual([0.9638, 1]);
    expect(rounded(shareInterval(1, 10, 0.95), 4)).toEqual([0.0025, 0.445]);
    expect(shareInterval(0, 0, 0.99)).toEqual({ lower: 0, upper: 1 });
  });

  it('holds the truth at least as often as asked for, so that a limit at the truth is rarely passed', () => {
    for (const [share, count] of [
      [0.02, 300],
      [0.5, 40],
      [0.001, 5_000],
    ] as const) {
      const random = randomOf(count);
      const intervals = new Map<number, number>();
      const lowerOf = (hits: number): number => {
        const known = intervals.get(hits) ?? shareInterval(hits, count, 0.99).lower;
        intervals.set(hits, known);
        return known;
      };
      const wrong = countOf(2_000, () => lowerOf(countOf(count, () => random() < share)) > share);
      // Half a percent on each side; twice that would be chance once in a million runs of the test.
      expect([share, wrong <= 20]).toEqual([share, true]);
    }
  });

  it('moves up with the hits, and narrows as there are more of both', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.constantFrom(0.8, 0.95, 0.99, 0.9999),
        (count, share, confidence) => {
          const hits = share * count;
          const { lower, upper } = shareInterval(hits, count, confidence);
          expect(lower).toBeLessThanOrEqual(share + 1e-9);
          expect(upper).toBeGreaterThanOrEqual(share - 1e-9);
          expect(lower).toBeGreaterThanOrEqual(0);
          expect(upper).toBeLessThanOrEqual(1);
          const more = shareInterval(Math.min(count, hits + 1), count, confidence);
          expect(more.lower).toBeGreaterThanOrEqual(lower - 1e-9);
          const longer = shareInterval(hits * 4, count * 4, confidence);
          expect(longer.upper - longer.lower).toBeLessThanOrEqual(upper - lower + 1e-9);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('is found of very many as well', () => {
    const { lower, upper } = shareInterval(2e9, 1e11, 0.99);
    expect(lower).toBeGreaterThan(0.0198);
    expect(upper).toBeLessThan(0.0202);
  });
});

describe('the interval of a number of events', () => {
  it('is that of published tables', () => {
    // Garwood's, as R's poisson.test gives them.
    expect(rounded(eventsInterval(0, 0.95), 3)).toEqual([0, 3.689]);
    expect(rounded(eventsInterval(10, 0.95), 3)).toEqual([4.795, 18.39]);
    expect(rounded(eventsInterval(100, 0.95), 3)).toEqual([81.364, 121.627]);
  });

  it('holds the mean at least as often as asked for', () => {
    const random = randomOf(7);
    const mean = 30;
    const draw = (): number => {
      // Knuth's: how many factors until the product is below e^-mean.
      let events = -1;
      for (let product = 1; product > Math.exp(-mean); events++) product *= random();
      return events;
    };
    const wrong = countOf(2_000, () => {
      const { lower, upper } = eventsInterval(draw(), 0.99);
      return lower > mean || upper < mean;
    });
    expect(wrong).toBeLessThanOrEqual(40);
  });

  it('is about the events, whatever their number', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e12, noNaN: true }), (events) => {
        const { lower, upper } = eventsInterval(events, 0.99);
        expect(lower).toBeLessThanOrEqual(events * (1 + 1e-9));
        expect(upper).toBeGreaterThanOrEqual(events * (1 - 1e-9));
      }),
    );
  });
});

describe('the interval of a quantile', () => {
  it('holds the truth at least as often as asked for', () => {
    // Exponential: the 90th percentile is at ln 10 means.
    const truth = 1_000_000 * Math.LN10;
    let wrong = 0;
    for (let seed = 0; seed < 1_000; seed++) {
      const random = randomOf(seed);
      const values = Array.from({ length: 150 }, () => Math.max(1, -Math.log(1 - random()) * 1_000_000));
      const { lower, upper } = quantileInterval(bucketsOf(values), values.length, 0.9, 0.99);
      if (lower > truth || upper < truth) wrong++;
    }
    expect(wrong).toBeLessThanOrEqual(20);
  });

  it('lies about the quantile, and widens where the same says less', () => {
    const durations = fc.array(fc.double({ min: 1, max: 1e12, noNaN: true }), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(durations, fc.constantFrom(0.5, 0.9, 0.99), (values, quantile) => {
        const buckets = bucketsOf(values);
        const { lower, upper } = quantileInterval(buckets, values.length, quantile, 0.99);
        const middle = quantileOf(buckets, quantile)!;
        expect(lower).toBeLessThan(middle);
        expect(upper).toBeGreaterThan(middle);
        const less = quantileInterval(buckets, values.length / 3, quantile, 0.99);
        expect(less.lower).toBeLessThanOrEqual(lower);
        expect(less.upper).toBeGreaterThanOrEqual(upper);
      }),
    );
  });

  it('has no end above where the slowest of few may not be the slow ones', () => {
    expect(quantileInterval(bucketsOf([5, 6, 7]), 3, 0.99, 0.99).upper).toBe(Infinity);
    expect(quantileInterval([], 0, 0.5, 0.99)).toEqual({ lower: 0, upper: Infinity });
    expect(quantileOf([], 0.5)).toBeNull();
  });
});
