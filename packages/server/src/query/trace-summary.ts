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
          errorCount: row.number(10),
          services: serviceCounts(row.array(7), row.array(8), row.array(9)),
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

/** The count of service `x` in a map by hashes: old servers sum no maps by text, and know a tuple's members by name only. */
function countOf(map: string): string {
  return `arrayElement(tupleElement(${map}, 2), indexOf(tupleElement(${map}, 1), cityHash64(x)))`;
}

/** Text that sorts as (start, id) does, because old servers take no tuple for an extreme. Starts are not negative. */
const POSITION = "concat(substring(concat('000000000000000', hex(toUInt64(start_ns))), -16), hex(span_id))";

export function traceSummariesSql(traceIds: readonly string[]): string {
  return `WITH
  countIf(${IS_ROOT}) AS roots,
  groupUniqArray(toString(service)) AS services,
  sumMap([cityHash64(service)], [toUInt64(1)]) AS service_spans,
  sumMap([cityHash64(service)], [toUInt64(status_code = 2)]) AS service_errors
SELECT lower(hex(trace_id)), toString(min(start_ns)), roots,
  if(roots > 0, argMinIf(toString(service), ${POSITION}, ${IS_ROOT}), argMin(toString(service), ${POSITION})),
  if(roots > 0, argMinIf(toString(name), ${POSITION}, ${IS_ROOT}), argMin(toString(name), ${POSITION})),
  toString(if(roots > 0, argMinIf(${SPAN_DURATION}, ${POSITION}, ${IS_ROOT}), max(start_ns + ${SPAN_DURATION}) - min(start_ns))),
  count(),
  services, arrayMap(x -> ${countOf('service_spans')}, services),
  arrayMap(x -> ${countOf('service_errors')}, services),
  countIf(status_code = 2)
FROM throughline.spans
WHERE ${ofTraces(traceIds)}
GROUP BY trace_id`;
}

/**
 * The spans of these traces. When they started is looked up first, which leaves few granules to look at: the filter over
 * ids alone has to be asked for every granule of the store. That is done where the times of one are not known: it is not
 * stored, or its times are not yet, which are a few milliseconds behind its spans.
 */
export function ofTraces(traceIds: readonly string[]): string {
  const ids = `trace_id IN (${traceIds.map(sqlHex).join(', ')})`;
  const isUnknown = `uniqExact(trace_id) < ${new Set(traceIds).size}`;
  // The same subquery twice is carried out once.
  const times = `(
    SELECT (if(${isUnknown}, toDateTime(0), min(first_s)), if(${isUnknown}, ${LAST_SECOND}, max(first_s + length_s)))
    FROM throughline.trace_times WHERE ${ids}
  )`;
  return `${ids}
  AND start_s >= tupleElement(${times}, 1)
  AND start_s <= tupleElement(${times}, 2)`;
}

const LAST_SECOND = 'toDateTime(toUInt32(4294967295))';

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
