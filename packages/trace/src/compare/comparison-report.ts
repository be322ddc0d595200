import { withThoseAbove } from '../analysis/with-those-above.ts';
import type { Trace } from '../tree/trace.ts';
import { type CallDifference, type ComparedCalls, compareTraces } from './compare-traces.ts';

/** Two traces of one kind, path by path, as JSON. Times are nanoseconds, as decimal digits. */
export interface ComparisonReport {
  /** The trace that the other one is compared with. */
  readonly traceIdA: string;
  readonly traceIdB: string;
  /** How long the roots took. */
  readonly a: ComparedTrace;
  readonly b: ComparedTrace;
  /** In display order: depth first, siblings by the start of their first call. */
  readonly paths: readonly ReportedComparedPath[];
  /** How many paths `paths` lacks: those that add the least to the difference, but for what is above others. */
  readonly omittedPaths: number;
}

/** One of two traces that are compared. */
export interface ComparedTrace {
  /** Of its root. */
  readonly durationNs: string;
  /** How many of its spans were compared. */
  readonly spanCount: number;
  /** How many spans it has, as far as is known, with those that were not read. */
  readonly spansInTrace: number;
}

/** All calls of one service, name and kind below one path of their callers, in two traces. */
export interface ReportedComparedPath {
  readonly service: string;
  /** The name of the first span, which may hold a number in which the others differ. */
  readonly operation: string;
  /** See `SpanKind`. */
  readonly kind: number;
  /** Its place in `paths`; -1 at the top. */
  readonly parentIndex: number;
  /** 0 at the top. */
  readonly depth: number;
  /** Null where the first trace has no such call. */
  readonly a: ReportedCalls | null;
  /** Null where the second has none. */
  readonly b: ReportedCalls | null;
  /**
   * How much longer the second root waited for these calls, and for nothing below them: below 0 where it waited less.
   * Without omissions this adds up to the difference of the roots' durations.
   */
  readonly criticalDeltaNs: string;
  /** What is different; empty where the calls are alike. */
  readonly differences: readonly CallDifference[];
}

/** The calls of one path in one trace. */
export interface ReportedCalls {
  /** 1 or more. */
  readonly calls: number;
  /** Those with status ERROR. */
  readonly failedCalls: number;
  /** Of all of them together, whether they ran at once or not. */
  readonly durationNs: string;
  /** How long the root waited for them, and for nothing below them. */
  readonly criticalNs: string;
  /** The longest call. */
  readonly longestSpanId: string;
}

/** What of two traces is known beside their spans, and how long the list may be. */
export interface ComparisonReportOptions {
  /** How many spans the first trace has where not all of them were read. */
  readonly spansInTraceA?: number;
  /** The same of the second. */
  readonly spansInTraceB?: number;
  /** 1,000 by default. */
  readonly pathsMax?: number;
}

const PATHS_MAX = 1_000;

/**
 * What `compareTraces` finds, as JSON with the spans' ids. Takes n log n time in the number of spans.
 *
 * @example
 * const { paths } = describeComparison(trace, traceFromOtlp(otlpJson));
 * for (const { operation, criticalDeltaNs } of paths) console.log(operation, formatDuration(Number(criticalDeltaNs)));
 */
export function describeComparison(
  a: Trace,
  b: Trace,
  { spansInTraceA = 0, spansInTraceB = 0, pathsMax = PATHS_MAX }: ComparisonReportOptions = {},
): ComparisonReport {
  const { paths, durationNsA, durationNsB } = compareTraces(a, b);
  const delta = (place: number): number => Math.abs(paths[place]!.criticalDeltaNs);
  const isDifferent = (place: number): number => Number(paths[place]!.differences.length > 0);
  const ranked = [...paths.keys()].toSorted(
    (one, other) => delta(other) - delta(one) || isDifferent(other) - isDifferent(one) || one - other,
  );
  const shown = withThoseAbove(ranked, (place) => paths[place]!.parentIndex, pathsMax);
  const placeOf = new Map(shown.map((path, place) => [path, place]));
  return {
    traceIdA: a.traceId,
    traceIdB: b.traceId,
    a: describeTrace(a, durationNsA, spansInTraceA),
    b: describeTrace(b, durationNsB, spansInTraceB),
    paths: shown.map((path) => {
      const { a: callsA, b: callsB, criticalDeltaNs, parentIndex, ...rest } = paths[path]!;
      return {
        ...rest,
        parentIndex: placeOf.get(parentIndex) ?? -1,
        a: callsA && describeCalls(a, callsA),
        b: callsB && describeCalls(b, callsB),
        criticalDeltaNs: whole(criticalDeltaNs),
      };
    }),
    omittedPaths: paths.length - shown.length,
  };
}

function describeTrace({ spanCount, duplicateSpans }: Trace, durationNs: number, spansInTrace: number): ComparedTrace {
  const known = Math.max(spansInTrace, spanCount + duplicateSpans);
  return { durationNs: whole(durationNs), spanCount, spansInTrace: known };
}

function describeCalls(
  trace: Trace,
  { longestIndex, durationNs, criticalNs, ...counts }: ComparedCalls,
): ReportedCalls {
  return {
    ...counts,
    durationNs: whole(durationNs),
    criticalNs: whole(criticalNs),
    longestSpanId: trace.spanIds[longestIndex]!,
  };
}

function whole(ns: number): string {
  return String(BigInt(Math.round(ns)));
}
