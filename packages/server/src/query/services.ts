import { OTHER_NAME, type OperationSummary, type ServiceSummary } from '@throughline/trace/client';
import { OPERATION_NAME, readName, SERVICE_NAME, selectName } from '../storage/rollups/rollup-names.ts';
import { OPERATION_15M } from '../storage/rollups/rollups.ts';
import type { SpanView } from '../storage/span-visibility.ts';
import { sqlString } from '../storage/sql.ts';
import { errorRateInterval, estimateOf, type Weighed } from './estimate.ts';
import { rollupRange } from './rollup-range.ts';
import type { JsonRow, QueryContext, TimeRange } from './rows.ts';
import { IN_TENANT, queryRows, where, withRollup } from './rows.ts';
import { spanSources, uncountedSources, type SpanSource } from './span-sources.ts';
import { findWeights } from './weights.ts';
import type { Tables } from '../storage/tables.ts';

/**
 * Every service with spans that start in the range, by name; exact to the nanosecond. Last, as one, those that are not
 * counted by their names: beyond the limits of the rollups, or too long.
 */
export async function findServices(context: QueryContext, range: TimeRange): Promise<ServiceSummary[]> {
  const [rows, weights] = await withRollup(context, OPERATION_15M, (view) =>
    Promise.all([
      queryRows(context, servicesSql(context.engine.tables, view, range)),
      findWeights(context, { range, service: null, groupBy: 'service', of: 'spans' }),
    ]),
  );
  return rows.map((row) => ({
    ...namedIn(row),
    spanCount: row.number(1),
    errorCount: row.number(2),
    estimatedSpanCount: row.number(3),
    estimatedErrorCount: row.number(4),
    ...estimateQuality(row, weights.of(readName(row.text(0)), '', row.number(1), row.number(3))),
    operationCount: row.number(5),
    firstSeenUnixNano: row.text(6),
    lastSeenUnixNano: row.text(7),
  }));
}

/** Every operation of one service with spans that start in the range, by name; exact as the services are. */
export async function findOperations(
  context: QueryContext,
  service: string,
  range: TimeRange,
): Promise<OperationSummary[]> {
  const [rows, weights] = await withRollup(context, OPERATION_15M, (view) =>
    Promise.all([
      queryRows(context, operationsSql(context.engine.tables, view, service, range)),
      findWeights(context, { range, service, groupBy: 'operation', of: 'spans' }),
    ]),
  );
  return rows.map((row) => ({
    ...namedIn(row),
    spanCount: row.number(1),
    errorCount: row.number(2),
    estimatedSpanCount: row.number(3),
    estimatedErrorCount: row.number(4),
    ...estimateQuality(row, weights.of(service, readName(row.text(0)), row.number(1), row.number(3))),
  }));
}

function namedIn(row: JsonRow): Pick<OperationSummary, 'name' | 'isOthers'> {
  const name = readName(row.text(0));
  return { name: name ?? OTHER_NAME, isOthers: name === null };
}

function estimateQuality(row: JsonRow, weighed: Weighed): Pick<OperationSummary, 'estimate' | 'errorRateInterval'> {
  return { estimate: estimateOf(weighed), errorRateInterval: errorRateInterval(row.number(4), weighed) };
}

export function servicesSql(tables: Tables, view: SpanView, range: TimeRange): string {
  return `SELECT ${selectName('service_name')}, sum(n), sum(n_errors), sum(w), sum(w_errors), uniqExact(operation),
  toString(min(first)), toString(max(last))
FROM (${operationCounts(tables, view, range, null)})
GROUP BY service_name
ORDER BY service_name`;
}

export function operationsSql(tables: Tables, view: SpanView, service: string, range: TimeRange): string {
  return `SELECT ${selectName('operation')}, sum(n), sum(n_errors), sum(w), sum(w_errors)
FROM (${operationCounts(tables, view, range, service)})
GROUP BY operation
ORDER BY operation`;
}

const QUARTER_SECONDS = 900;

/** A row for each service and operation, or several that add up. */
function operationCounts(tables: Tables, view: SpanView, range: TimeRange, service: string | null): string {
  const { rollup, whole, edges } = rollupRange(range, 'time', QUARTER_SECONDS);
  const fromRollup = (conditions: readonly string[]): string => `
  SELECT service_name, operation, sum(spans) AS n, sum(errors) AS n_errors, sum(weight) AS w, sum(error_weight) AS w_errors,
    minMerge(first_ns) AS first, maxMerge(last_ns) AS last
  FROM ${tables.operation_15m.read}
  ${where([IN_TENANT, ...(service === null ? [] : [`service_name = ${sqlString(service)}`]), ...conditions])}
  GROUP BY service_name, operation`;
  const fromSpans = ({ table, conditions: ofSource }: SpanSource, conditions: readonly string[]): string => `
  SELECT ${SERVICE_NAME}, ${OPERATION_NAME} AS operation, count() AS n, countIf(status_code = 2) AS n_errors,
    sum(sampling_weight) AS w, sumIf(sampling_weight, status_code = 2) AS w_errors, min(start_ns) AS first, max(start_ns) AS last
  FROM ${table}
  ${where([...ofSource, ...(service === null ? [] : [`service = ${sqlString(service)}`]), ...conditions])}
  GROUP BY service_name, operation${service === null ? '' : `\n  HAVING service_name = ${sqlString(service)}`}`;
  return `${[
    ...(rollup === null ? [] : [fromRollup(rollup)]),
    ...(whole === null ? [] : uncountedSources(tables, view).map((source) => fromSpans(source, whole))),
    ...edges.flatMap((conditions) => spanSources(tables, view).map((source) => fromSpans(source, conditions))),
  ].join('\n  UNION ALL')}\n`;
}
