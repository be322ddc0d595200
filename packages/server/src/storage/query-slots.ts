import { EngineError } from './engine.ts';

/** Gives out a fixed number of slots, first come first served; a bounded number of callers wait. */
export class QuerySlots {
  readonly #slots: number;
  readonly #queuedMax: number;
  readonly #waiting: (() => void)[] = [];
  readonly #onRefused: () => void;
  #free: number;

  constructor(slots: number, queuedMax: number, onRefused: () => void = () => {}) {
    this.#onRefused = onRefused;
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

  /**
   * Answers the function that gives the slot back. Rejects with `EngineError` when too many wait or none came free, and
   * with the signal's reason when it is aborted before.
   */
  async take(timeoutMs: number, signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#wait(timeoutMs, signal);
    return () => {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    };
  }

  #wait(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    if (this.#waiting.length >= this.#queuedMax) {
      this.#onRefused();
      throw new EngineError('unavailable', `${this.#queuedMax} queries wait already`);
    }
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', leave);
      };
      const next = (): void => {
        end();
        resolve();
      };
      const giveUp = (error: Error): void => {
        end();
        this.#waiting.splice(this.#waiting.indexOf(next), 1);
        reject(error);
      };
      const leave = (): void => giveUp(signal?.reason as Error);
      const timer = setTimeout(() => {
        giveUp(new EngineError('timeout', `no session came free within ${timeoutMs} ms`));
      }, timeoutMs);
      signal?.addEventListener('abort', leave, { once: true });
      this.#waiting.push(next);
    });
  }
}
