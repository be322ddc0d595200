import { useEffect, useState } from 'react';
import type { TraceSession } from '../model/trace-session.ts';

/** The search starts after a pause of this length. */
const pauseMs = 120;

const nothing: ReadonlySet<number> = new Set();

/** The spans that hold the text, ascending as a set keeps them; null while nothing is looked for. */
export function useFind(session: TraceSession, text: string): ReadonlySet<number> | null {
  const [found, setFound] = useState(nothing);
  const wanted = text.trim();
  useEffect(() => {
    if (wanted === '') return undefined;
    let current = true;
    const timer = setTimeout(() => {
      session.find(wanted).then(
        (spans) => current && setFound(new Set(spans)),
        () => current && setFound(nothing),
      );
    }, pauseMs);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [session, wanted]);
  return wanted === '' ? null : found;
}
