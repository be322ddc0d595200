import { endOf, type FailedSpans, findFailedSpans, toleranceNs } from './failed-spans.ts';
import { type Failure, nearestRoundMs } from './failure.ts';
import { SpanKind } from '../otlp.ts';
import type { Trace } from '../tree/trace.ts';

/** Where a failure began, as far as the trace shows. */
export interface ErrorOrigin {
  /**
   * The deepest span that failed for this reason; for a timeout the deepest span that was still running when the time
   * was up; for a cancellation the span that was cancelled first.
   */
  readonly spanIndex: number;
  /** `error`: it failed by itself. `timeout`: its time was up. `cancelled`: its caller stopped it. */
  readonly kind: 'error' | 'timeout' | 'cancelled';
  /** `stated`: a span says so. `inferred`: it follows from times alone, or the span that failed names no reason. */
  readonly confidence: 'stated' | 'inferred';
  /** The failed span that stopped waiting; -1 for a plain error. */
  readonly waiterIndex: number;
  /** How many nanoseconds the origin went on after `waiterIndex` had ended; 0 where it did not. */
  readonly overflowNs: number;
  /** The topmost span up to which the error was passed on from parent to parent. */
  readonly surfacedIndex: number;
  /**
   * The span above it, which did not fail, or failed later for a reason of its own; -1 where the error propagated to
   * the top, or where nobody waited for what failed.
   */
  readonly handledByIndex: number;
  /** Whether it happened in work that nobody waited for: after its parent, or in a consumer. */
  readonly isBackground: boolean;
  /** What the span that failed first says about it. */
  readonly failure: Failure;
  /**
   * The round time, in nanoseconds, that a failure without a reason came close to, which may have been a timeout; 0 for
   * none.
   */
  readonly nearRoundNs: number;
}

/**
 * The origins of all failures of a trace, in display order: the deepest failed spans, those that failed
 * after their failed children and for another reason, and for timeouts what was waited for. What was cancelled because
 * another span had failed or responded is none. A failed span counts as a timeout when its type, status or message
 * states it. A client or server span that states nothing is inferred to have timed out where a child outlived it; one
 * whose connection broke, where its callee was clearly still at work. Any other reason is taken as it is named. n log n
 * in the number of spans.
 *
 * @example
 * for (const { spanIndex, kind, confidence, failure } of errorOrigins(trace)) {
 *   console.log(`${trace.names[spanIndex]}: ${kind} (${confidence}) ${failure.message}`);
 * }
 *
 * @see https://opentelemetry.io/docs/specs/semconv/general/recording-errors/
 */
export function errorOrigins(trace: Trace): ErrorOrigin[] {
  const spans = findFailedSpans(trace);
  const { failed, failureOf } = spans;
  if (!failed.includes(1)) return [];

  const origins = new Map<number, ErrorOrigin>();
  for (let span = 0; span < trace.spanCount; span++) {
    if (failed[span] === 0 || spans.isConsequence[span] === 1) continue;
    if (spans.hasFailedChild[span] === 1) {
      // Its failed children may have been dealt with long before: a deadline that a healthy child overran is its own.
      const overran = spans.stoppedWaiting[span] === 1 && spans.hasOverrunningChild[span] === 1;
      if (!overran || failureOf(span).cause !== 'timeout') continue;
    }
    const waiter = spans.waiter[span]!;
    const kind = kindOf(trace, spans, span, waiter);
    const origin =
      kind === 'timeout' ? stillRunning(trace, spans, span, endOf(trace, waiter)) : kind === 'error' ? span : waiter;
    // A timeout explains more than an error that the same span had later.
    const before = origins.get(origin)?.kind;
    if (before === 'timeout' || (before !== undefined && kind === 'cancelled')) continue;
    const failedFirst = kind === 'error' ? span : waiter;
    const surfaced = spans.surfaced[failedFirst]!;
    const failure = failureOf(failedFirst);
    const isBackground = spans.isBackground[surfaced] === 1;
    origins.set(origin, {
      spanIndex: origin,
      kind,
      confidence: isStated(failure, kind) ? 'stated' : 'inferred',
      waiterIndex: kind === 'error' ? -1 : waiter,
      overflowNs: kind === 'timeout' ? Math.max(0, endOf(trace, origin) - endOf(trace, waiter)) : 0,
      surfacedIndex: surfaced,
      handledByIndex: isBackground ? -1 : trace.parentIndex[surfaced]!,
      isBackground,
      failure,
      nearRoundNs: nearRoundNs(trace, span, kind, failure),
    });
  }
  return [...origins.values()].toSorted((a, b) => a.spanIndex - b.spanIndex);
}

function isStated({ cause }: Failure, kind: ErrorOrigin['kind']): boolean {
  return kind === 'error' ? cause !== 'unstated' : cause === kind;
}

function nearRoundNs(trace: Trace, span: number, kind: ErrorOrigin['kind'], failure: Failure): number {
  if (kind !== 'error' || failure.cause !== 'unstated' || trace.kind[span] !== SpanKind.client) return 0;
  return nearestRoundMs(trace.durationNs[span]!) * 1e6;
}

function kindOf(trace: Trace, spans: FailedSpans, span: number, waiter: number): ErrorOrigin['kind'] {
  const { cause } = spans.failureOf(waiter);
  if (cause === 'timeout' || cause === 'cancelled') return cause;
  const kind = trace.kind[waiter];
  if (cause === 'stated' || (kind !== SpanKind.client && kind !== SpanKind.server)) return 'error';
  const overrunNs = spans.latestEndNs[span]! - endOf(trace, waiter);
  if (cause === 'connection-lost') {
    const clearly = Math.max(trace.durationNs[waiter]! * 0.1, 10_000_000);
    return kind === SpanKind.client && overrunNs > clearly ? 'timeout' : 'error';
  }
  if (overrunNs <= toleranceNs(trace, waiter)) return 'error';
  // Own work that goes on is as likely what nobody waited for; only a call is worth the guess.
  const running = stillRunning(trace, spans, span, endOf(trace, waiter));
  const isCall = trace.kind[running] === SpanKind.client || trace.serviceIndex[running] !== trace.serviceIndex[waiter];
  return running !== span && isCall ? 'timeout' : 'error';
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
      if (childEnd < momentNs - slack || spans.isBackground[child] === 1) continue;
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
