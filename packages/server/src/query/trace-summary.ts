import type { TraceService, TraceSummary } from '@throughline/trace';
import { sqlHex } from '../storage/sql.ts';
import type { QueryContext } from './rows.ts';
import { queryRows } from './rows.ts';

/** A summary of all stored spans of a trace; its headline is another matter. */
export type StoredTraceSummary = Omit<TraceSummary, 'headline'>;

/** By trace id; an id of which nothing is stored has no entry. */
export async function findTraceSummaries(
  context: QueryContext,
  traceIds: readonly string[],
): Promise<Map<string, StoredTraceSummary>> {
  if (traceIds.length === 0) return new Map();
  const rows = await queryRows(context, traceSummariesSql(traceIds));
  return new Map(
    rows.map((row) => {
      const traceId = row.text(0);
      const services = row.array(7);
      return [
        traceId,
        {
          traceId,
          rootService: row.text(3),
          rootOperation: row.text(4),
          hasRoot: row.number(2) > 0,
          startTimeUnixNano: row.text(1),
          durationNs: row.text(5),
          spanCount: row.number(6),
          errorCount: row.number(8),
          services: serviceCounts(services.array(0), services.array(1), services.array(2)),
        },
      ];
    }),
  );
}

function serviceCounts(
  names: { length: number; text(column: number): string },
  spanCounts: { number(column: number): number },
  errorCounts: { number(column: number): number },
): TraceService[] {
  return Array.from({ length: names.length }, (_, i) => ({
    name: names.text(i),
    spanCount: spanCounts.number(i),
    errorCount: errorCounts.number(i),
  })).toSorted((a, b) => b.spanCount - a.spanCount || (a.name < b.name ? -1 : 1));
}

/** A root is a span without a parent. Spans with equal starts are told apart by their id, so that an answer is stable. */
export const IS_ROOT = `parent_span_id = ${sqlHex('0'.repeat(16))}`;

/** A span that was sent without an end, or with one before its start, took no time: as its story tells it. */
export const SPAN_DURATION = 'greatest(duration_ns, 0)';

export function traceSummariesSql(traceIds: readonly string[]): string {
  return `WITH
  countIf(${IS_ROOT}) AS roots,
  argMinIf((service, name, ${SPAN_DURATION}), (start_ns, span_id), ${IS_ROOT}) AS root,
  argMin((service, name), (start_ns, span_id)) AS earliest
SELECT lower(hex(trace_id)), toString(min(start_ns)), roots,
  if(roots > 0, root.1, earliest.1), if(roots > 0, root.2, earliest.2),
  toString(if(roots > 0, root.3, max(start_ns + ${SPAN_DURATION}) - min(start_ns))),
  count(), sumMap([CAST(service AS String)], [toUInt64(1)], [toUInt64(status_code = 2)]), countIf(status_code = 2)
FROM throughline.spans
WHERE ${ofTraces(traceIds)}
GROUP BY trace_id`;
}

/**
 * The spans of these traces. When they started is looked up first, which leaves few granules to look at: the filter over
 * ids alone has to be asked for every granule of the store.
 */
export function ofTraces(traceIds: readonly string[]): string {
  const ids = `trace_id IN (${traceIds.map(sqlHex).join(', ')})`;
  const times = `FROM throughline.trace_times WHERE ${ids}`;
  return `${ids}
  AND start_s >= (SELECT min(first_s) ${times})
  AND start_s <= (SELECT max(first_s + length_s) ${times})`;
}

/** How many spans of each trace are stored; an id of which nothing is stored has no entry. */
export async function findSpanCounts(context: QueryContext, traceIds: readonly string[]): Promise<Map<string, number>> {
  if (traceIds.length === 0) return new Map();
  const rows = await queryRows(context, spanCountsSql(traceIds));
  return new Map(rows.map((row) => [row.text(0), row.number(1)]));
}

export function spanCountsSql(traceIds: readonly string[]): string {
  return `SELECT lower(hex(trace_id)), count()
FROM throughline.spans
WHERE ${ofTraces(traceIds)}
GROUP BY trace_id`;
}
