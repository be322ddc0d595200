import { Worker } from 'node:worker_threads';
import { BodyError } from './body-error.ts';
import type { ZstdResponse, ZstdJob } from './zstd-worker.ts';

export interface ZstdThreadOptions {
  /** The thread ends when it has had nothing to do for so long. */
  readonly idleMs: number;
  /** The built `zstd-worker.js`. */
  readonly workerPath?: URL | undefined;
}

interface Waiting {
  readonly resolve: (bytes: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

/** Decompresses large zstd bodies in a thread of its own: what WebAssembly does, it does without a pause. */
export class ZstdThread {
  readonly #options: ZstdThreadOptions;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | null = null;
  #jobs = 0;
  #idleTimer: NodeJS.Timeout | null = null;

  constructor(options: ZstdThreadOptions) {
    this.#options = options;
  }

  /** `sent` is handed over. Rejects with `BodyError`; with another error when the thread fails. */
  decompress(sent: ArrayBuffer, bytesMax: number): Promise<Uint8Array> {
    if (this.#idleTimer !== null) clearTimeout(this.#idleTimer);
    this.#idleTimer = null;
    this.#worker ??= this.#start();
    this.#jobs += 1;
    const id = this.#jobs;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker?.postMessage({ id, sent, bytesMax } satisfies ZstdJob, [sent]);
    });
  }

  /** Ends the thread; what waits for it fails. */
  async close(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    this.#fail(new Error('the collector is stopping'));
    await worker?.terminate();
  }

  #start(): Worker {
    // A loader or inspector of ours is not for it.
    const worker = new Worker(this.#options.workerPath ?? new URL('./zstd-worker.js', import.meta.url), {
      execArgv: [],
    });
    worker.unref();
    worker.on('message', ({ id, outcome }: ZstdResponse) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (outcome instanceof Uint8Array) waiting?.resolve(outcome);
      else waiting?.reject(new BodyError(outcome.status, outcome.message, { limit: outcome.limit }));
      if (this.#waiting.size === 0) this.#rest();
    });
    worker.on('error', (error: Error) => {
      if (this.#worker === worker) this.#worker = null;
      this.#fail(error);
    });
    return worker;
  }

  #fail(error: Error): void {
    if (this.#idleTimer !== null) clearTimeout(this.#idleTimer);
    this.#idleTimer = null;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #rest(): void {
    this.#idleTimer = setTimeout(() => {
      const worker = this.#worker;
      this.#worker = null;
      void worker?.terminate();
    }, this.#options.idleMs).unref();
  }
}
