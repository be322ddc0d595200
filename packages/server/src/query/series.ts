import type { RequestSeries } from '@throughline/trace';
import { BUCKETS_AN_OCTAVE, IS_REQUEST } from '../storage/rollups.ts';
import { sqlString } from '../storage/sql.ts';
import { effectiveNumber, errorRateInterval, estimateOf } from './estimate.ts';
import type { JsonRow, QueryContext, TimeRange } from './rows.ts';
import { queryRows, startConditions, where } from './rows.ts';
import { findWeights, type Weights } from './weights.ts';

/** Requests over time: SERVER and CONSUMER spans, and those whose parent is missing or remote. */
export interface SeriesQuestion {
  readonly service: string | null;
  readonly operation: string | null;
  readonly groupBy: 'service' | 'operation';
  /** Begin of the first step, and of the one behind the last; whole steps since the epoch. */
  readonly fromSecond: number;
  readonly toSecond: number;
  readonly stepSeconds: number;
  /** Of more, those with the most requests are answered. */
  readonly seriesMax: number;
}

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
  const byName = new Map<string, ReturnType<typeof empty>>();
  for (const row of rows) {
    const [service, operation] = [row.text(0), row.text(1)];
    const name = `${service}\0${operation}`;
    let series = byName.get(name);
    if (series === undefined) {
      series = empty(service, question.groupBy === 'operation' ? operation : null, points);
      byName.set(name, series);
    }
    const point = (row.number(2) - question.fromSecond) / question.stepSeconds;
    series.requestCount[point] = row.number(3);
    series.errorCount[point] = row.number(4);
    series.estimatedRequestCount[point] = row.number(5);
    series.estimatedErrorCount[point] = row.number(6);
    const buckets = row.array(7);
    series.p50Ns[point] = middleOf(buckets.number(0));
    series.p90Ns[point] = middleOf(buckets.number(1));
    const weighed = weights.of(service, question.operation ?? operation, row.number(3), row.number(5));
    const isKnownWell =
      Math.min(effectiveNumber(weighed), weighed.unknown > 0 ? row.number(3) : Infinity) >= P99_REQUESTS_MIN;
    series.p99Ns[point] = isKnownWell ? middleOf(buckets.number(2)) : null;
  }
  return Array.from(byName.values(), (series) => withWorth(series, question, weights))
    .map((series) => ({ series, total: sum(series.estimatedRequestCount) }))
    .toSorted((a, b) => b.total - a.total || compare(a.series, b.series))
    .map(({ series }) => series);
}

/** A percentile of fewer that are kept by chance is off by far: 53 % at 100, 10 % at 1,000. */
const P99_REQUESTS_MIN = 500;

function withWorth(series: ReturnType<typeof empty>, { operation }: SeriesQuestion, weights: Weights): RequestSeries {
  const count = sum(series.estimatedRequestCount);
  const name = operation ?? series.operation ?? '';
  const weighed = weights.of(series.service, name, sum(series.requestCount), count);
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

function empty(service: string, operation: string | null, points: number) {
  const zeros = (): number[] => Array.from({ length: points }, () => 0);
  const nulls = (): (string | null)[] => Array.from({ length: points }, () => null);
  return {
    service,
    operation,
    source: 'spans' as const,
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

/** One more than is answered tells whether there are more. */
export function seriesNamesSql(question: SeriesQuestion): string {
  return `SELECT service_name, ${groupedOperation(question)} AS grouped
FROM (${requestsSql(question, null)})
GROUP BY service_name, grouped
ORDER BY sum(w) DESC, service_name, grouped
LIMIT ${question.seriesMax + 1}`;
}

/** Weights are sums of fractions; the quantiles take whole numbers. */
const WEIGHT_SCALE = 8;

export function seriesSql(
  question: SeriesQuestion,
  names: readonly (readonly [service: string, operation: string])[] | null,
  rowsMax: number,
): string {
  return `SELECT service_name, ${groupedOperation(question)} AS grouped, slot, sum(n), sum(n_errors), sum(w), sum(w_errors),
  quantilesExactWeighted(0.5, 0.9, 0.99)(bucket, toUInt64(round(w * ${WEIGHT_SCALE})))
FROM (${requestsSql(question, names)})
GROUP BY service_name, grouped, slot
ORDER BY service_name, grouped, slot
LIMIT ${rowsMax}`;
}

function groupedOperation({ groupBy }: SeriesQuestion): string {
  return groupBy === 'operation' ? 'operation' : "''";
}

/** Whole hours come from the table of hours, whole minutes from that of minutes, shorter steps from the spans. */
function requestsSql(
  question: SeriesQuestion,
  names: readonly (readonly [service: string, operation: string])[] | null,
): string {
  const { fromSecond, toSecond, stepSeconds } = question;
  const unit = stepSeconds % 3_600 === 0 ? 'hour' : stepSeconds % 60 === 0 ? 'minute' : null;
  const slot = (time: string): string => `intDiv(toUInt32(${time}), ${stepSeconds}) * ${stepSeconds} AS slot`;
  if (unit === null) {
    return `
    SELECT service AS service_name, name AS operation, ${slot('start_s')}, toUInt8(status_code = 2) AS is_error,
      toUInt16(floor(log2(greatest(duration_ns, 1)) * ${BUCKETS_AN_OCTAVE})) AS bucket,
      count() AS n, countIf(status_code = 2) AS n_errors,
      sum(sampling_weight) AS w, sumIf(sampling_weight, status_code = 2) AS w_errors
    FROM throughline.spans
    ${where([...startConditions(rangeOf(question)), IS_REQUEST, ...named('service', 'name', question, names)])}
    GROUP BY service_name, operation, slot, is_error, bucket
  `;
  }
  const range = [`${unit} >= toDateTime(${fromSecond})`, `${unit} < toDateTime(${toSecond})`];
  return `
    SELECT service_name, operation, ${slot(unit)}, is_error, bucket,
      spans AS n, spans * is_error AS n_errors, weight AS w, weight * is_error AS w_errors
    FROM throughline.request_${unit}s
    ${where([...range, ...named('service_name', 'operation', question, names)])}
  `;
}

function named(
  serviceColumn: string,
  operationColumn: string,
  { service, operation, groupBy }: SeriesQuestion,
  names: readonly (readonly [service: string, operation: string])[] | null,
): string[] {
  return [
    ...(service === null ? [] : [`${serviceColumn} = ${sqlString(service)}`]),
    ...(operation === null ? [] : [`${operationColumn} = ${sqlString(operation)}`]),
    ...(names === null
      ? []
      : groupBy === 'service'
        ? [`${serviceColumn} IN (${names.map(([name]) => sqlString(name)).join(', ')})`]
        : [
            `(${serviceColumn}, ${operationColumn}) IN (${names.map((pair) => `(${pair.map(sqlString).join(', ')})`).join(', ')})`,
          ]),
  ];
}

function rangeOf({ fromSecond, toSecond }: SeriesQuestion): TimeRange {
  const second = 1_000_000_000n;
  return { fromUnixNano: BigInt(fromSecond) * second, toUnixNano: BigInt(toSecond) * second - 1n };
}
