import type { RequestSeries, SeriesResponse } from '@throughline/trace/client';
import type { CountEstimate } from '../parts/count-text.ts';

/** How many requests a service had, lately. */
export interface RequestRate {
  readonly count: CountEstimate;
  /** The time that the count covers, and its end. */
  readonly seconds: number;
  readonly untilMs: number;
  /** Requests of each step that is over, the latest last. */
  readonly perStep: readonly number[];
}

/**
 * The rates of services by name, and under null that of those that are not counted by theirs; one that is not in the
 * response had no request. `nowMs`: when it was sent.
 */
export function requestRates(answer: SeriesResponse, nowMs: number): ReadonlyMap<string | null, RequestRate> {
  const { stepSeconds, points } = answer;
  const sinceFirst = nowMs / 1_000 - Number(BigInt(answer.fromUnixNano) / 1_000_000n) / 1_000;
  // The last step is not over; a clock of the viewer that is wrong makes no more difference than it.
  const seconds = Math.min(points * stepSeconds, Math.max((points - 1) * stepSeconds, 1, sinceFirst));
  return new Map(
    answer.series.map((series) => [
      series.othersOf === 'services' ? null : series.service,
      { ...rateOf(series), seconds, untilMs: nowMs },
    ]),
  );
}

/** What has been known for less than this may still be a single burst. */
const secondsMin = 60;

/** Of a service that has not been there for all of that time, what there was since it was first seen. */
export function perSecond({ count, seconds, untilMs }: RequestRate, firstSeenMs: number): number {
  return count.estimated / Math.min(seconds, Math.max(secondsMin, (untilMs - firstSeenMs) / 1_000));
}

function rateOf(series: RequestSeries): Pick<RequestRate, 'count' | 'perStep'> {
  const { requestCount, estimatedRequestCount, estimate } = series;
  return {
    count: {
      stored: sum(requestCount),
      estimated: sum(estimatedRequestCount),
      estimate,
      isCounted: series.source === 'requestMetrics',
    },
    perStep: series.estimatedRequestCount.slice(0, -1),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
