import { criticalPath, type CriticalSegment } from '../analysis/critical-path.ts';
import { type ErrorOrigin, errorOrigins } from '../analysis/error-origins.ts';
import { writeClauses } from './write-clauses.ts';
import { gatherEvidence } from './evidence.ts';
import { writeHeadline } from './write-headline.ts';
import { summarise } from './summarise.ts';
import { storyPlaces, withUsual } from './usual.ts';
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
  const story: Story = {
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
  const { usual } = options;
  return usual === undefined ? story : withUsual(story, storyPlaces(trace, story), usual);
}

function longestOf(segments: readonly CriticalSegment[], max: number): readonly CriticalSegment[] {
  if (segments.length <= max) return segments;
  const lengths = new Float64Array(segments.length);
  for (let at = 0; at < segments.length; at++) lengths[at] = segments[at]!.endNs - segments[at]!.startNs;
  const leastNs = nthOf(lengths.slice(), lengths.length - max);
  let asShort = max;
  for (const ns of lengths) if (ns > leastNs) asShort--;
  const kept: CriticalSegment[] = [];
  for (let at = 0; at < lengths.length; at++) {
    if (lengths[at]! > leastNs || (lengths[at] === leastNs && asShort-- > 0)) kept.push(segments[at]!);
  }
  return kept;
}

/** What stands at this place once the values are sorted, which they are only as far as that needs. */
function nthOf(values: Float64Array, place: number): number {
  let [first, last] = [0, values.length - 1];
  while (first < last) {
    const pivot = values[(first + last) >>> 1]!;
    let [left, right] = [first, last];
    while (left <= right) {
      while (values[left]! < pivot) left++;
      while (values[right]! > pivot) right--;
      if (left > right) break;
      const value = values[left]!;
      values[left++] = values[right]!;
      values[right--] = value;
    }
    if (place <= right) last = right;
    else if (place >= left) first = left;
    else break;
  }
  return values[place] ?? Infinity;
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
