import type { Segment } from './segment-recovery.ts';

export interface WaitingSegmentsOptions {
  /** The oldest is tried again after this, each further time after twice as long … */
  readonly retryDelayMs: number;
  /** … up to this. */
  readonly retryDelayMsMax: number;
}

interface Group {
  readonly segments: Map<string, Segment>;
  delayMs: number;
  retryAtMs: number;
}

/**
 * Segments that others pass because a part of the store is away, as many as the spool holds. One of them is tried from
 * time to time: when it is taken, so will the others be.
 */
export class WaitingSegments {
  readonly #options: WaitingSegmentsOptions;
  /** By what they wait for. */
  readonly #groups = new Map<string, Group>();

  constructor(options: WaitingSegmentsOptions) {
    this.#options = options;
  }

  get size(): number {
    return [...this.#groups.values()].reduce((sum, { segments }) => sum + segments.size, 0);
  }

  get names(): readonly string[] {
    return [...this.#groups.values()].flatMap(({ segments }) => [...segments.keys()]);
  }

  has(name: string): boolean {
    return [...this.#groups.values()].some(({ segments }) => segments.has(name));
  }

  /** A segment was not taken, or not again. */
  note(segment: Segment, waitsFor: string, nowMs: number): void {
    const { retryDelayMs, retryDelayMsMax } = this.#options;
    const group = this.#groups.get(waitsFor);
    const isTriedAgain = group?.segments.has(segment.name) === true;
    if (!isTriedAgain) this.forget(segment.name);
    if (group === undefined || !this.#groups.has(waitsFor)) {
      const segments = new Map([[segment.name, segment]]);
      this.#groups.set(waitsFor, { segments, delayMs: retryDelayMs, retryAtMs: nowMs + retryDelayMs });
      return;
    }
    group.segments.set(segment.name, segment);
    if (!isTriedAgain) return;
    group.delayMs = Math.min(group.delayMs * 2, retryDelayMsMax);
    group.retryAtMs = nowMs + group.delayMs;
  }

  forget(name: string): void {
    for (const [waitsFor, { segments }] of this.#groups) {
      if (segments.delete(name) && segments.size === 0) this.#groups.delete(waitsFor);
    }
  }

  /** This one was taken: nobody waits for the same any more. */
  release(name: string): void {
    for (const [waitsFor, { segments }] of this.#groups) if (segments.has(name)) this.#groups.delete(waitsFor);
  }

  /** The one to try again now, of those that wait for the same the oldest. */
  due(nowMs: number): Segment | null {
    for (const { segments, retryAtMs } of this.#groups.values()) {
      if (retryAtMs > nowMs) continue;
      for (const segment of segments.values()) return segment;
    }
    return null;
  }

  /** Until one is due; infinity where none waits. */
  waitMs(nowMs: number): number {
    const times = Array.from(this.#groups.values(), ({ retryAtMs }) => Math.max(0, retryAtMs - nowMs));
    return Math.min(Number.POSITIVE_INFINITY, ...times);
  }
}
