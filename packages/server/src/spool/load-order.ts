import { setTimeout as delay } from 'node:timers/promises';
import type { Segment } from './segment-recovery.ts';
import type { Spool } from './spool.ts';

export interface LoadOrderOptions {
  readonly spool: Pick<Spool, 'nextSealed' | 'sealed' | 'sealOlderThan'>;
  /** What is open is sealed when it is so old, even while others wait. */
  readonly newestAfterMs: number;
  /** Of a backlog. */
  readonly rowsPerSecondMax: number;
  /** The backlog waits for that. */
  readonly onLimit: () => void;
}

/**
 * Which segment is loaded next where spans can be found only when they are stored. While one waits, it is that one. Of
 * a backlog, as after an outage, the newest and the oldest take turns: what has just come can be found, and what has
 * waited longest is stored, at a bounded rate.
 */
export class LoadOrder {
  readonly #options: LoadOrderOptions;
  /** The newest that was ever next: names are given in order. */
  #newest = '';
  #isTurnOfNewest = false;
  /** Before it no more of the backlog is loaded. */
  #backlogFromMs = 0;

  constructor(options: LoadOrderOptions) {
    this.#options = options;
  }

  /** Waits for one. Null when the signal aborts, or none is left of a closed spool. */
  async next(signal: AbortSignal, passed: ReadonlySet<string>): Promise<Segment | null> {
    const { spool, newestAfterMs, onLimit } = this.#options;
    let isLimited = false;
    while (!signal.aborted) {
      const waitMs = this.#backlogFromMs - performance.now();
      const isBacklog = this.#sealed(passed).length > 1;
      if (isBacklog && (this.#isTurnOfNewest || waitMs > 0)) {
        await spool.sealOlderThan(newestAfterMs);
        const newest = this.#sealed(passed).at(-1);
        if (newest !== undefined && newest.name > this.#newest) return this.#take(newest, false);
      }
      if (!isBacklog || waitMs <= 0) {
        const oldest = await spool.nextSealed(signal, passed);
        return oldest === null ? null : this.#take(oldest, isBacklog);
      }
      if (!isLimited) onLimit();
      isLimited = true;
      await delay(Math.min(waitMs, newestAfterMs), undefined, { signal }).catch(() => {});
    }
    return null;
  }

  #sealed(passed: ReadonlySet<string>): readonly Segment[] {
    return this.#options.spool.sealed.filter(({ name }) => !passed.has(name));
  }

  #take(segment: Segment, isBacklog: boolean): Segment {
    this.#isTurnOfNewest = isBacklog;
    if (segment.name > this.#newest) this.#newest = segment.name;
    if (isBacklog) {
      this.#backlogFromMs = performance.now() + (segment.rows / this.#options.rowsPerSecondMax) * 1_000;
    }
    return segment;
  }
}
