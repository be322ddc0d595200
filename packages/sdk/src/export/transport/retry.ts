/**
 * Network errors and the statuses 429, 502, 503 and 504 are retried; other statuses are final.
 * @see https://opentelemetry.io/docs/specs/otlp/#otlphttp-response
 */
export interface RetryOptions {
  /**
   * How often a request is sent before its spans are dropped as `export_failed`, the first time included. An integer ≥
   * 1. Default 10.
   */
  readonly maxAttempts: number;
  /**
   * Pause after the first failure in milliseconds, doubled after each; a random part of it, half at least, is waited.
   * Default 1000.
   */
  readonly initialDelayMillis: number;
  /** The longest pause in milliseconds; a longer Retry-After is followed, up to five minutes. Default 30,000. */
  readonly maxDelayMillis: number;
}

/** OTLP/HTTP, "Retryable response codes". */
export const RETRYABLE_STATUS: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** A collector may impose a pause, not silence. */
const RETRY_AFTER_MAX_MS = 5 * 60_000;

/**
 * How long to wait after so many failures in a row, and no shorter than the collector's Retry-After. `random` returns
 * from 0 to 1.
 */
export function pauseMs(
  retry: RetryOptions,
  failuresInARow: number,
  retryAfterMs: number | undefined,
  random: () => number,
): number {
  const backoffMs = Math.min(retry.maxDelayMillis, retry.initialDelayMillis * 2 ** (failuresInARow - 1));
  // A collector that wants no pause, or names its end by a clock that is behind ours, must not be hammered until all
  // attempts are used up.
  return Math.min(RETRY_AFTER_MAX_MS, Math.max(retryAfterMs ?? 0, backoffMs * (0.5 + random() / 2)));
}
