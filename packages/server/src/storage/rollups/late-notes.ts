import { randomUUID } from 'node:crypto';
import type { Engine } from '../engine.ts';
import type { ArrivalRange } from '../span-visibility.ts';
import { RollupProgress } from './rollup-progress.ts';

/** What is known of the collectors that store beside this one; see `cluster/collector-fleet.ts`. */
export interface Membership {
  /** Another number each time that this collector has joined; null while nobody waits for it. */
  readonly term: number | null;
  /** The last arrival that this collector has said to be stored. */
  readonly publishedUntil: number;
  /** What this collector accepts from now on should arrive later than this, or it is late. */
  startAfter(arrival: number): void;
  /** Says how far this collector is now. Rejects with `EngineError`. */
  renew(): Promise<void>;
  /** For what every member may note. */
  readonly engine: Pick<Engine, 'query' | 'command' | 'tables'>;
}

/**
 * Notes what a member stores behind what has been counted. Whoever counts waits for this collector since it has joined:
 * what was begun by then, and what this one has said to be stored, is all that may have been counted past a segment.
 */
export class LateNotes {
  readonly #membership: Membership;
  /** When this collector joined, and what had been begun by then. */
  #joined: { readonly term: number; readonly begun: number } | null = null;

  constructor(membership: Membership) {
    this.#membership = membership;
  }

  /** Call it before each attempt to store these arrivals. Rejects with `EngineError`. */
  async note(arrivals: ArrivalRange | null): Promise<void> {
    const membership = this.#membership;
    const progress = new RollupProgress(membership.engine);
    for (;;) {
      const { term } = membership;
      if (term === null) return;
      if (this.#joined?.term !== term) {
        const { countedUntil, pendingUntil } = await progress.restore();
        this.#joined = { term, begun: Math.max(countedUntil, pendingUntil) };
        membership.startAfter(this.#joined.begun);
      }
      // With each attempt: when an earlier one was given up, what it had noted was counted without it.
      if (arrivals !== null && arrivals.first <= Math.max(this.#joined.begun, membership.publishedUntil)) {
        // Before the note: whoever sees that one waits until this collector has stored the segment.
        if (arrivals.first <= membership.publishedUntil) await membership.renew();
        await progress.restore();
        await progress.noteLate({ ...arrivals, attempt: randomUUID() }, false);
      }
      // It may have been away for so long meanwhile that more was begun.
      if (membership.term === term) return;
    }
  }
}
