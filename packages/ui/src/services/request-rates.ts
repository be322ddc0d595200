import type { RequestSeries, SeriesResponse } from '@throughline/trace';
import type { CountEstimate } from '../parts/count-text.ts';

/** How often a service was asked, lately. */
export interface RequestRate {
  readonly perSecond: number;
  /** The requests that the rate is made of. */
  readonly count: CountEstimate;
  /** Requests of each step that is over, the latest last. */
  readonly perStep: readonly number[];
  /** By the applications themselves, whatever is sampled. */
  readonly isCounted: boolean;
}

/** The rates of services by name; one that is not in the answer had no request. `nowMs`: when it was answered. */
export function requestRates(answer: SeriesResponse, nowMs: number): ReadonlyMap<string, RequestRate> {
  const { stepSeconds, points } = answer;
  const sinceFirst = nowMs / 1_000 - Number(BigInt(answer.fromUnixNano) / 1_000_000n) / 1_000;
  // The last step is not over; a clock of the viewer that is wrong makes no more difference than it.
  const seconds = Math.min(points * stepSeconds, Math.max((points - 1) * stepSeconds, 1, sinceFirst));
  return new Map(answer.series.map((series) => [series.service, rateOf(series, seconds)]));
}

function rateOf(series: RequestSeries, seconds: number): RequestRate {
  const estimated = sum(series.estimatedRequestCount);
  return {
    perSecond: estimated / seconds,
    count: { stored: sum(series.requestCount), estimated, estimate: series.estimate },
    perStep: series.estimatedRequestCount.slice(0, -1),
    isCounted: series.source === 'counters',
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
