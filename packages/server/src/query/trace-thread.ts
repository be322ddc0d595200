import { Worker } from 'node:worker_threads';
import { EngineError } from '../storage/engine.ts';
import type { TraceRows } from './trace.ts';
import type { OfTrace, TraceResults, TraceQuery } from './trace-query.ts';
import type { TraceJob, TraceOutcome } from './trace-worker.ts';

export interface TraceThreadOptions {
  /** Memory of the thread's objects; a trace that needs more is not answered. */
  readonly heapBytesMax: number;
  /** The thread ends when it has had nothing to do for so long. */
  readonly idleMs: number;
  /** The built `trace-worker.js`. */
  readonly workerPath?: URL | undefined;
}

interface Waiting {
  readonly job: TraceJob;
  readonly resolve: (of: OfTrace<TraceResults[TraceQuery]>) => void;
  readonly reject: (error: unknown) => void;
}

const MIB = 1024 * 1024;

/**
 * Works on large traces in a thread of its own, one after the other, so that nobody else waits for them. The thread
 * starts with the first one and ends when it has had nothing to do for a while. Who waits for it is bounded by the
 * queries that are answered at once.
 */
export class TraceThread {
  readonly #options: TraceThreadOptions;
  readonly #queue: Waiting[] = [];
  #running: Waiting | null = null;
  #worker: Worker | null = null;
  #idleTimer: NodeJS.Timeout | null = null;

  constructor(options: TraceThreadOptions) {
    this.#options = options;
  }

  /**
   * `rows` are handed over. Rejects with `EngineError` `too_large` for a trace that needs too much memory, and with the
   * signal's reason: a thread that works for nobody is ended.
   */
  answer<Q extends TraceQuery>(query: Q, rows: TraceRows, signal: AbortSignal): Promise<OfTrace<TraceResults[Q]>> {
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    return new Promise<OfTrace<TraceResults[TraceQuery]>>((resolve, reject) => {
      const leave = (): void => this.#leave(waiting, signal.reason);
      const waiting: Waiting = {
        job: { query, rows },
        resolve: (of) => {
          signal.removeEventListener('abort', leave);
          resolve(of);
        },
        reject: (error) => {
          signal.removeEventListener('abort', leave);
          reject(error);
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#queue.push(waiting);
      this.#next();
    }) as Promise<OfTrace<TraceResults[Q]>>;
  }

  /** Ends the thread; what waits for it fails. */
  async close(): Promise<void> {
    const error = new EngineError('unavailable', 'the collector is stopping');
    for (const { reject } of this.#queue.splice(0)) reject(error);
    this.#running?.reject(error);
    this.#running = null;
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
    const { answers } = next.job.rows;
    // Bytes that share their memory with others are copied.
    const own = answers.filter(({ byteLength, buffer }) => byteLength === buffer.byteLength);
    this.#worker.postMessage(
      next.job,
      own.map(({ buffer }) => buffer as ArrayBuffer),
    );
  }

  #leave(waiting: Waiting, reason: unknown): void {
    const at = this.#queue.indexOf(waiting);
    if (at >= 0) this.#queue.splice(at, 1);
    waiting.reject(reason);
    if (this.#running !== waiting) return;
    this.#running = null;
    void this.#end();
    this.#next();
  }

  #start(): Worker {
    const worker = new Worker(this.#options.workerPath ?? new URL('./trace-worker.js', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: Math.ceil(this.#options.heapBytesMax / MIB) },
      // A loader or inspector of ours is not for it.
      execArgv: [],
    });
    worker.unref();
    worker.on('message', (outcome: TraceOutcome) => {
      if (this.#worker !== worker) return;
      this.#settle((waiting) =>
        outcome.kind === 'answered' ? waiting.resolve(outcome.of) : waiting.reject(new Error(outcome.message)),
      );
    });
    worker.on('error', (error: NodeJS.ErrnoException) => {
      if (this.#worker !== worker) return;
      this.#worker = null;
      const isTooLarge = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
      const message = 'the trace needs more memory than query.traceHeapBytesMax allows';
      this.#settle(({ reject }) => reject(isTooLarge ? new EngineError('too_large', message) : error));
    });
    return worker;
  }

  #settle(how: (waiting: Waiting) => void): void {
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
