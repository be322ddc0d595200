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

interface Waiting {
  readonly begin: () => void;
  readonly refuse: (reason: Error) => void;
}

/**
 * Lets a bounded number of tasks run at a time. Those of a kind are served as they come, and kinds one after the other: however many of one wait,
 * a task of another waits for as many tasks as there are kinds.
 */
export class Turns {
  readonly #options: TurnsOptions;
  /** By kind; the kind that is served next is first. None is empty. */
  readonly #waiting = new Map<string, Set<Waiting>>();
  #running = 0;

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    let count = 0;
    for (const ofKind of this.#waiting.values()) count += ofKind.size;
    return count;
  }

  /**
   * Rejects with TurnsTakenError when too many wait, or more of this kind than of any other and one of those comes; with the signal's reason
   * when it is aborted before its turn.
   */
  async run<T>(signal: AbortSignal, task: () => Promise<T>, kind = ''): Promise<T> {
    signal.throwIfAborted();
    if (this.#running < this.#options.concurrent) this.#running++;
    else await this.#wait(signal, kind);
    try {
      return await task();
    } finally {
      this.#passOn();
    }
  }

  /** The turn goes straight to who waits, so that nobody who comes later can take it. */
  #passOn(): void {
    for (const [kind, ofKind] of this.#waiting) {
      for (const next of ofKind) {
        this.#leave(kind, next);
        // The kind's next one is served after the other kinds.
        if (this.#waiting.delete(kind)) this.#waiting.set(kind, ofKind);
        next.begin();
        return;
      }
    }
    this.#running--;
  }

  #wait(signal: AbortSignal, kind: string): Promise<void> {
    const { waitingMax } = this.#options;
    if (this.waiting >= waitingMax && !this.#makeRoom(kind)) return Promise.reject(this.#taken());
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#leave(kind, waiting);
        reject(signal.reason as Error);
      };
      const settle = (): void => signal.removeEventListener('abort', leave);
      const waiting: Waiting = {
        begin: () => {
          settle();
          resolve();
        },
        refuse: (reason) => {
          settle();
          reject(reason);
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      const ofKind = this.#waiting.get(kind) ?? new Set();
      this.#waiting.set(kind, ofKind.add(waiting));
    });
  }

  /** Refuses the last of the kind of which most wait, if that are more than there would be of this one. */
  #makeRoom(kind: string): boolean {
    let most: readonly [string, Set<Waiting>] | null = null;
    for (const entry of this.#waiting) if (most === null || entry[1].size > most[1].size) most = entry;
    const own = this.#waiting.get(kind)?.size ?? 0;
    if (most === null || most[1].size <= own + 1) return false;
    const last = [...most[1]].at(-1);
    if (last === undefined) return false;
    this.#leave(most[0], last);
    last.refuse(this.#taken());
    return true;
  }

  #leave(kind: string, waiting: Waiting): void {
    const ofKind = this.#waiting.get(kind);
    ofKind?.delete(waiting);
    if (ofKind?.size === 0) this.#waiting.delete(kind);
  }

  #taken(): TurnsTakenError {
    return new TurnsTakenError(`${this.#options.waitingMax} questions wait already`);
  }
}
