import { readFileSync } from 'node:fs';
import { replaceFileSync } from '../durable-file.ts';

/**
 * When blocks arrive, in microseconds since the epoch, made to increase strictly, also over a restart and a clock that
 * goes back. An arrival names the block in which a span came: it decides whether a span is in one table or in another,
 * counted or not.
 */
export class ArrivalClock {
  readonly #path: string | null;
  readonly #now: () => number;
  #last = 0;
  #inFlight: number | null = null;

  /** `path`: a file that remembers the last arrival of what has left the spool. `now`: milliseconds since the epoch. */
  constructor(path: string | null = null, now: () => number = Date.now) {
    this.#path = path;
    this.#now = now;
    if (path !== null) this.startAfter(readArrival(path));
  }

  /** The last one that was given. */
  get last(): number {
    return this.#last;
  }

  /** Of the block that is on its way to the disk; null while none is. */
  get inFlight(): number | null {
    return this.#inFlight;
  }

  /** One block at a time; `landed` ends it. */
  next(): number {
    return (this.#inFlight = this.#last = Math.max(this.#last + 1, Math.floor(this.#now() * 1_000)));
  }

  /** What comes is later than this, which is the present. */
  pass(): number {
    return (this.#last = Math.max(this.#last, Math.floor(this.#now() * 1_000)));
  }

  /** The block is on the disk, or will never be. */
  landed(): void {
    this.#inFlight = null;
  }

  /** Everything that comes is later than this. */
  startAfter(arrival: number): void {
    if (arrival > this.#last && Number.isSafeInteger(arrival)) this.#last = arrival;
  }

  /**
   * Call it before a segment leaves the spool, where its arrivals could be read again. Not synced: a power failure and
   * a clock that went back would have to come together.
   */
  remember(arrival: number): void {
    if (this.#path === null) return;
    try {
      // Whole at any moment: a process that dies leaves the one before or this one.
      replaceFileSync(this.#path, String(arrival), { sync: false });
    } catch {
      // What cannot be written here cannot be written to the spool either, which says so.
    }
  }
}

function readArrival(path: string): number {
  try {
    return Number(readFileSync(path, 'utf8')) || 0;
  } catch {
    return 0;
  }
}
