import type { OperationSummary, ServiceSummary } from '@throughline/trace';
import { sqlString } from '../storage/sql.ts';
import { errorRateInterval, estimateOf, type Weighed } from './estimate.ts';
import { rollupRange } from './rollup-range.ts';
import type { JsonRow, QueryContext, TimeRange } from './rows.ts';
import { queryRows, where } from './rows.ts';
import { findWeights } from './weights.ts';

/**
 * Every service with spans that start in the range, by name; exact to the nanosecond. Services and operations beyond the
 * limits of the rollups are counted as `(other)`.
 */
export async function findServices(context: QueryContext, range: TimeRange): Promise<ServiceSummary[]> {
  const [rows, weights] = await Promise.all([
    queryRows(context, servicesSql(range)),
    findWeights(context, { range, service: null, groupBy: 'service', of: 'spans' }),
  ]);
  return rows.map((row) => ({
    name: row.text(0),
    spanCount: row.number(1),
    errorCount: row.number(2),
    estimatedSpanCount: row.number(3),
    estimatedErrorCount: row.number(4),
    ...worthOf(row, weights.of(row.text(0), '', row.number(1), row.number(3))),
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
  const [rows, weights] = await Promise.all([
    queryRows(context, operationsSql(service, range)),
    findWeights(context, { range, service, groupBy: 'operation', of: 'spans' }),
  ]);
  return rows.map((row) => ({
    name: row.text(0),
    spanCount: row.number(1),
    errorCount: row.number(2),
    estimatedSpanCount: row.number(3),
    estimatedErrorCount: row.number(4),
    ...worthOf(row, weights.of(service, row.text(0), row.number(1), row.number(3))),
  }));
}

function worthOf(row: JsonRow, weighed: Weighed): Pick<OperationSummary, 'estimate' | 'errorRateInterval'> {
  return { estimate: estimateOf(weighed), errorRateInterval: errorRateInterval(row.number(4), weighed) };
}

export function servicesSql(range: TimeRange): string {
  return `SELECT service_name, sum(n), sum(n_errors), sum(w), sum(w_errors), uniqExact(operation),
  toString(min(first)), toString(max(last))
FROM (${operationCounts(range, null)})
GROUP BY service_name
ORDER BY service_name`;
}

export function operationsSql(service: string, range: TimeRange): string {
  return `SELECT operation, sum(n), sum(n_errors), sum(w), sum(w_errors)
FROM (${operationCounts(range, service)})
GROUP BY operation
ORDER BY operation`;
}

const QUARTER_SECONDS = 900;

/** A row for each service and operation, or several that add up. */
function operationCounts(range: TimeRange, service: string | null): string {
  const { rollup, spans } = rollupRange(range, 'quarter', QUARTER_SECONDS);
  const fromRollup = (conditions: readonly string[]): string => `
  SELECT service_name, operation, sum(spans) AS n, sum(errors) AS n_errors, sum(weight) AS w, sum(error_weight) AS w_errors,
    minMerge(first_ns) AS first, maxMerge(last_ns) AS last
  FROM throughline.operation_quarters
  ${where([...(service === null ? [] : [`service_name = ${sqlString(service)}`]), ...conditions])}
  GROUP BY service_name, operation`;
  const fromSpans = (conditions: readonly string[]): string => `
  SELECT service AS service_name, name AS operation, count() AS n, countIf(status_code = 2) AS n_errors,
    sum(sampling_weight) AS w, sumIf(sampling_weight, status_code = 2) AS w_errors, min(start_ns) AS first, max(start_ns) AS last
  FROM throughline.spans
  ${where([...(service === null ? [] : [`service = ${sqlString(service)}`]), ...conditions])}
  GROUP BY service_name, operation`;
  return `${[...(rollup === null ? [] : [fromRollup(rollup)]), ...spans.map(fromSpans)].join('\n  UNION ALL')}\n`;
}
