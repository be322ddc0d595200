import type { Limiter } from '../limiter.ts';
import { QueueFullError, QueueTimeoutError } from '../limiter.ts';
import { EngineError } from './engine.ts';

/**
 * Resolves with the function that gives the slot back. Rejects with `EngineError` (`unavailable`) when too many wait,
 * which calls `onFull`, and (`timeout`) when no slot came free within `timeoutMs`; with the signal's reason when it is
 * aborted before.
 */
export async function acquireQuerySlot(
  limiter: Limiter,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  onFull: () => void,
): Promise<() => void> {
  try {
    return await limiter.acquire({ timeoutMs, ...(signal !== undefined && { signal }) });
  } catch (error) {
    if (error instanceof QueueFullError) {
      onFull();
      throw new EngineError('unavailable', error.message, { cause: error });
    }
    if (error instanceof QueueTimeoutError) throw new EngineError('timeout', error.message, { cause: error });
    throw error;
  }
}
