import { performance } from 'node:perf_hooks';

/** Where a tracer gets its times from; an argument, so that tests decide what time it is. */
export interface Clock {
  /** Milliseconds with a fraction, from any fixed moment, never going back. */
  monotonicMs(): number;
  /** Milliseconds since the epoch that `monotonicMs() === 0` stood for, as well as it is known at the start. */
  readonly timeOriginUnixMs: number;
  /** The wall clock in milliseconds since the epoch. */
  wallMs(): number;
}

// The global `performance` is a getter on Node 20, and a call on every reading.
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  timeOriginUnixMs: performance.timeOrigin,
  wallMs: () => Date.now(),
};

const RECHECK_INTERVAL_MS = 1000;
/** Above the granularity of `Date.now()`, below what a person would notice between two hosts. */
const TOLERATED_DRIFT_MS = 5;
const TWO_POW_32 = 0x100000000;

/**
 * Where the monotonic clock's zero stands in wall time. Moments are Unix nanoseconds, 64 bits in two signed halves:
 * V8 keeps those in an object without boxes, and they are what OTLP wants.
 */
export class TimeAnchor {
  readonly unixMs: number;
  readonly unixNano: bigint;
  readonly #high: number;
  readonly #low: number;

  constructor(unixMs: number) {
    this.unixMs = unixMs;
    const wholeMs = Math.floor(unixMs);
    this.unixNano = BigInt(wholeMs) * 1_000_000n + BigInt(Math.round((unixMs - wholeMs) * 1e6));
    this.#high = Number(this.unixNano >> 32n);
    this.#low = Number(this.unixNano & 0xffffffffn);
  }

  /** The upper half of a monotonic reading's moment. */
  highAt(monotonicMs: number): number {
    const ns = Math.round(monotonicMs * 1e6);
    const nsHigh = Math.floor(ns / TWO_POW_32);
    const carry = this.#low + (ns - nsHigh * TWO_POW_32) >= TWO_POW_32 ? 1 : 0;
    return (this.#high + nsHigh + carry) | 0;
  }

  lowAt(monotonicMs: number): number {
    const ns = Math.round(monotonicMs * 1e6);
    return (this.#low + (ns - Math.floor(ns / TWO_POW_32) * TWO_POW_32)) | 0;
  }
}

/**
 * Turns monotonic readings into wall time. The anchor is kept while it agrees with the wall clock, because it is finer
 * than a millisecond; once a second it is compared, and taken anew after a jump (suspend, NTP step).
 */
export class WallClock {
  readonly #clock: Clock;
  #anchor: TimeAnchor;
  #checkedAtMs = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#anchor = new TimeAnchor(clock.timeOriginUnixMs);
  }

  /** The anchor as it was last compared, for those who need no times. */
  get lastAnchor(): TimeAnchor {
    return this.#anchor;
  }

  /** The anchor for a monotonic reading that was just taken. */
  anchorAt(monotonicMs: number): TimeAnchor {
    if (monotonicMs - this.#checkedAtMs >= RECHECK_INTERVAL_MS) this.#compare(monotonicMs);
    return this.#anchor;
  }

  #compare(monotonicMs: number): void {
    this.#checkedAtMs = monotonicMs;
    const wallMs = this.#clock.wallMs();
    if (Math.abs(wallMs - (this.#anchor.unixMs + monotonicMs)) > TOLERATED_DRIFT_MS) {
      this.#anchor = new TimeAnchor(wallMs - monotonicMs);
    }
  }
}
