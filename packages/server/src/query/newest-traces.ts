import { StatusCode } from '@throughline/trace';
import type { SpanView } from '../storage/span-visibility.ts';
import type { NativeBlock } from './native-columns.ts';
import { readNative } from './native-reader.ts';
import { queryBytes, where, type QueryContext, type TimeRange } from './rows.ts';
import type { StoredExtent } from './search-windows.ts';
import { searchWindows, SECOND_NS } from './search-windows.ts';
import { NO_PARENT } from './span-reader.ts';
import { spanSources, type SpanSource } from './span-sources.ts';
import type { ServiceOfTrace, StoredTraceSummary, SummarisedTrace } from './trace-summary.ts';
import { addService, findTraceSummaries, NUMBER_DIGITS, SPAN_DURATION, summariesOfServices } from './trace-summary.ts';
import { allWithin, LAST_SECOND } from './trace-times.ts';

/** Spans that are looked at for each trace that is wanted: most traces have fewer. */
const SPANS_A_TRACE = 50;
/** Where there are more than so many for each trace that is wanted, candidates are found for less. */
const SPANS_A_TRACE_MAX = 200;

/**
 * The newest traces of all, newest start first, by one statement that reads whatever started last. Null where that does not
 * tell: the range ends before what is stored, too few traces started in those seconds, or one of them began earlier.
 */
export async function newestTraces(
  context: QueryContext,
  view: SpanView,
  extent: StoredExtent,
  range: TimeRange,
  wanted: number,
): Promise<StoredTraceSummary[] | null> {
  const lastNs = BigInt(extent.lastSecond + 1) * SECOND_NS;
  if (range.toUnixNano !== null && range.toUnixNano < lastNs) return null;
  const spansASecond = extent.spanCount / (extent.lastSecond - extent.firstSecond + 1);
  if (spansASecond > wanted * SPANS_A_TRACE_MAX) return null;
  const [window] = searchWindows(extent, range, wanted * SPANS_A_TRACE, () => false);
  if (window === undefined) return null;
  const first = Number(window.fromUnixNano / SECOND_NS);
  const summaries = await summariesSince(context, view, first, wanted * SPANS_A_TRACE_MAX);
  if (summaries === null) return null;
  const traces = Array.from(summaries.values(), ({ trace }) => ({ trace, startNs: BigInt(trace.startTimeUnixNano) }))
    .filter(({ startNs }) => startNs >= window.fromUnixNano && startNs <= window.toUnixNano)
    .toSorted((a, b) => Number(b.startNs - a.startNs) || (a.trace.traceId < b.trace.traceId ? -1 : 1))
    .map(({ trace }) => trace);
  // Whatever is older than this window is older than all that is stored.
  const isWhole = range.fromUnixNano === null && window.fromUnixNano === 0n;
  if (traces.length < wanted && !isWhole) return null;
  const newest = traces.slice(0, wanted);
  if (first === 0 || newest.length === 0) return newest;
  const ids = newest.map(({ traceId }) => traceId);
  if (!(await allWithin(context, ids, [{ first, last: LAST_SECOND }]))) return null;
  if (view.uncounted === null && view.fresh.length === 0) return newest;
  // Where spans are not counted yet, nothing else says whether one of these began earlier.
  const whole = await findTraceSummaries(context, view, ids, { first, last: LAST_SECOND });
  const isAll = newest.every((trace) => whole.get(trace.traceId)?.trace.startTimeUnixNano === trace.startTimeUnixNano);
  return isAll ? newest.flatMap(({ traceId }) => whole.get(traceId)?.trace ?? []) : null;
}

/**
 * Of every trace with spans that start at this second or later, over these spans; null where there are more than `spansMax`.
 * Few spans are summarised here in less time than the engine takes to analyse how it would do so.
 */
async function summariesSince(
  context: QueryContext,
  view: SpanView,
  first: number,
  spansMax: number,
): Promise<Map<string, SummarisedTrace> | null> {
  const answers = await Promise.all(
    spanSources(view).map((source) => queryBytes(context, spansSinceSql(source, first, spansMax + 1), 'Native')),
  );
  const blocks = answers.flatMap((bytes) => readNative(bytes));
  if (blocks.reduce((total, { rowCount }) => total + rowCount, 0) > spansMax) return null;
  const traces = new Map<string, Map<string, ServiceOfTrace>>();
  const known = new Set<string>();
  for (const block of blocks) {
    for (const [traceId, span, key] of spansOf(block)) {
      // A sender that repeats a request stores its spans twice.
      if (known.has(key)) continue;
      known.add(key);
      addService(traces, traceId, span);
    }
  }
  return summariesOfServices(traces);
}

/** The plain columns of a summary, of the spans that start at this second or later. */
export function spansSinceSql({ table, conditions }: SpanSource, first: number, spansMax: number): string {
  return `SELECT trace_id, span_id, parent_span_id, CAST(service AS String) AS service_name,
  CAST(name AS String) AS operation, kind, status_code, start_ns, ${SPAN_DURATION} AS duration
FROM ${table}
${where([...conditions, `start_s >= toDateTime(toUInt32(${first}))`])}
LIMIT ${spansMax}`;
}

/** Each span as if it were the only one of its trace. */
function* spansOf(block: NativeBlock): Generator<[traceId: string, span: ServiceOfTrace, key: string]> {
  const traceId = block.strings('trace_id');
  const spanId = block.strings('span_id');
  const parentSpanId = block.strings('parent_span_id');
  const serviceName = block.strings('service_name');
  const operation = block.strings('operation');
  const kind = block.ints('kind');
  const statusCode = block.ints('status_code');
  const startNs = block.bigints('start_ns');
  const durationNs = block.bigints('duration');
  for (let row = 0; row < block.rowCount; row++) {
    const duration = durationNs.at(row);
    const position = startNs.at(row).toString(16).padStart(NUMBER_DIGITS, '0') + spanId.hex(row);
    const name = operation.text(row);
    const isRoot = parentSpanId.hex(row) === NO_PARENT;
    yield [
      traceId.hex(row),
      {
        service: serviceName.text(row),
        spanCount: 1,
        errorCount: statusCode.at(row) === StatusCode.error ? 1 : 0,
        lastEndNs: startNs.at(row) + duration,
        first: { position, name },
        root: isRoot ? { durationNs: duration, startNs: startNs.at(row), spanId: spanId.hex(row), name } : null,
      },
      [traceId.hex(row), position, kind.at(row), name, parentSpanId.hex(row), duration, statusCode.at(row)].join(),
    ];
  }
}
