import { OPERATION_NAME, SERVICE_NAME, selectName, sqlName, type RollupName } from '../storage/rollups/rollup-names.ts';
import { BUCKETS_PER_OCTAVE, IS_REQUEST } from '../storage/rollups/rollups.ts';
import type { SpanView } from '../storage/span-visibility.ts';
import { sqlString } from '../storage/sql.ts';
import type { TimeRange } from './rows.ts';
import { IN_TENANT, startConditions, where } from './rows.ts';
import { spanSources, uncountedSources, type SpanSource } from './span-sources.ts';
import type { Tables } from '../storage/tables.ts';

/** Requests over time: SERVER and CONSUMER spans, and those whose parent is missing or remote. */
export interface SeriesQuery {
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

const NAMES = `${selectName('service_name')}, ${selectName('grouped')}`;

/** One more than is returned shows whether there are more. */
export function seriesNamesSql(tables: Tables, view: SpanView, query: SeriesQuery): string {
  return `SELECT ${NAMES}
FROM (${unionOf(tables, view, query, null, ['service_name', 'grouped'], namesOf)})
GROUP BY service_name, grouped
ORDER BY greatest(sum(w), toFloat64(sum(c))) DESC, service_name, grouped
LIMIT ${query.seriesMax + 1}`;
}

/**
 * `n` are rows of spans, `w` their weights, `c` what the SDKs have counted, `q` and `c_q` buckets at three quantiles of
 * both.
 */
export function seriesSql(
  tables: Tables,
  view: SpanView,
  query: SeriesQuery,
  names: readonly (readonly [service: RollupName, operation: RollupName])[] | null,
  rowsMax: number,
): string {
  return `SELECT ${NAMES}, slot, sum(n), sum(n_errors), sum(w), sum(w_errors), sumForEach(q),
  sum(c), sum(c_errors), sumForEach(c_q)
FROM (${unionOf(tables, view, query, names, ['service_name', 'grouped', 'slot'], stepsOf)})
GROUP BY service_name, grouped, slot
ORDER BY service_name, grouped, slot
LIMIT ${rowsMax}`;
}

/**
 * Where requests are read from: rows with a service_name, an operation, a time, whether they failed, and a bucket of
 * durations.
 */
export interface RequestTable {
  readonly from: string;
  readonly conditions: readonly string[];
  readonly isError: string;
  /** Rows of spans; null where the SDKs have counted. */
  readonly rows: string | null;
  /** What the requests weigh. */
  readonly weight: string;
}

/** Weights are sums of fractions; the quantiles take whole numbers. */
const WEIGHT_SCALE = 8;
const QUANTILES = '(0.5, 0.9, 0.99)';

function stepsOf({ isError, rows, weight }: RequestTable): string {
  const noQuantiles = 'arrayResize([toUInt16(0)], 3)';
  if (rows === null) {
    return `${none('n')}, toFloat64(0) AS w, toFloat64(0) AS w_errors, ${noQuantiles} AS q,
      ${sums(weight, 'c', isError)}, quantilesExactWeighted${QUANTILES}(bucket, ${weight}) AS c_q`;
  }
  return `${sums(rows, 'n', isError)}, ${sums(weight, 'w', isError)},
      quantilesExactWeighted${QUANTILES}(bucket, toUInt64(round(${weight} * ${WEIGHT_SCALE}))) AS q,
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
 * Whole hours come from the tables of hours, whole minutes from those of minutes, shorter steps from the spans. Each is
 * grouped on its own: what is left of it is small.
 */
function unionOf(
  tables: Tables,
  view: SpanView,
  query: SeriesQuery,
  names: readonly (readonly [service: RollupName, operation: RollupName])[] | null,
  keys: readonly ('service_name' | 'grouped' | 'slot')[],
  values: (table: RequestTable) => string,
): string {
  return requestTables(tables, view, query)
    .map((table) => {
      const key = {
        service_name: `${dictionary(table, 'service_name')} AS service_name`,
        grouped: `${query.groupBy === 'operation' ? dictionary(table, 'operation') : "''"} AS grouped`,
        slot: `intDiv(toUInt32(time), ${query.stepSeconds}) * ${query.stepSeconds} AS slot`,
      };
      return `
    SELECT ${keys.map((name) => key[name]).join(', ')},
      ${values(table)}
    FROM ${table.from}
    ${where([...table.conditions, ...named(query, names)])}
    GROUP BY ${keys.join(', ')}
  `;
    })
    .join('  UNION ALL');
}

/** All branches of a union have the same types, and the tables of counts have plain strings. */
function dictionary({ rows }: RequestTable, column: string): string {
  return rows === null ? `toLowCardinality(${column})` : column;
}

/** Which tables hold the requests of the query: those of minutes or hours, and what is not counted in them yet. */
export function requestTables(tables: Tables, view: SpanView, query: SeriesQuery): RequestTable[] {
  const { stepSeconds, fromSecond, toSecond } = query;
  const ofSpans = { isError: 'is_error = 1', rows: 'spans', weight: 'weight', conditions: [] };
  const unit = stepSeconds % 3_600 === 0 ? '1h' : stepSeconds % 60 === 0 ? '1m' : null;
  if (unit === null) {
    return [{ ...ofSpans, from: oneOf(spanSources(tables, view).map((source) => requestsOf(source, query))) }];
  }
  const within = [IN_TENANT, `time >= toDateTime(${fromSecond})`, `time < toDateTime(${toSecond})`];
  const uncounted = uncountedSources(tables, view).map((source) => requestsOf(source, query));
  const counted = `
      SELECT service_name, operation, time, is_error, bucket, spans, weight
      FROM ${tables[`request_${unit}`].read}
      ${where(within)}`;
  return [
    uncounted.length === 0
      ? { ...ofSpans, from: tables[`request_${unit}`].read, conditions: within }
      : { ...ofSpans, from: oneOf([counted, ...uncounted]) },
    { from: tables[`counted_${unit}`].read, conditions: within, isError: 'status = 2', rows: null, weight: 'requests' },
  ];
}

/** Spans as rows of a table of requests. */
function requestsOf({ table, conditions }: SpanSource, query: SeriesQuery): string {
  return `
      SELECT ${SERVICE_NAME}, ${OPERATION_NAME} AS operation, start_s AS time, status_code = 2 AS is_error,
        toUInt16(floor(log2(greatest(duration_ns, 1)) * ${BUCKETS_PER_OCTAVE})) AS bucket, toUInt64(1) AS spans, sampling_weight AS weight
      FROM ${table}
      ${where([...conditions, ...startConditions(rangeOf(query)), IS_REQUEST])}`;
}

function oneOf(selects: readonly string[]): string {
  return `(${selects.join('\n      UNION ALL')}\n    )`;
}

function named(
  { service, operation, groupBy }: SeriesQuery,
  names: readonly (readonly [service: RollupName, operation: RollupName])[] | null,
): string[] {
  const pairs = groupBy === 'operation' ? '(service_name, operation)' : "(service_name, '')";
  return [
    ...(service === null ? [] : [`service_name = ${sqlString(service)}`]),
    ...(operation === null ? [] : [`operation = ${sqlString(operation)}`]),
    ...(names === null ? [] : [`${pairs} IN (${names.map((pair) => `(${pair.map(sqlName).join(', ')})`).join(', ')})`]),
  ];
}

export function pointsOf({ fromSecond, toSecond, stepSeconds }: SeriesQuery): number {
  return (toSecond - fromSecond) / stepSeconds;
}

export function rangeOf({ fromSecond, toSecond }: SeriesQuery): TimeRange {
  const second = 1_000_000_000n;
  return { fromUnixNano: BigInt(fromSecond) * second, toUnixNano: BigInt(toSecond) * second - 1n };
}
