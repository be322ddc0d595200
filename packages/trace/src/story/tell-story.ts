import { criticalPath, type CriticalSegment } from '../analysis/critical-path.ts';
import { type ErrorOrigin, errorOrigins } from '../analysis/error-origins.ts';
import { writeClauses } from './write-clauses.ts';
import { gatherEvidence } from './evidence.ts';
import { writeHeadline } from './write-headline.ts';
import { summarise } from './summarise.ts';
import { judge } from './verdict.ts';
import type { Story, StoryErrorOrigin, StoryOptions } from './story.ts';
import type { Trace } from '../tree/trace.ts';

/**
 * Writes the story of a trace with templates, from the trace alone: the same trace always gives the same words, and
 * names appear as they are. Of an empty trace it states that no span has been received. Never throws. Takes n log n
 * time in the number of spans.
 *
 * @example
 * const { headline, clauses } = tellStory(traceFromOtlp(otlpJson));
 * console.log(headline);
 * for (const { text, spanIds } of clauses) console.log(text, spanIds);
 */
export function tellStory(trace: Trace, options: StoryOptions = {}): Story {
  const { criticalSegmentsMax = 10_000, errorOriginsMax = 100, clauseSpanIdsMax = 1_000 } = options;
  const spansRead = trace.spanCount + trace.duplicateSpans;
  const spansInTrace = Math.max(spansRead, options.spansInTrace ?? 0);
  const segments = criticalPath(trace);
  const origins = errorOrigins(trace);
  const evidence = gatherEvidence(trace, segments, origins, spansInTrace);
  const verdict = judge(evidence);
  const keptSegments = longestOf(segments, criticalSegmentsMax);
  return {
    traceId: trace.traceId,
    headline: writeHeadline(evidence, verdict),
    summary: summarise(evidence, verdict),
    clauses: writeClauses(evidence, clauseSpanIdsMax),
    rootSpanId: trace.spanIds[trace.rootIndex] ?? '',
    rootIndex: trace.rootIndex,
    hasRoot: trace.hasRoot,
    durationNs: String(evidence.durationNs),
    criticalPath: keptSegments.map(({ spanIndex, startNs, endNs }) => ({
      spanId: trace.spanIds[spanIndex]!,
      spanIndex,
      startTimeUnixNano: String(trace.traceStartUnixNano + BigInt(startNs)),
      durationNs: String(endNs - startNs),
    })),
    omittedCriticalSegments: segments.length - keptSegments.length,
    errorOrigins: origins.slice(0, errorOriginsMax).map((origin) => describeOrigin(trace, origin)),
    omittedErrorOrigins: Math.max(0, origins.length - errorOriginsMax),
    spanCount: trace.spanCount,
    spansInTrace,
    truncated: spansInTrace > spansRead,
    duplicateSpans: trace.duplicateSpans,
  };
}

function longestOf(segments: readonly CriticalSegment[], max: number): readonly CriticalSegment[] {
  if (segments.length <= max) return segments;
  const lengths = Float64Array.from(segments, ({ startNs, endNs }) => endNs - startNs).toSorted();
  const leastNs = lengths[lengths.length - max] ?? Infinity;
  let asShort = max - lengths.reduce((longer, ns) => longer + (ns > leastNs ? 1 : 0), 0);
  return segments.filter(({ startNs, endNs }) => {
    const ns = endNs - startNs;
    return ns > leastNs || (ns === leastNs && asShort-- > 0);
  });
}

function describeOrigin(trace: Trace, origin: ErrorOrigin): StoryErrorOrigin {
  const spanId = (index: number): string => trace.spanIds[index]!;
  const handled = origin.handledByIndex >= 0;
  return {
    spanId: spanId(origin.spanIndex),
    spanIndex: origin.spanIndex,
    kind: origin.kind,
    confidence: origin.confidence,
    ...(origin.kind !== 'error' && {
      waiterSpanId: spanId(origin.waiterIndex),
      waiterIndex: origin.waiterIndex,
      overflowNs: String(origin.overflowNs),
    }),
    handled,
    inBackground: origin.isBackground,
    ...(handled && { handledBySpanId: spanId(origin.handledByIndex), handledByIndex: origin.handledByIndex }),
    surfacedSpanId: spanId(origin.surfacedIndex),
    surfacedIndex: origin.surfacedIndex,
    type: origin.failure.type,
    message: origin.failure.message,
  };
}
