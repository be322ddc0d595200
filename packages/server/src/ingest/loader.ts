import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import { LimitCounter } from '../limit-counter.ts';
import { EngineError, type Engine } from '../storage/engine.ts';
import { LOADER_LIMITS, type LoaderLimits } from './limits.ts';
import type { Segment } from './segment-recovery.ts';
import type { Spool } from './spool.ts';

export interface LoaderOptions {
  readonly spool: Spool;
  readonly engine: Pick<Engine, 'insertNativeFile'>;
  readonly log: Logger;
  readonly registry: Registry;
  readonly limits?: Partial<LoaderLimits>;
  /** The table that segments go into; `spans` by default. */
  readonly table?: string;
  /** What its metrics begin with. */
  readonly metrics?: string;
  /** What the rows of a segment are, for the name of their metric; `spans` by default. */
  readonly rows?: string;
  /** Awaited before each attempt to store a segment; where it rejects, that is repeated as a failed attempt is. */
  readonly onStoring?: (segment: Segment) => Promise<void>;
  /** Called when the engine has taken a segment, before it leaves the spool. */
  readonly onStored?: (segment: Segment) => void;
  /** Called when a segment has been set aside: it is not in the store. */
  readonly onRejected?: (segment: Segment) => void;
}

/**
 * Hands sealed segments to the engine, in order, one at a time. A segment's name is its deduplication token, so that a
 * repeat after an unknown end stores nothing twice.
 */
export class Loader {
  readonly #options: LoaderOptions;
  readonly #limits: LoaderLimits;
  readonly #inserts: Counter<'outcome'>;
  readonly #spans: Counter;
  readonly #limitCounter: LimitCounter;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: LoaderOptions) {
    this.#options = options;
    this.#limits = { ...LOADER_LIMITS, ...options.limits };
    const { registry, metrics = 'throughline_loader', rows = 'spans' } = options;
    const registers = [registry];
    this.#limitCounter = new LimitCounter(options.registry);
    this.#inserts = new Counter({
      name: `${metrics}_inserts_total`,
      help: 'Segments handed to the engine, by outcome: stored, or the code of the error, or rejected for good',
      labelNames: ['outcome'],
      registers,
    });
    this.#spans = new Counter({
      name: `${metrics}_${rows}_total`,
      help: `How many ${rows} the engine has taken`,
      registers,
    });
  }

  start(): void {
    this.#running = this.#run();
  }

  /**
   * Call it when the spool is closed: loads what is left, and stops then or after the timeout. True when nothing is
   * left; what is left is loaded at the next start.
   */
  async drain(timeoutMs: number): Promise<boolean> {
    const { signal } = this.#stopping;
    const timer = setTimeout(() => this.#stopping.abort(), timeoutMs);
    // Not for an insert that is under way: the engine may not answer at all, and gives it a time of its own at its end.
    await Promise.race([this.#running, once(signal, 'abort')]);
    clearTimeout(timer);
    return !signal.aborted;
  }

  async #run(): Promise<void> {
    const { spool } = this.#options;
    const { signal } = this.#stopping;
    for (;;) {
      const segment = await spool.nextSealed(signal);
      if (segment === null) return;
      await this.#load(segment, signal);
    }
  }

  async #load(segment: Segment, signal: AbortSignal): Promise<void> {
    const { spool, engine, log, table = 'spans' } = this.#options;
    const { retryDelayMs, retryDelayMsMax, refusalsMax } = this.#limits;
    let refusals = 0;
    let told = '';
    for (let delayMs = retryDelayMs; !signal.aborted; delayMs = Math.min(delayMs * 2, retryDelayMsMax)) {
      try {
        await this.#options.onStoring?.(segment);
        await engine.insertNativeFile(table, segment.path, segment.name);
        this.#options.onStored?.(segment);
        await spool.release(segment);
        if (told !== '') log.warn({ segment: segment.name }, 'the segment is stored now');
        this.#inserts.inc({ outcome: 'stored' });
        this.#spans.inc(segment.rows);
        return;
      } catch (error) {
        const outcome = error instanceof EngineError ? error.code : 'failed';
        this.#inserts.inc({ outcome });
        if (outcome === 'refused' && ++refusals >= refusalsMax) {
          log.error(
            { err: error, segment: segment.name, spans: segment.rows },
            'the store refuses a segment; it is set aside',
          );
          await spool.reject(segment);
          this.#options.onRejected?.(segment);
          this.#limitCounter.reached('loader.refusalsMax');
          this.#inserts.inc({ outcome: 'rejected' });
          return;
        }
        if (told !== outcome)
          log.warn({ err: error, segment: segment.name }, 'a segment is not stored yet; trying again');
        told = outcome;
      }
      await delay(delayMs, undefined, { signal }).catch(() => {});
    }
  }
}
