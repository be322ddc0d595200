import type { RequestSeries, SeriesResponse } from '@throughline/trace/client';
import { describe, expect, it } from 'vitest';
import { perSecond, requestRates } from './request-rates.ts';

const fromSeconds = 1_764_000_000;

function aSeries(counts: readonly number[], weight: number): RequestSeries {
  const nothing = counts.map(() => null);
  return {
    service: 'web',
    operation: null,
    othersOf: null,
    source: 'spans',
    estimate: { basis: 'estimated', relativeError: 0.1 },
    errorRateInterval: null,
    requestCount: counts,
    errorCount: counts.map(() => 0),
    estimatedRequestCount: counts.map((count) => count * weight),
    estimatedErrorCount: counts.map(() => 0),
    p50Ns: nothing,
    p90Ns: nothing,
    p99Ns: nothing,
  };
}

function anAnswer(series: readonly RequestSeries[]): SeriesResponse {
  return { fromUnixNano: `${fromSeconds}000000000`, stepSeconds: 60, points: 3, series, truncated: false };
}

describe('the rate of requests', () => {
  const answer = anAnswer([aSeries([10, 20, 15], 4)]);

  it('goes over all that was asked for, up to now', () => {
    const nowMs = (fromSeconds + 150) * 1_000;
    const rate = requestRates(answer, nowMs).get('web');
    expect(rate?.count).toEqual({ stored: 45, estimated: 180, estimate: answer.series[0]?.estimate, isCounted: false });
    expect(rate?.seconds).toBe(150);
    expect(rate && perSecond(rate, 0)).toBeCloseTo(180 / 150, 9);
  });

  it('goes over the time since the service was first seen, but never over seconds alone', () => {
    const nowMs = (fromSeconds + 150) * 1_000;
    const rate = requestRates(answer, nowMs).get('web');
    expect(rate && perSecond(rate, nowMs - 90_000)).toBeCloseTo(180 / 90, 9);
    expect(rate && perSecond(rate, nowMs - 2_000)).toBeCloseTo(180 / 60, 9);
  });

  it.each([
    [-3_600, 120],
    [3_600, 180],
  ])('is off by no more than a step where the viewer’s clock is by %d seconds', (offSeconds, seconds) => {
    expect(requestRates(answer, (fromSeconds + 150 + offSeconds) * 1_000).get('web')?.seconds).toBe(seconds);
  });

  it('draws steps that are over', () => {
    expect(requestRates(answer, (fromSeconds + 150) * 1_000).get('web')?.perStep).toEqual([40, 80]);
  });

  it('is not known of a service without requests', () => {
    expect(requestRates(anAnswer([]), 0).size).toBe(0);
  });
});
