import type { RequestSeries } from '@throughline/trace';
import { BUCKETS_AN_OCTAVE } from '../storage/rollups.ts';
import { effectiveNumber, errorRateInterval, estimateOf, type Weighed } from './estimate.ts';
import { type JsonRow, type QueryContext, queryRows } from './rows.ts';
import { rangeOf, seriesNamesSql, seriesSql, type SeriesQuestion } from './series-sql.ts';
import { findWeights, type Weights } from './weights.ts';

export interface SeriesAnswer {
  /** The most requests first. */
  readonly series: RequestSeries[];
  readonly truncated: boolean;
}

/** Steps without a request have counts of 0 and null for each percentile. */
export async function findSeries(context: QueryContext, question: SeriesQuestion): Promise<SeriesAnswer> {
  const { seriesMax } = question;
  const rowsMax = seriesMax * pointsOf(question);
  const [all, weights] = await Promise.all([
    queryRows(context, seriesSql(question, null, rowsMax)),
    findWeights(context, {
      range: rangeOf(question),
      service: question.service,
      groupBy: question.operation === null ? question.groupBy : 'operation',
      of: 'requests',
    }),
  ]);
  // So many rows may come from more series than are wanted; which ones have the most requests is another question then.
  if (all.length === rowsMax) {
    const names = await queryRows(context, seriesNamesSql(question));
    if (names.length > seriesMax) {
      const shown = names.slice(0, seriesMax).map((row) => [row.text(0), row.text(1)] as const);
      const rows = await queryRows(context, seriesSql(question, shown, rowsMax));
      return { series: seriesOf(question, rows, weights), truncated: true };
    }
  }
  const series = seriesOf(question, all, weights);
  return { series: series.slice(0, seriesMax), truncated: series.length > seriesMax };
}

/** The most requests first. */
function seriesOf(question: SeriesQuestion, rows: readonly JsonRow[], weights: Weights): RequestSeries[] {
  const points = pointsOf(question);
  const byName = new Map<string, Steps>();
  for (const row of rows) {
    const [service, operation] = [row.text(0), row.text(1)];
    const name = `${service}\0${operation}`;
    let series = byName.get(name);
    if (series === undefined) {
      series = empty(service, question.groupBy === 'operation' ? operation : null, points);
      byName.set(name, series);
    }
    const point = (row.number(2) - question.fromSecond) / question.stepSeconds;
    const weighed = weights.of(service, question.operation ?? operation, row.number(3), row.number(5));
    series.requestCount[point] = row.number(3);
    series.errorCount[point] = row.number(4);
    if (areCountedOn(row.number(8), weighed)) {
      series.source = 'counters';
      series.estimatedRequestCount[point] = row.number(8);
      series.estimatedErrorCount[point] = row.number(9);
      setPercentiles(series, point, row.array(10), true);
    } else {
      series.estimatedRequestCount[point] = row.number(5);
      series.estimatedErrorCount[point] = row.number(6);
      series.fromSpans.rows += row.number(3);
      series.fromSpans.weight += row.number(5);
      setPercentiles(series, point, row.array(7), isKnownWell(row.number(3), weighed));
    }
  }
  return Array.from(byName.values(), (series) => withWorth(series, question, weights))
    .map((series) => ({ series, total: sum(series.estimatedRequestCount) }))
    .toSorted((a, b) => b.total - a.total || compare(a.series, b.series))
    .map(({ series }) => series);
}

/**
 * Whether the exact counters answer for a step. They do not where spans tell of clearly more requests: then some processes tell no
 * counts, or have not told yet. Counts of single messages fall to the minutes on both sides of their end by time, and may be
 * off by chance there.
 */
function areCountedOn(counted: number, { count, variance }: Weighed): boolean {
  return counted > 0 && count - 4 * Math.sqrt(variance) <= counted + Math.sqrt(counted);
}

/** A percentile of fewer that are kept by chance is off by far: 53 % at 100, 10 % at 1,000. */
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

/** What the counters answered is exact: only the steps that spans answered for may be off. */
function withWorth({ fromSpans, ...series }: Steps, { operation }: SeriesQuestion, weights: Weights): RequestSeries {
  const name = operation ?? series.operation ?? '';
  const ofSpans = weights.of(series.service, name, fromSpans.rows, fromSpans.weight);
  const weighed = {
    count: sum(series.estimatedRequestCount),
    variance: ofSpans.variance,
    unknown: fromSpans.rows > 0 ? ofSpans.unknown : 0,
  };
  return {
    ...series,
    estimate: estimateOf(weighed),
    errorRateInterval: errorRateInterval(sum(series.estimatedErrorCount), weighed),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function compare(a: RequestSeries, b: RequestSeries): number {
  if (a.service !== b.service) return a.service < b.service ? -1 : 1;
  return (a.operation ?? '') < (b.operation ?? '') ? -1 : 1;
}

function pointsOf({ fromSecond, toSecond, stepSeconds }: SeriesQuestion): number {
  return (toSecond - fromSecond) / stepSeconds;
}

type Steps = ReturnType<typeof empty>;

function empty(service: string, operation: string | null, points: number) {
  const zeros = (): number[] => Array.from({ length: points }, () => 0);
  const nulls = (): (string | null)[] => Array.from({ length: points }, () => null);
  return {
    service,
    operation,
    source: 'spans' as RequestSeries['source'],
    /** What the steps sum up to that spans answered for. */
    fromSpans: { rows: 0, weight: 0 },
    requestCount: zeros(),
    errorCount: zeros(),
    estimatedRequestCount: zeros(),
    estimatedErrorCount: zeros(),
    p50Ns: nulls(),
    p90Ns: nulls(),
    p99Ns: nulls(),
  };
}

/** The duration in the middle of a bucket, in nanoseconds. */
function middleOf(bucket: number): string {
  return String(Math.round(2 ** ((bucket + 0.5) / BUCKETS_AN_OCTAVE)));
}
