import { groupBy } from '../group-by.ts';
import type { Trace } from '../trace.ts';

/** Like siblings that ran one after another: the sign of a loop around a call, known as N+1. */
export interface RepeatedCalls {
  readonly spans: readonly number[];
  readonly durationNs: number;
}

/** So many like siblings are ordinary. */
const ORDINARY_CALLS_MAX = 10;

/** Two siblings that overlap by more than this share of the longer one ran at the same time. */
const OVERLAP_TOLERANCE = 0.01;

/** All groups of more than ten siblings with the same service, kind and name that do not overlap. Linear. */
export function findRepeatedCalls(trace: Trace): RepeatedCalls[] {
  const found: RepeatedCalls[] = [];
  for (let span = 0; span < trace.spanCount; span++) {
    if (trace.subtreeSize[span]! <= ORDINARY_CALLS_MAX + 1) continue;
    const children = childrenOf(trace, span);
    if (children.length <= ORDINARY_CALLS_MAX) continue;
    for (const spans of groupLike(trace, children)) {
      if (spans.length <= ORDINARY_CALLS_MAX || !areSequential(trace, spans)) continue;
      found.push({ spans, durationNs: spans.reduce((sum, call) => sum + trace.durationNs[call]!, 0) });
    }
  }
  return found;
}

function childrenOf(trace: Trace, span: number): number[] {
  const children: number[] = [];
  const end = span + trace.subtreeSize[span]!;
  for (let child = span + 1; child < end; child += trace.subtreeSize[child]!) children.push(child);
  return children;
}

function groupLike(trace: Trace, spans: readonly number[]): Iterable<number[]> {
  const { serviceIndex, kind, names } = trace;
  return groupBy(spans, (span) => `${serviceIndex[span]} ${kind[span]} ${names[span]}`).values();
}

function areSequential(trace: Trace, spans: readonly number[]): boolean {
  const { startNs, durationNs } = trace;
  return spans.every((span, index) => {
    const previous = spans[index - 1];
    if (previous === undefined) return true;
    const overlap = startNs[previous]! + durationNs[previous]! - startNs[span]!;
    return overlap <= OVERLAP_TOLERANCE * Math.max(durationNs[previous]!, durationNs[span]!);
  });
}
