import { answeredWithFailure, type Failure, isOwnReason } from './failure.ts';
import { SpanKind, StatusCode } from './otlp.ts';
import type { Trace } from './trace.ts';

/** Which spans failed, and how failures relate, in columns by span. */
export interface FailedSpans {
  /**
   * 1 for status ERROR, and for a server span that took part in a failure by its answer: OpenTelemetry leaves the status
   * of a server span unset for what is the client's fault (HTTP 4xx), while the client's span has ERROR.
   */
  readonly failed: Uint8Array;
  readonly hasFailedChild: Uint8Array;
  /** 1 where the failed children had long ended when the span failed, with a reason that is not theirs. */
  readonly gotOverChildren: Uint8Array;
  /** 1 where something below a child that did not fail goes on after the span's end. */
  readonly hasOverrunningChild: Uint8Array;
  /** The latest end in each subtree, consumers left out. */
  readonly latestEndNs: Float64Array;
  /** For a failed span, the failed ancestor (or itself) up to which each one ended before what it waited for. */
  readonly gaveUp: Int32Array;
  /** For a failed span, the topmost span that failed with it, from parent to parent. */
  readonly surfaced: Int32Array;
}

/** @param failureOf what a failed span says; asked only where spans failed in several generations. */
export function findFailedSpans(trace: Trace, failureOf: (span: number) => Failure): FailedSpans {
  const { spanCount, parentIndex } = trace;
  const failed = trace.statusCode.map((code) => (code === StatusCode.error ? 1 : 0));
  const hasFailedChild = new Uint8Array(spanCount);
  const hasOverrunningChild = new Uint8Array(spanCount);
  const latestEndNs = trace.startNs.map((startNs, span) => startNs + trace.durationNs[span]!);
  for (let span = spanCount - 1; span >= 0; span--) {
    const parent = parentIndex[span]!;
    const isInvolved = hasFailedChild[span] === 1 || (parent >= 0 && failed[parent] === 1);
    if (failed[span] === 0 && isInvolved && sharesFailure(trace, span)) failed[span] = 1;
    if (parent < 0 || isAsynchronous(trace, span)) continue;
    if (failed[span] === 1) hasFailedChild[parent] = 1;
    else if (latestEndNs[span]! > endOf(trace, parent) + toleranceNs(trace, parent)) hasOverrunningChild[parent] = 1;
    latestEndNs[parent] = Math.max(latestEndNs[parent]!, latestEndNs[span]!);
  }

  const gotOverChildren = findGotOver(trace, failed, failureOf);
  const gaveUp = Int32Array.from(parentIndex.keys());
  const surfaced = Int32Array.from(parentIndex.keys());
  for (let span = 0; span < spanCount; span++) {
    const parent = parentIndex[span]!;
    if (parent < 0 || failed[span] === 0 || failed[parent] === 0 || isAsynchronous(trace, span)) continue;
    if (gotOverChildren[parent] === 1) continue;
    surfaced[span] = surfaced[parent]!;
    if (stoppedWaiting(trace, parent, span)) gaveUp[span] = gaveUp[parent]!;
  }
  return { failed, hasFailedChild, gotOverChildren, hasOverrunningChild, latestEndNs, gaveUp, surfaced };
}

/** A span that goes on for this share of its time after its last failed child does not fail because of it. */
const GOT_OVER_SHARE_MIN = 0.25;

function findGotOver(trace: Trace, failed: Uint8Array, failureOf: (span: number) => Failure): Uint8Array {
  const { spanCount, parentIndex } = trace;
  const gotOver = new Uint8Array(spanCount);
  const lastFailedChild = new Int32Array(spanCount).fill(-1);
  // What was passed up to a span that itself says nothing.
  const saidBelow = new Map<number, Failure>();
  for (let span = spanCount - 1; span >= 0; span--) {
    if (failed[span] === 0) continue;
    const child = lastFailedChild[span]!;
    if (child >= 0) {
      const own = failureOf(span);
      const below = saidBelow.get(child) ?? failureOf(child);
      const leftNs = endOf(trace, span) - endOf(trace, child);
      if (leftNs > GOT_OVER_SHARE_MIN * trace.durationNs[span]! && isOwnReason(own, below)) gotOver[span] = 1;
      else if (own.message === '') saidBelow.set(span, below);
    }
    const parent = parentIndex[span]!;
    if (parent < 0 || failed[parent] === 0 || isAsynchronous(trace, span)) continue;
    const last = lastFailedChild[parent]!;
    if (last < 0 || endOf(trace, span) > endOf(trace, last)) lastFailedChild[parent] = span;
  }
  return gotOver;
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

function sharesFailure(trace: Trace, span: number): boolean {
  return trace.kind[span] === SpanKind.server && answeredWithFailure(trace.source(span).span);
}

function stoppedWaiting(trace: Trace, parent: number, child: number): boolean {
  // A server notices the closed connection at about the moment when its client closes it.
  const isCall = trace.kind[parent] === SpanKind.client && trace.kind[child] === SpanKind.server;
  const slack = isCall ? toleranceNs(trace, parent) : 0;
  return endOf(trace, parent) < endOf(trace, child) + slack;
}
