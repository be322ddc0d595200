import type { TraceModel } from './trace-model.ts';

type TimeColumns = Pick<TraceModel, 'startNs' | 'durationNs' | 'subtreeSize'>;

/** The part of a span's duration in which none of its children was running. */
export function selfTimeNs({ startNs, durationNs, subtreeSize }: TimeColumns, index: number): number {
  const start = startNs[index] ?? 0;
  const end = start + (durationNs[index] ?? 0);
  let coveredNs = 0;
  let reached = start;
  const last = index + (subtreeSize[index] ?? 1);
  // Siblings are in the order of their starts, so one pass is enough.
  for (let child = index + 1; child < last; child += Math.max(1, subtreeSize[child] ?? 1)) {
    const from = Math.max(startNs[child] ?? 0, reached);
    const to = Math.min((startNs[child] ?? 0) + (durationNs[child] ?? 0), end);
    if (to <= from) continue;
    coveredNs += to - from;
    reached = to;
  }
  return end - start - coveredNs;
}
