import { EngineError } from './engine.ts';

/** Gives out a fixed number of slots, first come first served; a bounded number of callers wait. */
export class QuerySlots {
  readonly #slots: number;
  readonly #queuedMax: number;
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(slots: number, queuedMax: number) {
    this.#slots = slots;
    this.#free = slots;
    this.#queuedMax = queuedMax;
  }

  get taken(): number {
    return this.#slots - this.#free;
  }

  get queued(): number {
    return this.#waiting.length;
  }

  /** Answers the function that gives the slot back. Rejects with `EngineError` when too many wait or none came free. */
  async take(timeoutMs: number): Promise<() => void> {
    if (this.#free > 0) this.#free--;
    else await this.#wait(timeoutMs);
    return () => {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    };
  }

  #wait(timeoutMs: number): Promise<void> {
    if (this.#waiting.length >= this.#queuedMax) {
      throw new EngineError('unavailable', `${this.#queuedMax} queries wait already`);
    }
    return new Promise((resolve, reject) => {
      const next = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(next), 1);
        reject(new EngineError('timeout', `no session came free within ${timeoutMs} ms`));
      }, timeoutMs);
      this.#waiting.push(next);
    });
  }
}
