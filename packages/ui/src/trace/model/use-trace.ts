import { useCallback, useEffect, useRef, useState } from 'react';
import type { TraceFailure } from './trace-messages.ts';
import type { TraceModel } from './trace-model.ts';
import { TraceSession } from './trace-session.ts';

export type TraceState =
  | { readonly kind: 'loading' }
  | { readonly kind: 'failed'; readonly failure: TraceFailure }
  | { readonly kind: 'ready'; readonly model: TraceModel; readonly session: TraceSession };

/** Opens a trace; `reload` fetches it again, and a trace that is shown stays in view until the new one is there. */
export function useTrace(traceId: string): { readonly state: TraceState; readonly reload: () => void } {
  const [state, setState] = useState<TraceState>({ kind: 'loading' });
  const opening = useRef<TraceSession | null>(null);

  const open = useCallback(() => {
    opening.current?.close();
    const session = new TraceSession();
    opening.current = session;
    void session.open(traceId).then((opened) => {
      // Another attempt has begun, or the page has been left.
      if (opening.current !== session) return;
      opening.current = null;
      if ('model' in opened) return setState({ kind: 'ready', model: opened.model, session });
      session.close();
      return setState({ kind: 'failed', failure: opened.failure });
    });
  }, [traceId]);

  useEffect(() => {
    open();
    return () => {
      opening.current?.close();
      opening.current = null;
    };
  }, [open]);

  // A shown trace serves requests about its spans until another one takes its place.
  useEffect(() => (state.kind === 'ready' ? () => state.session.close() : undefined), [state]);

  const reload = useCallback(() => {
    setState((shown) => (shown.kind === 'failed' ? { kind: 'loading' } : shown));
    open();
  }, [open]);
  return { state, reload };
}
