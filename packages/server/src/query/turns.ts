export interface TurnsOptions {
  /** Tasks that run at the same time. */
  readonly concurrent: number;
  /** Tasks that wait for their turn; one more is refused. */
  readonly waitingMax: number;
}

/** As many tasks wait as may. */
export class TurnsTakenError extends Error {
  override readonly name = 'TurnsTakenError';
}

/** Lets a bounded number of tasks run at a time, first come first served. */
export class Turns {
  readonly #options: TurnsOptions;
  readonly #waiting = new Set<() => void>();
  #running = 0;

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Rejects with TurnsTakenError when too many wait, and with the signal's reason when it is aborted before its turn. */
  async run<T>(signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    if (this.#running < this.#options.concurrent) this.#running++;
    else await this.#wait(signal);
    try {
      return await task();
    } finally {
      this.#passOn();
    }
  }

  /** The turn goes straight to who waits the longest, so that nobody who comes later can take it. */
  #passOn(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#running--;
      return;
    }
    this.#waiting.delete(next);
    next();
  }

  #wait(signal: AbortSignal): Promise<void> {
    if (this.#waiting.size >= this.#options.waitingMax) {
      return Promise.reject(new TurnsTakenError(`${this.#options.waitingMax} questions wait already`));
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(next);
        reject(signal.reason as Error);
      };
      const next = (): void => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.add(next);
    });
  }
}
