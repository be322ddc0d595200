import type { CriticalSegment } from '../analysis/critical-path.ts';
import { groupBy } from '../group-by.ts';
import type { Trace } from '../tree/trace.ts';

/**
 * For how long, of the segments of the critical path that belong to these spans, no child of theirs was running: what
 * is left of them after the union of the children's times. Children of every kind count, consumers as well.
 */
export function childlessNs(trace: Trace, segments: readonly CriticalSegment[], spans: readonly number[]): number {
  const wanted = new Set(spans);
  const bySpan = groupBy(
    segments.filter(({ spanIndex }) => wanted.has(spanIndex)),
    ({ spanIndex }) => spanIndex,
  );
  let totalNs = 0;
  for (const [span, own] of bySpan) totalNs += childlessNsOf(trace, span, own);
  return totalNs;
}

/** Children and segments are both in the order of their starts, so that one walk over each is enough. */
function childlessNsOf(trace: Trace, span: number, segments: readonly CriticalSegment[]): number {
  const { startNs, durationNs, subtreeSize } = trace;
  const end = span + subtreeSize[span]!;
  let child = span + 1;
  let coveredToNs = -Infinity;
  let totalNs = 0;
  for (const segment of segments) {
    let atNs = Math.max(segment.startNs, Math.min(coveredToNs, segment.endNs));
    while (child < end && startNs[child]! < segment.endNs) {
      const childEndNs = startNs[child]! + durationNs[child]!;
      if (childEndNs > startNs[child]!) {
        totalNs += Math.max(0, startNs[child]! - atNs);
        coveredToNs = Math.max(coveredToNs, childEndNs);
        atNs = Math.max(atNs, Math.min(coveredToNs, segment.endNs));
      }
      child += subtreeSize[child]!;
    }
    totalNs += segment.endNs - atNs;
  }
  return totalNs;
}
