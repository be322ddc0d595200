import { OTHER_NAME, type Estimate, type RequestSeries } from '@throughline/trace/client';
import { readName, type RollupName } from '../storage/rollups/rollup-names.ts';
import { BUCKETS_PER_OCTAVE } from '../storage/rollups/rollups.ts';
import { effectiveNumber, errorRateInterval, estimateOf, type Weighed } from './estimate.ts';
import type { JsonRow } from './rows.ts';
import { pointsOf, type SeriesQuery } from './series-sql.ts';
import type { Weights } from './weights.ts';

/**
 * One series out of its rows of `seriesSql`, a row for each step with requests. Steps that end by `countedUntilMs`
 * (since the epoch) have all that is counted of them; of later ones counts may still come.
 */
export function buildSeries(
  query: SeriesQuery,
  rows: readonly JsonRow[],
  weights: Weights,
  countedUntilMs: number,
): RequestSeries {
  const service = readName(rows[0]?.text(0) ?? '');
  const grouped = readName(rows[0]?.text(1) ?? '');
  const series = {
    ...empty(pointsOf(query)),
    ...namesOf(service, query.groupBy === 'operation' ? grouped : undefined),
  };
  const weigh: Weigh = (spans, weight) => weights.of(service, query.operation ?? grouped, spans, weight);
  const steps = rows.map((row) => stepOf(row, query, weigh, countedUntilMs));
  const hasUnseen = requestMetricsExceedSpans(steps, weigh);
  const isSampled = weigh(0, 1).variance > 0;
  const uncertain = { rows: 0, weight: 0 };
  for (const step of steps) {
    const { point, rows: spans, counted, isWhole, weighed } = step;
    // What is counted so far is less than there was. It says more than the spans only where these do not show all
    // requests.
    const byRequestMetrics = isWhole
      ? requestMetricsApply(counted, weighed)
      : (hasUnseen || isSampled) && isMore(counted, weighed.count);
    if (byRequestMetrics) series.source = 'requestMetrics';
    series.requestCount[point] = spans;
    series.errorCount[point] = step.errors;
    series.estimatedRequestCount[point] = byRequestMetrics ? counted : weighed.count;
    series.estimatedErrorCount[point] = byRequestMetrics ? step.countedErrors : step.errorWeight;
    setPercentiles(
      series,
      point,
      byRequestMetrics ? step.countedBuckets : step.buckets,
      byRequestMetrics || isKnownWell(spans, weighed),
    );
    if (byRequestMetrics && isWhole) continue;
    uncertain.rows += spans;
    uncertain.weight += byRequestMetrics ? counted : weighed.count;
  }
  const isOpen = steps.some(({ isWhole }) => !isWhole);
  return {
    ...series,
    ...estimateQuality(series, weigh(uncertain.rows, uncertain.weight), uncertain.rows, isOpen && hasUnseen),
  };
}

/** What spans weigh, as an estimate: so many rows with this Σ weight. */
type Weigh = (rows: number, weight: number) => Weighed;

interface Step {
  readonly point: number;
  /** Whether all is there that is counted of it. */
  readonly isWhole: boolean;
  readonly rows: number;
  readonly errors: number;
  readonly weighed: Weighed;
  readonly errorWeight: number;
  readonly buckets: JsonRow;
  readonly counted: number;
  readonly countedErrors: number;
  readonly countedBuckets: JsonRow;
}

function stepOf(row: JsonRow, { fromSecond, stepSeconds }: SeriesQuery, weigh: Weigh, countedUntilMs: number): Step {
  const second = row.number(2);
  return {
    point: (second - fromSecond) / stepSeconds,
    isWhole: (second + stepSeconds) * 1000 <= countedUntilMs,
    rows: row.number(3),
    errors: row.number(4),
    weighed: weigh(row.number(3), row.number(5)),
    errorWeight: row.number(6),
    buckets: row.array(7),
    counted: row.number(8),
    countedErrors: row.number(9),
    countedBuckets: row.array(10),
  };
}

/**
 * Whether the request metrics of a step are used, which are whole. They are not where spans show clearly more
 * requests: then some processes report no counts, or ended before they reported their last. Counts of single messages
 * fall to the minutes on both sides of their end by time, and may be off by chance there.
 */
export function requestMetricsApply(counted: number, { count, variance }: Weighed): boolean {
  return counted > 0 && count - 4 * Math.sqrt(variance) <= counted + Math.sqrt(counted);
}

/** Whether request metrics count requests that no span shows, over all steps: in one alone, that may be by chance. */
function requestMetricsExceedSpans(steps: readonly Step[], weigh: Weigh): boolean {
  const { count, variance } = weigh(sum(steps.map(({ rows }) => rows)), sum(steps.map(({ weighed }) => weighed.count)));
  return isMore(sum(steps.map(({ counted }) => counted)), count + 4 * Math.sqrt(variance));
}

function isMore(counted: number, weight: number): boolean {
  return counted > 0 && counted - Math.sqrt(counted) >= weight;
}

/** There were so many at least, and how many more is unknown. */
const AT_LEAST: Estimate = { basis: 'estimated', relativeError: null };

/**
 * What whole counts answered is exact: only the other steps may be off, which have so many rows and are worth
 * `uncertain`.
 */
function estimateQuality(
  { estimatedRequestCount, estimatedErrorCount }: Steps,
  uncertain: Weighed,
  rows: number,
  isMoreToCome: boolean,
): Pick<RequestSeries, 'estimate' | 'errorRateInterval'> {
  const { variance } = uncertain;
  const count = sum(estimatedRequestCount);
  const errors = sum(estimatedErrorCount);
  const unknown = rows > 0 ? uncertain.unknown : 0;
  if (isMoreToCome && unknown === 0 && variance === 0) {
    return { estimate: AT_LEAST, errorRateInterval: errorRateInterval(errors, { count, variance, unknown: count }) };
  }
  const weighed = { count, variance, unknown };
  return { estimate: estimateOf(weighed), errorRateInterval: errorRateInterval(errors, weighed) };
}

/** A percentile of fewer that are sampled by chance is off by far: 53% at 100, 10% at 1,000. */
const P99_REQUESTS_MIN = 500;

function isKnownWell(rows: number, weighed: Weighed): boolean {
  if (weighed.unknown > 0 && rows < P99_REQUESTS_MIN) return false;
  return effectiveNumber(weighed) >= P99_REQUESTS_MIN;
}

function setPercentiles(series: Steps, point: number, buckets: JsonRow, isP99Known: boolean): void {
  series.p50Ns[point] = middleOf(buckets.number(0));
  series.p90Ns[point] = middleOf(buckets.number(1));
  series.p99Ns[point] = isP99Known ? middleOf(buckets.number(2)) : null;
}

/** The duration in the middle of a bucket, in nanoseconds. */
function middleOf(bucket: number): string {
  return String(Math.round(2 ** ((bucket + 0.5) / BUCKETS_PER_OCTAVE)));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

type Steps = ReturnType<typeof empty>;

/** `operation` is undefined in a series of a whole service. */
function namesOf(
  service: RollupName,
  operation: RollupName | undefined,
): Pick<RequestSeries, 'service' | 'operation' | 'othersOf'> {
  return {
    service: service ?? OTHER_NAME,
    operation: operation === undefined ? null : (operation ?? OTHER_NAME),
    othersOf: service === null ? 'services' : operation === null ? 'operations' : null,
  };
}

function empty(points: number) {
  const zeros = (): number[] => Array.from({ length: points }, () => 0);
  const nulls = (): (string | null)[] => Array.from({ length: points }, () => null);
  return {
    source: 'spans' as RequestSeries['source'],
    requestCount: zeros(),
    errorCount: zeros(),
    estimatedRequestCount: zeros(),
    estimatedErrorCount: zeros(),
    p50Ns: nulls(),
    p90Ns: nulls(),
    p99Ns: nulls(),
  };
}
