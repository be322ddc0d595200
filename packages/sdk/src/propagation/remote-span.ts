import { int32OfHex } from '../span/random-batch.ts';
import { SAMPLED_FLAG, traceOfHex, type LocalTrace } from '../span/local-trace.ts';
import type { SpanIdentity } from '../span/span-identity.ts';
import { RemoteSpan } from '../span/non-recording-span.ts';

/**
 * What a caller said of sampling: `debug` is a `sample` that nobody on the way may overrule, `deferred` leaves it to
 * us.
 */
export type SamplingDecision = 'sample' | 'drop' | 'debug' | 'deferred';

/**
 * The span of a format that, unlike W3C's, may omit leading zeros and use upper case; `undefined` when an id is
 * not hexadecimal, too long, or zero. Such ids come without a promise that they are random.
 */
export function remoteSpan(
  traceIdHex: string,
  spanHex: string,
  decision: SamplingDecision,
  traceState = '',
): RemoteSpan | undefined {
  if (traceIdHex === '' || traceIdHex.length > 32 || spanHex === '' || spanHex.length > 16) return undefined;
  const spanId = spanHex.toLowerCase().padStart(16, '0');
  const id0 = int32OfHex(spanId, 0);
  const id1 = int32OfHex(spanId, 8);
  if (Number.isNaN(id0 + id1) || (id0 | id1) === 0) return undefined;
  const flags = decision === 'sample' || decision === 'debug' ? SAMPLED_FLAG : 0;
  const trace = traceOfHex(traceIdHex.toLowerCase().padStart(32, '0'), 0, flags, traceState);
  if (trace === undefined) return undefined;
  if (decision === 'debug' || decision === 'deferred') trace.samplingHint = decision;
  return new RemoteSpan(trace, id0, id1);
}

/** The decision for the next process; only a span that was extracted and never started here can still be deferred. */
export function decisionOf(trace: LocalTrace): SamplingDecision {
  if (trace.isSamplingDeferred) return 'deferred';
  if (!trace.sampled) return 'drop';
  return trace.isDebug ? 'debug' : 'sample';
}

export function spanIdHex(span: SpanIdentity): string {
  return span.spanContext().spanId;
}
