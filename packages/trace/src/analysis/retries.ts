import { groupBy } from '../group-by.ts';
import { handoverNs } from './handover.ts';
import { likeCalls, targetOf } from './like-calls.ts';
import type { Trace } from '../tree/trace.ts';

/** Like siblings, one after another, of which all but maybe the last one failed. */
export interface Retry {
  /** In the order of time. */
  readonly spans: readonly number[];
  readonly succeeded: boolean;
  /** Between the attempts, together. */
  readonly pauseNs: number;
}

/** More failures in a row than this are a loop that fails. */
const ATTEMPTS_MAX = 10;

/** Linear, and looks only at the children of a span of which one failed. */
export function findRetries(trace: Trace, failed: Uint8Array): Retry[] {
  const { spanCount, parentIndex, subtreeSize, startNs, durationNs } = trace;
  const parents = new Set<number>();
  for (let span = 0; span < spanCount; span++)
    if (failed[span] === 1 && parentIndex[span]! >= 0) parents.add(parentIndex[span]!);
  const retries: Retry[] = [];
  for (const parent of parents) {
    const children: number[] = [];
    const end = parent + subtreeSize[parent]!;
    for (let child = parent + 1; child < end; child += subtreeSize[child]!) children.push(child);
    if (children.length < 2) continue;
    const name = likeCalls(trace);
    for (const spans of groupBy(children, name).values()) {
      if (spans.length < 2 || spans.length > ATTEMPTS_MAX) continue;
      if (spans.slice(0, -1).some((span) => failed[span] === 0)) continue;
      let pauseNs = 0;
      const isInTurn = spans.slice(1).every((span, index) => {
        const before = spans[index]!;
        const gapNs = startNs[span]! - startNs[before]! - durationNs[before]!;
        pauseNs += Math.max(0, gapNs);
        return -gapNs <= handoverNs(trace, before, span);
      });
      if (!isInTurn || !areTheSame(trace, spans)) continue;
      retries.push({ spans, succeeded: failed[spans.at(-1)!] === 0, pauseNs });
    }
  }
  return retries;
}

/** Calls of different things are a loop. */
function areTheSame(trace: Trace, spans: readonly number[]): boolean {
  const targets = new Set(spans.map((span) => targetOf(trace, span)));
  return targets.size === 1;
}
