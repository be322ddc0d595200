import { StatusCode } from '@throughline/trace';
import type { NativeBlock } from './native-columns.ts';
import { readNative } from './native-reader.ts';
import { queryBytes, type QueryContext, type TimeRange } from './rows.ts';
import type { StoredExtent } from './search-windows.ts';
import { searchWindows, SECOND_NS } from './search-windows.ts';
import { NO_PARENT } from './span-reader.ts';
import type { ServiceOfTrace, StoredTraceSummary } from './trace-summary.ts';
import { SPAN_DURATION, START_DIGITS, summaryOf } from './trace-summary.ts';
import { allWithin, LAST_SECOND } from './trace-times.ts';

/** Spans that are looked at for each trace that is wanted: most traces have fewer. */
const SPANS_A_TRACE = 50;
/** Where there are more than so many for each trace that is wanted, candidates are found for less. */
const SPANS_A_TRACE_MAX = 200;

const NO_ROOT = { position: '', name: '', durationNs: '0' };

/**
 * The newest traces of all, newest start first, by one statement that reads whatever started last. Null where that does not
 * tell: the range ends before what is stored, too few traces started in those seconds, or one of them began earlier.
 */
export async function newestTraces(
  context: QueryContext,
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
  const summaries = await summariesSince(context, first, wanted * SPANS_A_TRACE_MAX);
  if (summaries === null) return null;
  const traces = Array.from(summaries.values(), (trace) => ({ trace, startNs: BigInt(trace.startTimeUnixNano) }))
    .filter(({ startNs }) => startNs >= window.fromUnixNano && startNs <= window.toUnixNano)
    .toSorted((a, b) => Number(b.startNs - a.startNs) || (a.trace.traceId < b.trace.traceId ? -1 : 1))
    .map(({ trace }) => trace);
  // Whatever is older than this window is older than the range, too.
  const isWhole = window.fromUnixNano === (range.fromUnixNano ?? 0n);
  if (traces.length < wanted && !isWhole) return null;
  const newest = traces.slice(0, wanted);
  if (first === 0 || newest.length === 0) return newest;
  const ids = newest.map(({ traceId }) => traceId);
  return (await allWithin(context, ids, { first, last: LAST_SECOND })) ? newest : null;
}

/**
 * Of every trace with spans that start at this second or later, over these spans; null where there are more than `spansMax`.
 * Few spans are summarised here in less time than the engine takes to analyse how it would do so.
 */
async function summariesSince(
  context: QueryContext,
  first: number,
  spansMax: number,
): Promise<Map<string, StoredTraceSummary> | null> {
  const blocks = readNative(await queryBytes(context, spansSinceSql(first, spansMax + 1), 'Native'));
  if (blocks.reduce((total, { rowCount }) => total + rowCount, 0) > spansMax) return null;
  const traces = new Map<string, Map<string, ServiceOfTrace>>();
  for (const block of blocks) {
    for (const [traceId, span] of spansOf(block)) {
      const services = traces.get(traceId) ?? new Map<string, ServiceOfTrace>();
      traces.set(traceId, services);
      const service = services.get(span.service);
      services.set(span.service, service === undefined ? span : together(service, span));
    }
  }
  return new Map(Array.from(traces, ([traceId, services]) => [traceId, summaryOf(traceId, [...services.values()])]));
}

/** The plain columns of a summary, of the spans that start at this second or later. */
export function spansSinceSql(first: number, spansMax: number): string {
  return `SELECT trace_id, span_id, parent_span_id, CAST(service AS String) AS service_name,
  CAST(name AS String) AS operation, status_code, start_ns, ${SPAN_DURATION} AS duration
FROM throughline.spans
WHERE start_s >= toDateTime(toUInt32(${first}))
LIMIT ${spansMax}`;
}

/** Each span as if it were the only one of its trace. */
function* spansOf(block: NativeBlock): Generator<[traceId: string, span: ServiceOfTrace]> {
  const traceId = block.strings('trace_id');
  const spanId = block.strings('span_id');
  const parentSpanId = block.strings('parent_span_id');
  const serviceName = block.strings('service_name');
  const operation = block.strings('operation');
  const statusCode = block.ints('status_code');
  const startNs = block.bigints('start_ns');
  const durationNs = block.bigints('duration');
  for (let row = 0; row < block.rowCount; row++) {
    const duration = durationNs.at(row);
    const position = startNs.at(row).toString(16).padStart(START_DIGITS, '0') + spanId.hex(row);
    const first = { position, name: operation.text(row) };
    const isRoot = parentSpanId.hex(row) === NO_PARENT;
    yield [
      traceId.hex(row),
      {
        service: serviceName.text(row),
        spanCount: 1,
        errorCount: statusCode.at(row) === StatusCode.error ? 1 : 0,
        lastEndNs: startNs.at(row) + duration,
        first,
        root: isRoot ? { ...first, durationNs: String(duration) } : NO_ROOT,
      },
    ];
  }
}

function together(a: ServiceOfTrace, b: ServiceOfTrace): ServiceOfTrace {
  const isBsRoot = b.root.position !== '' && (a.root.position === '' || b.root.position < a.root.position);
  return {
    service: a.service,
    spanCount: a.spanCount + b.spanCount,
    errorCount: a.errorCount + b.errorCount,
    lastEndNs: b.lastEndNs > a.lastEndNs ? b.lastEndNs : a.lastEndNs,
    first: b.first.position < a.first.position ? b.first : a.first,
    root: isBsRoot ? b.root : a.root,
  };
}
