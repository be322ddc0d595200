import { Worker } from 'node:worker_threads';

export interface JobThreadOptions<J> {
  /** The built program of the thread; see `answerJobs`. */
  readonly workerPath: URL;
  /** Memory of the thread's objects; a job that needs more is rejected with what `tooLarge` returns. */
  readonly heapBytesMax: number;
  readonly tooLarge: () => Error;
  /** What waits is rejected with, when the thread is closed. */
  readonly closed: () => Error;
  /** The thread ends when it has had nothing to do for so long. */
  readonly idleMs: number;
  /** The bytes of a job: those that share their memory with nobody are handed over, others are copied. */
  readonly bytesOf: (job: J) => readonly Uint8Array[];
}

export type JobOutcome<R> =
  | { readonly kind: 'answered'; readonly result: R }
  | { readonly kind: 'failed'; readonly message: string };

interface Waiting<J, R> {
  readonly job: J;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

const MIB = 1024 * 1024;

/**
 * Does work that takes long in a thread of its own, one job after the other, so that nobody else waits for it. The
 * thread starts with the first one and ends when it has had nothing to do for a while. Who waits for it is bounded by
 * the queries that are answered at once.
 */
export class JobThread<J, R> {
  readonly #options: JobThreadOptions<J>;
  readonly #queue: Waiting<J, R>[] = [];
  #running: Waiting<J, R> | null = null;
  #worker: Worker | null = null;
  #idleTimer: NodeJS.Timeout | null = null;

  constructor(options: JobThreadOptions<J>) {
    this.#options = options;
  }

  /** Rejects as the options say, and with the signal's reason: a thread that works for nobody is ended. */
  run(job: J, signal: AbortSignal): Promise<R> {
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    return new Promise<R>((resolve, reject) => {
      const leave = (): void => this.#leave(waiting, signal.reason);
      const waiting: Waiting<J, R> = {
        job,
        resolve: (result) => {
          signal.removeEventListener('abort', leave);
          resolve(result);
        },
        reject: (error) => {
          signal.removeEventListener('abort', leave);
          reject(error);
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#queue.push(waiting);
      this.#next();
    });
  }

  /** Ends the thread; what waits for it fails. */
  async close(): Promise<void> {
    for (const { reject } of this.#queue.splice(0)) reject(this.#options.closed());
    this.#running?.reject(this.#options.closed());
    this.#running = null;
    if (this.#idleTimer !== null) clearTimeout(this.#idleTimer);
    this.#idleTimer = null;
    await this.#end();
  }

  #next(): void {
    if (this.#running !== null) return;
    if (this.#idleTimer !== null) clearTimeout(this.#idleTimer);
    this.#idleTimer = null;
    const next = this.#queue.shift();
    if (next === undefined) {
      if (this.#worker !== null) this.#idleTimer = setTimeout(() => void this.#end(), this.#options.idleMs).unref();
      return;
    }
    this.#running = next;
    this.#worker ??= this.#start();
    const own = this.#options.bytesOf(next.job).filter(({ byteLength, buffer }) => byteLength === buffer.byteLength);
    this.#worker.postMessage(
      next.job,
      own.map(({ buffer }) => buffer as ArrayBuffer),
    );
  }

  #leave(waiting: Waiting<J, R>, reason: unknown): void {
    const at = this.#queue.indexOf(waiting);
    if (at >= 0) this.#queue.splice(at, 1);
    waiting.reject(reason);
    if (this.#running !== waiting) return;
    this.#running = null;
    void this.#end();
    this.#next();
  }

  #start(): Worker {
    const worker = new Worker(this.#options.workerPath, {
      resourceLimits: { maxOldGenerationSizeMb: Math.ceil(this.#options.heapBytesMax / MIB) },
      // A loader or inspector of ours is not for it.
      execArgv: [],
    });
    worker.unref();
    worker.on('message', (outcome: JobOutcome<R>) => {
      if (this.#worker !== worker) return;
      this.#settle((waiting) =>
        outcome.kind === 'answered' ? waiting.resolve(outcome.result) : waiting.reject(new Error(outcome.message)),
      );
    });
    worker.on('error', (error: NodeJS.ErrnoException) => {
      if (this.#worker !== worker) return;
      this.#worker = null;
      const isTooLarge = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
      this.#settle(({ reject }) => reject(isTooLarge ? this.#options.tooLarge() : error));
    });
    return worker;
  }

  #settle(how: (waiting: Waiting<J, R>) => void): void {
    const done = this.#running;
    this.#running = null;
    if (done !== null) how(done);
    this.#next();
  }

  async #end(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    await worker?.terminate();
  }
}
