import type { SpanFilter } from './model/span-filter.ts';

/** What of the trace page lives in the URL. */
export interface TraceUrlState {
  /** Address of the span whose panel is open, as `SpanAddresses` has them. */
  readonly span: string | null;
  readonly show: SpanFilter | null;
  /** The text that is looked for; '' for none. */
  readonly find: string;
}

/** What it does not understand counts as not given. */
export function readTraceUrlState(search: string): TraceUrlState {
  const params = new URLSearchParams(search);
  const show = params.get('show');
  return {
    span: params.get('span') || null,
    show: show === 'errors' || show === 'critical' ? show : null,
    find: params.get('find') ?? '',
  };
}

/** The query string without `?`. */
export function writeTraceUrlState({ span, show, find }: TraceUrlState): string {
  const params = new URLSearchParams();
  if (span !== null) params.set('span', span);
  if (show !== null) params.set('show', show);
  if (find !== '') params.set('find', find);
  return params.toString();
}
