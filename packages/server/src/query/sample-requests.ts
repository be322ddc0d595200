import { IS_REQUEST, REQUEST_1M, BUCKETS_PER_OCTAVE } from '../storage/rollups/rollups.ts';
import type { SpanView } from '../storage/span-visibility.ts';
import { sqlString } from '../storage/sql.ts';
import type { Tables } from '../storage/tables.ts';
import { requestMetricsApply } from './build-series.ts';
import type { CountedUntil } from './find-series.ts';
import { type JsonRow, type QueryContext, queryRows, startConditions, where, withRollup, withView } from './rows.ts';
import { requestTables, type SeriesQuery } from './series-sql.ts';
import { attributeHint, fieldConditions, tagConditions, type Tag } from './span-filter.ts';
import { SPAN_DURATION, spanSources, type SpanSource } from './span-sources.ts';
import { findWeights } from './weights.ts';

/** Which requests, or which spans. */
export interface RequestSelection {
  readonly service: string;
  /** Null for all. */
  readonly operation: string | null;
  /**
   * The number of a kind of spans; null for requests: SERVER and CONSUMER spans, and those whose parent is elsewhere.
   */
  readonly kind: number | null;
  readonly tags: readonly Tag[];
}

/** Whole minutes since the epoch, in seconds; the second is behind the last one. */
export interface Minutes {
  readonly fromSecond: number;
  readonly toSecond: number;
}

/** What is known of the requests of a time. */
export interface RequestSample {
  /** How many there were, as an estimate from the weights of those that are stored. */
  readonly count: number;
  /** How many of these failed. */
  readonly errors: number;
  /**
   * As many independent requests say as much: the spans that are stored, or fewer where their weights differ, or go
   * with what failed; the latter is not known of requests that the tables of minutes count.
   */
  readonly effectiveCount: number;
  /** By duration, the shortest first. */
  readonly durations: readonly DurationBucket[];
}

/** Requests of about the same duration. */
export interface DurationBucket {
  /** Nanoseconds; included. */
  readonly fromNs: number;
  /** Not included. */
  readonly toNs: number;
  readonly count: number;
}

/** Rows of one answer: there are some 500 buckets, each for what failed and what did not. */
const ROWS_MAX = 4_096;

/**
 * Requests of a service or an operation come from the tables of minutes; spans of a kind, and those with attributes,
 * are looked at one by one.
 */
export function sampleRequests(
  context: QueryContext,
  selection: RequestSelection,
  minutes: Minutes,
  countedUntil: CountedUntil,
): Promise<RequestSample> {
  if (selection.kind !== null || selection.tags.length > 0) return sampleSpans(context, selection, minutes);
  return withRollup(context, REQUEST_1M, (view) => sampleMinutes(context, view, selection, minutes, countedUntil));
}

async function sampleMinutes(
  context: QueryContext,
  view: SpanView,
  { service, operation }: RequestSelection,
  minutes: Minutes,
  countedUntil: CountedUntil,
): Promise<RequestSample> {
  const query: SeriesQuery = { service, operation, groupBy: 'service', ...minutes, stepSeconds: 60, seriesMax: 1 };
  const [rows, weights] = await Promise.all([
    queryRows(context, minutesSampleSql(context.engine.tables, view, query)),
    findWeights(context, {
      range: { fromUnixNano: secondNs(minutes.fromSecond), toUnixNano: secondNs(minutes.toSecond) - 1n },
      service,
      groupBy: operation === null ? 'service' : 'operation',
      of: 'requests',
    }),
  ]);
  const [spans, weight, counted] = [2, 3, 4].map((column) => sum(rows.map((row) => row.number(column))));
  const weighed = weights.of(service, operation ?? '', spans!, weight!);
  const isWhole = minutes.toSecond * 1_000 <= countedUntil(service);
  if (isWhole && requestMetricsApply(counted!, weighed)) return sampleOf(rows, 4, counted!);
  // The variance counts what was left out; of requests that come by chance those that are there vary as well.
  const effective = weight! <= 0 ? 0 : Math.min(spans!, weight! ** 2 / (weighed.variance + weight!));
  return sampleOf(rows, 3, effective);
}

export function minutesSampleSql(tables: Tables, view: SpanView, query: SeriesQuery): string {
  const names = [
    `service_name = ${sqlString(query.service ?? '')}`,
    ...(query.operation === null ? [] : [`operation = ${sqlString(query.operation)}`]),
  ];
  const each = requestTables(tables, view, query).map(({ from, conditions, isError, rows, weight }) => {
    const sums =
      rows === null
        ? `toUInt64(0) AS n, toFloat64(0) AS w, sum(${weight}) AS c`
        : `sum(${rows}) AS n, sum(${weight}) AS w, toUInt64(0) AS c`;
    return `SELECT bucket, ${isError} AS failed, ${sums}
FROM ${from}
${where([...conditions, ...names])}
GROUP BY bucket, failed`;
  });
  return `SELECT toUInt16(bucket), toUInt8(failed), sum(n), sum(w), sum(c)
FROM (${each.join('\nUNION ALL\n')})
GROUP BY bucket, failed
ORDER BY bucket, failed
LIMIT ${ROWS_MAX}`;
}

function sampleSpans(context: QueryContext, selection: RequestSelection, minutes: Minutes): Promise<RequestSample> {
  return withView(context, async (view) => {
    const { tables, hasAttributeFilter } = context.engine;
    const sources = spanSources(tables, view);
    const answers = await Promise.all(
      sources.map((source) => queryRows(context, spansSampleSql(source, selection, minutes, hasAttributeFilter))),
    );
    const rows = answers.flat();
    return sampleOf(rows, 3, effectiveOf(rows));
  });
}

/**
 * Kish's effective number, or a smaller one where weights go with the outcome: a rare operation of which little is
 * sampled may have all the failures. Then the share that fails is as sure as those that failed say by themselves.
 */
function effectiveOf(rows: readonly JsonRow[]): number {
  const [weight, kish] = kishOf(rows);
  const [failedWeight, failedKish] = kishOf(rows.filter((row) => row.number(1) === 1));
  return failedWeight > 0 ? Math.min(kish, (failedKish * weight) / failedWeight) : kish;
}

/** The sum of the weights, and as many equal ones would say as much. */
function kishOf(rows: readonly JsonRow[]): readonly [weight: number, effective: number] {
  const [weight, squares] = [sum(rows.map((row) => row.number(3))), sum(rows.map((row) => row.number(4)))];
  return [weight, squares > 0 ? weight ** 2 / squares : 0];
}

export function spansSampleSql(
  source: SpanSource,
  { service, operation, kind, tags }: RequestSelection,
  { fromSecond, toSecond }: Minutes,
  hasHints: boolean,
): string {
  const range = { fromUnixNano: secondNs(fromSecond), toUnixNano: secondNs(toSecond) - 1n };
  const conditions = [
    ...source.conditions,
    ...startConditions(range),
    ...fieldConditions({ service, operation, status: null, tags: [] }),
    kind === null ? IS_REQUEST : `kind = ${kind}`,
    ...(source.kind === 'stored' && hasHints ? tags.map(attributeHint) : []),
    ...tagConditions({ tags }, hasHints),
  ];
  return `SELECT toUInt16(floor(log2(greatest(${SPAN_DURATION}, 1)) * ${BUCKETS_PER_OCTAVE})) AS bucket, status_code = 2 AS failed,
  count(), sum(sampling_weight), sum(sampling_weight * sampling_weight)
FROM ${source.table}
${where(conditions)}
GROUP BY bucket, failed
ORDER BY bucket, failed
LIMIT ${ROWS_MAX}`;
}

/** `column`: what a request counts. */
function sampleOf(rows: readonly JsonRow[], column: number, effectiveCount: number): RequestSample {
  const byBucket = new Map<number, number>();
  let errors = 0;
  for (const row of rows) {
    const count = row.number(column);
    byBucket.set(row.number(0), (byBucket.get(row.number(0)) ?? 0) + count);
    if (row.number(1) === 1) errors += count;
  }
  const durations = [...byBucket]
    .filter(([, count]) => count > 0)
    .toSorted(([a], [b]) => a - b)
    .map(([bucket, count]) => ({ fromNs: edgeOf(bucket), toNs: edgeOf(bucket + 1), count }));
  return { count: sum(durations.map(({ count }) => count)), errors, effectiveCount, durations };
}

function edgeOf(bucket: number): number {
  return 2 ** (bucket / BUCKETS_PER_OCTAVE);
}

function secondNs(second: number): bigint {
  return BigInt(second) * 1_000_000_000n;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
