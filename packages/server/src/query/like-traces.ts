import type { SpanView } from '../storage/span-visibility.ts';
import { sqlHex, sqlString } from '../storage/sql.ts';
import {
  EngineError,
  queryBytes,
  startConditions,
  where,
  withView,
  type QueryContext,
  type TimeRange,
} from './rows.ts';
import { querySources, SPAN_DURATION, spanSources, type SpanSource } from './span-sources.ts';
import { bytesOf, tracesSql } from './trace.ts';
import { findTraceSummaries, IS_ROOT, ofTracesIn } from './trace-summary.ts';
import { LAST_SECOND, type Seconds } from './trace-times.ts';

/** What the root of a trace does, and when it started. */
export interface RootOfTrace {
  readonly service: string;
  readonly operation: string;
  readonly startUnixNano: bigint;
}

/** Other traces whose root does the same. */
export interface LikeTraces {
  /** How many begin in the range. */
  readonly foundCount: number;
  /** How many of these were chosen, and then left out, because all of them together have too many spans. */
  readonly leftOutCount: number;
  /** The spans of those that were read, in ClickHouse's Native format. */
  readonly answers: readonly Uint8Array[];
  /** How many requests each of these represents, by trace ID: the sampling weight of its root. */
  readonly weights: ReadonlyMap<string, number>;
}

/** Null where no span of the trace is stored, and where no span without a parent is. */
export function findRoot(context: QueryContext, traceId: string): Promise<RootOfTrace | null> {
  return withView(context, async (view) => {
    const { trace } = (await findTraceSummaries(context, view, [traceId])).get(traceId) ?? {};
    if (trace === undefined || !trace.hasRoot) return null;
    const { rootService, rootOperation, startTimeUnixNano } = trace;
    return { service: rootService, operation: rootOperation, startUnixNano: BigInt(startTimeUnixNano) };
  });
}

/**
 * Reads traces whose root does the same and starts in the range, without the trace itself: of many, a sample by trace
 * ID, which is the same for whoever asks. What of a trace starts more than a minute before its root, or after the root
 * has ended, is not read.
 */
export function findLikeTraces(
  context: QueryContext,
  traceId: string,
  root: Pick<RootOfTrace, 'service' | 'operation'>,
  range: TimeRange,
): Promise<LikeTraces> {
  const { likeTracesMax, likeSpansMax } = context.limits;
  return withView(context, async (view) => {
    const ask = { traceId, ...root, range };
    const [counts, rows] = await Promise.all([
      querySources(context, view, (source) => likeRootCountSql(source, ask)),
      querySources(context, view, (source) => likeRootsSql(source, ask, likeTracesMax)),
    ]);
    const foundCount = counts.reduce((sum, row) => sum + row.number(0), 0);
    const found = rows
      .map((row) => ({
        traceId: row.text(0),
        hash: row.bigint(1),
        startNs: row.bigint(2),
        endNs: row.bigint(3),
        weight: row.number(4),
      }))
      .toSorted((a, b) => (a.hash < b.hash ? -1 : Number(a.hash > b.hash)));
    const roots = new Map(found.map((one) => [one.traceId, one] as const).slice(0, likeTracesMax));
    if (roots.size === 0) return { foundCount, leftOutCount: 0, answers: [], weights: new Map() };
    const within = joined(Array.from(roots.values(), secondsAround));
    const spanCounts = await countSpans(context, view, [...roots.keys()], within);
    const fitting = fittingTraces([...roots.keys()], spanCounts, likeSpansMax);
    const { traceIds, answers } = await readTraces(context, view, fitting, within);
    const weights = new Map(traceIds.map((id) => [id, roots.get(id)?.weight ?? 1]));
    return { foundCount, leftOutCount: roots.size - traceIds.length, answers, weights };
  });
}

interface LikeRoots extends Pick<RootOfTrace, 'service' | 'operation'> {
  readonly traceId: string;
  readonly range: TimeRange;
}

/** How many traces begin with such a span. */
export function likeRootCountSql({ table, conditions }: SpanSource, ask: LikeRoots): string {
  return `SELECT count()
FROM ${table}
${where([...conditions, ...likeRootConditions(ask)])}`;
}

/** The roots of a sample of them. */
export function likeRootsSql({ table, conditions }: SpanSource, ask: LikeRoots, tracesMax: number): string {
  return `SELECT lower(hex(trace_id)), toString(cityHash64(trace_id) AS hash), toString(start_ns), toString(start_ns + ${SPAN_DURATION}), sampling_weight
FROM ${table}
${where([...conditions, ...likeRootConditions(ask)])}
ORDER BY hash
LIMIT ${tracesMax}`;
}

function likeRootConditions({ traceId, service, operation, range }: LikeRoots): string[] {
  return [
    `service = ${sqlString(service)}`,
    ...startConditions(range),
    `name = ${sqlString(operation)}`,
    IS_ROOT,
    `trace_id != ${sqlHex(traceId)}`,
  ];
}

const SECOND_NS = 1_000_000_000n;
const MARGIN_SECONDS = 60n;

function secondsAround({ startNs, endNs }: { readonly startNs: bigint; readonly endNs: bigint }): Seconds {
  return { first: held(startNs / SECOND_NS - MARGIN_SECONDS), last: held(endNs / SECOND_NS + MARGIN_SECONDS) };
}

/** The nearest that a DateTime holds. */
function held(second: bigint): number {
  return Math.max(0, Math.min(Number(second), LAST_SECOND));
}

/** Those that touch are one. */
function joined(all: readonly Seconds[]): Seconds[] {
  const ranges: { first: number; last: number }[] = [];
  for (const { first, last } of all.toSorted((a, b) => a.first - b.first)) {
    const before = ranges.at(-1);
    if (before !== undefined && first <= before.last + 1) before.last = Math.max(before.last, last);
    else ranges.push({ first, last });
  }
  return ranges;
}

async function countSpans(
  context: QueryContext,
  view: SpanView,
  traceIds: readonly string[],
  within: readonly Seconds[],
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  const sqlOf = ({ kind, table, conditions }: SpanSource): string => `SELECT lower(hex(trace_id)), count()
FROM ${table}
${where([...conditions, ...ofTracesIn(kind, traceIds, within)])}
GROUP BY trace_id`;
  for (const row of await querySources(context, view, sqlOf)) {
    counts.set(row.text(0), (counts.get(row.text(0)) ?? 0) + row.number(1));
  }
  return counts;
}

/** The first that fit together. */
export function fittingTraces(
  traceIds: readonly string[],
  spanCounts: ReadonlyMap<string, number>,
  spansMax: number,
): string[] {
  let spans = 0;
  return traceIds.filter((traceId) => {
    const count = spanCounts.get(traceId) ?? 0;
    // Retention may have been faster.
    if (count === 0 || spans + count > spansMax) return false;
    spans += count;
    return true;
  });
}

/** Of spans of many megabytes fewer traces are read. */
async function readTraces(
  context: QueryContext,
  view: SpanView,
  traceIds: readonly string[],
  within: readonly Seconds[],
): Promise<{ readonly traceIds: readonly string[]; readonly answers: readonly Uint8Array[] }> {
  if (traceIds.length === 0) return { traceIds, answers: [] };
  const { traceBytesMax, likeSpansMax } = context.limits;
  try {
    const parts = spanSources(context.engine.tables, view).map((source) => ({ source, within, empty: NOTHING }));
    const answers = await Promise.all(
      parts.map((part) => queryBytes(context, tracesSql(part, traceIds, likeSpansMax), 'Native')),
    );
    if (bytesOf(answers) <= traceBytesMax) return { traceIds, answers };
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 'too_large') throw error;
  }
  return readTraces(context, view, traceIds.slice(0, traceIds.length >> 1), within);
}

const NOTHING: ReadonlySet<string> = new Set();
