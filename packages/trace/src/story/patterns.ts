import { findFailedSpans } from '../analysis/failed-spans.ts';
import { groupBy } from '../group-by.ts';
import { handoverNs } from '../analysis/handover.ts';
import { likeCalls } from '../analysis/like-calls.ts';
import { SpanKind } from '../otlp.ts';
import type { Trace } from '../tree/trace.ts';

/** A shape that many spans have together, and that has a name. */
export interface Pattern {
  /**
   * `retry`: attempts at the same thing, of which all but maybe the last failed · `n+1`: ten like calls or more, one
   * after another · `sequential`: fewer of them, or work that is no call · `polling`: like calls with longer pauses
   * between · `fan-out`: like calls at the same time · `recursion`: spans that hold their like, ten deep or more.
   */
  readonly kind: 'retry' | 'n+1' | 'sequential' | 'polling' | 'fan-out' | 'recursion';
  /** In the order of their starts. */
  readonly spans: readonly number[];
  /** Of the calls together; of the outermost one in a recursion. */
  readonly durationNs: number;
  /** Between the calls, together; 0 where they do not follow each other. */
  readonly pauseNs: number;
  /** How many ran at once at most. */
  readonly width: number;
  readonly failedSpans: number;
  /** The one that ended last. */
  readonly lastIndex: number;
  /** The time of the critical path that they, and what is below them, took. */
  readonly criticalNs: number;
}

/** Fewer like spans than these have no name. */
const LIKE_SPANS_MIN = 3;
const LOOP_MIN = 10;
const RECURSION_MIN = 10;

/** Who polls pauses for longer than its calls take, by this factor, and for this long. */
const POLL_PAUSE_FACTOR = 2;
const POLL_PAUSE_MIN_NS = 20_000_000;

/**
 * The patterns of a trace, those that took the most of the critical path first. n log n in the number of spans.
 * @param criticalBelow the time of the critical path in the subtree of a span.
 */
export function findPatterns(trace: Trace, criticalBelow: (span: number) => number): Pattern[] {
  const { failed, retries } = findFailedSpans(trace);
  const describe = (
    kind: Pattern['kind'],
    spans: readonly number[],
    more: { readonly pauseNs?: number; readonly width?: number } = {},
  ): Pattern => ({
    kind,
    spans,
    durationNs: sumOf(spans, (span) => trace.durationNs[span]!),
    pauseNs: more.pauseNs ?? 0,
    width: more.width ?? 1,
    failedSpans: sumOf(spans, (span) => failed[span]!),
    lastIndex: spans.reduce((last, span) => (endOf(trace, span) > endOf(trace, last) ? span : last), spans[0]!),
    criticalNs: sumOf(spans, criticalBelow),
  });

  const found = retries.map(({ spans, pauseNs }) => describe('retry', spans, { pauseNs }));
  const retried = new Set(retries.flatMap(({ spans }) => spans));
  const like = likeCalls(trace);
  for (let parent = 0; parent < trace.spanCount; parent++) {
    if (trace.subtreeSize[parent]! <= LIKE_SPANS_MIN) continue;
    const children = childrenOf(trace, parent);
    if (children.length < LIKE_SPANS_MIN) continue;
    for (const spans of groupBy(children, like).values()) {
      if (spans.length < LIKE_SPANS_MIN || retried.has(spans[0]!)) continue;
      const pauses = pausesBetween(trace, spans);
      if (pauses === undefined) {
        const width = widthOf(trace, spans);
        if (width >= LIKE_SPANS_MIN) found.push(describe('fan-out', spans, { width }));
        continue;
      }
      const pauseNs = pauses.reduce((sum, ns) => sum + ns, 0);
      const isCall = trace.kind[spans[0]!] === SpanKind.client;
      if (isCall && isPolling(trace, spans, pauses)) found.push(describe('polling', spans, { pauseNs }));
      else found.push(describe(isCall && spans.length >= LOOP_MIN ? 'n+1' : 'sequential', spans, { pauseNs }));
    }
  }
  const nested = deepestNest(trace);
  if (nested.length >= RECURSION_MIN) {
    const outermost = nested[0]!;
    const durationNs = trace.durationNs[outermost]!;
    found.push({ ...describe('recursion', nested), durationNs, criticalNs: criticalBelow(outermost) });
  }
  return found.toSorted((a, b) => b.criticalNs - a.criticalNs || a.spans[0]! - b.spans[0]!);
}

function sumOf(spans: readonly number[], ns: (span: number) => number): number {
  return spans.reduce((sum, span) => sum + ns(span), 0);
}

function childrenOf(trace: Trace, span: number): number[] {
  const children: number[] = [];
  const end = span + trace.subtreeSize[span]!;
  for (let child = span + 1; child < end; child += trace.subtreeSize[child]!) children.push(child);
  return children;
}

function endOf(trace: Trace, span: number): number {
  return trace.startNs[span]! + trace.durationNs[span]!;
}

/** Undefined where any two run at the same time. */
function pausesBetween(trace: Trace, spans: readonly number[]): number[] | undefined {
  const { startNs } = trace;
  const pauses: number[] = [];
  for (let index = 1; index < spans.length; index++) {
    const [before, span] = [spans[index - 1]!, spans[index]!];
    const pauseNs = startNs[span]! - endOf(trace, before);
    if (-pauseNs > handoverNs(trace, before, span)) return undefined;
    pauses.push(Math.max(0, pauseNs));
  }
  return pauses;
}

function isPolling(trace: Trace, spans: readonly number[], pauses: readonly number[]): boolean {
  const pauseNs = medianOf(pauses);
  const callNs = medianOf(spans.map((span) => trace.durationNs[span]!));
  return pauseNs >= Math.max(POLL_PAUSE_MIN_NS, POLL_PAUSE_FACTOR * callNs);
}

function medianOf(values: readonly number[]): number {
  // Typed arrays are sorted by number, and faster.
  return new Float64Array(values).toSorted()[values.length >> 1] ?? 0;
}

/** How many ran at once at most; one that begins as another ends does not run beside it. */
function widthOf(trace: Trace, spans: readonly number[]): number {
  const ends = Float64Array.from(spans, (span) => endOf(trace, span)).toSorted();
  let ended = 0;
  let width = 0;
  // Siblings are in the order of their starts.
  for (const [index, span] of spans.entries()) {
    const startNs = trace.startNs[span]! + handoverNs(trace, span, span);
    while (ended < ends.length && ends[ended]! <= startNs) ended++;
    width = Math.max(width, index + 1 - ended);
  }
  return width;
}

/** The spans of one service and name that lie within each other, where there are the most of them. */
function deepestNest(trace: Trace): number[] {
  const deepest = trace.depth.reduce((most, depth) => Math.max(most, depth), 0);
  if (deepest + 1 < RECURSION_MIN) return [];
  const likeAbove = new Int32Array(trace.spanCount).fill(-1);
  const nesting = new Int32Array(trace.spanCount).fill(1);
  const nameNumbers = new Map<string, number>();
  const lastOf = new Map<number, number>();
  let innermost = -1;
  for (let span = 0; span < trace.spanCount; span++) {
    const name = nameNumbers.get(trace.names[span]!) ?? nameNumbers.size;
    nameNumbers.set(trace.names[span]!, name);
    const key = name * trace.services.length + trace.serviceIndex[span]!;
    // The last like span in display order may have ended its subtree; those above it may not.
    let above = lastOf.get(key) ?? -1;
    while (above >= 0 && above + trace.subtreeSize[above]! <= span) above = likeAbove[above]!;
    lastOf.set(key, span);
    likeAbove[span] = above;
    if (above >= 0) nesting[span] = nesting[above]! + 1;
    if (innermost < 0 || nesting[span]! > nesting[innermost]!) innermost = span;
  }
  const nested: number[] = [];
  for (let span = innermost; span >= 0; span = likeAbove[span]!) nested.push(span);
  return nested.toReversed();
}
