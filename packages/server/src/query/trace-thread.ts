import { JobThread } from '../job-thread.ts';
import { EngineError } from '../storage/engine.ts';
import type { TraceRows } from './trace.ts';
import type { OfTrace, TraceResults, TraceQuery } from './trace-query.ts';
import { bytesOfSeveral, type SeveralJob, type SeveralResults } from './several-traces.ts';
import type { TraceJob, TraceJobResult } from './trace-worker.ts';

export interface TraceThreadOptions {
  /** Memory of the thread's objects; a trace that needs more is not answered. */
  readonly heapBytesMax: number;
  /** The thread ends when it has had nothing to do for so long. */
  readonly idleMs: number;
  /** The built `trace-worker.js`. */
  readonly workerPath?: URL | undefined;
}

/** Works on large traces in a thread of its own. */
export class TraceThread {
  readonly #thread: JobThread<TraceJob, TraceJobResult>;

  constructor({ heapBytesMax, idleMs, workerPath }: TraceThreadOptions) {
    this.#thread = new JobThread({
      workerPath: workerPath ?? new URL('./trace-worker.js', import.meta.url),
      heapBytesMax,
      idleMs,
      tooLarge: () => new EngineError('too_large', 'the trace needs more memory than query.traceHeapBytesMax allows'),
      closed: () => new EngineError('unavailable', 'the collector is stopping'),
      bytesOf: (job) => ('rows' in job ? job.rows.answers : bytesOfSeveral(job)),
    });
  }

  /**
   * `rows` are handed over. Rejects with `EngineError` `too_large` for a trace that needs too much memory, and with the
   * signal's reason.
   */
  answer<Q extends TraceQuery>(query: Q, rows: TraceRows, signal: AbortSignal): Promise<OfTrace<TraceResults[Q]>> {
    return this.#thread.run({ query, rows }, signal) as Promise<OfTrace<TraceResults[Q]>>;
  }

  /** The same of several traces. */
  answerOfSeveral<J extends SeveralJob>(job: J, signal: AbortSignal): Promise<SeveralResults[J['query']]> {
    return this.#thread.run(job, signal) as Promise<SeveralResults[J['query']]>;
  }

  /** Ends the thread; what waits for it fails. */
  close(): Promise<void> {
    return this.#thread.close();
  }
}
