import { type FailedSpans, findFailedSpans } from './failed-spans.ts';
import { handoverNs } from './handover.ts';
import type { Trace } from '../tree/trace.ts';

/** Time during which the root waited for this span and for none of its children. */
export interface CriticalSegment {
  /** The span's place in the columns of `Trace`. */
  readonly spanIndex: number;
  /** Nanoseconds after the trace's start (`traceStartUnixNano`). */
  readonly startNs: number;
  /** As `startNs`, and greater: no segment is empty. */
  readonly endNs: number;
}

/**
 * The chain of work that a span had to wait for, the root by default, in the order of time: walked backwards from its
 * end to the child that finished last, from there to the one that had finished when that one started, and so on, in
 * every generation. Where none had finished by then the time is the span's own: a child that is still running when the
 * next one begins was not what that one waited for. Children of a span that stopped waiting are clipped to it. What
 * nobody waited for is not on the path: what a consumer does, what goes on after a parent that did not stop waiting,
 * and what was cancelled because another had failed or responded first.
 *
 * The segments touch each other and add up to exactly the span's duration. Takes n log n time, and no call stack.
 * After CRISP (Zhang et al., USENIX ATC 2022). Empty for a trace without spans.
 *
 * @example
 * for (const { spanIndex, startNs, endNs } of criticalPath(trace)) {
 *   console.log(formatDuration(endNs - startNs), trace.names[spanIndex]);
 * }
 *
 * @see https://www.usenix.org/conference/atc22/presentation/zhang-zhizhou
 */
export function criticalPath(trace: Trace, spanIndex: number = trace.rootIndex): CriticalSegment[] {
  if (spanIndex < 0) return [];
  const spans = findFailedSpans(trace);
  const segments: CriticalSegment[] = [];
  const emit = (span: number, startNs: number, endNs: number): void => {
    if (endNs > startNs) segments.push({ spanIndex: span, startNs, endNs });
  };
  const rootStart = trace.startNs[spanIndex]!;
  const walks = [startWalk(trace, spans, spanIndex, rootStart, rootStart + trace.durationNs[spanIndex]!)];
  for (let walk = walks.at(-1); walk !== undefined; walk = walks.at(-1)) {
    const child = nextCriticalChild(trace, walk);
    if (child < 0) {
      emit(walk.span, walk.startNs, walk.atNs);
      walks.pop();
      continue;
    }
    const childStart = Math.max(trace.startNs[child]!, walk.startNs);
    const childEnd = Math.min(trace.startNs[child]! + trace.durationNs[child]!, walk.atNs);
    emit(walk.span, childEnd, walk.atNs);
    walk.atNs = childStart;
    walk.laterChild = child;
    // Most spans have no child, and a walk over none ends where it begins.
    if (trace.subtreeSize[child] === 1) emit(child, childStart, childEnd);
    else walks.push(startWalk(trace, spans, child, childStart, childEnd));
  }
  return segments.toReversed();
}

/**
 * For each span, how many nanoseconds the root waited for it and for none of its children: its time on the critical
 * path, by its place in the columns of `Trace`; 0 off the path. They add up to the root's duration. `segments` are
 * those of `criticalPath(trace)`, if they are at hand already.
 *
 * @example
 * const onPathNs = criticalNs(trace);
 * trace.names.forEach((name, span) => console.log(name, formatDuration(onPathNs[span] ?? 0)));
 */
export function criticalNs(trace: Trace, segments: readonly CriticalSegment[] = criticalPath(trace)): Float64Array {
  const total = new Float64Array(trace.spanCount);
  for (const { spanIndex, startNs, endNs } of segments) total[spanIndex]! += endNs - startNs;
  return total;
}

/** One span on the way back in time, from the end of its window (`atNs` at first) to `startNs`. */
interface Walk {
  readonly span: number;
  readonly startNs: number;
  atNs: number;
  /** Those that have time in the window, the last to finish first. */
  readonly children: readonly number[];
  nextChild: number;
  /** The child that the walk has just left; -1 before the first. */
  laterChild: number;
}

function startWalk(trace: Trace, spans: FailedSpans, span: number, startNs: number, endNs: number): Walk {
  const children = childrenInWindow(trace, spans, span, startNs, endNs);
  return { span, startNs, atNs: endNs, children, nextChild: 0, laterChild: -1 };
}

function childrenInWindow(
  trace: Trace,
  { isBackground, isConsequence }: FailedSpans,
  span: number,
  windowStart: number,
  windowEnd: number,
): number[] {
  const { startNs, durationNs, subtreeSize } = trace;
  const children: number[] = [];
  const end = span + subtreeSize[span]!;
  for (let child = span + 1; child < end; child += subtreeSize[child]!) {
    const childEnd = Math.min(startNs[child]! + durationNs[child]!, windowEnd);
    if (childEnd <= Math.max(startNs[child]!, windowStart)) continue;
    if (isBackground[child] === 1 || isConsequence[child] === 1) continue;
    children.push(child);
  }
  if (children.length < 2) return children;
  // Those that the parent's end cuts off all finish there; of these, the longest was waited for.
  const clippedEnd = (child: number): number => Math.min(startNs[child]! + durationNs[child]!, windowEnd);
  return children.toSorted((a, b) => clippedEnd(b) - clippedEnd(a) || startNs[a]! - startNs[b]! || a - b);
}

function nextCriticalChild(trace: Trace, walk: Walk): number {
  const { startNs, durationNs } = trace;
  if (walk.atNs <= walk.startNs) return -1;
  while (walk.nextChild < walk.children.length) {
    const child = walk.children[walk.nextChild++]!;
    if (startNs[child]! >= walk.atNs) continue;
    const pauseNs = walk.atNs - (startNs[child]! + durationNs[child]!);
    if (walk.laterChild < 0 || pauseNs >= 0 || -pauseNs <= handoverNs(trace, child, walk.laterChild)) return child;
  }
  return -1;
}
