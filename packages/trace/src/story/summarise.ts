import type { StoryCause, StoryPattern, StorySummary } from './story.ts';
import type { Evidence } from './evidence.ts';
import { Labels } from './labels.ts';
import type { Pattern } from './patterns.ts';
import type { Verdict } from './verdict.ts';

const PATTERNS_MAX = 10;
const TEXT_LENGTH_MAX = 500;

/** The parts of the headline, for lists, pages and programs that word them in their own way. */
export function summarise(evidence: Evidence, verdict: Verdict): StorySummary {
  const { trace, patterns } = evidence;
  const labels = new Labels(trace, TEXT_LENGTH_MAX);
  return {
    outcome: verdict.outcome,
    operation: verdict.entry < 0 ? '' : labels.shortOperation(verdict.entry),
    cause: causeOf(evidence, verdict, labels),
    shareOfTime: shareOfTime(evidence, verdict),
    patterns: patterns.slice(0, PATTERNS_MAX).map((pattern) => describe(evidence, pattern, labels)),
  };
}

function causeOf(
  { trace }: Evidence,
  { origin, outcome, dominant, reason }: Verdict,
  labels: Labels,
): StoryCause | null {
  const spanIndex = origin?.spanIndex ?? (outcome === 'slow' ? dominant?.spans[0] : undefined);
  if (spanIndex === undefined) return null;
  return {
    spanId: trace.spanIds[spanIndex]!,
    spanIndex,
    service: trace.services[trace.serviceIndex[spanIndex]!]!,
    operation: trace.names[spanIndex]!,
    kind: origin?.kind ?? 'time',
    confidence: origin?.confidence ?? 'inferred',
    reason: labels.text(reason.message) || labels.text(reason.type),
  };
}

function shareOfTime(evidence: Evidence, { origin, retry, pattern, dominant }: Verdict): number | null {
  const { durationNs, isTruncated, criticalBelow } = evidence;
  if (isTruncated || durationNs === 0) return null;
  const named = retry ?? (origin ? undefined : pattern);
  const partNs = named ? timeOf(named) : origin ? criticalBelow(origin.spanIndex) : dominant?.durationNs;
  return partNs === undefined ? null : Math.min(1, Math.round((1000 * partNs) / durationNs) / 1000);
}

/** Pauses are a part of a retry, and of polling. */
function timeOf({ kind, criticalNs, pauseNs }: Pattern): number {
  return criticalNs + (kind === 'retry' || kind === 'polling' ? pauseNs : 0);
}

function describe({ trace }: Evidence, pattern: Pattern, labels: Labels): StoryPattern {
  const first = pattern.spans[0]!;
  return {
    kind: pattern.kind,
    service: trace.services[trace.serviceIndex[first]!]!,
    operation: labels.shortOperation(first),
    spanCount: pattern.spans.length,
    failedSpans: pattern.failedSpans,
    width: pattern.width,
    durationNs: String(pattern.durationNs),
    pauseNs: String(pattern.pauseNs),
    firstSpanId: trace.spanIds[first]!,
    firstSpanIndex: first,
    lastSpanId: trace.spanIds[pattern.lastIndex]!,
    lastSpanIndex: pattern.lastIndex,
  };
}
