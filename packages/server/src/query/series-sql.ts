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
  return `SELECT service_name, grouped
FROM (${unionOf(question, null, ['service_name', 'grouped'], namesOf)})
GROUP BY service_name, grouped
ORDER BY greatest(sum(w), toFloat64(sum(c))) DESC, service_name, grouped
LIMIT ${question.seriesMax + 1}`;
}

/** `n` are rows of spans, `w` their weights, `c` what the SDKs have counted, `q` and `c_q` buckets at three quantiles of both. */
export function seriesSql(
  question: SeriesQuestion,
  names: readonly (readonly [service: string, operation: string])[] | null,
  rowsMax: number,
): string {
  return `SELECT service_name, grouped, slot, sum(n), sum(n_errors), sum(w), sum(w_errors), sumForEach(q),
  sum(c), sum(c_errors), sumForEach(c_q)
FROM (${unionOf(question, names, ['service_name', 'grouped', 'slot'], stepsOf)})
GROUP BY service_name, grouped, slot
ORDER BY service_name, grouped, slot
LIMIT ${rowsMax}`;
}

/** Columns of a table of requests, or expressions. */
interface RequestTable {
  readonly name: string;
  readonly service: string;
  readonly operation: string;
  readonly time: string;
  readonly isError: string;
  readonly bucket: string;
  /** Rows of spans and their weight; null where the SDKs have counted. */
  readonly rows: string | null;
  /** What the requests weigh. */
  readonly weight: string;
}

/** Weights are sums of fractions; the quantiles take whole numbers. */
const WEIGHT_SCALE = 8;
const QUANTILES = '(0.5, 0.9, 0.99)';

function stepsOf({ isError, bucket, rows, weight }: RequestTable): string {
  const noQuantiles = 'arrayResize([toUInt16(0)], 3)';
  if (rows === null) {
    return `${none('n')}, toFloat64(0) AS w, toFloat64(0) AS w_errors, ${noQuantiles} AS q,
      ${sums(weight, 'c', isError)}, quantilesExactWeighted${QUANTILES}(${bucket}, ${weight}) AS c_q`;
  }
  return `${sums(rows, 'n', isError)}, ${sums(weight, 'w', isError)},
      quantilesExactWeighted${QUANTILES}(${bucket}, toUInt64(round(${weight} * ${WEIGHT_SCALE}))) AS q,
      ${none('c')}, ${noQuantiles} AS c_q`;
}

function sums(value: string, name: string, isError: string): string {
  return `sum(${value}) AS ${name}, sumIf(${value}, ${isError}) AS ${name}_errors`;
}

function none(name: string): string {
  return `toUInt64(0) AS ${name}, toUInt64(0) AS ${name}_errors`;
}

function namesOf({ rows, weight }: RequestTable): string {
  return rows === null ? `toFloat64(0) AS w, sum(${weight}) AS c` : `sum(${weight}) AS w, toUInt64(0) AS c`;
}

/**
 * Whole hours come from the tables of hours, whole minutes from those of minutes, shorter steps from the spans. Each table is grouped on its
 * own: what is left of it is small.
 */
function unionOf(
  question: SeriesQuestion,
  names: readonly (readonly [service: string, operation: string])[] | null,
  keys: readonly ('service_name' | 'grouped' | 'slot')[],
  values: (table: RequestTable) => string,
): string {
  return tablesOf(question)
    .map((table) => {
      const key = {
        service_name: `${dictionary(table, table.service)} AS service_name`,
        grouped: `${question.groupBy === 'operation' ? dictionary(table, table.operation) : "''"} AS grouped`,
        slot: `intDiv(toUInt32(${table.time}), ${question.stepSeconds}) * ${question.stepSeconds} AS slot`,
      };
      return `
    SELECT ${keys.map((name) => key[name]).join(', ')},
      ${values(table)}
    FROM throughline.${table.name}
    ${where([...rangeConditions(question, table), ...named(table.service, table.operation, question, names)])}
    GROUP BY ${keys.join(', ')}
  `;
    })
    .join('  UNION ALL');
}

/** All branches of a union have the same types, and the tables of counts have plain strings. */
function dictionary({ rows }: RequestTable, column: string): string {
  return rows === null ? `toLowCardinality(${column})` : column;
}

function tablesOf({ stepSeconds }: SeriesQuestion): RequestTable[] {
  const unit = stepSeconds % 3_600 === 0 ? 'hour' : stepSeconds % 60 === 0 ? 'minute' : null;
  if (unit === null) {
    return [
      {
        name: 'spans',
        service: 'service',
        operation: 'name',
        time: 'start_s',
        isError: 'status_code = 2',
        bucket: `toUInt16(floor(log2(greatest(duration_ns, 1)) * ${BUCKETS_AN_OCTAVE}))`,
        rows: 'toUInt64(1)',
        weight: 'sampling_weight',
      },
    ];
  }
  const columns = { service: 'service_name', operation: 'operation', time: unit, bucket: 'bucket' };
  return [
    { ...columns, name: `request_${unit}s`, isError: 'is_error = 1', rows: 'spans', weight: 'weight' },
    { ...columns, name: `counted_${unit}s`, isError: 'status = 2', rows: null, weight: 'requests' },
  ];
}

function rangeConditions(question: SeriesQuestion, { name, time }: RequestTable): string[] {
  if (name === 'spans') return [...startConditions(rangeOf(question)), IS_REQUEST];
  return [`${time} >= toDateTime(${question.fromSecond})`, `${time} < toDateTime(${question.toSecond})`];
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

export function pointsOf({ fromSecond, toSecond, stepSeconds }: SeriesQuestion): number {
  return (toSecond - fromSecond) / stepSeconds;
}

export function rangeOf({ fromSecond, toSecond }: SeriesQuestion): TimeRange {
  const second = 1_000_000_000n;
  return { fromUnixNano: BigInt(fromSecond) * second, toUnixNano: BigInt(toSecond) * second - 1n };
}
