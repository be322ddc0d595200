import { Counter, type Registry } from 'prom-client';
import { EngineError, type QueryContext, unlessAborted } from './rows.ts';
import type { QueryLimits } from './limits.ts';
import { bytesOf, findTraceRows, type TraceRows } from './trace.ts';
import { bytesOfSeveral, resultOfSeveral, type SeveralJob, type SeveralResults } from './several-traces.ts';
import { TraceThread } from './trace-thread.ts';
import { resultOf, type OfTrace, type TraceResults, type TraceQuery } from './trace-query.ts';

export interface TraceReaderOptions {
  readonly registry: Registry;
  readonly limits: Pick<
    QueryLimits,
    'traceInlineBytesMax' | 'traceHeapBytesMax' | 'traceThreadIdleMs' | 'largeResultsMax'
  >;
  /** The built `trace-worker.js`. */
  readonly workerPath?: URL;
}

/** A result that is being made for every query that waits for it, or is remembered. */
interface Shared {
  readonly storedSpanCount: number;
  readonly answer: Promise<OfTrace<TraceResults[TraceQuery]>>;
  /** Ends the work when the last asker has left. */
  readonly abandon: AbortController;
  askers: number;
  isDone: boolean;
}

/**
 * Reads one trace and answers about it. What is made of a small one is made at once; a large one, which would hold up
 * every sender for seconds, has a thread of its own, and queries for the same at the same time share one answer.
 */
export class TraceReader {
  readonly #limits: TraceReaderOptions['limits'];
  readonly #thread: TraceThread;
  readonly #queries: Counter<'outcome'>;
  /** By query and trace, in the order of use, the least recent first. */
  readonly #shared = new Map<string, Shared>();

  constructor({ registry, limits, workerPath }: TraceReaderOptions) {
    this.#limits = limits;
    this.#thread = new TraceThread({
      heapBytesMax: limits.traceHeapBytesMax,
      idleMs: limits.traceThreadIdleMs,
      workerPath,
    });
    this.#queries = new Counter({
      name: 'throughline_large_trace_queries_total',
      help: 'Queries for large traces by outcome: answered, shared (reused the result of another), too_large, failed, left (the client disconnected)',
      labelNames: ['outcome'],
      registers: [registry],
    });
    for (const outcome of ['answered', 'shared', 'too_large', 'failed', 'left']) this.#queries.inc({ outcome }, 0);
  }

  /**
   * Null where no span of the trace is stored. Rejects as queries to the engine do, and with `EngineError`
   * `too_large` for a trace that needs more memory than its thread has.
   */
  async ask<Q extends TraceQuery>(
    context: QueryContext,
    traceId: string,
    query: Q,
  ): Promise<OfTrace<TraceResults[Q]> | null> {
    const key = `${query} ${traceId}`;
    const known = this.#shared.get(key) ?? null;
    const rows = await findTraceRows(context, traceId, known?.storedSpanCount ?? null);
    if (rows === null) return null;
    if (known !== null && rows === 'as_known' && !known.abandon.signal.aborted) {
      return this.#join(key, known, context.signal) as Promise<OfTrace<TraceResults[Q]>>;
    }
    // Whoever began has left meanwhile.
    if (rows === 'as_known') return this.ask(context, traceId, query);
    if (bytesOf(rows.answers) <= this.#limits.traceInlineBytesMax) return resultOf(query, rows);
    const other = this.#shared.get(key);
    const isSame = other?.storedSpanCount === rows.storedSpanCount && !other.abandon.signal.aborted;
    const shared = isSame ? other : this.#begin(key, query, rows);
    return this.#join(key, shared, context.signal) as Promise<OfTrace<TraceResults[Q]>>;
  }

  /** What is made of several traces together, large ones in the thread as well. Rejects as `ask` does. */
  async askOfSeveral<J extends SeveralJob>(context: QueryContext, job: J): Promise<SeveralResults[J['query']]> {
    if (bytesOf(bytesOfSeveral(job)) <= this.#limits.traceInlineBytesMax) return resultOfSeveral(job);
    try {
      const result = await this.#thread.answerOfSeveral(job, context.signal);
      this.#queries.inc({ outcome: 'answered' });
      return result;
    } catch (error) {
      this.#queries.inc({ outcome: outcomeOf(error, context.signal) });
      throw error;
    }
  }

  /** Ends the thread; queries that wait for it fail. */
  close(): Promise<void> {
    return this.#thread.close();
  }

  #begin(key: string, query: TraceQuery, rows: TraceRows): Shared {
    const abandon = new AbortController();
    const answer = this.#thread.answer(query, rows, abandon.signal);
    const shared: Shared = { storedSpanCount: rows.storedSpanCount, answer, abandon, askers: 0, isDone: false };
    this.#shared.set(key, shared);
    void this.#follow(key, query, shared);
    return shared;
  }

  /** Never rejects: the queries learn of a failure. */
  async #follow(key: string, query: TraceQuery, shared: Shared): Promise<void> {
    const { answer, abandon } = shared;
    try {
      await answer;
      shared.isDone = true;
      this.#queries.inc({ outcome: 'answered' });
    } catch (error) {
      this.#queries.inc({ outcome: outcomeOf(error, abandon.signal) });
    }
    // A whole trace is not kept.
    if (shared.isDone && query !== 'otlp') return;
    if (this.#shared.get(key) === shared) this.#shared.delete(key);
  }

  async #join(key: string, shared: Shared, signal: AbortSignal): Promise<OfTrace<TraceResults[TraceQuery]>> {
    if (this.#shared.get(key) === shared) {
      this.#shared.delete(key);
      this.#shared.set(key, shared);
    }
    if (shared.askers > 0 || shared.isDone) this.#queries.inc({ outcome: 'shared' });
    shared.askers += 1;
    try {
      return await unlessAborted(shared.answer, signal);
    } finally {
      shared.askers -= 1;
      if (shared.isDone) this.#evict();
      else if (shared.askers === 0) shared.abandon.abort(signal.reason);
    }
  }

  #evict(): void {
    for (const [key, { askers }] of this.#shared) {
      if (this.#shared.size <= this.#limits.largeResultsMax) return;
      if (askers === 0) this.#shared.delete(key);
    }
  }
}

function outcomeOf(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'left';
  return error instanceof EngineError && error.code === 'too_large' ? 'too_large' : 'failed';
}
