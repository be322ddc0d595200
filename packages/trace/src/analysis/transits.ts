import { calleeSpan } from './callee.ts';
import { SpanKind } from '../otlp.ts';
import type { Trace } from '../tree/trace.ts';

/** The way between a call and its callee. */
export interface Transit {
  /**
   * `network`: from a client to its server and back, with every queue, connection and retry on the way that has no span
   * · `queue`: from a producer to its consumer.
   */
  readonly kind: 'network' | 'queue';
  /** The client or producer span, by its place in the columns of `Trace`. */
  readonly callIndex: number;
  /** The server or consumer span, likewise. */
  readonly calleeIndex: number;
  /** From the begin of the call to that of its callee; on a queue from the end of the call. */
  readonly requestNs: number;
  /** From the end of the callee to that of the call; 0 on a queue. */
  readonly responseNs: number;
  /**
   * Whether the times of both were read from clocks that agree as far as is known. If not, the correction has put the
   * callee where it is possible, and only the sum of both ways means something.
   */
  readonly isSplitKnown: boolean;
}

/**
 * What of each call passed between the two sides: the client's time minus the server's. In display order; calls whose
 * callee has sent no span have none. Never negative: a callee that outlives its call, or began before it by its clock,
 * is cut to it. Takes linear time.
 *
 * @example
 * for (const { callIndex, calleeIndex, requestNs, responseNs } of transits(trace)) {
 *   console.log(trace.names[callIndex], trace.names[calleeIndex], formatDuration(requestNs + responseNs));
 * }
 */
export function transits(trace: Trace): Transit[] {
  const { spanCount, startNs, durationNs, kind, skewNs } = trace;
  const found: Transit[] = [];
  for (let call = 0; call < spanCount; call++) {
    const callee = calleeSpan(trace, call);
    if (callee < 0) continue;
    const callStart = startNs[call]!;
    const callEnd = callStart + durationNs[call]!;
    const calleeEnd = startNs[callee]! + durationNs[callee]!;
    const isQueue = kind[call] === SpanKind.producer;
    const within = Math.min(startNs[callee]!, callEnd);
    found.push({
      kind: isQueue ? 'queue' : 'network',
      callIndex: call,
      calleeIndex: callee,
      requestNs: Math.max(0, isQueue ? startNs[callee]! - callEnd : within - callStart),
      responseNs: isQueue ? 0 : Math.max(0, callEnd - Math.max(calleeEnd, callStart)),
      isSplitKnown: skewNs[call] === skewNs[callee],
    });
  }
  return found;
}
