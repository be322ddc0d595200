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
        `Nothing with the id ${traceId} has arrived, or it has been deleted since. ` +
        'A trace can be opened about a second after its first span was sent.',
    };
  }
  if (failure.status === 400) {
    return {
      title: 'Invalid trace ID',
      detail: `A trace id has 32 hexadecimal digits, not all zero; “${traceId}” has another form.`,
    };
  }
  if (failure.code === 'unreachable') {
    return {
      title: 'Cannot reach the collector',
      detail: `No response from ${host}. If it was stopped, start it again with “throughline up”.`,
    };
  }
  if (failure.status === 503 || failure.status === 504) {
    return { title: 'The collector is busy or still starting', detail: failure.message };
  }
  return { title: 'This trace cannot be shown', detail: failure.message };
}
