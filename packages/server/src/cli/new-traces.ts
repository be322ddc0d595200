import type { TraceSummary } from '@throughline/trace/client';

/** A trace is looked for so long after its start, and two polls more; it is printed then as it was last seen. */
const LOOK_BACK_MS = 60_000;

interface Known {
  readonly trace: TraceSummary;
  readonly isReturned: boolean;
}

/** Which traces of successive polls are new, and have all their spans as far as can be seen. */
export class NewTraces {
  readonly #startMs: number;
  readonly #lookBackMs: number;
  /** As each was in the last poll. */
  #known = new Map<string, Known>();

  /** Traces that started earlier are not new. `intervalMs`: between two polls. */
  constructor(startMs: number, intervalMs: number) {
    this.#startMs = startMs;
    this.#lookBackMs = LOOK_BACK_MS + 2 * intervalMs;
  }

  /** From when on to search. */
  fromMs(nowMs: number): number {
    return Math.max(this.#startMs, nowMs - this.#lookBackMs);
  }

  /**
   * Those that have as many spans as in the poll before, and those that have left the page: each once, the oldest
   * first.
   */
  settled(page: readonly TraceSummary[]): TraceSummary[] {
    const before = this.#known;
    this.#known = new Map();
    const settled: TraceSummary[] = [];
    for (const trace of page) {
      if (BigInt(trace.startTimeUnixNano) < BigInt(this.#startMs) * 1_000_000n) continue;
      const known = before.get(trace.traceId);
      const isSettled = known !== undefined && !known.isReturned && known.trace.spanCount === trace.spanCount;
      if (isSettled) settled.push(trace);
      this.#known.set(trace.traceId, { trace, isReturned: isSettled || known?.isReturned === true });
    }
    // What more recent ones have pushed out of the page does not come back.
    const left = [...before.values()].filter(({ trace, isReturned }) => !isReturned && !this.#known.has(trace.traceId));
    return [...settled, ...left.map(({ trace }) => trace)].toReversed();
  }
}
