import { useEffect } from 'react';
import { mayGrow } from './may-grow.ts';
import type { TraceState } from './use-trace.ts';

const intervalMs = 4_000;

/** Fetches a fresh trace again while more of it may arrive: what kept running ends, and is sent, last. */
export function useGrowth(state: TraceState, reload: () => void): void {
  useEffect(() => {
    if (state.kind !== 'ready') return undefined;
    const endMs = (Number(state.model.startUnixNano) + state.model.extentNs) / 1e6;
    if (!mayGrow(endMs, Date.now())) return undefined;
    const timer = setTimeout(reload, intervalMs);
    return () => clearTimeout(timer);
  }, [state, reload]);
}
