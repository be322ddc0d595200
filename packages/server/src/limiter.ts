export interface LimiterOptions {
  /** What it bounds, for messages, such as `query`. */
  readonly name: string;
  /** Tasks that run at the same time. */
  readonly concurrent: number;
  /** Tasks that wait; one more is rejected. */
  readonly waitingMax: number;
}

export interface AcquireOptions {
  /** Ends the wait. */
  readonly signal?: AbortSignal;
  /** Longest wait; without it, as long as it takes. */
  readonly timeoutMs?: number;
  /** What takes turns with each other, such as the path of a request. */
  readonly kind?: string;
}

/** The queue is full. */
export class QueueFullError extends Error {
  override readonly name = 'QueueFullError';
}

/** No slot came free in time. */
export class QueueTimeoutError extends Error {
  override readonly name = 'QueueTimeoutError';
}

interface Waiting {
  readonly begin: () => void;
  readonly reject: (reason: Error) => void;
}

/**
 * Lets a bounded number of tasks run at a time, such as queries. Those of a kind are served in the order in which they
 * came, and kinds in turn: however many of one kind wait, a task of another waits for as many tasks as there are kinds.
 */
export class Limiter {
  readonly #options: LimiterOptions;
  /** By kind; the kind that is served next is first. None is empty. */
  readonly #waiting = new Map<string, Set<Waiting>>();
  #running = 0;

  constructor(options: LimiterOptions) {
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
   * Runs the task in a slot of its own, at once where one is free. Rejects as `acquire` does, or with the task's error.
   */
  async run<T>(options: AcquireOptions, task: () => Promise<T>): Promise<T> {
    options.signal?.throwIfAborted();
    if (!this.#takeFree()) await this.#wait(options);
    try {
      return await task();
    } finally {
      this.#passOn();
    }
  }

  /**
   * Resolves with the function that gives the slot back, to be called once. Rejects with `QueueFullError` when too many
   * wait, or more of this kind than of any other and one of those comes; with `QueueTimeoutError` when no slot came
   * free in time; with the signal's reason when it is aborted before.
   */
  async acquire(options: AcquireOptions = {}): Promise<() => void> {
    options.signal?.throwIfAborted();
    if (!this.#takeFree()) await this.#wait(options);
    return () => this.#passOn();
  }

  #takeFree(): boolean {
    if (this.#running >= this.#options.concurrent) return false;
    this.#running++;
    return true;
  }

  /** The slot goes straight to who waits, so that nobody who comes later can take it. */
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

  #wait({ signal, timeoutMs, kind = '' }: AcquireOptions): Promise<void> {
    const { name, waitingMax } = this.#options;
    if (this.waiting >= waitingMax && !this.#makeRoom(kind)) return Promise.reject(this.#queueFull());
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', leave);
      };
      const waiting: Waiting = {
        begin: () => {
          settle();
          resolve();
        },
        reject: (reason) => {
          settle();
          reject(reason);
        },
      };
      const leaveWith = (reason: Error): void => {
        this.#leave(kind, waiting);
        waiting.reject(reason);
      };
      const leave = (): void => leaveWith(signal?.reason as Error);
      const timer =
        timeoutMs === undefined
          ? undefined
          : setTimeout(() => leaveWith(new QueueTimeoutError(`timed out waiting for a ${name} slot`)), timeoutMs);
      signal?.addEventListener('abort', leave, { once: true });
      const ofKind = this.#waiting.get(kind) ?? new Set();
      this.#waiting.set(kind, ofKind.add(waiting));
    });
  }

  /** Rejects the last of the kind of which most wait, if that are more than there would be of this one. */
  #makeRoom(kind: string): boolean {
    let most: readonly [string, Set<Waiting>] | null = null;
    for (const entry of this.#waiting) if (most === null || entry[1].size > most[1].size) most = entry;
    const own = this.#waiting.get(kind)?.size ?? 0;
    if (most === null || most[1].size <= own + 1) return false;
    const last = [...most[1]].at(-1);
    if (last === undefined) return false;
    this.#leave(most[0], last);
    last.reject(this.#queueFull());
    return true;
  }

  #leave(kind: string, waiting: Waiting): void {
    const ofKind = this.#waiting.get(kind);
    ofKind?.delete(waiting);
    if (ofKind?.size === 0) this.#waiting.delete(kind);
  }

  #queueFull(): QueueFullError {
    const { name, waitingMax } = this.#options;
    return new QueueFullError(`${name} queue full (${waitingMax})`);
  }
}
