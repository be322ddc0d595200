import { SpanKind } from '../otlp.ts';
import type { Trace } from '../tree/trace.ts';

/** The server's side of a call: the first child that is a server span, or else of another service; -1 for none. */
export function calleeSpan(trace: Trace, span: number): number {
  if (!isCall(trace, span)) return -1;
  const { kind, serviceIndex, subtreeSize } = trace;
  const end = span + subtreeSize[span]!;
  let otherService = -1;
  for (let child = span + 1; child < end; child += subtreeSize[child]!) {
    if (kind[child] === SpanKind.server || kind[child] === SpanKind.consumer) return child;
    if (otherService < 0 && serviceIndex[child] !== serviceIndex[span]) otherService = child;
  }
  return otherService;
}

/** Whether a span calls somebody: a service, or the broker of a queue. */
export function isCall(trace: Trace, span: number): boolean {
  return trace.kind[span] === SpanKind.client || trace.kind[span] === SpanKind.producer;
}
