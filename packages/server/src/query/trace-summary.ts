import type { TraceSummary } from '@throughline/trace';
import { sqlHex } from '../storage/sql.ts';
import type { JsonRow, QueryContext } from './rows.ts';
import { queryRows } from './rows.ts';
import type { Seconds } from './trace-times.ts';
import { allWithin, ofTraces, ofTracesWithin } from './trace-times.ts';

/** A summary of all stored spans of a trace; its headline is another matter. */
export type StoredTraceSummary = Omit<TraceSummary, 'headline'>;

/**
 * By trace id; an id of which nothing is stored has no entry. Where it is told within which seconds the spans of the traces
 * probably start, these are looked at while it is found out whether that is so.
 */
export async function findTraceSummaries(
  context: QueryContext,
  traceIds: readonly string[],
  probably: Seconds | null = null,
): Promise<Map<string, StoredTraceSummary>> {
  if (traceIds.length === 0) return new Map();
  if (probably !== null) {
    const [rows, isAll] = await Promise.all([
      queryRows(context, traceSummariesSql(traceIds, probably)),
      allWithin(context, traceIds, probably),
    ]);
    if (isAll) return summariesOf(rows);
  }
  return summariesOf(await queryRows(context, traceSummariesSql(traceIds)));
}

/** The spans of one trace and one service. A position sorts as (start, id) does; '' where there is no root. */
export interface ServiceOfTrace {
  readonly service: string;
  readonly spanCount: number;
  readonly errorCount: number;
  readonly lastEndNs: bigint;
  readonly first: { readonly position: string; readonly name: string };
  readonly root: { readonly position: string; readonly name: string; readonly durationNs: string };
}

function summariesOf(rows: readonly JsonRow[]): Map<string, StoredTraceSummary> {
  const traces = new Map<string, ServiceOfTrace[]>();
  for (const row of rows) {
    const traceId = row.text(0);
    const services = traces.get(traceId) ?? [];
    traces.set(traceId, services);
    services.push({
      service: row.text(1),
      spanCount: row.number(2),
      errorCount: row.number(3),
      lastEndNs: row.bigint(4),
      first: { position: row.text(5), name: row.text(6) },
      root: { position: row.text(7), name: row.text(8), durationNs: row.text(9) },
    });
  }
  return new Map(Array.from(traces, ([traceId, services]) => [traceId, summaryOf(traceId, services)]));
}

export function summaryOf(traceId: string, services: readonly ServiceOfTrace[]): StoredTraceSummary {
  const first = earliest(services, 'first');
  const rooted = services.filter(({ root }) => root.position !== '');
  const hasRoot = rooted.length > 0;
  const root = hasRoot ? earliest(rooted, 'root') : first;
  const startNs = BigInt(`0x${first.first.position.slice(0, START_DIGITS)}`);
  const lastEndNs = services.reduce((last, { lastEndNs: end }) => (end > last ? end : last), 0n);
  return {
    traceId,
    rootService: root.service,
    rootOperation: hasRoot ? root.root.name : root.first.name,
    hasRoot,
    startTimeUnixNano: String(startNs),
    durationNs: hasRoot ? root.root.durationNs : String(lastEndNs - startNs),
    spanCount: sum(services, 'spanCount'),
    errorCount: sum(services, 'errorCount'),
    services: services
      .map(({ service, spanCount, errorCount }) => ({ name: service, spanCount, errorCount }))
      .toSorted((a, b) => b.spanCount - a.spanCount || (a.name < b.name ? -1 : 1)),
  };
}

function earliest(services: readonly ServiceOfTrace[], which: 'first' | 'root'): ServiceOfTrace {
  const positionOf = (service: ServiceOfTrace): string => `${service[which].position} ${service.service}`;
  return services.reduce((a, b) => (positionOf(b) < positionOf(a) ? b : a));
}

function sum(services: readonly ServiceOfTrace[], count: 'spanCount' | 'errorCount'): number {
  return services.reduce((total, service) => total + service[count], 0);
}

/** A root is a span without a parent. Spans with equal starts are told apart by their id, so that an answer is stable. */
export const IS_ROOT = `parent_span_id = ${sqlHex('0'.repeat(16))}`;

/** A span that was sent without an end, or with one before its start, took no time: as its story tells it. */
export const SPAN_DURATION = 'greatest(duration_ns, 0)';

/** Text that sorts as (start, id) does, because old servers take no tuple for an extreme. Starts are not negative. */
const POSITION = "concat(substring(concat('000000000000000', hex(toUInt64(start_ns))), -16), hex(span_id))";
export const START_DIGITS = 16;

/** A row for each trace and service: maps of services would take the engine longer than all the rest. */
export function traceSummariesSql(traceIds: readonly string[], within: Seconds | null = null): string {
  return `WITH
  ${POSITION} AS position,
  ${IS_ROOT} AS is_root
SELECT lower(hex(trace_id)), toString(service), count(), countIf(status_code = 2), toString(max(start_ns + ${SPAN_DURATION})),
  min(position), argMin(toString(name), position),
  minIf(position, is_root), argMinIf(toString(name), position, is_root), toString(argMinIf(${SPAN_DURATION}, position, is_root))
FROM throughline.spans
WHERE ${within === null ? ofTraces(traceIds) : ofTracesWithin(traceIds, within)}
GROUP BY trace_id, service`;
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
