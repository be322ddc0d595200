import type { TraceSummary } from '@throughline/trace/client';

/** A trace is looked for so long after its start; one that has not ended by then is printed as it is. */
const LOOK_BACK_MS = 60_000;

/** Which traces of successive polls are new, and have all their spans as far as can be seen. */
export class NewTraces {
  readonly #startMs: number;
  /** Spans that each had in the last poll; -1 for one that has been returned. */
  #known = new Map<string, number>();

  /** Traces that started earlier are not new. */
  constructor(startMs: number) {
    this.#startMs = startMs;
  }

  /** From when on to search. */
  fromMs(nowMs: number): number {
    return Math.max(this.#startMs, nowMs - LOOK_BACK_MS);
  }

  /** Those that have as many spans as in the poll before, each once, the oldest first. */
  settled(page: readonly TraceSummary[]): TraceSummary[] {
    const before = this.#known;
    // What has left the page is forgotten: it began too long ago to come back.
    this.#known = new Map();
    const settled = page.filter(({ traceId, spanCount, startTimeUnixNano }) => {
      if (BigInt(startTimeUnixNano) < BigInt(this.#startMs) * 1_000_000n) return false;
      const known = before.get(traceId);
      const isSettled = known === spanCount;
      this.#known.set(traceId, known === -1 || isSettled ? -1 : spanCount);
      return isSettled;
    });
    return settled.toReversed();
  }
}
