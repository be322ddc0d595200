import { type CallPath, callPathsOf } from './call-paths.ts';
import { LogSketch } from './log-sketch.ts';
import type { OwnTimes } from './own-times.ts';
import type { SpanTable } from './span-table.ts';

/** What the spans at one path are usually like: sums, so that those of several tables add up. */
export interface PathSums {
  readonly path: CallPath;
  /** Spans that were looked at. */
  spans: number;
  /** Traces that they are in. */
  traces: number;
  /** How many spans they stand for. */
  weight: number;
  /** How many traces those are in. */
  traceWeight: number;
  /** Of the spans with an error. */
  errorWeight: number;
  /** In nanoseconds, as the others. */
  readonly durations: LogSketch;
  /** Durations without those of what was called; empty for calls that were answered. */
  readonly ownTimes: LogSketch;
  /** Durations of calls without those of their callees; empty for all else. */
  readonly gaps: LogSketch;
  /** Weights by `service.version`, and by instance; '' stands for those beyond the limit. */
  readonly versions: Map<string, number>;
  readonly instances: Map<string, number>;
}

export interface Normals {
  /** Those of the greatest weight first. */
  readonly paths: readonly PathSums[];
  /** Spans that count at no path: those deeper than `PATH_DEPTH_MAX`, and those of paths beyond the limit. */
  readonly deepSpans: number;
  readonly droppedSpans: number;
  readonly droppedPaths: number;
}

/** Versions and instances that a path keeps apart. */
const NAMED_MAX = 20;

/**
 * @param share of all traces, above 0 and up to 1, that the table has a sample of.
 * @param pathsMax paths that are kept, those of the greatest weight.
 */
export function measureNormals(
  table: SpanTable,
  times: Pick<OwnTimes, 'ownNs' | 'gapNs'>,
  { share, pathsMax }: { readonly share: number; readonly pathsMax: number },
): Normals {
  const { paths, ofSpan } = callPathsOf(table);
  const sums = paths.map((path) => emptySums(path));
  const lastTrace = new Int32Array(paths.length).fill(-1);
  let deepSpans = 0;
  // By trace, so that the traces of a path can be counted.
  for (const span of spansByTrace(table)) {
    const index = ofSpan[span]!;
    if (index < 0) {
      deepSpans++;
      continue;
    }
    const sum = sums[index]!;
    const weight = table.weight[span]! / share;
    sum.spans++;
    sum.weight += weight;
    if (lastTrace[index] !== table.trace[span]!) {
      lastTrace[index] = table.trace[span]!;
      sum.traces++;
      sum.traceWeight += weight;
    }
    if (table.isError[span] === 1) sum.errorWeight += weight;
    sum.durations.add(table.durationNs[span]!, weight);
    if (!Number.isNaN(times.ownNs[span]!)) sum.ownTimes.add(times.ownNs[span]!, weight);
    if (!Number.isNaN(times.gapNs[span]!)) sum.gaps.add(times.gapNs[span]!, weight);
    const { version, id } = table.vocabulary.instances[table.instance[span]!]!;
    addNamed(sum.versions, version, weight);
    addNamed(sum.instances, id, weight);
  }
  const ranked = sums.toSorted((a, b) => b.weight - a.weight || (a.path.id < b.path.id ? -1 : 1));
  const dropped = ranked.slice(pathsMax);
  return {
    paths: ranked.slice(0, pathsMax),
    deepSpans,
    droppedSpans: dropped.reduce((sum, { spans }) => sum + spans, 0),
    droppedPaths: dropped.length,
  };
}

function emptySums(path: CallPath): PathSums {
  return {
    path,
    spans: 0,
    traces: 0,
    weight: 0,
    traceWeight: 0,
    errorWeight: 0,
    durations: new LogSketch(),
    ownTimes: new LogSketch(),
    gaps: new LogSketch(),
    versions: new Map(),
    instances: new Map(),
  };
}

function addNamed(weights: Map<string, number>, name: string, weight: number): void {
  if (name === '') return;
  const key = weights.has(name) || weights.size < NAMED_MAX ? name : '';
  weights.set(key, (weights.get(key) ?? 0) + weight);
}

/** Counted, not compared: traces have numbers. */
export function spansByTrace({ count, trace, traceIds }: SpanTable): Uint32Array {
  const next = new Uint32Array(traceIds.length + 1);
  for (let span = 0; span < count; span++) next[trace[span]! + 1]!++;
  for (let at = 0; at < traceIds.length; at++) next[at + 1]! += next[at]!;
  const order = new Uint32Array(count);
  for (let span = 0; span < count; span++) order[next[trace[span]!]!++] = span;
  return order;
}
