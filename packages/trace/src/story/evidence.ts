import { criticalNs, type CriticalSegment } from '../analysis/critical-path.ts';
import type { ErrorOrigin } from '../analysis/error-origins.ts';
import { groupBy } from '../group-by.ts';
import { StatusCode } from '../otlp.ts';
import type { Trace } from '../tree/trace.ts';
import { type Contribution, contributions, criticalNsBelow } from './contributions.ts';
import { findPatterns, type Pattern } from './patterns.ts';

/** What the analyses found, for the sentences to choose from. */
export interface Evidence {
  readonly trace: Trace;
  /** The span that the story is about; -1 for an empty trace. */
  readonly root: number;
  readonly durationNs: number;
  readonly segments: readonly CriticalSegment[];
  /** The critical path by like spans, in display order. */
  readonly contributions: readonly Contribution[];
  /** The failures, like ones together: those on the critical path first, then in display order. */
  readonly failures: readonly FailureGroup[];
  /** Failed ones first, then the longest first. */
  readonly otherRoots: readonly OtherRoot[];
  /** How many spans the trace has, those included that were not read. */
  readonly spansInTrace: number;
  readonly isTruncated: boolean;
  /** Those that took the most of the critical path first. */
  readonly patterns: readonly Pattern[];
  /** The time of the critical path in the subtree of a span. */
  readonly criticalBelow: (span: number) => number;
}

/** A span without a parent that is not the root which the story is about. */
export interface OtherRoot {
  readonly span: number;
  readonly durationNs: number;
  readonly failed: boolean;
}

/**
 * Origins with the same service, name and kind of origin and of the span that stopped waiting: attempts at the same
 * thing.
 */
export interface FailureGroup {
  readonly origins: readonly ErrorOrigin[];
  /** The time on the critical path of the origins and what is below them. */
  readonly criticalNs: number;
}

export function gatherEvidence(
  trace: Trace,
  segments: readonly CriticalSegment[],
  origins: readonly ErrorOrigin[],
  spansInTrace: number,
): Evidence {
  const critical = criticalNs(trace, segments);
  const criticalBelow = criticalNsBelow(trace, critical);
  return {
    trace,
    root: trace.rootIndex,
    durationNs: trace.durationNs[trace.rootIndex] ?? 0,
    segments,
    contributions: contributions(trace, critical),
    failures: groupFailures(trace, origins, criticalBelow),
    otherRoots: findOtherRoots(trace),
    spansInTrace,
    isTruncated: spansInTrace > trace.spanCount + trace.duplicateSpans,
    patterns: findPatterns(trace, criticalBelow),
    criticalBelow,
  };
}

function findOtherRoots(trace: Trace): OtherRoot[] {
  const others = trace.rootIndexes.slice(1).map((span): OtherRoot => {
    return { span, durationNs: trace.durationNs[span]!, failed: trace.statusCode[span] === StatusCode.error };
  });
  return others.toSorted((a, b) => Number(b.failed) - Number(a.failed) || b.durationNs - a.durationNs);
}

function groupFailures(
  trace: Trace,
  origins: readonly ErrorOrigin[],
  criticalBelow: (span: number) => number,
): FailureGroup[] {
  if (origins.length === 0) return [];
  const like = (span: number): string =>
    span < 0 ? '' : [trace.serviceIndex[span], trace.kind[span], trace.names[span]].join(' ');
  const groups = groupBy(origins, (origin) =>
    [origin.kind, like(origin.spanIndex), like(origin.waiterIndex)].join('\n'),
  );
  return [...groups.values()]
    .map((group) => {
      return { origins: group, criticalNs: group.reduce((sum, origin) => sum + criticalBelow(origin.spanIndex), 0) };
    })
    .toSorted((a, b) => b.criticalNs - a.criticalNs || a.origins[0]!.spanIndex - b.origins[0]!.spanIndex);
}
