import type { Segment } from './segment-recovery.ts';

export interface FailingSegmentsOptions {
  /** The first repeat waits this long, each further one twice as long … */
  readonly retryDelayMs: number;
  /** … up to this. */
  readonly retryDelayMsMax: number;
  /** A segment that has failed so often, by whatever it was, no longer holds up those behind it. */
  readonly rejectionsMax: number;
  /** So many may be passed by others. */
  readonly passedSegmentsMax: number;
}

export interface FailingSegment {
  readonly segment: Segment;
  readonly error: unknown;
  readonly attempts: number;
  /** Attempts that may have reached the store. */
  readonly failures: number;
  /** Failures that may be the fault of the segment's data. */
  readonly dataFailures: number;
  /** How many segments had been stored when it first failed. */
  readonly storedBefore: number;
  readonly delayMs: number;
  /** On the clock that is handed in. */
  readonly retryAtMs: number;
}

/** Segments whose insert has failed, in the order in which they began to. */
export class FailingSegments {
  readonly #options: FailingSegmentsOptions;
  readonly #byName = new Map<string, FailingSegment>();

  constructor(options: FailingSegmentsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#byName.size;
  }

  get names(): ReadonlySet<string> {
    return new Set(this.#byName.keys());
  }

  get all(): readonly FailingSegment[] {
    return [...this.#byName.values()];
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  /** Notes a failure. `stored`: how many segments have been stored so far. */
  note(
    segment: Segment,
    {
      error,
      isUnseen,
      isAboutData,
      stored,
      nowMs,
    }: { error: unknown; isUnseen: boolean; isAboutData: boolean; stored: number; nowMs: number },
  ): FailingSegment {
    const { retryDelayMs, retryDelayMsMax } = this.#options;
    const before = this.#byName.get(segment.name);
    const delayMs = before === undefined ? retryDelayMs : Math.min(before.delayMs * 2, retryDelayMsMax);
    const failing: FailingSegment = {
      segment,
      error,
      attempts: (before?.attempts ?? 0) + 1,
      failures: (before?.failures ?? 0) + (isUnseen ? 0 : 1),
      dataFailures: (before?.dataFailures ?? 0) + (isAboutData ? 1 : 0),
      storedBefore: before?.storedBefore ?? stored,
      delayMs,
      retryAtMs: nowMs + delayMs,
    };
    this.#byName.set(segment.name, failing);
    return failing;
  }

  forget(name: string): void {
    this.#byName.delete(name);
  }

  /** The one to try again now; of several the one that has waited longest. */
  due(nowMs: number): Segment | null {
    const next = this.#next();
    return next !== null && next.retryAtMs <= nowMs ? next.segment : null;
  }

  /** Until one is due; infinity where none fails. */
  waitMs(nowMs: number): number {
    const next = this.#next();
    return next === null ? Number.POSITIVE_INFINITY : Math.max(0, next.retryAtMs - nowMs);
  }

  /**
   * Whether segments behind these may be tried. Not at the first failures of an unavailable store, which would come to
   * nothing and leave one more segment in doubt; after some, because it may be this segment that the store fails on.
   */
  get mayBePassed(): boolean {
    return this.all.every(({ dataFailures, failures }) => dataFailures > 0 || failures >= this.#options.rejectionsMax);
  }

  get isFull(): boolean {
    return this.size >= this.#options.passedSegmentsMax;
  }

  #next(): FailingSegment | null {
    let next: FailingSegment | null = null;
    for (const failing of this.#byName.values()) {
      if (next === null || failing.retryAtMs < next.retryAtMs) next = failing;
    }
    return next;
  }
}
