import type { RequestSeries } from '@throughline/trace/client';
import { describe, expect, it } from 'vitest';
import { JsonRow } from './rows.ts';
import { buildSeries } from './build-series.ts';
import { prng } from './testing/prng.ts';
import { Weights } from './weights.ts';

/** A whole hour. */
const HOUR = 1_700_002_800;
const MINUTES = 3;

interface Minute {
  /** Stored requests, and their Σ weight. */
  readonly rows?: number;
  readonly weight?: number;
  readonly counted?: number;
  readonly countedErrors?: number;
}

/** What a whole service is worth: the variance of each unit of weight above 1. */
const weights = (variance: number): Weights =>
  new Weights(new Map([['["web",""]', { excess: variance > 0 ? 1_000 : 0, variance: 1_000 * variance, unknown: 0 }]]));

/** The counts of the first minutes are whole: of so many, or up to a moment within one. */
function answered(minutes: readonly Minute[], wholeMinutes: number, variance = 0): RequestSeries {
  const rows = minutes.map(({ rows: stored = 0, weight = stored, counted = 0, countedErrors = 0 }, index) => {
    const buckets = [100, 100, 100];
    const spans = [stored, 0, weight, 0, buckets];
    return new JsonRow(['=web', '=', HOUR + index * 60, ...spans, counted, countedErrors, buckets]);
  });
  const query = { service: 'web', operation: null, groupBy: 'service', seriesMax: 1, stepSeconds: 60 } as const;
  const range = { fromSecond: HOUR, toSecond: HOUR + MINUTES * 60 };
  return buildSeries({ ...query, ...range }, rows, weights(variance), (HOUR + wholeMinutes * 60) * 1000);
}

const EXACT = { basis: 'exact', relativeError: 0 };
const AT_LEAST = { basis: 'estimated', relativeError: null };
/** Counts that lag behind, in a surge whose interval is wide: 400 traces stand for 52,000 requests. */
const SURGE: Minute = { rows: 400, weight: 52_000, counted: 40_260 };
/** As of weights of 130: w(w − 1) a trace, for each unit of w − 1. */
const SURGE_VARIANCE = 130;

describe('a step whose counts may still come', () => {
  it('is answered by the weights of spans, and by counts from the moment on at which these are whole', () => {
    const open = answered([SURGE], 0.999, SURGE_VARIANCE);
    expect(open).toMatchObject({ source: 'spans', estimatedRequestCount: [52_000, 0, 0] });
    expect(open.estimate).toMatchObject({ basis: 'estimated' });
    // Twenty times the square root of 400.
    expect(open.estimate.relativeError).toBeCloseTo(1.96 / 20, 2);
    const whole = answered([{ ...SURGE, counted: 52_123 }], 1, SURGE_VARIANCE);
    expect(whole).toMatchObject({ source: 'requestMetrics', estimate: EXACT, estimatedRequestCount: [52_123, 0, 0] });
  });

  it('makes the whole answer an estimate, by no more than its own part', () => {
    const past: Minute = { rows: 400, weight: 51_000, counted: 52_000 };
    const series = answered([past, past, SURGE], 2, SURGE_VARIANCE);
    expect(series).toMatchObject({ source: 'requestMetrics', estimatedRequestCount: [52_000, 52_000, 52_000] });
    const own = answered([SURGE], 0, SURGE_VARIANCE).estimate.relativeError ?? 0;
    expect(series.estimate.basis).toBe('estimated');
    expect(series.estimate.relativeError).toBeCloseTo(own / 3, 2);
    expect(answered([past, past], 2, SURGE_VARIANCE).estimate).toEqual(EXACT);
  });

  it.each([0, 0.5, 0.95])('has an interval that holds the truth in 95 of 100 cases, with %d of it counted', (share) => {
    const random = prng(7);
    const weight = 50;
    const requests = 5_000;
    const covered = Array.from({ length: 1_000 }, () => {
      let rows = 0;
      for (let each = 0; each < requests; each++) if (random() < 1 / weight) rows++;
      const past: Minute = { rows: 100, weight: 100 * weight, counted: requests };
      const open: Minute = { rows, weight: rows * weight, counted: share * requests };
      const { estimate, estimatedRequestCount } = answered([past, open], 1, weight);
      const estimated = estimatedRequestCount.reduce((sum, count) => sum + count, 0);
      return Math.abs(estimated - 2 * requests) <= estimated * (estimate.relativeError ?? Number.NaN);
    });
    expect(covered.filter(Boolean).length).toBeGreaterThan(930);
  });

  it('is exact where every span was kept', () => {
    expect(answered([{ rows: 50, counted: 50 }, { rows: 30, counted: 21 }, { rows: 4 }], 1)).toMatchObject({
      source: 'requestMetrics',
      estimate: EXACT,
      estimatedRequestCount: [50, 30, 4],
    });
    // Four requests at the end of a minute; the message that tells them falls to both of its sides.
    const burst = answered([{ rows: 4, counted: 2 }, { counted: 2 }], 0);
    expect(burst).toMatchObject({ source: 'spans', estimate: EXACT, estimatedRequestCount: [4, 0, 0] });
  });

  it('has at least what is counted where no span is kept, and is not exact', () => {
    const probes: Minute = { counted: 60, countedErrors: 6 };
    const series = answered([probes, probes, { counted: 20, countedErrors: 2 }], 2);
    expect(series).toMatchObject({ source: 'requestMetrics', estimate: AT_LEAST });
    expect(series.estimatedRequestCount).toEqual([60, 60, 20]);
    expect(series.estimatedErrorCount).toEqual([6, 6, 2]);
    expect(series.p99Ns[2]).not.toBeNull();
    const [low, high] = series.errorRateInterval ?? [];
    expect(low).toBeLessThan(0.1);
    expect(high).toBeGreaterThan(0.1);
    expect(answered([probes, probes], 2).estimate).toEqual(EXACT);
  });

  it('is not exact where the past shows that some requests leave no span', () => {
    // Half of the requests are of an operation of which nothing is kept.
    const series = answered(
      [
        { rows: 100, counted: 200 },
        { rows: 100, counted: 200 },
        { rows: 90, counted: 70 },
      ],
      2,
    );
    expect(series).toMatchObject({ estimate: AT_LEAST, estimatedRequestCount: [200, 200, 90] });
  });

  it('has the variance of what is counted where by chance none of the sampled is kept', () => {
    const series = answered([{ rows: 1, weight: 130, counted: 150 }, { counted: 80 }], 1, SURGE_VARIANCE);
    expect(series).toMatchObject({ source: 'requestMetrics', estimatedRequestCount: [150, 80, 0] });
    expect(series.estimate.basis).toBe('estimated');
    expect(series.estimate.relativeError).toBeGreaterThan((1.96 * Math.sqrt(80 * SURGE_VARIANCE)) / 230);
  });
});

describe('a step whose counts are whole', () => {
  it('is answered by spans that show clearly more: some processes do not count, or died before they reported', () => {
    const died = answered([{ rows: 100, counted: 60 }], MINUTES);
    expect(died).toMatchObject({ source: 'spans', estimate: EXACT, estimatedRequestCount: [100, 0, 0] });
    const sampled = answered([{ ...SURGE, counted: 20_000 }], MINUTES, SURGE_VARIANCE);
    expect(sampled).toMatchObject({ source: 'spans', estimatedRequestCount: [52_000, 0, 0] });
    expect(sampled.estimate.basis).toBe('estimated');
  });
});
