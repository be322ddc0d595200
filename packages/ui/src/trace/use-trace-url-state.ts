import { useCallback, useEffect, useRef, useState } from 'react';
import { useLocation, useSearch } from 'wouter';
import { readTraceUrlState, writeTraceUrlState, type TraceUrlState } from './trace-url-state.ts';

/** Browsers refuse to have the URL changed at the rate at which a held key moves through the rows. */
const writeDelayMs = 150;

/**
 * The page's state, kept in the URL. Changes replace the history's entry: going back leaves the trace, whatever was
 * looked at in it.
 */
export function useTraceUrlState(): readonly [TraceUrlState, (changes: Partial<TraceUrlState>) => void] {
  const search = useSearch();
  const [path, navigate] = useLocation();
  const inUrl = writeTraceUrlState(readTraceUrlState(search));
  const [state, setState] = useState(() => readTraceUrlState(search));
  const written = useRef(inUrl);

  useEffect(() => {
    if (inUrl === written.current) return;
    written.current = inUrl;
    setState(readTraceUrlState(inUrl));
  }, [inUrl]);

  useEffect(() => {
    const text = writeTraceUrlState(state);
    if (text === written.current) return undefined;
    const timer = setTimeout(() => {
      written.current = text;
      navigate(text === '' ? path : `${path}?${text}`, { replace: true });
    }, writeDelayMs);
    return () => clearTimeout(timer);
  }, [state, path, navigate]);

  const change = useCallback((changes: Partial<TraceUrlState>) => setState((old) => ({ ...old, ...changes })), []);
  return [state, change];
}
