import { useEffect } from 'react';
import type { TraceState } from './use-trace.ts';

/** A trace whose last span ended longer ago than this is taken to be complete. */
const settledAfterMs = 30_000;
const intervalMs = 4_000;

/** Fetches a fresh trace again while more of it may arrive: what kept running ends, and is sent, last. */
export function useGrowth(state: TraceState, reload: () => void): void {
  useEffect(() => {
    if (state.kind !== 'ready') return undefined;
    const endMs = (Number(state.model.startUnixNano) + state.model.extentNs) / 1e6;
    if (Date.now() - endMs > settledAfterMs) return undefined;
    const timer = setTimeout(reload, intervalMs);
    return () => clearTimeout(timer);
  }, [state, reload]);
}
