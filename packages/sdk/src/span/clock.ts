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

/**
 * Before Node 24 each result of `performance.now()` is an object on the heap, and those of `hrtime` are optimised away.
 */
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

/**
 * Reading the wall clock costs what a tenth of a span costs; for so long after a jump, at the most, times are those
 * from before it.
 */
const RECHECK_INTERVAL_MS = 100;
/** Above the granularity of `Date.now()`, below what a person would notice between two hosts. */
const TOLERATED_DRIFT_MS = 5;
/** By so much the clock is put right now and then. When it is further ahead, the machine has slept. */
const SLEEP_MIN_MS = 1000;
/** More corrections than these at a time are of a clock that nothing can be said of. */
const EARLIER_MAX = 16;
/**
 * How long a trace keeps to the times that it began with when the clock is put right; those that last longer follow it.
 */
const KEPT_AFTER_CHANGE_MS = 60_000;
/** Two readings of clocks one after the other take a thousandth of this. */
const HELD_UP_MIN_MS = 0.5;
const READING_ATTEMPTS_MAX = 5;
const TWO_POW_32 = 0x100000000;

const NONE: readonly TimeAnchor[] = [];

/**
 * Where the monotonic clock's zero is in wall time. Moments are Unix nanoseconds, 64 bits in two signed halves:
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
  /** From this reading on `WallClock.follow` has to be called. */
  compareAtMs = -Infinity;
  /** The reading from which on nothing should be timed by this one any more; another one is in force. */
  leaveAtMs = Infinity;
  /** Those that were in force before this one, as long as something that they have timed may be ahead of it. */
  earlier: readonly TimeAnchor[];
  /** Nothing can have been timed by another one. */
  readonly isFirst: boolean;
  readonly wallClock: WallClock;
  readonly #clock: Clock;
  readonly #high: number;
  readonly #low: number;

  constructor(wallClock: WallClock, clock: Clock, unixMs: number, earlier: readonly TimeAnchor[] = NONE) {
    this.wallClock = wallClock;
    this.#clock = clock;
    this.unixMs = unixMs;
    this.earlier = earlier;
    this.isFirst = earlier.length === 0;
    const wholeMs = Math.floor(unixMs);
    this.unixNano = BigInt(wholeMs) * 1_000_000n + BigInt(Math.round((unixMs - wholeMs) * 1e6));
    this.#high = Number(this.unixNano >> 32n);
    this.#low = Number(this.unixNano & 0xffffffffn);
  }

  /**
   * Puts a time that the application gave into `high` and `low`; the present where it gave none, or none that OTLP can
   * carry.
   */
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

  /** Whether what was sought last is before another moment. */
  isBefore(high: number, low: number): boolean {
    return this.high === high ? this.low >>> 0 < low >>> 0 : this.high >>> 0 < high >>> 0;
  }

  /** Whether nothing more is timed by it. */
  isLeft(readingMs: number): boolean {
    return readingMs > this.leaveAtMs + RECHECK_INTERVAL_MS;
  }

  /** Whether what it has timed may begin later than the present of an anchor that is at `unixMs`. */
  mayBeAhead(unixMs: number, readingMs: number): boolean {
    return !this.isLeft(readingMs - Math.max(0, this.unixMs - unixMs));
  }

  /**
   * What the present is to be timed by behind another moment of the same trace. The clock may have been put back since:
   * then the present is given in a time that was kept before that, the one that is least ahead, or is that moment.
   */
  notBefore(high: number, low: number): TimeAnchor {
    if (!this.isBefore(high, low)) return this;
    let nearest: TimeAnchor | undefined;
    for (const each of this.earlier) {
      each.seekNow();
      if (!each.isBefore(high, low) && (nearest === undefined || each.unixMs < nearest.unixMs)) nearest = each;
    }
    if (nearest !== undefined) return nearest;
    this.high = high;
    this.low = low;
    return this;
  }
}

/**
 * Turns monotonic readings into wall time. The anchor is kept while it agrees with the wall clock, because it is finer
 * than a millisecond; ten times a second it is compared, and read again after a jump (suspend, NTP step).
 */
export class WallClock {
  readonly #clock: Clock;
  #anchor: TimeAnchor;
  #compareAtMs = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#anchor = new TimeAnchor(this, clock, clock.timeOriginUnixMs);
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

  /**
   * What a trace that was timed by `anchor` is to be timed by from now on. While the machine sleeps the monotonic clock
   * stands still on some systems: then the trace goes on where the wall clock is, behind all that it knows. A clock
   * that is put right would break the order of what a trace knows already, so it keeps its own for a while.
   */
  follow(anchor: TimeAnchor): TimeAnchor {
    const { readingMs } = anchor;
    if (readingMs >= this.#compareAtMs) this.#compare(readingMs);
    const current = this.#anchor;
    const hasSlept = current.unixMs - anchor.unixMs >= SLEEP_MIN_MS;
    if (anchor !== current && (hasSlept || readingMs >= anchor.leaveAtMs)) return current;
    anchor.compareAtMs = readingMs + RECHECK_INTERVAL_MS;
    return anchor;
  }

  #compare(monotonicMs: number): void {
    this.#compareAtMs = monotonicMs + RECHECK_INTERVAL_MS;
    const old = this.#anchor;
    let unixMs = this.#clock.wallMs() - monotonicMs;
    if (Math.abs(unixMs - old.unixMs) <= TOLERATED_DRIFT_MS) return;
    // The process may have been held up between the two readings: that is no jump.
    let readingMs = this.#clock.monotonicMs();
    for (let attempt = 0; attempt < READING_ATTEMPTS_MAX; attempt++) {
      const beforeMs = readingMs;
      const wallMs = this.#clock.wallMs();
      readingMs = this.#clock.monotonicMs();
      unixMs = wallMs - readingMs;
      if (readingMs - beforeMs < HELD_UP_MIN_MS) break;
    }
    if (Math.abs(unixMs - old.unixMs) <= TOLERATED_DRIFT_MS) return;
    old.leaveAtMs = monotonicMs + KEPT_AFTER_CHANGE_MS;
    const earlier = [...old.earlier, old].filter((each) => each.mayBeAhead(unixMs, monotonicMs)).slice(-EARLIER_MAX);
    // Nothing is timed by these any more. They would become a chain, each holding the one before it.
    for (const each of old.earlier) if (each.isLeft(monotonicMs) || !earlier.includes(each)) each.earlier = NONE;
    this.#anchor = new TimeAnchor(this, this.#clock, unixMs, earlier);
    this.#anchor.seekNow();
  }
}
