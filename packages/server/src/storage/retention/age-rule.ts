import type { RetentionLimits } from './retention-limits.ts';
import { dayOf, newestDay, plusDays } from '../utc-day.ts';

export interface AgeRuleOptions extends RetentionLimits {
  /** Whole days. */
  readonly retentionDays: number;
}

export interface Clocks {
  /** Milliseconds since the epoch, as the machine has it: it may jump. */
  readonly nowMs: number;
  /** Milliseconds of a clock that never jumps, from any beginning. */
  readonly elapsedMs: number;
}

/** What is stored, as `YYYY-MM-DD`, the oldest first. */
export interface StoredDayNames {
  /** All days that something is stored of. */
  readonly all: readonly string[];
  /** Those that spans are stored of. */
  readonly ofSpans: readonly string[];
}

export interface AgeVerdict {
  /** To be dropped, the oldest first. */
  readonly due: readonly string[];
  /** Too old as well, but only on the word of a clock that may be wrong. */
  readonly held: readonly string[];
  /** How long the last of those is held, if the clock stays as it is. */
  readonly heldMs: number;
  /** How far the clock has jumped; 0 where it has not. */
  readonly jumpMs: number;
}

/** A clock that is off by less has not jumped: it changes nothing that spans an hour ahead would not. */
export const JUMP_MS = 3_600_000;
/** What a clock that was wrong from the start on has brought in its first minutes: a day, or two around midnight. */
const LEAP_DAYS_MAX = 2;

/**
 * Says which days are too old. Age counts from the newest stored day that is not in the future, and never from the
 * clock alone: a store that takes nothing in keeps what it has, and a clock that is ahead makes nothing old. Where
 * clock and spans are wrong together, only time shows it: what would take much at once, everything after a jump, and
 * everything while the newest days stand apart from those before them, waits for `holdMs`. The last is what a process
 * sees whose clock was wrong before it started.
 */
export class AgeRule {
  readonly #options: AgeRuleOptions;
  /** Since when, on the clock that never jumps, a day has been too old at every look. */
  readonly #dueSince = new Map<string, number>();
  #offsetMs: number | null = null;
  #jumpedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: AgeRuleOptions) {
    this.#options = options;
  }

  look({ all, ofSpans }: StoredDayNames, { nowMs, elapsedMs }: Clocks): AgeVerdict {
    const { retentionDays, daysAtOnceMax, holdMs } = this.#options;
    const jumpMs = this.#jump(nowMs - elapsedMs);
    if (jumpMs !== 0) {
      this.#jumpedAtMs = elapsedMs;
      this.#dueSince.clear();
    }
    const known = ofSpans.length > 0 ? ofSpans : all;
    const reference = newestDay(known, dayOf(nowMs));
    const firstKept = reference === undefined ? '' : plusDays(reference, -retentionDays);
    const old = all.filter((day) => day < firstKept);
    for (const day of this.#dueSince.keys()) if (!old.includes(day)) this.#dueSince.delete(day);
    for (const day of old) if (!this.#dueSince.has(day)) this.#dueSince.set(day, elapsedMs);
    const isMuch = old.length > daysAtOnceMax || (old.length > 0 && old.length * 2 >= all.length);
    const isSudden = reference !== undefined && hasLeapt(known, reference);
    if (!isMuch && !isSudden && elapsedMs - this.#jumpedAtMs >= holdMs)
      return { due: old, held: [], heldMs: 0, jumpMs };
    const heldMsOf = (day: string): number => holdMs - (elapsedMs - (this.#dueSince.get(day) ?? elapsedMs));
    const held = old.filter((day) => heldMsOf(day) > 0);
    return {
      due: old.filter((day) => heldMsOf(day) <= 0),
      held,
      heldMs: Math.max(0, ...held.map(heldMsOf)),
      jumpMs,
    };
  }

  #jump(offsetMs: number): number {
    const jumpMs = this.#offsetMs === null ? 0 : offsetMs - this.#offsetMs;
    // What it has drifted adds up, so that many small steps are a jump as well.
    if (this.#offsetMs !== null && Math.abs(jumpMs) < JUMP_MS) return 0;
    this.#offsetMs = offsetMs;
    return jumpMs;
  }
}

/** Whether the days that end with this one are few, and others were stored before a gap. */
function hasLeapt(days: readonly string[], newest: string): boolean {
  const stored = new Set(days);
  for (let back = 1; back <= LEAP_DAYS_MAX; back++) {
    const day = plusDays(newest, -back);
    if (!stored.has(day)) return days.some((other) => other < day);
  }
  return false;
}
