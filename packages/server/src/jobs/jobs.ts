import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Counter, Histogram, type Registry } from 'prom-client';

/** Work that the collector repeats beside requests. */
export interface Job {
  /** Names it in metrics and in the log: `retention`. */
  readonly name: string;
  /**
   * Milliseconds from the end of one run to the next, asked after each run; each pause is up to a tenth longer or
   * shorter.
   */
  readonly everyMs: number | (() => number);
  /** Waits that long before the first run as well. */
  readonly startsLater?: boolean;
  /** Runs only while this collector holds the lease of the store: it changes what others may write to. */
  readonly needsLease?: boolean;
  /**
   * One run. Ends early, and may reject, once the signal is aborted. Of any other rejections that follow each other the
   * first is logged; the next run comes all the same.
   */
  run(signal: AbortSignal): Promise<void>;
  /** Instead of a run while another collector holds the lease. Must change nothing; a rejection is not logged. */
  watch?(signal: AbortSignal): Promise<void>;
}

/** Which of several collectors may change the store. Where there is one collector, it always may. */
export interface JobLease {
  /** Whether this collector may now; read before each run of a job that needs it. */
  readonly isHeld: boolean;
}

export interface JobsOptions {
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly registry: Registry;
  readonly lease?: JobLease;
  /** 0 to 1, for the jitter. */
  readonly random?: () => number;
}

/** A job that has been started. */
export interface RunningJob {
  /** Ends a pause. During a run: there is no pause after it, unless the run fails. */
  wake(): void;
  /** Begins no further run, and aborts one that is under way. Resolves when that has ended, or after the timeout. */
  stop(timeoutMs: number): Promise<void>;
}

/** Of a pause, either way: jobs of several collectors, and several jobs of one, must not keep step. */
const JITTER = 0.1;

/** Runs jobs one run after the other, each job for itself. */
export class Jobs {
  readonly #options: JobsOptions;
  readonly #random: () => number;
  readonly #runs: Counter<'job' | 'outcome'>;
  readonly #seconds: Histogram<'job'>;

  constructor(options: JobsOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
    const registers = [options.registry];
    this.#runs = new Counter({
      name: 'throughline_job_runs_total',
      help: 'Runs of periodic jobs, by outcome: ok, failed, or elsewhere (another collector holds the lease)',
      labelNames: ['job', 'outcome'],
      registers,
    });
    this.#seconds = new Histogram({
      name: 'throughline_job_seconds',
      help: 'Duration of a run of a periodic job',
      labelNames: ['job'],
      buckets: [0.01, 0.1, 1, 10, 60, 300],
      registers,
    });
  }

  start(job: Job): RunningJob {
    for (const outcome of ['ok', 'failed', 'elsewhere']) this.#runs.inc({ job: job.name, outcome }, 0);
    const stopping = new AbortController();
    const pause = new Pause(stopping.signal);
    const running = this.#repeat(job, stopping.signal, pause);
    return {
      wake: () => pause.end(),
      async stop(timeoutMs) {
        stopping.abort();
        await Promise.race([running, delay(timeoutMs, undefined, { ref: false })]);
      },
    };
  }

  /** Never rejects. */
  async #repeat(job: Job, signal: AbortSignal, pause: Pause): Promise<void> {
    if (job.startsLater === true) await pause.last(this.#pauseMs(job));
    let hasFailed = false;
    while (!signal.aborted) {
      pause.begin();
      hasFailed = !(await this.#runOnce(job, signal, hasFailed));
      if (hasFailed) pause.begin();
      await pause.last(this.#pauseMs(job));
    }
  }

  /** Returns false where it failed. */
  async #runOnce(job: Job, signal: AbortSignal, hasFailed: boolean): Promise<boolean> {
    const { lease, log } = this.#options;
    if (job.needsLease === true && lease?.isHeld === false) {
      this.#runs.inc({ job: job.name, outcome: 'elsewhere' });
      await job.watch?.(signal).catch(() => {});
      return true;
    }
    const took = this.#seconds.startTimer({ job: job.name });
    try {
      await job.run(signal);
      this.#runs.inc({ job: job.name, outcome: 'ok' });
      if (hasFailed) log.info({ job: job.name }, `${job.name} run succeeded again`);
      return true;
    } catch (error) {
      if (signal.aborted) return true;
      this.#runs.inc({ job: job.name, outcome: 'failed' });
      if (!hasFailed) log.warn({ err: error, job: job.name }, `${job.name} run failed; will retry`);
      return false;
    } finally {
      took();
    }
  }

  #pauseMs({ everyMs }: Job): number {
    const ms = typeof everyMs === 'number' ? everyMs : everyMs();
    return ms * (1 + JITTER * (2 * this.#random() - 1));
  }
}

/** Between two runs; may be ended before it has begun. */
class Pause {
  readonly #stopping: AbortSignal;
  #ending = new AbortController();

  constructor(stopping: AbortSignal) {
    this.#stopping = stopping;
  }

  /** What is to end it comes from now on. */
  begin(): void {
    if (this.#ending.signal.aborted) this.#ending = new AbortController();
  }

  end(): void {
    this.#ending.abort();
  }

  /** Resolves after the time, or when it is ended or stopped. */
  async last(ms: number): Promise<void> {
    const signal = AbortSignal.any([this.#stopping, this.#ending.signal]);
    await delay(ms, undefined, { signal, ref: false }).catch(() => {});
  }
}
