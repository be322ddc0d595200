import { setTimeout as delay } from 'node:timers/promises';

/** Keeps work below a rate, on average since it began; what took longer is not made up for. */
export class Pace {
  readonly #perSecond: number;
  readonly #elapsed: () => number;
  #freeAtMs = 0;

  /** `perSecond`: above 0, or `Infinity`. `elapsed`: milliseconds of a clock that never jumps. */
  constructor(perSecond: number, elapsed: () => number = () => performance.now()) {
    this.#perSecond = perSecond;
    this.#elapsed = elapsed;
  }

  /** Notes so much work, and returns how many milliseconds to wait before the next. */
  spend(amount: number): number {
    const nowMs = this.#elapsed();
    this.#freeAtMs = Math.max(this.#freeAtMs, nowMs) + (amount / this.#perSecond) * 1_000;
    return this.#freeAtMs - nowMs;
  }

  /** The same, and waits. Rejects with the signal's reason. */
  async keep(amount: number, signal: AbortSignal): Promise<void> {
    const ms = this.spend(amount);
    if (ms > 0) await delay(ms, undefined, { signal });
  }
}
