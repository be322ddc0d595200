import type { CriticalSegment } from '@throughline/trace';

/** Critical-path segments in the order of time; `bySpan` lists them in the order of span index, then time. */
export interface SegmentTable {
  readonly span: Int32Array;
  readonly startNs: Float64Array;
  readonly endNs: Float64Array;
  readonly bySpan: Int32Array;
  /** Segments of span `i` are `bySpan[firstOfSpan[i]]` up to `bySpan[firstOfSpan[i + 1] - 1]`. */
  readonly firstOfSpan: Int32Array;
}

/** `path` is in the order of time, as `criticalPath` gives it. */
export function segmentTable(path: readonly CriticalSegment[], spanCount: number): SegmentTable {
  const span = Int32Array.from(path, (segment) => segment.spanIndex);
  const firstOfSpan = new Int32Array(spanCount + 1);
  for (const index of span) firstOfSpan[index + 1] = (firstOfSpan[index + 1] ?? 0) + 1;
  for (let i = 0; i < spanCount; i++) firstOfSpan[i + 1] = (firstOfSpan[i + 1] ?? 0) + (firstOfSpan[i] ?? 0);
  const bySpan = new Int32Array(span.length);
  const next = firstOfSpan.slice();
  span.forEach((index, segment) => {
    const position = next[index] ?? 0;
    bySpan[position] = segment;
    next[index] = position + 1;
  });
  return {
    span,
    startNs: Float64Array.from(path, (segment) => segment.startNs),
    endNs: Float64Array.from(path, (segment) => segment.endNs),
    bySpan,
    firstOfSpan,
  };
}
