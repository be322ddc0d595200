import { setTimeout as delay } from 'node:timers/promises';
import { EngineError } from '../storage/engine.ts';

export interface Patience {
  /** Ends the waiting: it rejects with the signal's reason. */
  readonly signal: AbortSignal;
  /** How often it is tried where it fails in a way that passes with time; without end by default. */
  readonly attemptsMax?: number;
  /** Told why it is waited, before each time; null when it has succeeded after that. */
  readonly onWait?: (reason: string | null) => void;
}

const FIRST_DELAY_MS = 200;
const DELAY_MS_MAX = 5_000;

/**
 * Repeats what fails because a store is away, or too slow at the moment, until it succeeds. Rejects with every other
 * error.
 */
export async function patiently<T>(
  work: (attempt: number) => Promise<T>,
  { signal, attemptsMax = Infinity, onWait }: Patience,
): Promise<T> {
  for (let attempt = 1, delayMs = FIRST_DELAY_MS; ; attempt++, delayMs = Math.min(delayMs * 2, DELAY_MS_MAX)) {
    signal.throwIfAborted();
    try {
      const result = await unlessAborted(work(attempt), signal);
      if (attempt > 1) onWait?.(null);
      return result;
    } catch (error) {
      signal.throwIfAborted();
      const passes = error instanceof EngineError && (error.code === 'unavailable' || error.code === 'timeout');
      if (!passes || attempt >= attemptsMax) throw error;
      onWait?.(error.message);
    }
    await delay(delayMs, undefined, { signal }).catch(() => {});
  }
}

/** Rejects with the signal's reason as soon as it is aborted; the work is left to itself then. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return await new Promise<T>((resolve, reject) => {
    const leave = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', leave, { once: true });
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}
