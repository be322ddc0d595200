import { JUMP_MS } from './age-rule.ts';
import { DAY_MS, dayOf, newestDay, startOfDayMs } from '../utc-day.ts';

export interface KnownTimeOptions {
  readonly retentionDays: number;
  /** What the clock said when the last spans came before this start; 0 where none did. */
  readonly lastArrivalMs?: number;
  /** Milliseconds since the epoch, as the machine has it: it may jump. */
  readonly now?: () => number;
  /** Milliseconds of a clock that never jumps, from any beginning. */
  readonly elapsed?: () => number;
}

/**
 * The present lies between them, in milliseconds since the epoch; they are equal while nothing speaks against the
 * clock.
 */
export interface Present {
  readonly earliestMs: number;
  readonly latestMs: number;
}

/** Before this program was made it cannot run: clocks without a battery begin in 1970. */
const MADE_MS = Date.UTC(2026, 0, 1);
/** The last second of the store. */
const LATEST_MS = 0xffff_ffff * 1_000;
/** A clock that has jumped is believed alone when it has stayed so for so long. */
const BELIEVED_MS = DAY_MS;

/**
 * What speaks for another time than the machine's clock says, so that spans are not rejected that are of the present:
 * the clock before it jumped, also over a stop, and the days of the spans that are stored. A span that is taken too
 * easily costs a little room; one that is refused is lost.
 */
export class KnownTime {
  readonly #retentionMs: number;
  readonly #now: () => number;
  readonly #elapsed: () => number;
  /** Where the clock has gone back since. */
  readonly #lastArrivalMs: number | null;
  #offsetMs: number;
  #jumpedAtMs: number | null = null;
  /** Of spans, the oldest first. */
  #storedDays: readonly string[] = [];

  constructor({
    retentionDays,
    lastArrivalMs = 0,
    now = Date.now,
    elapsed = () => performance.now(),
  }: KnownTimeOptions) {
    this.#retentionMs = retentionDays * DAY_MS;
    this.#now = now;
    this.#elapsed = elapsed;
    const nowMs = now();
    const backMs = lastArrivalMs - nowMs;
    // By more than that it follows from the stored days alone: a clock that was years ahead once must not count for
    // ever.
    this.#lastArrivalMs = backMs >= JUMP_MS && backMs <= this.#retentionMs ? lastArrivalMs : null;
    this.#offsetMs = (this.#lastArrivalMs ?? nowMs) - elapsed();
  }

  /** The days of the spans that are stored, as `YYYY-MM-DD`, the oldest first. */
  noteStored(days: readonly string[]): void {
    this.#storedDays = days;
  }

  get present(): Present {
    const nowMs = this.#now();
    const steadyMs = this.#steady(nowMs);
    const newestMs = endOf(newestDay(this.#storedDays, dayOf(nowMs))) ?? nowMs;
    const aheadMs = this.#aheadOf(nowMs);
    return {
      earliestMs: Math.min(nowMs, steadyMs, newestMs),
      // How long nothing was stored, nobody knows: as wide as the time that spans are kept.
      latestMs: isBeforeUs(nowMs)
        ? LATEST_MS
        : Math.max(nowMs, steadyMs, aheadMs === null ? nowMs : aheadMs + this.#retentionMs),
    };
  }

  /** For people, while the clock says less than what is known to be over; null otherwise. */
  get doubt(): string | null {
    const nowMs = this.#now();
    const clock = `this machine's clock says ${new Date(nowMs).toISOString()}`;
    if (isBeforeUs(nowMs)) {
      return `${clock}, which is before this program was built: check the clock; spans of any later time are accepted until then`;
    }
    const lastMs = this.#lastArrivalMs;
    const isBack = lastMs !== null && lastMs - nowMs >= JUMP_MS;
    if (!isBack && this.#aheadOf(nowMs) === null) return null;
    const known = isBack
      ? `spans have arrived up to ${new Date(lastMs).toISOString()}`
      : `the store has spans of ${this.#storedDays.at(-1)}`;
    return `${known}, and ${clock}: one of them is wrong: check the clock; spans up to ${dayOf(this.present.latestMs)} are accepted until then`;
  }

  /** What the clock would say had it not jumped. */
  #steady(nowMs: number): number {
    const elapsedMs = this.#elapsed();
    const steadyMs = elapsedMs + this.#offsetMs;
    if (Math.abs(nowMs - steadyMs) < JUMP_MS) {
      this.#jumpedAtMs = null;
      return nowMs;
    }
    this.#jumpedAtMs ??= elapsedMs;
    if (elapsedMs - this.#jumpedAtMs < BELIEVED_MS) return steadyMs;
    this.#offsetMs = nowMs - elapsedMs;
    this.#jumpedAtMs = null;
    return nowMs;
  }

  /**
   * The end of the newest stored day, where it is further ahead than tomorrow, which spans of a few minutes ahead may
   * be of.
   */
  #aheadOf(nowMs: number): number | null {
    const day = this.#storedDays.at(-1);
    return day !== undefined && startOfDayMs(day) > nowMs + DAY_MS ? startOfDayMs(day) + DAY_MS : null;
  }
}

function isBeforeUs(nowMs: number): boolean {
  return nowMs < MADE_MS;
}

function endOf(day: string | undefined): number | undefined {
  return day === undefined ? undefined : startOfDayMs(day) + DAY_MS;
}
