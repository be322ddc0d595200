import type { RequestSample } from '../query/sample-requests.ts';
import { eventsInterval, quantileInterval, quantileOf, shareInterval, type Interval } from './intervals.ts';
import type { AlertRule, Limit } from './rules/rule.ts';

/**
 * What a window says of a rule: `beyond` and `within`: the interval lies on one side of the limit; `undecided`: the
 * limit is in it; `few`: there are too few requests to say; `none`: there are none.
 */
export type Verdict = 'beyond' | 'within' | 'undecided' | 'few' | 'none';

/** What was measured, in the unit of the rule's limit. */
export interface Reading {
  readonly verdict: Verdict;
  /** Null where there was nothing to measure. */
  readonly value: number | null;
  /** The upper end may be Infinity. */
  readonly interval: Interval | null;
  /** As an estimate of all that there were. */
  readonly requests: number;
  /** For how many requests one that is stored stands; 1 where all are, or there is none. */
  readonly weight: number;
}

export type LimitedRule = Pick<AlertRule, 'watch' | 'quantile' | 'confidence' | 'minRequests' | 'noData'> & {
  readonly limit: Limit;
};

/**
 * Judges a window by its interval alone: a value beyond the limit decides nothing.
 *
 * @param seconds the length of the window.
 * @param usualWeight for how many requests a stored one stood when there were some: where one of twenty is stored, none
 * may be stored of a few.
 */
export function judge(rule: LimitedRule, sample: RequestSample, seconds: number, usualWeight = 1): Reading {
  const { count, effectiveCount } = sample;
  if (rule.watch === 'rate') return judgeRate(rule, sample, seconds, usualWeight);
  if (count <= 0 || effectiveCount <= 0) return none(rule);
  const { confidence, quantile, limit } = rule;
  const [value, interval] =
    rule.watch === 'errors'
      ? [sample.errors / count, shareInterval((sample.errors / count) * effectiveCount, effectiveCount, confidence)]
      : [
          quantileOf(sample.durations, quantile),
          quantileInterval(sample.durations, effectiveCount, quantile, confidence),
        ];
  const isFew = effectiveCount < rule.minRequests;
  return {
    verdict: isFew ? 'few' : sideOf(interval, limit),
    value,
    interval,
    requests: count,
    weight: count / effectiveCount,
  };
}

/** Of requests that come by chance. That there is none is a count as well. */
function judgeRate(
  rule: LimitedRule,
  { count, effectiveCount }: RequestSample,
  seconds: number,
  usualWeight: number,
): Reading {
  const isNone = count <= 0 || effectiveCount <= 0;
  // No requests are a rate as well, the lowest: of sampled ones there may have been some.
  if (isNone && rule.noData !== null) return none(rule);
  const weight = isNone ? Math.max(1, usualWeight) : count / effectiveCount;
  const events = eventsInterval(isNone ? 0 : effectiveCount, rule.confidence);
  const interval = { lower: (events.lower * weight) / seconds, upper: (events.upper * weight) / seconds };
  // Below a limit few are what is looked for; above it a handful is too few to be sure that it is no burst.
  const isFew = rule.limit.direction === 'above' && effectiveCount < rule.minRequests;
  const side = sideOf(interval, rule.limit);
  return {
    verdict: isFew && side === 'beyond' ? 'few' : side,
    value: isNone ? 0 : count / seconds,
    interval,
    requests: count,
    weight: isNone ? 1 : weight,
  };
}

function none({ noData }: Pick<AlertRule, 'noData'>): Reading {
  const verdict = { keep: 'none', fire: 'beyond', resolve: 'within' } as const;
  return { verdict: verdict[noData ?? 'keep'], value: null, interval: null, requests: 0, weight: 1 };
}

/** On which side of the limit an interval lies. */
export function sideOf({ lower, upper }: Interval, { direction, value }: Limit): 'beyond' | 'within' | 'undecided' {
  if (lower > value) return direction === 'above' ? 'beyond' : 'within';
  if (upper < value) return direction === 'above' ? 'within' : 'beyond';
  return 'undecided';
}
