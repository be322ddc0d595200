import { groupBy } from '../group-by.ts';
import { SpanKind, StatusCode } from '../otlp.ts';
import type { ReceivedSpans } from './received-spans.ts';

/**
 * What has to be added to each span's times so that the calls between services become possible under a common clock.
 * Two things cannot happen: a server span that starts before the span that called it, and one that starts or ends after
 * a client span that has its response (no error, and as long as the server span at least), with nobody left who could
 * read the rest. A span that outlives a caller that failed, or that takes longer than its caller, is left alone: this
 * is what a timeout looks like. Returns undefined where nothing is to be corrected, as in most traces.
 *
 * All spans of a clock move together. Every call into it bounds the correction from below (the server starts after
 * its caller) and, where it is short enough to fit, from above (it ends before); the least that makes all of them
 * possible is taken: more than that nobody can know.
 * Where the bounds contradict each other, several clocks go by one name, and each call is corrected on its own.
 */
export function clockSkew(received: ReceivedSpans, parentIndex: Int32Array): Float64Array | undefined {
  if (!hasEvidence(received, parentIndex)) return undefined;
  const { count, clockIndex } = received;
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
      skewNs[span] = shiftIntoParent(received, parentIndex, parent, span, skewNs[parent]!);
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
    const parent = parentIndex[span]!;
    if (received.startNs[span]! < received.startNs[parent]! || runsAhead(received, parentIndex, parent, span, 0))
      return true;
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

/** A server may write the end of its span a little after its client has the response. */
const LATE_END_SHARE = 0.05;
const LATE_END_MIN_NS = 10_000_000;

/**
 * Whether a server span starts after its client had the response, by the clocks as they are, or ends after it when
 * nobody was left who could still read: a client span may end with the first bytes of a response.
 */
function runsAhead(
  received: ReceivedSpans,
  parentIndex: Int32Array,
  parent: number,
  span: number,
  parentShift: number,
): boolean {
  if (!isAnswered(received, parent) || !fits(received, parent, span)) return false;
  const { startNs, endNs, clockIndex } = received;
  const answeredNs = endNs[parent]! + parentShift;
  if (startNs[span]! > answeredNs) return true;
  const noticedNs = Math.max(LATE_END_MIN_NS, LATE_END_SHARE * (endNs[parent]! - startNs[parent]!));
  if (endNs[span]! <= answeredNs + noticedNs) return false;
  const reader = parentIndex[parent]!;
  return reader < 0 || clockIndex[reader] !== clockIndex[parent] || endNs[reader]! + parentShift < endNs[span]!;
}

/** Whether a call ended because its response had come, as far as its span shows. */
function isAnswered({ kind, statusCode }: ReceivedSpans, span: number): boolean {
  return kind[span] === SpanKind.client && statusCode[span] !== StatusCode.error;
}

function fits({ startNs, endNs }: ReceivedSpans, parent: number, span: number): boolean {
  return endNs[span]! - startNs[span]! <= endNs[parent]! - startNs[parent]!;
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
  let isAhead = false;
  for (const span of spans) {
    const parent = parentIndex[span]!;
    const parentShift = clockShift.get(clockIndex[parent]!);
    if (parentShift === undefined) continue;
    lowest = Math.max(lowest, startNs[parent]! + parentShift - startNs[span]!);
    if (fits(received, parent, span)) highest = Math.min(highest, endNs[parent]! + parentShift - endNs[span]!);
    if (runsAhead(received, parentIndex, parent, span, parentShift)) isAhead = true;
  }
  if (lowest <= 0 && !isAhead) return 0;
  if (lowest > highest) return undefined;
  return lowest > 0 ? lowest : Math.min(0, highest);
}

/** The least that makes a call possible whose start is not; a late end alone proves too little. */
function shiftIntoParent(
  received: ReceivedSpans,
  parentIndex: Int32Array,
  parent: number,
  span: number,
  parentShift: number,
): number {
  const { startNs, endNs } = received;
  const shift = startNs[parent]! + parentShift - startNs[span]!;
  if (shift > 0) return shift;
  const startsTooLate =
    startNs[span]! > endNs[parent]! + parentShift && runsAhead(received, parentIndex, parent, span, parentShift);
  return startsTooLate ? endNs[parent]! + parentShift - endNs[span]! : 0;
}
