import { StatusCode } from '@throughline/trace';
import type { SpanView } from '../storage/span-visibility.ts';
import type { NativeBlock } from './native-columns.ts';
import { readNative } from './native-reader.ts';
import { queryBytes, where, type QueryContext } from './rows.ts';
import {
  addService,
  earlierTop,
  NUMBER_DIGITS,
  shownByTop,
  spanIdOf,
  summariesOfServices,
  type ServiceOfTrace,
  type SummarisedTrace,
  type TopSpan,
} from './service-of-trace.ts';
import { NO_PARENT } from './span-reader.ts';
import { SPAN_DURATION, spanSources, type SpanSource } from './span-sources.ts';

/**
 * Summaries over the spans that fulfil these conditions, by trace id; null where there are more than `spansMax`. Few
 * spans are summarised here in less time than the engine takes to analyse how it would do so.
 */
export async function summariesOfFewSpans(
  context: QueryContext,
  view: SpanView,
  conditionsOf: (source: SpanSource) => readonly string[],
  spansMax: number,
): Promise<Map<string, SummarisedTrace> | null> {
  const answers = await Promise.all(
    spanSources(context.engine.tables, view).map((source) =>
      queryBytes(context, plainSpansSql(source, conditionsOf(source), spansMax + 1), 'Native'),
    ),
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
  const summaries = summariesOfServices(traces);
  const rootless = new Set([...summaries].filter(([, { trace }]) => !trace.hasRoot).map(([traceId]) => traceId));
  for (const [traceId, top] of rootless.size === 0 ? [] : topsOf(blocks, rootless)) {
    const summarised = summaries.get(traceId);
    if (summarised !== undefined) summaries.set(traceId, shownByTop(summarised, top));
  }
  return summaries;
}

/** The top span of each of these traces that has one. */
function topsOf(blocks: readonly NativeBlock[], traceIds: ReadonlySet<string>): Map<string, TopSpan> {
  const tops = new Map<string, TopSpan>();
  const spans = blocks.flatMap((block) => [...spansOf(block)]).filter(([traceId]) => traceIds.has(traceId));
  const known = new Set(spans.map(([traceId, { first }]) => traceId + spanIdOf(first.position)));
  for (const [traceId, { service, first }, , parentSpanId] of spans) {
    if (known.has(traceId + parentSpanId)) continue;
    const top = { position: first.position, service, name: first.name };
    const other = tops.get(traceId);
    tops.set(traceId, other === undefined ? top : earlierTop(other, top));
  }
  return tops;
}

/** The plain columns of a summary. */
export function plainSpansSql({ table, conditions }: SpanSource, more: readonly string[], spansMax: number): string {
  return `SELECT trace_id, span_id, parent_span_id, CAST(service AS String) AS service_name,
  CAST(name AS String) AS operation, kind, status_code, start_ns, ${SPAN_DURATION} AS duration
FROM ${table}
${where([...conditions, ...more])}
LIMIT ${spansMax}`;
}

/** Each span as if it were the only one of its trace. */
function* spansOf(
  block: NativeBlock,
): Generator<[traceId: string, span: ServiceOfTrace, key: string, parentSpanId: string]> {
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
    const parent = parentSpanId.hex(row);
    const isRoot = parent === NO_PARENT;
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
      [traceId.hex(row), position, kind.at(row), name, parent, duration, statusCode.at(row)].join(),
      parent,
    ];
  }
}
