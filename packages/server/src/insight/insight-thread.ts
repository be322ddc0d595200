import { Counter, type Registry } from 'prom-client';
import { JobThread } from '../job-thread.ts';
import { EngineError } from '../storage/engine.ts';
import type { InsightLimits } from './insight-limits.ts';
import type { InsightJob, InsightResults } from './insight-worker.ts';

export interface InsightThreadOptions {
  readonly registry: Registry;
  readonly limits: Pick<InsightLimits, 'heapBytesMax' | 'threadIdleMs'>;
  /** The built `insight-worker.js`. */
  readonly workerPath?: URL | undefined;
}

const QUESTIONS = ['windows', 'errors', 'apart'] as const satisfies readonly InsightJob['question'][];
const OUTCOMES = ['answered', 'too_large', 'timed_out', 'failed', 'left'] as const;

/** Works on many traces at once in a thread of its own, and counts what became of each question. */
export class InsightThread {
  readonly #thread: JobThread<InsightJob, InsightResults[InsightJob['question']]>;
  readonly #questions: Counter<'question' | 'outcome'>;

  constructor({ registry, limits, workerPath }: InsightThreadOptions) {
    this.#questions = new Counter({
      name: 'throughline_insight_questions_total',
      help: 'Questions about many traces (windows, errors, apart) by outcome: answered, too_large, timed_out, failed, left (the client disconnected)',
      labelNames: ['question', 'outcome'],
      registers: [registry],
    });
    for (const question of QUESTIONS) for (const outcome of OUTCOMES) this.#questions.inc({ question, outcome }, 0);
    this.#thread = new JobThread({
      workerPath: workerPath ?? new URL('./insight-worker.js', import.meta.url),
      heapBytesMax: limits.heapBytesMax,
      idleMs: limits.threadIdleMs,
      tooLarge: () => new EngineError('too_large', 'the answer needs more memory than insight.heapBytesMax allows'),
      closed: () => new EngineError('unavailable', 'the collector is stopping'),
      bytesOf,
    });
  }

  /** Rejects as queries to the engine do. */
  run<J extends InsightJob>(job: J, signal: AbortSignal): Promise<InsightResults[J['question']]> {
    return this.#thread.run(job, signal) as Promise<InsightResults[J['question']]>;
  }

  /** Counts what becomes of a question, from its first look at the store to its answer. */
  async counted<T>(question: InsightJob['question'], signal: AbortSignal, answer: () => Promise<T>): Promise<T> {
    try {
      const answered = await answer();
      this.#questions.inc({ question, outcome: 'answered' });
      return answered;
    } catch (error) {
      this.#questions.inc({ question, outcome: outcomeOf(error, signal) });
      throw error;
    }
  }

  /** Ends the thread; what waits for it fails. */
  close(): Promise<void> {
    return this.#thread.close();
  }
}

function bytesOf(job: InsightJob): readonly Uint8Array[] {
  if (job.question === 'errors' || job.question === 'earlier-errors') return job.answers;
  if (job.question === 'apart') return [...job.answers, ...job.roots];
  return [job.baseline, job.incident].flatMap(({ slices }) => slices.flatMap(({ answers }) => answers));
}

function outcomeOf(error: unknown, signal: AbortSignal): (typeof OUTCOMES)[number] {
  if (signal.aborted) return (signal.reason as Error | undefined)?.name === 'TimeoutError' ? 'timed_out' : 'left';
  return error instanceof EngineError && error.code === 'too_large' ? 'too_large' : 'failed';
}
