import type { TraceModel } from '../model/trace-model.ts';

/** An unbroken stretch of the critical path within one service. Times are relative to the trace's start. */
export interface PathRun {
  readonly service: number;
  readonly startNs: number;
  readonly endNs: number;
  /** The span that holds most of it. */
  readonly spanIndex: number;
}

type PathColumns = Pick<TraceModel, 'segments' | 'serviceIndex'>;

/** The critical path in the order of time; stretches below `leastNs` join the one before. */
export function pathRuns({ segments, serviceIndex }: PathColumns, leastNs: number): readonly PathRun[] {
  const runs: PathRun[] = [];
  let longestNs = 0;
  for (let k = 0; k < segments.span.length; k++) {
    const spanIndex = segments.span[k] ?? 0;
    const service = serviceIndex[spanIndex] ?? 0;
    const startNs = segments.startNs[k] ?? 0;
    const endNs = segments.endNs[k] ?? 0;
    const last = runs.at(-1);
    if (last === undefined || (last.service !== service && endNs - startNs >= leastNs)) {
      runs.push({ service, startNs, endNs, spanIndex });
      longestNs = endNs - startNs;
      continue;
    }
    const longer = last.service === service && endNs - startNs > longestNs;
    if (longer) longestNs = endNs - startNs;
    runs[runs.length - 1] = { ...last, endNs, spanIndex: longer ? spanIndex : last.spanIndex };
  }
  return runs;
}
