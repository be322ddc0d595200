import type { SeriesResponse } from '@throughline/trace/client';
import { findSeries, type CountedUntil } from '../query/find-series.ts';
import { anyText, integer, oneOf, optional, spanName, time } from '../http/parameters.ts';
import { Problem } from '../http/problem.ts';
import type { Route } from '../http/route.ts';
import { route } from '../http/route.ts';
import { seriesSchema } from './service-schemas.ts';
import { PARTIAL_HEADERS, type StoreAnswers } from './store-answers.ts';

const POINTS_MAX = 1_500;
const SERIES_DEFAULT = 100;
const SERIES_MAX = 1_000;
/** Values of one answer: with 1,500 points, 200 series. */
const VALUES_MAX = 300_000;
/** A step that nobody names is the shortest of these that makes so few points. */
const POINTS_WANTED = 120;
const STEPS = [1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400];
const STEP_SECONDS_MAX = 86_400 * 7;
const HOUR_NS = 3_600_000_000_000n;
const SECOND_NS = 1_000_000_000n;

/** `now`: milliseconds since the epoch. */
export function seriesRoute(answers: StoreAnswers, now: () => number, countedUntil: () => CountedUntil): Route {
  return route({
    path: '/api/v1/series',
    operationId: 'getSeries',
    summary:
      'Requests, errors and durations over time, of every service or of the operations of one. Requests are SERVER and ' +
      'CONSUMER spans and those whose parent is missing or remote; percentiles are off by at most 4.4%. Steps of whole ' +
      'minutes are answered by the request metrics of the SDKs where there are any, once all counts of the step have ' +
      'arrived; the last minutes are estimated from spans and their weights; `estimate` gives the accuracy',
    parameters: {
      service: anyText('Only this service'),
      operation: spanName('Only this operation'),
      groupBy: oneOf(['service', 'operation'], 'One series for each of them; service when it is not given'),
      from: time('In the first step; an hour before `to` when it is not given'),
      to: time('In the last step; now when it is not given'),
      step: optional(
        {
          accepted: `whole seconds from 1 to ${STEP_SECONDS_MAX}`,
          description:
            'Length of a step in whole seconds; it begins at a whole number of steps after the epoch. By default the ' +
            `shortest usual one that makes at most ${POINTS_WANTED} steps; ${POINTS_MAX} steps at most, fewer with many series`,
          schema: { type: 'integer', minimum: 1, maximum: STEP_SECONDS_MAX },
        },
        parseStep,
      ),
      limit: integer(
        { least: 1, most: SERIES_MAX, defaultValue: SERIES_DEFAULT },
        'Maximum number of series in the response',
      ),
    },
    answers: { description: 'The series, with a value for each step', schema: seriesSchema, headers: PARTIAL_HEADERS },
    usesStore: true,
    answer: async ({ query: { service, operation, groupBy, from, to, step, limit }, signal }) => {
      const last = to ?? BigInt(now()) * 1_000_000n;
      const first = from ?? (last > HOUR_NS ? last - HOUR_NS : 0n);
      if (first > last)
        throw new Problem(400, 'invalid_parameter', 'parameter from is after to; expected a time before it');
      const stepSeconds = step ?? stepFor(Number((last - first) / SECOND_NS));
      const fromSecond = floorTo(Number(first / SECOND_NS), stepSeconds);
      const toSecond = floorTo(Number(last / SECOND_NS), stepSeconds) + stepSeconds;
      const points = (toSecond - fromSecond) / stepSeconds;
      if (points > POINTS_MAX || points * limit > VALUES_MAX) {
        const most = Math.min(POINTS_MAX, Math.floor(VALUES_MAX / limit));
        throw new Problem(
          400,
          'invalid_parameter',
          `from, to and step make ${points} steps, expected at most ${most} for ${limit} series; use a longer step or a shorter time range`,
        );
      }
      const query = {
        service,
        operation,
        groupBy: groupBy ?? 'service',
        fromSecond,
        toSecond,
        stepSeconds,
        seriesMax: limit,
      };
      return await answers.json(signal, async (context): Promise<SeriesResponse> => {
        const { series, truncated } = await findSeries(context, query, countedUntil());
        const fromUnixNano = String(BigInt(fromSecond) * SECOND_NS);
        return { fromUnixNano, stepSeconds, points, series, truncated };
      });
    },
  });
}

function parseStep(given: string): number | undefined {
  const step = /^\d{1,6}$/.test(given) ? Number(given) : 0;
  return step >= 1 && step <= STEP_SECONDS_MAX ? step : undefined;
}

function stepFor(seconds: number): number {
  return STEPS.find((step) => seconds / step <= POINTS_WANTED) ?? STEP_SECONDS_MAX;
}

function floorTo(second: number, step: number): number {
  return Math.floor(second / step) * step;
}
