import type { OperationSummary, ServiceSummary } from '@throughline/trace';
import { sqlString } from '../storage/sql.ts';
import type { QueryContext, TimeRange } from './rows.ts';
import { queryRows, startConditions, where } from './rows.ts';

/** Every service with spans that start in the range, by name; exact. */
export async function findServices(context: QueryContext, range: TimeRange): Promise<ServiceSummary[]> {
  const rows = await queryRows(context, servicesSql(range));
  return rows.map((row) => ({
    name: row.text(0),
    spanCount: row.number(1),
    errorCount: row.number(2),
    operationCount: row.number(3),
    firstSeenUnixNano: row.text(4),
    lastSeenUnixNano: row.text(5),
  }));
}

/** Every operation of one service with spans that start in the range, by name; exact. */
export async function findOperations(
  context: QueryContext,
  service: string,
  range: TimeRange,
): Promise<OperationSummary[]> {
  const rows = await queryRows(context, operationsSql(service, range));
  return rows.map((row) => ({ name: row.text(0), spanCount: row.number(1), errorCount: row.number(2) }));
}

export function servicesSql(range: TimeRange): string {
  return `SELECT service, count(), countIf(status_code = 2), uniqExact(name),
  toString(min(start_ns)), toString(max(start_ns))
FROM throughline.spans
${where(startConditions(range))}
GROUP BY service
ORDER BY service`;
}

export function operationsSql(service: string, range: TimeRange): string {
  return `SELECT name, count(), countIf(status_code = 2)
FROM throughline.spans
${where([`service = ${sqlString(service)}`, ...startConditions(range)])}
GROUP BY name
ORDER BY name`;
}
