import { groupBy } from './group-by.ts';
import { SpanKind } from './otlp.ts';
import type { ReceivedSpans } from './received-spans.ts';

/**
 * What has to be added to each span's times so that no server span starts before the span that called it: the one
 * thing that cannot happen under a common clock. A span that merely outlives its parent is left alone: this is what a
 * timeout looks like. Answers undefined where nothing is to be corrected, as in most traces.
 *
 * All spans of a clock move together. Every call into it bounds the correction from below (the server starts after
 * its caller) and, where it is short enough to fit, from above (it ends before); the middle is taken, as NTP does.
 * Where the bounds contradict each other, several clocks go by one name, and each call is corrected on its own.
 */
export function clockSkew(received: ReceivedSpans, parentIndex: Int32Array): Float64Array | undefined {
  if (!hasEvidence(received, parentIndex)) return undefined;
  const { count, clockIndex, startNs } = received;
  const order = parentsFirst(parentIndex);
  const isCallHere = (span: number): boolean => isCall(received, parentIndex, span);
  const calls = groupBy(order.filter(isCallHere), (span) => clockIndex[span]!);
  const clockShift = new Map<number, number>();
  const inconsistent = new Set<number>();
  for (const span of order) {
    const clock = clockIndex[span]!;
    if (parentIndex[span]! < 0 || !calls.has(clock)) clockShift.set(clock, 0);
  }
  for (const [clock, spans] of calls) {
    if (clockShift.has(clock)) continue;
    const shift = shiftOfClock(received, parentIndex, spans, clockShift);
    if (shift === undefined) inconsistent.add(clock);
    clockShift.set(clock, shift ?? 0);
  }

  const skewNs = new Float64Array(count);
  for (const span of order) {
    const parent = parentIndex[span]!;
    const clock = clockIndex[span]!;
    if (!inconsistent.has(clock)) skewNs[span] = clockShift.get(clock) ?? 0;
    else if (parent >= 0 && clockIndex[parent] === clock) skewNs[span] = skewNs[parent]!;
    else if (parent >= 0 && isCall(received, parentIndex, span)) {
      const earliest = startNs[parent]! + skewNs[parent]!;
      skewNs[span] = shiftIntoParent(received, parent, span, earliest);
    }
  }
  return skewNs;
}

function isCall(received: ReceivedSpans, parentIndex: Int32Array, span: number): boolean {
  const { kind, clockIndex } = received;
  const parent = parentIndex[span]!;
  if (parent < 0 || kind[span] !== SpanKind.server || clockIndex[parent] === clockIndex[span]) return false;
  return kind[parent] !== SpanKind.producer;
}

function hasEvidence(received: ReceivedSpans, parentIndex: Int32Array): boolean {
  for (let span = 0; span < received.count; span++) {
    if (!isCall(received, parentIndex, span)) continue;
    if (received.startNs[span]! < received.startNs[parentIndex[span]!]!) return true;
  }
  return false;
}

/** Breadth first, so that a clock is met first where it is nearest to the root. */
function parentsFirst(parentIndex: Int32Array): Uint32Array {
  const count = parentIndex.length;
  const firstChild = new Int32Array(count).fill(-1);
  const nextSibling = new Int32Array(count).fill(-1);
  const order = new Uint32Array(count);
  let end = 0;
  for (let span = count - 1; span >= 0; span--) {
    const parent = parentIndex[span]!;
    if (parent < 0) continue;
    nextSibling[span] = firstChild[parent]!;
    firstChild[parent] = span;
  }
  for (let span = 0; span < count; span++) if (parentIndex[span]! < 0) order[end++] = span;
  for (let at = 0; at < end; at++) {
    for (let child = firstChild[order[at]!]!; child >= 0; child = nextSibling[child]!) order[end++] = child;
  }
  return order;
}

/** Undefined where no single correction makes all calls possible. */
function shiftOfClock(
  received: ReceivedSpans,
  parentIndex: Int32Array,
  spans: readonly number[],
  clockShift: ReadonlyMap<number, number>,
): number | undefined {
  const { startNs, endNs, clockIndex } = received;
  let lowest = -Infinity;
  let highest = Infinity;
  for (const span of spans) {
    const parent = parentIndex[span]!;
    const parentShift = clockShift.get(clockIndex[parent]!);
    if (parentShift === undefined) continue;
    lowest = Math.max(lowest, startNs[parent]! + parentShift - startNs[span]!);
    const fits = endNs[span]! - startNs[span]! <= endNs[parent]! - startNs[parent]!;
    if (fits) highest = Math.min(highest, endNs[parent]! + parentShift - endNs[span]!);
  }
  if (lowest <= 0) return 0;
  if (highest === Infinity) return lowest;
  return lowest <= highest ? Math.round((lowest + highest) / 2) : undefined;
}

function shiftIntoParent(received: ReceivedSpans, parent: number, span: number, earliest: number): number {
  const { startNs, endNs } = received;
  const shift = earliest - startNs[span]!;
  if (shift <= 0) return 0;
  const room = endNs[parent]! - startNs[parent]! - (endNs[span]! - startNs[span]!);
  return shift + Math.max(0, Math.round(room / 2));
}
