import type { SpanSource } from '@throughline/trace';
import { useEffect, useState } from 'react';
import type { TraceSession } from '../model/trace-session.ts';

interface ShownSource {
  readonly source: SpanSource;
  /** False while it is still that of the span before. */
  readonly current: boolean;
}

/** The span as received; null until it is there. The one before stays until then, so that moving does not flicker. */
export function useSpanSource(session: TraceSession, index: number): ShownSource | null {
  const [shown, setShown] = useState<{ session: TraceSession; index: number; source: SpanSource } | null>(null);
  useEffect(() => {
    let wanted = true;
    session.source(index).then(
      (source) => wanted && setShown({ session, index, source }),
      () => wanted && setShown(null),
    );
    return () => {
      wanted = false;
    };
  }, [session, index]);
  return shown && { source: shown.source, current: shown.session === session && shown.index === index };
}
