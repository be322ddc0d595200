import { useEffect, useState } from 'react';

/** Milliseconds since the epoch, read again every `intervalMs`, for texts such as "12 s ago". */
export function useNow(intervalMs: number): number {
  const [nowMs, setNowMs] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), intervalMs);
    return () => clearInterval(timer);
  }, [intervalMs]);
  return nowMs;
}
