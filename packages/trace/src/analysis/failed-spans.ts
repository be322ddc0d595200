import { inferredDependency } from './inferred-dependency.ts';
import {
  answeredWithFailure,
  answersOf,
  type Failure,
  isUnanswered,
  isVagueMessage,
  lostItsCaller,
  ownReason,
  readFailure,
} from './failure.ts';
import { SpanKind, StatusCode } from '../otlp.ts';
import { findRetries, type Retry } from './retries.ts';
import type { Trace } from '../tree/trace.ts';

/** Which spans failed, how failures relate, and who waited for whom, in columns by span. */
export interface FailedSpans {
  /**
   * 1 for status ERROR, and where the response shows a failure that the status does not: OpenTelemetry leaves the
   * status of a server span unset for what is the client's fault (HTTP 4xx), and our SDK that of a request which its
   * application cancelled.
   */
  readonly failed: Uint8Array;
  /** What a failed span says. */
  readonly failureOf: (span: number) => Failure;
  /** 1 where a child failed and the failure was passed on. */
  readonly hasFailedChild: Uint8Array;
  /** 1 for a span that was cancelled because another one had failed, or had responded first. */
  readonly isConsequence: Uint8Array;
  /** 1 for a span whose parent did not wait for it: it went on alone. */
  readonly isBackground: Uint8Array;
  /** 1 for a failed span whose parent got over its failure. */
  readonly isGotOver: Uint8Array;
  /** 1 for a span that ended because it, or what it worked for, stopped waiting. */
  readonly stoppedWaiting: Uint8Array;
  /** 1 where something below a child that did not fail goes on after the span's end. */
  readonly hasOverrunningChild: Uint8Array;
  /** The latest end in each subtree; without what nobody waited for. */
  readonly latestEndNs: Float64Array;
  /** For a failed span, the failed ancestor (or itself) up to which each one ended before what it waited for. */
  readonly waiter: Int32Array;
  /** For a failed span, the topmost span that failed with it, from parent to parent. */
  readonly surfaced: Int32Array;
  readonly retries: readonly Retry[];
}

const known = new WeakMap<Trace, FailedSpans>();

/** Found once for each trace. */
export function findFailedSpans(trace: Trace): FailedSpans {
  const before = known.get(trace);
  if (before !== undefined) return before;
  const found = find(trace);
  known.set(trace, found);
  return found;
}

function find(trace: Trace): FailedSpans {
  const { spanCount, parentIndex, startNs, durationNs } = trace;
  // Few spans fail.
  const failures = new Map<number, Failure>();
  const failureOf = (span: number): Failure => {
    const before = failures.get(span);
    if (before !== undefined) return before;
    const failure = readFailure(trace.span(span));
    failures.set(span, failure);
    return failure;
  };
  const failed = findFailed(trace);
  const isConsequence = findConsequences(trace, failed, failureOf);
  const retries = findRetries(trace, failed);
  const isGotOver = new Uint8Array(spanCount);
  for (const { spans, succeeded } of retries) {
    if (succeeded) for (const span of spans) isGotOver[span] = failed[span]!;
  }
  const explainedBy = findExplanations(trace, failed, isConsequence, isGotOver, failureOf);
  const { isBackground, stoppedWaiting } = findWaits(trace, failed, explainedBy, failureOf);

  const hasFailedChild = new Uint8Array(spanCount);
  const hasOverrunningChild = new Uint8Array(spanCount);
  const latestEndNs = new Float64Array(spanCount);
  for (let span = 0; span < spanCount; span++) latestEndNs[span] = startNs[span]! + durationNs[span]!;
  for (let span = spanCount - 1; span >= 0; span--) {
    const parent = parentIndex[span]!;
    if (parent < 0 || isBackground[span] === 1 || isConsequence[span] === 1) continue;
    if (failed[span] === 1) hasFailedChild[parent] = hasFailedChild[parent]! | (1 - isGotOver[span]!);
    else if (latestEndNs[span]! > endOf(trace, parent) + toleranceNs(trace, parent)) hasOverrunningChild[parent] = 1;
    latestEndNs[parent] = Math.max(latestEndNs[parent]!, latestEndNs[span]!);
  }

  const waiter = new Int32Array(spanCount);
  for (let span = 0; span < spanCount; span++) waiter[span] = span;
  const surfaced = waiter.slice();
  for (let span = 0; span < spanCount; span++) {
    const parent = parentIndex[span]!;
    if (parent < 0 || failed[span] === 0 || failed[parent] === 0) continue;
    if (isBackground[span] === 1 || isGotOver[span] === 1) continue;
    surfaced[span] = surfaced[parent]!;
    if (endedAfter(trace, failureOf, parent, span)) waiter[span] = waiter[parent]!;
  }
  return {
    failed,
    failureOf,
    hasFailedChild,
    isConsequence,
    isBackground,
    isGotOver,
    stoppedWaiting,
    hasOverrunningChild,
    latestEndNs,
    waiter,
    surfaced,
    retries,
  };
}

function findFailed(trace: Trace): Uint8Array {
  const { spanCount, parentIndex, kind } = trace;
  const failed = trace.statusCode.map((code) => (code === StatusCode.error ? 1 : 0));
  const hasFailedChild = new Uint8Array(spanCount);
  for (let span = spanCount - 1; span >= 0; span--) {
    const parent = parentIndex[span]!;
    if (failed[span] === 0 && (kind[span] === SpanKind.server || kind[span] === SpanKind.client)) {
      const isInvolved = hasFailedChild[span] === 1 || (parent >= 0 && failed[parent] === 1);
      if (hasFailed(trace, span, isInvolved)) failed[span] = 1;
    }
    if (failed[span] === 1 && parent >= 0 && !isAsynchronous(trace, span)) hasFailedChild[parent] = 1;
  }
  return failed;
}

/** By its response, or by the lack of one, where its status says nothing. */
function hasFailed(trace: Trace, span: number, isInvolved: boolean): boolean {
  const source = trace.span(span);
  if (source.kind === SpanKind.client) return isUnanswered(source);
  return lostItsCaller(source) || (isInvolved && answeredWithFailure(source));
}

/**
 * A cancellation arrives within this share of the time that the cancelled span took, or this time, after its reason.
 */
const CANCELLED_WITHIN_SHARE = 0.05;
const CANCELLED_WITHIN_NS = 20_000_000;

/**
 * A response that comes this much sooner, and that its parent was content with, is the one because of which the others
 * are cancelled.
 */
const HANDLED_WITHIN_SHARE = 0.05;
const HANDLED_WITHIN_NS = 50_000_000;

/** Two reports of one moment differ by this much. */
const SAME_MOMENT_NS = 1_000_000;

/**
 * Who was cancelled because a sibling of it, or of one of its ancestors, had failed or had responded first, or because
 * the parent failed for a reason of its own. n log n in the number of spans.
 */
function findConsequences(trace: Trace, failed: Uint8Array, failureOf: (span: number) => Failure): Uint8Array {
  const { spanCount, parentIndex, subtreeSize } = trace;
  const isConsequence = new Uint8Array(spanCount);
  const isCancelled = new Uint8Array(spanCount);
  for (let span = 0; span < spanCount; span++) {
    if (failed[span] === 1 && failureOf(span).cause === 'cancelled') isCancelled[span] = 1;
  }
  if (!isCancelled.includes(1)) return isConsequence;

  const holdsCancelled = new Uint8Array(spanCount);
  for (let span = spanCount - 1; span >= 0; span--) {
    const parent = parentIndex[span]!;
    if ((isCancelled[span] === 1 || holdsCancelled[span] === 1) && parent >= 0) holdsCancelled[parent] = 1;
  }
  /** When the reason came for which a subtree was cancelled; -Infinity where there is none. */
  const cancelledAtNs = new Float64Array(spanCount).fill(-Infinity);
  for (let parent = 0; parent < spanCount; parent++) {
    if (holdsCancelled[parent] === 0) continue;
    const failedAt: number[] = [];
    const answeredAt: number[] = [];
    const end = parent + subtreeSize[parent]!;
    for (let child = parent + 1; child < end; child += subtreeSize[child]!) {
      if (isCancelled[child] === 1 || isAsynchronous(trace, child)) continue;
      (failed[child] === 1 ? failedAt : answeredAt).push(endOf(trace, child));
    }
    failedAt.sort((a, b) => a - b);
    answeredAt.sort((a, b) => a - b);
    for (let child = parent + 1; child < end; child += subtreeSize[child]!) {
      // What failed for another reason is explained by that; what it cancelled, it cancelled itself.
      if (isCancelled[child] === 0 && (holdsCancelled[child] === 0 || failed[child] === 1)) continue;
      const endNs = endOf(trace, child);
      const within = Math.max(CANCELLED_WITHIN_NS, CANCELLED_WITHIN_SHARE * trace.durationNs[child]!);
      let atNs = lastUpTo(failedAt, endNs + SAME_MOMENT_NS);
      if (atNs < endNs - within) atNs = -Infinity;
      // What is above it was cancelled by then.
      if (cancelledAtNs[parent]! >= endNs - within) atNs = Math.max(atNs, cancelledAtNs[parent]!);
      if (isCancelled[child] === 1) {
        if (failed[parent] === 0) {
          const soon = Math.max(HANDLED_WITHIN_NS, HANDLED_WITHIN_SHARE * trace.durationNs[child]!);
          const answeredNs = lastUpTo(answeredAt, endNs + SAME_MOMENT_NS);
          if (answeredNs >= endNs - soon) atNs = Math.max(atNs, answeredNs);
        } else if (isCancelled[parent] === 0 && endOf(trace, parent) <= endNs + within) {
          const own = failureOf(parent);
          const isOwn = own.cause === 'stated' && ownReason(trace.span(parent), own, failureOf(child), []) !== '';
          if (isOwn) atNs = Math.max(atNs, endNs);
        }
        if (atNs > -Infinity) isConsequence[child] = 1;
      }
      cancelledAtNs[child] = atNs;
    }
  }
  return isConsequence;
}

/** The last of some ascending moments that is not after this one; -Infinity for none. */
function lastUpTo(momentsNs: readonly number[], atNs: number): number {
  let low = 0;
  let high = momentsNs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (momentsNs[middle]! <= atNs) low = middle + 1;
    else high = middle;
  }
  return momentsNs[low - 1] ?? -Infinity;
}

/**
 * A span that goes on for this share of its time after its last failed child, and has another type alone, fails of its
 * own.
 */
const GOT_OVER_SHARE_MIN = 0.25;

/**
 * The failed child, ended by then, that a failed span failed of; -1 for none. Marks the failed children that it got
 * over: those before a reason of its own.
 */
function findExplanations(
  trace: Trace,
  failed: Uint8Array,
  isConsequence: Uint8Array,
  isGotOver: Uint8Array,
  failureOf: (span: number) => Failure,
): Int32Array {
  const { spanCount, parentIndex, subtreeSize } = trace;
  const explainedBy = new Int32Array(spanCount).fill(-1);
  // What was passed up to a span that itself says nothing.
  const saidBelow = new Map<number, Failure>();
  for (let span = spanCount - 1; span >= 0; span--) {
    if (failed[span] === 0) continue;
    const child = explainedBy[span]!;
    if (child >= 0) {
      const own = failureOf(span);
      const below = saidBelow.get(child) ?? failureOf(child);
      if (gotOver(trace, span, child, own, below)) {
        explainedBy[span] = -1;
        const end = span + subtreeSize[span]!;
        for (let one = span + 1; one < end; one += subtreeSize[one]!) if (failed[one] === 1) isGotOver[one] = 1;
      } else if (isVagueMessage(own.message)) saidBelow.set(span, below);
    }
    const parent = parentIndex[span]!;
    if (parent < 0 || failed[parent] === 0 || isAsynchronous(trace, span)) continue;
    if (isConsequence[span] === 1 || isGotOver[span] === 1) continue;
    const endNs = endOf(trace, span);
    if (endNs > endOf(trace, parent) + toleranceNs(trace, parent)) continue;
    const last = explainedBy[parent]!;
    if (last < 0 || endNs > endOf(trace, last)) explainedBy[parent] = span;
  }
  return explainedBy;
}

function gotOver(trace: Trace, span: number, child: number, own: Failure, below: Failure): boolean {
  // What a client says about a response is no reason of its own.
  if (trace.kind[span] === SpanKind.client) return false;
  if (own.cause === 'cancelled') return false;
  const source = trace.span(span);
  const reason = ownReason(source, own, below, namesOf(trace, child));
  if (reason === '') return false;
  // It explains in words the status that its callee responded with, and responds with the same.
  if (below.message === '' && answersOf(source).includes(below.type)) return false;
  const leftNs = endOf(trace, span) - endOf(trace, child);
  // An error that is thrown again under another name takes no time.
  if (reason === 'message' && own.cause !== 'timeout') return leftNs > toleranceNs(trace, span);
  return leftNs > GOT_OVER_SHARE_MIN * trace.durationNs[span]!;
}

/** How a failed call may be spoken of in words. */
function namesOf(trace: Trace, span: number): string[] {
  const names = [trace.names[span]!];
  if (trace.kind[span] !== SpanKind.client) return names;
  for (const one of [span, span + 1]) {
    if (one > span && (one >= trace.spanCount || trace.parentIndex[one] !== span)) break;
    const service = trace.services[trace.serviceIndex[one]!]!;
    if (trace.serviceIndex[one] !== trace.serviceIndex[trace.parentIndex[span]!]) names.push(service);
  }
  const dependency = inferredDependency(trace.span(span));
  if (dependency !== undefined) names.push(dependency);
  return names;
}

/** Who stopped waiting, and what went on without anybody who waited for it. From the top down. */
function findWaits(
  trace: Trace,
  failed: Uint8Array,
  explainedBy: Int32Array,
  failureOf: (span: number) => Failure,
): Pick<FailedSpans, 'isBackground' | 'stoppedWaiting'> {
  const { spanCount, parentIndex, kind } = trace;
  const isBackground = new Uint8Array(spanCount);
  const stoppedWaiting = new Uint8Array(spanCount);
  for (let span = 0; span < spanCount; span++) {
    const parent = parentIndex[span]!;
    if (parent >= 0) {
      const isLate = endOf(trace, span) > endOf(trace, parent) + toleranceNs(trace, parent);
      // A client waits for its server, though its span may end with the first bytes of the response.
      const isWaitedFor = stoppedWaiting[parent] === 1 && !isOwnWork(trace, failed, failureOf, parent, span);
      if (isLate && !isWaitedFor && kind[parent] !== SpanKind.client) isBackground[span] = 1;
      if (isAsynchronous(trace, span)) isBackground[span] = 1;
    }
    if (failed[span] === 1 && explainedBy[span]! < 0) {
      const { cause } = failureOf(span);
      const isCall = kind[span] === SpanKind.client || kind[span] === SpanKind.server;
      if (cause !== 'stated' && (cause !== 'unstated' || isCall)) stoppedWaiting[span] = 1;
    } else if (failed[span] === 1) {
      const below = explainedBy[span]!;
      // It ended no later than what it waited for: the failure below is the other end of its own.
      if (endedAfter(trace, failureOf, span, below)) stoppedWaiting[span] = 1;
    }
    if (parent < 0 || stoppedWaiting[parent] === 0 || isBackground[span] === 1) continue;
    const isAtThatMoment = endOf(trace, span) >= endOf(trace, parent) - toleranceNs(trace, parent);
    if (isAtThatMoment && (failed[span] === 0 || failureOf(span).cause !== 'stated')) stoppedWaiting[span] = 1;
  }
  return { isBackground, stoppedWaiting };
}

/**
 * Whether a child is no call, under a parent that does not state that it stopped waiting: it may have been started and
 * left.
 */
function isOwnWork(
  trace: Trace,
  failed: Uint8Array,
  failureOf: (span: number) => Failure,
  parent: number,
  child: number,
): boolean {
  if (trace.subtreeSize[child]! > 1 || trace.kind[child] === SpanKind.client) return false;
  if (trace.serviceIndex[child] !== trace.serviceIndex[parent]) return false;
  return failed[parent] === 1 && failureOf(parent).cause === 'unstated';
}

/** What a consumer does is no part of what its producer does. */
export function isAsynchronous(trace: Trace, span: number): boolean {
  const parent = trace.parentIndex[span]!;
  return parent >= 0 && trace.kind[span] === SpanKind.consumer && trace.kind[parent] === SpanKind.producer;
}

export function endOf(trace: Trace, span: number): number {
  return trace.startNs[span]! + trace.durationNs[span]!;
}

/** Within this time of each other, two ends on different clocks are the same moment. */
export function toleranceNs(trace: Trace, span: number): number {
  return Math.max(trace.durationNs[span]! * 0.01, 1_000_000);
}

/** Whether a failed span stopped waiting for a failed child, rather than fail because of it. */
function endedAfter(trace: Trace, failureOf: (span: number) => Failure, parent: number, child: number): boolean {
  const { cause } = failureOf(parent);
  if (cause === 'stated') return false;
  // A server notices the closed connection at about the moment when its client closes it.
  const isCall =
    (trace.kind[parent] === SpanKind.client && trace.kind[child] === SpanKind.server) ||
    trace.serviceIndex[parent] !== trace.serviceIndex[child];
  const isFollowed = cause !== 'unstated' && failureOf(child).cause === 'cancelled';
  const slack = isCall || isFollowed ? toleranceNs(trace, parent) : 0;
  return endOf(trace, parent) < endOf(trace, child) + slack;
}
