import type { TraceFailure } from './model/trace-messages.ts';

/** What to say when a trace cannot be shown. */
export function describeTraceFailure(
  traceId: string,
  failure: TraceFailure,
  host: string,
): { readonly title: string; readonly detail: string } {
  if (failure.status === 404) {
    return {
      title: 'Trace not found',
      detail:
        `No span of trace ${traceId} is stored. ` +
        'It may not have arrived yet, may not have been sampled, or retention dropped it.',
    };
  }
  if (failure.status === 400) {
    return {
      title: 'Invalid trace ID',
      detail: `A trace ID has 32 hexadecimal digits, not all zero; “${traceId}” does not.`,
    };
  }
  if (failure.code === 'unreachable') {
    return {
      title: 'Cannot reach the collector',
      detail: `No response from ${host}. If it was stopped, start it again with “throughline up”.`,
    };
  }
  if (failure.code === 'shard_unavailable') {
    return { title: 'Part of the store does not answer', detail: failure.message };
  }
  if (failure.status === 503 || failure.status === 504) {
    return { title: 'The collector is busy or still starting', detail: failure.message };
  }
  return { title: 'This trace cannot be shown', detail: failure.message };
}
