import type { Seconds, SpanView } from '../storage/span-visibility.ts';
import { sqlHex } from '../storage/sql.ts';
import { summariesOfFewSpans } from './summaries-of-few-spans.ts';
import { queryRows, where, withView, type JsonRow, type QueryContext } from './rows.ts';
import {
  addService,
  earlierTop,
  NUMBER_DIGITS,
  shownByTop,
  summariesOfServices,
  type ServiceOfTrace,
  type SummarisedTrace,
  type TopSpan,
} from './service-of-trace.ts';
import { querySources, SPAN_DURATION, spanSources, type SpanSource } from './span-sources.ts';
import { allWithin, idIn, ofTracesWithin, secondsOfTraces } from './trace-times.ts';

/** Of no more traces and spans the rows are summarised here … */
const FEW_TRACES = 64;
/** … and by the engine where there are more. */
const FEW_SPANS = 4_000;

/**
 * By trace id; an id of which nothing is known has no entry. Where the caller knows within which seconds the spans of
 * the traces probably start, these are looked at while it is found out whether that is so.
 */
export async function findTraceSummaries(
  context: QueryContext,
  view: SpanView,
  traceIds: readonly string[],
  probably: Seconds | null = null,
): Promise<Map<string, SummarisedTrace>> {
  if (traceIds.length === 0) return new Map();
  const summariesWithin = (within: readonly Seconds[]): Promise<Map<string, SummarisedTrace>> =>
    summariesOfTraces(context, view, traceIds, within);
  if (probably !== null) {
    const within = view.uncounted === null ? [probably] : [probably, view.uncounted.seconds];
    const [summaries, isAll] = await Promise.all([summariesWithin(within), allWithin(context, traceIds, within)]);
    if (isAll) return summaries;
  }
  return summariesWithin(await secondsOfTraces(context, view, traceIds));
}

async function summariesOfTraces(
  context: QueryContext,
  view: SpanView,
  traceIds: readonly string[],
  within: readonly Seconds[],
): Promise<Map<string, SummarisedTrace>> {
  if (traceIds.length <= FEW_TRACES) {
    const conditionsOf = ({ kind }: SpanSource): string[] => ofTracesIn(kind, traceIds, within);
    const summaries = await summariesOfFewSpans(context, view, conditionsOf, FEW_SPANS);
    if (summaries !== null) return summaries;
  }
  const rows = await queryRows(context, traceSummariesSql(spanSources(context.engine.tables, view), traceIds, within));
  const summaries = summariesOf(rows);
  const rootless = [...summaries].filter(([, { trace }]) => !trace.hasRoot).map(([traceId]) => traceId);
  for (const [traceId, top] of await topsOf(context, view, rootless, within)) {
    const summarised = summaries.get(traceId);
    if (summarised !== undefined) summaries.set(traceId, shownByTop(summarised, top));
  }
  return summaries;
}

/** The top span of each of these traces that has one. */
async function topsOf(
  context: QueryContext,
  view: SpanView,
  traceIds: readonly string[],
  within: readonly Seconds[],
): Promise<Map<string, TopSpan>> {
  const tops = new Map<string, TopSpan>();
  if (traceIds.length === 0) return tops;
  const sources = spanSources(context.engine.tables, view);
  for (const row of await querySources(context, view, (source) => topSpansSql(source, sources, traceIds, within))) {
    const traceId = row.text(0);
    const top = { position: row.text(1).toLowerCase(), service: row.text(2), name: row.text(3) };
    const other = tops.get(traceId);
    tops.set(traceId, other === undefined ? top : earlierTop(other, top));
  }
  return tops;
}

/** The earliest span of each of these traces whose parent is in none of the sources. */
export function topSpansSql(
  source: SpanSource,
  all: readonly SpanSource[],
  traceIds: readonly string[],
  within: readonly Seconds[],
): string {
  const found = ({ kind, conditions }: SpanSource): string =>
    where([...conditions, ...ofTracesIn(kind, traceIds, within)]);
  const known = all.map((each) => `SELECT trace_id, span_id FROM ${each.table}\n  ${found(each)}`);
  return `WITH ${POSITION} AS position
SELECT lower(hex(trace_id)), min(position), argMin(toString(service), position), argMin(toString(name), position)
FROM ${source.table}
${found(source)}
  AND (trace_id, parent_span_id) NOT IN (
  ${known.join('\n  UNION ALL\n  ')}
)
GROUP BY trace_id`;
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

/** A root is a span without a parent. Spans with equal starts are ordered by their id, so that a result is stable. */
export const IS_ROOT = `parent_span_id = ${sqlHex('0'.repeat(16))}`;

/** A 64-bit number as text that sorts as it does. Starts and durations are not negative. */
function sortable(number: string): string {
  return `substring(concat('000000000000000', hex(toUInt64(${number}))), -${NUMBER_DIGITS})`;
}

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
  kind: SpanSource['kind'],
  traceIds: readonly string[],
  within: readonly Seconds[],
): string[] {
  if (kind === 'fresh') return [idIn(traceIds)];
  // Nothing of them is stored.
  return within.length === 0 ? ['0'] : ofTracesWithin(traceIds, within);
}

/** A row for each trace and service: maps of services would take the engine longer than all the rest. */
export function traceSummariesSql(
  sources: readonly SpanSource[],
  traceIds: readonly string[],
  within: readonly Seconds[],
): string {
  return `WITH
  ${POSITION} AS position,
  ${LENGTH} AS length,
  ${IS_ROOT} AS is_root
SELECT lower(hex(trace_id)), toString(service), uniqExact(${ONCE}), uniqExactIf(${ONCE}, status_code = 2), toString(max(start_ns + ${SPAN_DURATION})),
  min(position), argMin(toString(name), position),
  maxIf(length, is_root), argMaxIf(toString(name), length, is_root)
${fromAll(sources, traceIds, within)}
GROUP BY trace_id, service`;
}

/** How many spans of each trace there are; an id of which nothing is known has no entry. */
export async function findSpanCounts(context: QueryContext, traceIds: readonly string[]): Promise<Map<string, number>> {
  if (traceIds.length === 0) return new Map();
  return withView(context, async (view) => {
    const within = await secondsOfTraces(context, view, traceIds);
    const rows = await queryRows(context, spanCountsSql(spanSources(context.engine.tables, view), traceIds, within));
    return new Map(rows.map((row) => [row.text(0), row.number(1)]));
  });
}

export function spanCountsSql(
  sources: readonly SpanSource[],
  traceIds: readonly string[],
  within: readonly Seconds[],
): string {
  return `SELECT lower(hex(trace_id)), uniqExact(${ONCE})
${fromAll(sources, traceIds, within)}
GROUP BY trace_id`;
}

/** The spans of these traces in all sources together: of what came again one may be stored while the other is fresh. */
function fromAll(sources: readonly SpanSource[], traceIds: readonly string[], within: readonly Seconds[]): string {
  const each = sources.map(
    ({ kind, table, conditions }) => `FROM ${table}\n${where([...conditions, ...ofTracesIn(kind, traceIds, within)])}`,
  );
  return each.length === 1
    ? each.join('')
    : `FROM (\n${each.map((from) => SUMMARISED + from).join('\nUNION ALL\n')}\n)`;
}

const SUMMARISED = 'SELECT trace_id, span_id, parent_span_id, service, name, kind, status_code, start_ns, duration_ns ';
