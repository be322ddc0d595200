export interface RetryOptions {
  /** How often a request is sent before its spans are dropped. */
  readonly maxAttempts: number;
  /** Doubled after each failure, up to `maxDelayMillis`; a random share of it, half at least, is waited. */
  readonly initialDelayMillis: number;
  readonly maxDelayMillis: number;
}

/** Answers after which OTLP asks a client to try again (OTLP/HTTP, "Retryable response codes"). */
export const RETRYABLE_STATUS: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** A collector may ask for a pause, not for silence. */
const RETRY_AFTER_MAX_MS = 5 * 60_000;

/** How long to wait after so many failures in a row, and no shorter than the collector asks for. `random` returns from 0 to 1. */
export function pauseMs(
  retry: RetryOptions,
  failuresInARow: number,
  retryAfterMs: number | undefined,
  random: () => number,
): number {
  const backoffMs = Math.min(retry.maxDelayMillis, retry.initialDelayMillis * 2 ** (failuresInARow - 1));
  // A collector that asks for no pause, or by a clock that is behind ours, must not be hammered until all attempts are used up.
  return Math.min(RETRY_AFTER_MAX_MS, Math.max(retryAfterMs ?? 0, backoffMs * (0.5 + random() / 2)));
}
