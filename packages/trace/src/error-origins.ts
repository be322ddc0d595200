import { endOf, type FailedSpans, findFailedSpans, isAsynchronous, toleranceNs } from './failed-spans.ts';
import { type Failure, isNearRound, readFailure } from './failure.ts';
import { SpanKind, StatusCode } from './otlp.ts';
import type { Trace } from './trace.ts';

/** Where a failure began, as far as the trace shows. */
export interface ErrorOrigin {
  /**
   * The deepest span that failed for this reason; for a timeout the deepest span that was still running when the time was up.
   */
  readonly spanIndex: number;
  readonly kind: 'error' | 'timeout';
  /** The failed span that stopped waiting; -1 for a plain error. */
  readonly gaveUpIndex: number;
  /** How long the origin went on after `gaveUpIndex` had ended; 0 where it did not. */
  readonly overflowNs: number;
  /** The topmost span up to which the error was passed on from parent to parent. */
  readonly surfacedIndex: number;
  /** The span above it, which did not fail, or failed long after for a reason of its own; -1 where the error came through to the top, or to a consumer. */
  readonly handledByIndex: number;
  /** What the span that failed first says about it. */
  readonly failure: Failure;
}

/**
 * The origins of all failures of a trace, in display order: the deepest failed spans, those that failed
 * long after their failed children and for another reason, and for timeouts what was waited for. A failed span counts as a timeout when it says so (a deadline or cancellation in its type, status or
 * message). A client or server span that says nothing at all counts as one when a child outlived it, and a client span
 * also when it lasted a round time; one whose connection broke, when its callee was clearly still at work. Any other
 * reason that is named stands as it is named. Linear in the number of spans.
 */
export function errorOrigins(trace: Trace): ErrorOrigin[] {
  if (!trace.statusCode.includes(StatusCode.error)) return [];
  const failures = new Map<number, Failure>();
  const failureOf = (span: number): Failure => {
    const known = failures.get(span) ?? readFailure(trace.source(span).span);
    failures.set(span, known);
    return known;
  };
  const spans = findFailedSpans(trace, failureOf);

  const origins = new Map<number, ErrorOrigin>();
  for (let span = 0; span < trace.spanCount; span++) {
    if (spans.failed[span] === 0) continue;
    if (spans.hasFailedChild[span] === 1 && spans.gotOverChildren[span] === 0) {
      // Its failed children may have been dealt with long before: a deadline that a healthy child overran is its own.
      if (spans.hasOverrunningChild[span] === 0 || failureOf(span).cause !== 'deadline') continue;
    }
    const gaveUp = spans.gaveUp[span]!;
    const timeout = isTimeout(trace, spans, span, gaveUp, failureOf);
    const origin = timeout ? stillRunning(trace, spans, span, endOf(trace, gaveUp)) : span;
    // A timeout explains more than an error that the same span had later.
    if (origins.get(origin)?.kind === 'timeout') continue;
    const surfaced = spans.surfaced[timeout ? gaveUp : span]!;
    origins.set(origin, {
      spanIndex: origin,
      kind: timeout ? 'timeout' : 'error',
      gaveUpIndex: timeout ? gaveUp : -1,
      overflowNs: timeout ? Math.max(0, endOf(trace, origin) - endOf(trace, gaveUp)) : 0,
      surfacedIndex: surfaced,
      handledByIndex: isAsynchronous(trace, surfaced) ? -1 : trace.parentIndex[surfaced]!,
      failure: failureOf(timeout ? gaveUp : span),
    });
  }
  return [...origins.values()].toSorted((a, b) => a.spanIndex - b.spanIndex);
}

function isTimeout(
  trace: Trace,
  spans: FailedSpans,
  span: number,
  gaveUp: number,
  failureOf: (span: number) => Failure,
): boolean {
  const failure = failureOf(gaveUp);
  if (failure.cause === 'deadline') return true;
  const kind = trace.kind[gaveUp];
  if (kind !== SpanKind.client && kind !== SpanKind.server) return false;
  if (failure.cause === 'stated') return false;
  const overrunNs = spans.latestEndNs[span]! - endOf(trace, gaveUp);
  if (failure.cause === 'connection-lost') {
    const clearly = Math.max(trace.durationNs[gaveUp]! * 0.1, 10_000_000);
    return kind === SpanKind.client && overrunNs > clearly;
  }
  const reasonBelow = span !== gaveUp && failureOf(span).cause === 'stated';
  if (kind === SpanKind.client && !reasonBelow && isNearRound(trace.durationNs[gaveUp]!)) return true;
  return overrunNs > toleranceNs(trace, gaveUp) && stillRunning(trace, spans, span, endOf(trace, gaveUp)) !== span;
}

/** A child that took less than this share of the wait is not what was waited for. */
const WAITED_SHARE_MIN = 0.5;

/**
 * From a span down to the deepest one below it that was running at a moment, and had been for most of the wait. It
 * stops at failed spans, so that all searches of a trace together visit each span once.
 */
function stillRunning(trace: Trace, spans: FailedSpans, from: number, momentNs: number): number {
  const { startNs, subtreeSize } = trace;
  const waitStart = startNs[from]!;
  const slack = Math.max((momentNs - waitStart) * 0.01, 1_000_000);
  let span = from;
  for (;;) {
    let longest = -1;
    let longestNs = WAITED_SHARE_MIN * (momentNs - waitStart);
    const end = span + subtreeSize[span]!;
    for (let child = span + 1; child < end; child += subtreeSize[child]!) {
      const childEnd = spans.latestEndNs[child]!;
      if (childEnd < momentNs - slack || isAsynchronous(trace, child)) continue;
      const waitedNs = Math.min(childEnd, momentNs) - Math.max(startNs[child]!, waitStart);
      if (waitedNs <= longestNs) continue;
      longest = child;
      longestNs = waitedNs;
    }
    if (longest < 0) return span;
    span = longest;
    if (spans.failed[span] === 1) return span;
  }
}
