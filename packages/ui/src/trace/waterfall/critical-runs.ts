import type { TraceModel } from '../model/trace-model.ts';

/** Whether a run of critical time is the span's own or that of the spans folded into it. */
export const critical = { own: 0, inside: 1 } as const;

export interface CriticalRun {
  readonly kind: (typeof critical)[keyof typeof critical];
  readonly startNs: number;
  readonly endNs: number;
}

type PathColumns = Pick<TraceModel, 'segments' | 'subtreeSize'>;

/**
 * The stretches of the critical path inside a span's bar, and when it is folded, also inside what it hides. Stretches
 * that are less than `leastGapNs` apart join: a bar never needs more than one a pixel.
 */
export function criticalRuns(
  { segments, subtreeSize }: PathColumns,
  index: number,
  folded: boolean,
  leastGapNs: number,
): readonly CriticalRun[] {
  const ownFirst = segments.firstOfSpan[index] ?? 0;
  const ownLast = segments.firstOfSpan[index + 1] ?? 0;
  const own = collect(segments, ownFirst, ownLast, critical.own, leastGapNs);
  if (!folded) return own;
  const insideLast = segments.firstOfSpan[index + (subtreeSize[index] ?? 1)] ?? ownLast;
  return [...collect(segments, ownLast, insideLast, critical.inside, leastGapNs), ...own];
}

function collect(
  segments: TraceModel['segments'],
  first: number,
  last: number,
  kind: CriticalRun['kind'],
  leastGapNs: number,
): readonly CriticalRun[] {
  // `bySpan` is in time within one span only; folded subtrees hold many spans.
  const inTime = segments.bySpan.subarray(first, last).toSorted();
  const runs: { kind: CriticalRun['kind']; startNs: number; endNs: number }[] = [];
  for (const segment of inTime) {
    const startNs = segments.startNs[segment] ?? 0;
    const endNs = segments.endNs[segment] ?? 0;
    const before = runs.at(-1);
    if (before !== undefined && startNs - before.endNs < leastGapNs) before.endNs = endNs;
    else runs.push({ kind, startNs, endNs });
  }
  return runs;
}
