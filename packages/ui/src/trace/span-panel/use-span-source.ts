import type { SpanSource } from '@throughline/trace';
import { useEffect, useState } from 'react';
import type { TraceSession } from '../model/trace-session.ts';

/** The span as received; null until it is there. The one before stays until then, so that moving does not flicker. */
export function useSpanSource(session: TraceSession, index: number): SpanSource | null {
  const [source, setSource] = useState<SpanSource | null>(null);
  useEffect(() => {
    let wanted = true;
    session.source(index).then(
      (answer) => wanted && setSource(answer),
      () => wanted && setSource(null),
    );
    return () => {
      wanted = false;
    };
  }, [session, index]);
  return source;
}
