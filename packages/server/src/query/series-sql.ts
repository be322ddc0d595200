import { BUCKETS_AN_OCTAVE, IS_REQUEST } from '../storage/rollups.ts';
import { sqlString } from '../storage/sql.ts';
import type { TimeRange } from './rows.ts';
import { startConditions, where } from './rows.ts';

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

/** One more than is answered tells whether there are more. */
export function seriesNamesSql(question: SeriesQuestion): string {
  return `SELECT service_name, ${groupedOperation(question)} AS grouped
FROM (${requestsSql(question, null)})
GROUP BY service_name, grouped
ORDER BY greatest(sum(w), toFloat64(sum(c))) DESC, service_name, grouped
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
  quantilesExactWeighted(0.5, 0.9, 0.99)(bucket, toUInt64(round(w * ${WEIGHT_SCALE}))),
  sum(c), sum(c_errors), quantilesExactWeightedIf(0.5, 0.9, 0.99)(bucket, c, c > 0)
FROM (${requestsSql(question, names)})
GROUP BY service_name, grouped, slot
ORDER BY service_name, grouped, slot
LIMIT ${rowsMax}`;
}

function groupedOperation({ groupBy }: SeriesQuestion): string {
  return groupBy === 'operation' ? 'operation' : "''";
}

/**
 * Whole hours come from the tables of hours, whole minutes from those of minutes, shorter steps from the spans. `n` are rows of spans,
 * `w` their weights, `c` what the SDKs have counted.
 */
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
      sum(sampling_weight) AS w, sumIf(sampling_weight, status_code = 2) AS w_errors,
      toUInt64(0) AS c, toUInt64(0) AS c_errors
    FROM throughline.spans
    ${where([...startConditions(rangeOf(question)), IS_REQUEST, ...named('service', 'name', question, names)])}
    GROUP BY service_name, operation, slot, is_error, bucket
  `;
  }
  const range = [`${unit} >= toDateTime(${fromSecond})`, `${unit} < toDateTime(${toSecond})`];
  const conditions = where([...range, ...named('service_name', 'operation', question, names)]);
  return `
    SELECT service_name, operation, ${slot(unit)}, is_error, bucket,
      spans AS n, spans * is_error AS n_errors, weight AS w, weight * is_error AS w_errors,
      toUInt64(0) AS c, toUInt64(0) AS c_errors
    FROM throughline.request_${unit}s
    ${conditions}
    UNION ALL
    SELECT toLowCardinality(service_name) AS service_name, toLowCardinality(operation) AS operation, ${slot(unit)},
      toUInt8(status = 2) AS is_error, bucket,
      toUInt64(0) AS n, toUInt64(0) AS n_errors, toFloat64(0) AS w, toFloat64(0) AS w_errors,
      requests AS c, requests * is_error AS c_errors
    FROM throughline.counted_${unit}s
    ${conditions}
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

export function rangeOf({ fromSecond, toSecond }: SeriesQuestion): TimeRange {
  const second = 1_000_000_000n;
  return { fromUnixNano: BigInt(fromSecond) * second, toUnixNano: BigInt(toSecond) * second - 1n };
}
