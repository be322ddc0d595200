import type { TraceSummary } from '@throughline/trace';
import type { Seconds, SpanView } from '../storage/span-visibility.ts';
import { sqlHex } from '../storage/sql.ts';
import { where, withView, type JsonRow, type QueryContext } from './rows.ts';
import { querySources, type SpanSource } from './span-sources.ts';
import { allWithin, idIn, ofTracesWithin, secondsOfTraces } from './trace-times.ts';

/** A summary of all stored spans of a trace; its headline is another matter. */
export type StoredTraceSummary = Omit<TraceSummary, 'headline'>;

export interface SummarisedTrace {
  readonly trace: StoredTraceSummary;
  /** The end of the span that ends last, in nanoseconds since the epoch. */
  readonly lastEndNs: bigint;
  /** The start of the span that starts first, by whatever clock. */
  readonly firstStartNs: bigint;
}

/**
 * By trace id; an id of which nothing is known has no entry. Where it is told within which seconds the spans of the traces
 * probably start, these are looked at while it is found out whether that is so.
 */
export async function findTraceSummaries(
  context: QueryContext,
  view: SpanView,
  traceIds: readonly string[],
  probably: Seconds | null = null,
): Promise<Map<string, SummarisedTrace>> {
  if (traceIds.length === 0) return new Map();
  const summariesWithin = (within: readonly Seconds[]): Promise<JsonRow[]> =>
    querySources(context, view, (source) => traceSummariesSql(source, traceIds, within));
  if (probably !== null) {
    const within = view.uncounted === null ? [probably] : [probably, view.uncounted.seconds];
    const [rows, isAll] = await Promise.all([summariesWithin(within), allWithin(context, traceIds, within)]);
    if (isAll) return summariesOf(rows);
  }
  return summariesOf(await summariesWithin(await secondsOfTraces(context, view, traceIds)));
}

/** The spans of one trace and one service. A position sorts as (start, id) does; '' where there is no root. */
export interface ServiceOfTrace {
  readonly service: string;
  readonly spanCount: number;
  readonly errorCount: number;
  readonly lastEndNs: bigint;
  readonly first: { readonly position: string; readonly name: string };
  readonly root: Root | null;
}

/** Of several, the longest one stands for the trace; among those, the one that started first, then the one with the lowest id. */
export interface Root {
  readonly durationNs: bigint;
  readonly startNs: bigint;
  /** Hex. */
  readonly spanId: string;
  readonly name: string;
}

function summariesOf(rows: readonly JsonRow[]): Map<string, SummarisedTrace> {
  const traces = new Map<string, Map<string, ServiceOfTrace>>();
  for (const row of rows) addService(traces, row.text(0), serviceOf(row));
  return summariesOfServices(traces);
}

function serviceOf(row: JsonRow): ServiceOfTrace {
  const root = row.text(7);
  return {
    service: row.text(1),
    spanCount: row.number(2),
    errorCount: row.number(3),
    lastEndNs: row.bigint(4),
    first: { position: row.text(5), name: row.text(6) },
    root:
      root === ''
        ? null
        : {
            durationNs: BigInt(`0x${root.slice(0, NUMBER_DIGITS)}`),
            startNs: BigInt(`0x${invertedHex(root.slice(NUMBER_DIGITS, 2 * NUMBER_DIGITS))}`),
            spanId: invertedHex(root.slice(2 * NUMBER_DIGITS)),
            name: row.text(8),
          },
  };
}

export function addService(
  traces: Map<string, Map<string, ServiceOfTrace>>,
  traceId: string,
  service: ServiceOfTrace,
): void {
  const services = traces.get(traceId) ?? new Map<string, ServiceOfTrace>();
  traces.set(traceId, services);
  const known = services.get(service.service);
  services.set(service.service, known === undefined ? service : together(known, service));
}

export function summariesOfServices(
  traces: ReadonlyMap<string, ReadonlyMap<string, ServiceOfTrace>>,
): Map<string, SummarisedTrace> {
  return new Map(Array.from(traces, ([traceId, services]) => [traceId, summaryOf(traceId, [...services.values()])]));
}

function together(a: ServiceOfTrace, b: ServiceOfTrace): ServiceOfTrace {
  return {
    service: a.service,
    spanCount: a.spanCount + b.spanCount,
    errorCount: a.errorCount + b.errorCount,
    lastEndNs: b.lastEndNs > a.lastEndNs ? b.lastEndNs : a.lastEndNs,
    first: b.first.position < a.first.position ? b.first : a.first,
    root: longer(a.root, b.root),
  };
}

function longer(a: Root | null, b: Root | null): Root | null {
  if (a === null || b === null) return a ?? b;
  if (a.durationNs !== b.durationNs) return a.durationNs > b.durationNs ? a : b;
  if (a.startNs !== b.startNs) return a.startNs < b.startNs ? a : b;
  return a.spanId <= b.spanId ? a : b;
}

function summaryOf(traceId: string, services: readonly ServiceOfTrace[]): SummarisedTrace {
  const first = services.reduce((a, b) => (placeOf(b) < placeOf(a) ? b : a));
  const root = services.reduce<Root | null>((longest, service) => longer(longest, service.root), null);
  const rooted = services.find((service) => service.root !== null && service.root === root);
  const firstNs = BigInt(`0x${first.first.position.slice(0, NUMBER_DIGITS)}`);
  const lastEndNs = services.reduce((last, { lastEndNs: end }) => (end > last ? end : last), 0n);
  const extentNs = lastEndNs - firstNs;
  const trace = {
    traceId,
    rootService: (rooted ?? first).service,
    rootOperation: root === null ? first.first.name : root.name,
    hasRoot: root !== null,
    // One clock that is off must not say when the trace was: its root's does.
    startTimeUnixNano: String(root === null ? firstNs : root.startNs),
    durationNs: String(root === null ? extentNs : root.durationNs),
    extentNs: String(extentNs),
    spanCount: sum(services, 'spanCount'),
    errorCount: sum(services, 'errorCount'),
    services: services
      .map(({ service, spanCount, errorCount }) => ({ name: service, spanCount, errorCount }))
      .toSorted((a, b) => b.spanCount - a.spanCount || (a.name < b.name ? -1 : 1)),
  };
  return { trace, lastEndNs, firstStartNs: firstNs };
}

function placeOf({ first, service }: ServiceOfTrace): string {
  return `${first.position} ${service}`;
}

function sum(services: readonly ServiceOfTrace[], count: 'spanCount' | 'errorCount'): number {
  return services.reduce((total, service) => total + service[count], 0);
}

/** A root is a span without a parent. Spans with equal starts are told apart by their id, so that an answer is stable. */
export const IS_ROOT = `parent_span_id = ${sqlHex('0'.repeat(16))}`;

/** A span that was sent without an end, or with one before its start, took no time: as its story tells it. */
export const SPAN_DURATION = 'greatest(duration_ns, 0)';

/** A 64-bit number as text that sorts as it does. Starts and durations are not negative. */
function sortable(number: string): string {
  return `substring(concat('000000000000000', hex(toUInt64(${number}))), -${NUMBER_DIGITS})`;
}

export const NUMBER_DIGITS = 16;

/** Text that sorts as (start, id) does, because old servers take no tuple for an extreme. */
const POSITION = `concat(${sortable('start_ns')}, hex(span_id))`;
/** … and as (duration, start, id), the earliest start and the lowest id last. */
const LENGTH = `concat(${sortable(SPAN_DURATION)}, ${inverted('toUInt64(start_ns)')}, ${inverted('reinterpretAsUInt64(reverse(span_id))')})`;

function inverted(number: string): string {
  return sortable(`bitNot(${number})`);
}

function invertedHex(hex: string): string {
  return (~BigInt(`0x${hex}`) & 0xffff_ffff_ffff_ffffn).toString(16).padStart(16, '0');
}

/** A sender that repeats a request stores its spans twice; here they count once. */
const ONCE = 'cityHash64(span_id, start_ns, kind, name, parent_span_id, duration_ns, status_code)';

/** Fresh spans are few: they are all looked at. */
export function ofTracesIn(
  table: SpanSource['table'],
  traceIds: readonly string[],
  within: readonly Seconds[],
): string[] {
  if (table !== 'throughline.spans') return [idIn(traceIds)];
  // Nothing of them is stored.
  return within.length === 0 ? ['0'] : ofTracesWithin(traceIds, within);
}

/** A row for each trace and service: maps of services would take the engine longer than all the rest. */
export function traceSummariesSql(
  { table, conditions }: SpanSource,
  traceIds: readonly string[],
  within: readonly Seconds[],
): string {
  const found = ofTracesIn(table, traceIds, within);
  return `WITH
  ${POSITION} AS position,
  ${LENGTH} AS length,
  ${IS_ROOT} AS is_root
SELECT lower(hex(trace_id)), toString(service), uniqExact(${ONCE}), uniqExactIf(${ONCE}, status_code = 2), toString(max(start_ns + ${SPAN_DURATION})),
  min(position), argMin(toString(name), position),
  maxIf(length, is_root), argMaxIf(toString(name), length, is_root)
FROM ${table}
${where([...conditions, ...found])}
GROUP BY trace_id, service`;
}

/** How many spans of each trace there are; an id of which nothing is known has no entry. */
export async function findSpanCounts(context: QueryContext, traceIds: readonly string[]): Promise<Map<string, number>> {
  if (traceIds.length === 0) return new Map();
  return withView(context, async (view) => {
    const within = await secondsOfTraces(context, view, traceIds);
    const counts = new Map<string, number>();
    for (const row of await querySources(context, view, (source) => spanCountsSql(source, traceIds, within))) {
      counts.set(row.text(0), (counts.get(row.text(0)) ?? 0) + row.number(1));
    }
    return counts;
  });
}

export function spanCountsSql(
  { table, conditions }: SpanSource,
  traceIds: readonly string[],
  within: readonly Seconds[],
): string {
  const found = ofTracesIn(table, traceIds, within);
  return `SELECT lower(hex(trace_id)), uniqExact(${ONCE})
FROM ${table}
${where([...conditions, ...found])}
GROUP BY trace_id`;
}
