import { performance } from 'node:perf_hooks';
import { givenUnixNano, type TimeInput } from './time.ts';

/** Where a tracer gets its times from; an argument, so that tests decide what time it is. */
export interface Clock {
  /** Milliseconds with a fraction, from any fixed moment, never going back. */
  monotonicMs(): number;
  /** Milliseconds since the epoch that `monotonicMs() === 0` stood for, as well as it is known at the start. */
  readonly timeOriginUnixMs: number;
  /** The wall clock in milliseconds since the epoch. */
  wallMs(): number;
}

/** Before Node 24 each result of `performance.now()` is an object on the heap, and those of `hrtime` are optimised away. */
const ALLOCATES_READINGS = Number.parseInt(process.versions.node) < 24;
const { hrtime } = process;
const [originSeconds, originNanos] = hrtime();
const originMs = performance.now() - originNanos / 1e6;

function hrtimeMs(): number {
  const reading = hrtime();
  return (reading[0] - originSeconds) * 1e3 + reading[1] / 1e6 + originMs;
}

// The global `performance` is a getter on Node 20, and a call on every reading.
export const systemClock: Clock = {
  monotonicMs: ALLOCATES_READINGS ? hrtimeMs : () => performance.now(),
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
  /** The halves of the moment that was sought last: two results of one computation, without an object for each. */
  high = 0;
  low = 0;
  /** The monotonic clock when it was last read here. */
  readingMs = 0;
  readonly #clock: Clock;
  readonly #high: number;
  readonly #low: number;

  constructor(clock: Clock, unixMs: number) {
    this.#clock = clock;
    this.unixMs = unixMs;
    const wholeMs = Math.floor(unixMs);
    this.unixNano = BigInt(wholeMs) * 1_000_000n + BigInt(Math.round((unixMs - wholeMs) * 1e6));
    this.#high = Number(this.unixNano >> 32n);
    this.#low = Number(this.unixNano & 0xffffffffn);
  }

  /** Puts a time that the application gave into `high` and `low`; the present where it gave none, or none that OTLP can carry. */
  seek(given: TimeInput | undefined): void {
    if (given === undefined) this.seekNow();
    else this.#seekGiven(given);
  }

  seekNow(): void {
    const readingMs = this.#clock.monotonicMs();
    this.readingMs = readingMs;
    const ns = Math.round(readingMs * 1e6);
    const nsHigh = Math.floor(ns / TWO_POW_32);
    const low = this.#low + (ns - nsHigh * TWO_POW_32);
    this.high = (this.#high + nsHigh + (low >= TWO_POW_32 ? 1 : 0)) | 0;
    this.low = low | 0;
  }

  #seekGiven(given: TimeInput): void {
    this.seekNow();
    const unixNano = givenUnixNano(given, this.unixNano, this.readingMs);
    if (unixNano === undefined) return;
    this.high = Number(BigInt.asIntN(32, unixNano >> 32n));
    this.low = Number(BigInt.asIntN(32, unixNano));
  }
}

/**
 * Turns monotonic readings into wall time. The anchor is kept while it agrees with the wall clock, because it is finer
 * than a millisecond; once a second it is compared, and taken anew after a jump (suspend, NTP step).
 */
export class WallClock {
  readonly #clock: Clock;
  #anchor: TimeAnchor;
  #compareAtMs = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#anchor = new TimeAnchor(clock, clock.timeOriginUnixMs);
  }

  /** The anchor as it was last compared, for those who need no times. */
  get lastAnchor(): TimeAnchor {
    return this.#anchor;
  }

  /** The anchor to count a new trace's times from, and at the present. */
  now(): TimeAnchor {
    this.#anchor.seekNow();
    if (this.#anchor.readingMs >= this.#compareAtMs) this.#compare(this.#anchor.readingMs);
    return this.#anchor;
  }

  #compare(monotonicMs: number): void {
    this.#compareAtMs = monotonicMs + RECHECK_INTERVAL_MS;
    const wallMs = this.#clock.wallMs();
    if (Math.abs(wallMs - (this.#anchor.unixMs + monotonicMs)) > TOLERATED_DRIFT_MS) {
      this.#anchor = new TimeAnchor(this.#clock, wallMs - monotonicMs);
      this.#anchor.seekNow();
    }
  }
}
