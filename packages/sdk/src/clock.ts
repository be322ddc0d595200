/** Where a tracer gets its times from; an argument, so that tests decide what time it is. */
export interface Clock {
  /** Milliseconds with a fraction, from any fixed moment, never going back. */
  monotonicMs(): number;
  /** Milliseconds since the epoch that `monotonicMs() === 0` stood for, as well as it is known at the start. */
  readonly timeOriginUnixMs: number;
  /** The wall clock in milliseconds since the epoch. */
  wallMs(): number;
}

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  timeOriginUnixMs: performance.timeOrigin,
  wallMs: () => Date.now(),
};

const RECHECK_INTERVAL_MS = 1000;
/** Above the granularity of `Date.now()`, below what a person would notice between two hosts. */
const TOLERATED_DRIFT_MS = 5;

/**
 * Turns monotonic readings into wall time. The origin is kept while it agrees with the wall clock, because it is finer
 * than a millisecond; once a second it is compared, and taken anew after a jump (suspend, NTP step).
 */
export class WallClock {
  readonly #clock: Clock;
  #originUnixMs: number;
  #checkedAtMs = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#originUnixMs = clock.timeOriginUnixMs;
  }

  /** Wall time of a monotonic reading that was just taken, in milliseconds since the epoch with a fraction. */
  unixMsAt(monotonicMs: number): number {
    if (monotonicMs - this.#checkedAtMs >= RECHECK_INTERVAL_MS) this.#compare(monotonicMs);
    return this.#originUnixMs + monotonicMs;
  }

  #compare(monotonicMs: number): void {
    this.#checkedAtMs = monotonicMs;
    const wallMs = this.#clock.wallMs();
    if (Math.abs(wallMs - (this.#originUnixMs + monotonicMs)) > TOLERATED_DRIFT_MS) {
      this.#originUnixMs = wallMs - monotonicMs;
    }
  }
}
