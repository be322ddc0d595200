import { type CriticalSegment, criticalPath } from './critical-path.ts';
import { timeByKind, timeByPath, timeByService, type TimeShare } from './times.ts';
import { type RankedChange, whatIfEach } from './what-if.ts';
import { withThoseAbove } from './with-those-above.ts';
import type { Trace } from '../tree/trace.ts';

/** Where the time of a trace went, as JSON. Times are nanoseconds, as decimal digits. */
export interface CriticalPathReport {
  readonly traceId: string;
  /** The span that waited: the root, or the longest part where none is received; '' for an empty trace. */
  readonly rootSpanId: string;
  /** False if no span without a parent has been received. */
  readonly hasRoot: boolean;
  /** Its start, after the correction of clocks. */
  readonly startTimeUnixNano: string;
  readonly durationNs: string;
  /** In the order of time; without omissions the durations add up to `durationNs`. */
  readonly segments: readonly ReportedSegment[];
  /** How many segments `segments` lacks: the shortest. */
  readonly omittedSegments: number;
  /** The longest on the critical path first; at most 100. */
  readonly byService: readonly ReportedService[];
  /** The longest on the critical path first. */
  readonly byKind: readonly ReportedKind[];
  /** In display order. */
  readonly byPath: readonly ReportedPath[];
  /** How many paths `byPath` lacks: those with the least time, but for what is above others. */
  readonly omittedPaths: number;
  /** What it would save at most to halve the time of a service or of an operation; the most first, at most ten. */
  readonly whatIfHalved: readonly ReportedSaving[];
  /** How many spans this is made from, without repeats. */
  readonly spanCount: number;
  /** How many spans the trace has, as far as is known, with those that were not read. */
  readonly spansInTrace: number;
  /** Whether it is made from a part of the trace's spans only. */
  readonly truncated: boolean;
}

/** Time on the critical path that a span took itself. */
export interface ReportedSegment {
  readonly spanId: string;
  readonly service: string;
  readonly operation: string;
  /** See `SpanKind`. */
  readonly kind: number;
  /** After the correction of clocks. */
  readonly startTimeUnixNano: string;
  /** Never 0. */
  readonly durationNs: string;
}

/** The time of some spans together. */
interface ReportedTime {
  readonly spanCount: number;
  /** While none of their children was running. Spans that run at the same time count each. */
  readonly exclusiveNs: string;
  /** While the root waited for them and for none of their children. */
  readonly criticalNs: string;
}

/** The time of a service. */
export interface ReportedService extends ReportedTime {
  readonly service: string;
}

/** The time of all spans of one kind. */
export interface ReportedKind extends ReportedTime {
  /** See `SpanKind`. */
  readonly kind: number;
}

/** The time of one service, name and kind below one path of their callers. */
export interface ReportedPath extends ReportedTime {
  readonly service: string;
  readonly operation: string;
  /** See `SpanKind`. */
  readonly kind: number;
  /** Its place in `byPath`; -1 at the top. */
  readonly parentIndex: number;
  /** 0 at the top. */
  readonly depth: number;
  /** The first of its spans. */
  readonly spanId: string;
}

/** A bound, and no forecast: freed resources that other requests would profit from are not in one trace. */
export interface ReportedSaving {
  readonly service: string;
  /** Null where it is of all operations of the service. */
  readonly operation: string | null;
  /** See `SpanKind`; null where `operation` is. */
  readonly kind: number | null;
  readonly savedNs: string;
  /** Its time on the critical path that would be gone; what ran beside it may leave less to save. */
  readonly removedNs: string;
}

/** What of a trace is known beside its spans, and how long lists may be. */
export interface CriticalPathReportOptions {
  /** How many spans the trace has where not all of them were read. */
  readonly spansInTrace?: number;
  /** 1,000 by default. */
  readonly segmentsMax?: number;
  /** 1,000 by default. */
  readonly pathsMax?: number;
}

const LIST_MAX = 1_000;
const SERVICES_MAX = 100;
const SAVINGS_MAX = 5;
const HALF = 0.5;

/**
 * Where the time of a trace went: the critical path with who took each part of it, the same by service, kind and path,
 * and what it would save to halve a part. n log n in the number of spans.
 *
 * @example
 * for (const { service, operation, durationNs } of describeCriticalPath(trace).segments) {
 *   console.log(service, operation, formatDuration(Number(durationNs)));
 * }
 */
export function describeCriticalPath(
  trace: Trace,
  { spansInTrace = 0, segmentsMax = LIST_MAX, pathsMax = LIST_MAX }: CriticalPathReportOptions = {},
): CriticalPathReport {
  const root = trace.rootIndex;
  const segments = criticalPath(trace);
  const kept = longestOf(segments, segmentsMax);
  const paths = timeByPath(trace);
  const ranked = [...paths.keys()].toSorted(
    (a, b) => paths[b]!.criticalNs - paths[a]!.criticalNs || paths[b]!.exclusiveNs - paths[a]!.exclusiveNs || a - b,
  );
  const shown = withThoseAbove(ranked, (place) => paths[place]!.parentPath, pathsMax);
  const placeOf = new Map(shown.map((path, place) => [path, place]));
  const savings = [
    ...whatIfEach(trace, { by: 'service', factor: HALF, max: SAVINGS_MAX }),
    ...whatIfEach(trace, { by: 'operation', factor: HALF, max: SAVINGS_MAX }),
  ];
  const spansRead = trace.spanCount + trace.duplicateSpans;
  return {
    traceId: trace.traceId,
    rootSpanId: trace.spanIds[root] ?? '',
    hasRoot: trace.hasRoot,
    startTimeUnixNano: momentOf(trace, trace.startNs[root] ?? 0),
    durationNs: whole(trace.durationNs[root] ?? 0),
    segments: kept.map((segment) => describeSegment(trace, segment)),
    omittedSegments: segments.length - kept.length,
    byService: timeByService(trace)
      .slice(0, SERVICES_MAX)
      .map(({ service, ...time }) => ({ service, ...describeTime(time) })),
    byKind: timeByKind(trace).map(({ kind, ...time }) => ({ kind, ...describeTime(time) })),
    byPath: shown.map((path) => {
      const { service, name, kind, parentPath, depth, firstSpan, ...time } = paths[path]!;
      const parentIndex = placeOf.get(parentPath) ?? -1;
      const spanId = trace.spanIds[firstSpan]!;
      return { service, operation: name, kind, parentIndex, depth, spanId, ...describeTime(time) };
    }),
    omittedPaths: paths.length - shown.length,
    whatIfHalved: savings.toSorted((a, b) => b.savedNs - a.savedNs || b.criticalNs - a.criticalNs).map(describeSaving),
    spanCount: trace.spanCount,
    spansInTrace: Math.max(spansInTrace, spansRead),
    truncated: spansInTrace > spansRead,
  };
}

function longestOf(segments: readonly CriticalSegment[], max: number): readonly CriticalSegment[] {
  if (segments.length <= max) return segments;
  const lengthOf = (place: number): number => segments[place]!.endNs - segments[place]!.startNs;
  const longest = [...segments.keys()].toSorted((a, b) => lengthOf(b) - lengthOf(a) || a - b).slice(0, max);
  return longest.toSorted((a, b) => a - b).map((place) => segments[place]!);
}

function describeSegment(trace: Trace, { spanIndex, startNs, endNs }: CriticalSegment): ReportedSegment {
  return {
    spanId: trace.spanIds[spanIndex]!,
    service: trace.services[trace.serviceIndex[spanIndex]!]!,
    operation: trace.names[spanIndex]!,
    kind: trace.kind[spanIndex]!,
    startTimeUnixNano: momentOf(trace, startNs),
    durationNs: whole(endNs - startNs),
  };
}

function describeTime({ spanCount, exclusiveNs, criticalNs }: TimeShare): ReportedTime {
  return { spanCount, exclusiveNs: whole(exclusiveNs), criticalNs: whole(criticalNs) };
}

function describeSaving({ service, name, kind, savedNs, criticalNs }: RankedChange): ReportedSaving {
  const what = { service, operation: name ?? null, kind: kind ?? null };
  return { ...what, savedNs: whole(savedNs), removedNs: whole(criticalNs) };
}

function momentOf(trace: Trace, ns: number): string {
  return String(trace.traceStartUnixNano + BigInt(Math.round(ns)));
}

/** Spans of thousands of years are more than a double holds exactly, and no less whole. */
function whole(ns: number): string {
  return String(BigInt(Math.round(ns)));
}
