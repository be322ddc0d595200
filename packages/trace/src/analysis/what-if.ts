import { criticalNs } from './critical-path.ts';
import { findFailedSpans } from './failed-spans.ts';
import { timeByOperation, timeByService } from './times.ts';
import type { Trace } from '../tree/trace.ts';

/** What would be otherwise. */
export interface Change {
  /** The spans whose own time changes; that of their children does not. */
  readonly spans: (spanIndex: number) => boolean;
  /** The share of their own time that is left: 0.5 halves it, 0 takes all of it. From 0 to 1. */
  readonly factor: number;
}

/** What a change would come to. */
export interface Outcome {
  /** How long the root would take at least. */
  readonly durationNs: number;
  /** By how much shorter the root would be at most; 0 where something else takes as long. */
  readonly savedNs: number;
  /**
   * What the change takes off the critical path. As long as nothing else becomes critical, it is saved; the part of it
   * that is not is the slack of what runs beside.
   */
  readonly criticalNs: number;
}

/**
 * How long the root would have taken if some spans had taken less time of their own. The trace is laid out again from
 * what it shows: a child begins when all siblings that had ended by its begin have ended again, after the parent's own
 * time between; a span ends when the children that it waited for have, after its own time since. What ran beside, and
 * has slack, so limits what is saved (in a plan the drag of a task is no more than the slack of what runs beside it).
 *
 * A bound, and no forecast: that siblings in turn depend on each other is what their order suggests, and freed
 * resources, locks and queues that other requests would profit from are not in one trace. Spans that nobody waited for
 * change nothing. n log n in the number of spans. Throws RangeError for a factor below 0 or above 1.
 *
 * @example
 * const { savedNs } = whatIf(trace, { spans: (span) => trace.names[span] === 'SELECT stock', factor: 0.5 });
 * console.log(`halving SELECT stock saves ${formatDuration(savedNs)} at most`);
 */
export function whatIf(trace: Trace, { spans, factor }: Change): Outcome {
  if (!(factor >= 0 && factor <= 1)) throw new RangeError(`factor: got ${factor}, accepted are 0 to 1`);
  const root = trace.rootIndex;
  if (root < 0) return { durationNs: 0, savedNs: 0, criticalNs: 0 };
  const newDurationNs = new Float64Array(trace.spanCount);
  const end = root + trace.subtreeSize[root]!;
  // Children come after their parents: backwards, each is done before it is needed.
  for (let span = end - 1; span >= root; span--) {
    newDurationNs[span] = replay(trace, span, newDurationNs, spans(span) ? factor : 1);
  }
  let removedNs = 0;
  criticalNs(trace).forEach((ns, span) => {
    if (ns > 0 && spans(span)) removedNs += ns * (1 - factor);
  });
  const durationNs = Math.min(Math.round(newDurationNs[root]!), trace.durationNs[root]!);
  return { durationNs, savedNs: trace.durationNs[root]! - durationNs, criticalNs: Math.round(removedNs) };
}

/** A change of one operation or service, and what it would come to. */
export interface RankedChange extends Outcome {
  readonly service: string;
  /** Undefined where the change is of all operations of the service. */
  readonly name?: string;
  readonly kind?: number;
}

/**
 * What it would save to speed up each service, or each operation; the most first. Only those that have the most time on
 * the critical path are tried, `max` of them: the others save less than the last of these takes.
 *
 * @example
 * const [best] = whatIfEach(trace, { by: 'operation', factor: 0.5 });
 * if (best) console.log(`halving ${best.service} ${best.name} saves ${formatDuration(best.savedNs)} at most`);
 */
export function whatIfEach(
  trace: Trace,
  { by, factor, max = 10 }: { readonly by: 'service' | 'operation'; readonly factor: number; readonly max?: number },
): RankedChange[] {
  const candidates: readonly { service: string; name?: string; kind?: number; criticalNs: number }[] =
    by === 'service' ? timeByService(trace) : timeByOperation(trace);
  return candidates
    .filter((one) => one.criticalNs > 0)
    .slice(0, max)
    .map(({ service, name, kind }): RankedChange => {
      const spans = (span: number): boolean =>
        trace.services[trace.serviceIndex[span]!] === service &&
        (name === undefined || (trace.names[span] === name && trace.kind[span] === kind));
      const what = { service, ...(name !== undefined && { name }), ...(kind !== undefined && { kind }) };
      return { ...what, ...whatIf(trace, { spans, factor }) };
    })
    .toSorted((a, b) => b.savedNs - a.savedNs || b.criticalNs - a.criticalNs);
}

/**
 * For each span, by how much longer it could have taken without the root taking longer: 0 on the critical path, and
 * Infinity for what nobody waited for and for what is not below the root. By its place in the columns of `Trace`; after
 * the same layout as `whatIf`. n log n in the number of spans.
 */
export function slackNs(trace: Trace): Float64Array {
  const slack = new Float64Array(trace.spanCount).fill(Infinity);
  const root = trace.rootIndex;
  if (root < 0) return slack;
  slack[root] = 0;
  const end = root + trace.subtreeSize[root]!;
  for (let span = root; span < end; span++) {
    if (slack[span] === Infinity) continue;
    const children = waitedFor(trace, span);
    if (children.length === 0) continue;
    const joins = joinsOf(children);
    // From the last begin on: what follows a child is done before it.
    const followers = new Prefix(children.map(({ startNs, toleranceNs }) => -(startNs + toleranceNs)));
    const ofParent = joins.endNs + slack[span]!;
    for (let at = children.length - 1; at >= 0; at--) {
      const child = children[at]!;
      const latestNs = Math.min(ofParent, -followers.maxUpTo(-child.endNs, -Infinity));
      slack[child.span] = Math.max(0, latestNs - child.endNs);
      followers.add(at, -(joins.beforeNs[at]! + slack[child.span]!));
    }
  }
  return slack;
}

/** A child that its parent waited for, cut to the parent's time; relative to the parent's start. */
interface Waited {
  readonly span: number;
  readonly startNs: number;
  readonly endNs: number;
  /** How much of the child is before the parent's start. */
  readonly earlyNs: number;
  /**
   * A sibling that ends no later than this after the child's begin had ended: clocks tick, and ends are noticed late.
   */
  readonly toleranceNs: number;
}

const TICK_NS = 1_000_000;

/** In the order of their starts. */
function waitedFor(trace: Trace, parent: number): Waited[] {
  const { startNs, durationNs, subtreeSize } = trace;
  const { isBackground, isConsequence } = findFailedSpans(trace);
  const children: Waited[] = [];
  const end = parent + subtreeSize[parent]!;
  for (let child = parent + 1; child < end; child += subtreeSize[child]!) {
    if (isBackground[child] === 1 || isConsequence[child] === 1) continue;
    const from = startNs[child]! - startNs[parent]!;
    const to = Math.min(from + durationNs[child]!, durationNs[parent]!);
    const earlyNs = Math.max(0, -from);
    if (to <= Math.max(0, from)) continue;
    const lengthNs = to - Math.max(0, from);
    const toleranceNs = Math.max(0.01 * lengthNs, Math.min(TICK_NS, 0.5 * lengthNs));
    children.push({ span: child, startNs: Math.max(0, from), endNs: to, earlyNs, toleranceNs });
  }
  return children;
}

/** When the last sibling had ended that each child, and the end of the parent, waited for. */
function joinsOf(children: readonly Waited[]): { readonly beforeNs: Float64Array; readonly endNs: number } {
  const beforeNs = new Float64Array(children.length);
  const ended = new Prefix(children.map(({ endNs }) => endNs));
  let latestNs = 0;
  children.forEach(({ startNs, endNs, toleranceNs }, at) => {
    beforeNs[at] = ended.maxUpTo(startNs + toleranceNs, 0);
    ended.add(at, endNs);
    latestNs = Math.max(latestNs, endNs);
  });
  return { beforeNs, endNs: latestNs };
}

/** The duration of a span whose children take as long as `newDurationNs` says. */
function replay(trace: Trace, span: number, newDurationNs: Float64Array, factor: number): number {
  const durationNs = trace.durationNs[span]!;
  if (trace.subtreeSize[span] === 1) return durationNs * factor;
  const children = waitedFor(trace, span);
  const joins = joinsOf(children);
  const ended = new Prefix(children.map(({ endNs }) => endNs));
  let lastNs = 0;
  children.forEach((child, at) => {
    const ownNs = child.startNs - joins.beforeNs[at]!;
    const joinedNs = ended.maxUpTo(child.startNs + child.toleranceNs, 0);
    const startNs = Math.max(0, joinedNs + ownTime(ownNs, factor));
    // Who stops waiting for a child waits no longer than before, and shorter if the child ends sooner.
    const lengthNs = Math.min(newDurationNs[child.span]! - child.earlyNs, child.endNs - child.startNs);
    const endNs = startNs + Math.max(0, lengthNs);
    ended.add(at, endNs);
    lastNs = Math.max(lastNs, endNs);
  });
  return lastNs + ownTime(durationNs - joins.endNs, factor);
}

/** What two siblings overlap by is no time of their parent. */
function ownTime(ns: number, factor: number): number {
  return ns > 0 ? ns * factor : ns;
}

/** The greatest value of the items up to a position, of those that have been added; each step takes log n time. */
class Prefix {
  /** Ascending. */
  readonly #positions: Float64Array;
  /** One more than the place of each item among the positions. */
  readonly #places: Uint32Array;
  /** A Fenwick tree. */
  readonly #tree: Float64Array;

  constructor(positions: readonly number[]) {
    this.#positions = new Float64Array(positions).toSorted();
    this.#places = Uint32Array.from(positions, (position) => this.#countUpTo(position));
    this.#tree = new Float64Array(positions.length + 1).fill(-Infinity);
  }

  add(item: number, value: number): void {
    for (let at = this.#places[item]!; at < this.#tree.length; at += at & -at) {
      this.#tree[at] = Math.max(this.#tree[at]!, value);
    }
  }

  maxUpTo(position: number, none: number): number {
    let max = -Infinity;
    for (let at = this.#countUpTo(position); at > 0; at -= at & -at) max = Math.max(max, this.#tree[at]!);
    return max === -Infinity ? none : max;
  }

  #countUpTo(position: number): number {
    let [low, high] = [0, this.#positions.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#positions[middle]! <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
