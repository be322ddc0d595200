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
  /**
   * One run. Ends early, and may reject, once the signal is aborted; any other rejection is logged, and the next run
   * comes all the same.
   */
  run(signal: AbortSignal): Promise<void>;
}

/** Which of several collectors runs a job. Where there is one collector, it always does. */
export interface JobLease {
  /** Whether this collector may run the job now; asked before each run. */
  holds(job: string): boolean;
}

export interface JobsOptions {
  readonly log: Pick<Logger, 'warn'>;
  readonly registry: Registry;
  readonly lease?: JobLease;
  /** 0 to 1, for the jitter. */
  readonly random?: () => number;
}

/** A job that has been started. */
export interface RunningJob {
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
      help: 'Runs of periodic jobs, by outcome: ok, failed, or elsewhere where another collector holds the lease',
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
    const running = this.#repeat(job, stopping.signal);
    return {
      async stop(timeoutMs) {
        stopping.abort();
        await Promise.race([running, delay(timeoutMs, undefined, { ref: false })]);
      },
    };
  }

  /** Never rejects. */
  async #repeat(job: Job, signal: AbortSignal): Promise<void> {
    if (job.startsLater === true) await this.#pause(job, signal);
    while (!signal.aborted) {
      await this.#runOnce(job, signal);
      await this.#pause(job, signal);
    }
  }

  async #runOnce(job: Job, signal: AbortSignal): Promise<void> {
    if (this.#options.lease?.holds(job.name) === false) {
      this.#runs.inc({ job: job.name, outcome: 'elsewhere' });
      return;
    }
    const took = this.#seconds.startTimer({ job: job.name });
    try {
      await job.run(signal);
      this.#runs.inc({ job: job.name, outcome: 'ok' });
    } catch (error) {
      if (signal.aborted) return;
      this.#runs.inc({ job: job.name, outcome: 'failed' });
      this.#options.log.warn({ err: error, job: job.name }, `${job.name} run failed; will retry at the next interval`);
    } finally {
      took();
    }
  }

  async #pause({ everyMs }: Job, signal: AbortSignal): Promise<void> {
    const ms = typeof everyMs === 'number' ? everyMs : everyMs();
    const jittered = ms * (1 + JITTER * (2 * this.#random() - 1));
    await delay(jittered, undefined, { signal, ref: false }).catch(() => {});
  }
}
