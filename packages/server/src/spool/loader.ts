import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import { LimitCounter } from '../limit-counter.ts';
import { EngineError, type Engine, type SpanRecovery } from '../storage/engine.ts';
import { insertAdvice, isDataError } from '../storage/insert-failure.ts';
import { FailingSegments } from './failing-segments.ts';
import { LoadOrder } from './load-order.ts';
import { LOADER_LIMITS, type LoaderLimits } from './limits.ts';
import type { Segment } from './segment-recovery.ts';
import type { Spool } from './spool.ts';
import { WaitingSegments } from './waiting-segments.ts';
import { registerGauge } from '../register-gauge.ts';
import { countOf } from '../count-of.ts';

export interface LoaderOptions {
  readonly spool: Spool;
  /** Without `insertMissingSpans`, `insertNativeFile` finds out by itself what an earlier call has stored. */
  readonly engine: Pick<Engine, 'insertNativeFile'> & Partial<SpanRecovery>;
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
  /**
   * Called when a segment has been quarantined, or somebody has removed it: it is not in the store, and nobody will put
   * it there.
   */
  readonly onSkipped?: (segment: Segment) => void;
  /**
   * Where spans can be found only when they are stored: of a backlog every other segment is the newest one, and what is
   * open is sealed for it when it is so old. Without it segments are loaded in order.
   */
  readonly newestAfterMs?: number;
}

export interface LoaderStatus {
  /** Why nothing goes into the store, and what to do; null while something does, or nothing has failed twice. */
  readonly failure: LoaderFailure | null;
  /** Segments that fail while others are stored. */
  readonly passedSegments: readonly string[];
  /** Why the first of them does. */
  readonly passedBecause: LoaderFailure | null;
}

export interface LoaderFailure {
  readonly reason: string;
  /** Whether the data of one segment may be the reason. */
  readonly isAboutData: boolean;
  readonly advice: string;
}

/** A single failure is repeated before anybody is called. */
const ATTEMPTS_TO_TELL = 2;

/**
 * Hands sealed segments to the engine, in order, one at a time. An insert that did not end well is in doubt: what of
 * its spans the store does not hold is inserted then, and only then is the segment let go. A segment that keeps failing
 * is passed by those behind it, and so is one of which a part of the store is away, until that one is back. It is
 * quarantined where its data may be the reason, the store has taken others meanwhile, and it fails again.
 */
export class Loader {
  readonly #options: LoaderOptions;
  readonly #limits: LoaderLimits;
  readonly #inserts: Counter<'outcome'>;
  readonly #spans: Counter;
  readonly #missingSpans: Counter;
  readonly #limitCounter: LimitCounter;
  readonly #failing: FailingSegments;
  /** Segments of which a part of the store has not taken its share, by what they wait for, the oldest first. */
  readonly #waiting: WaitingSegments;
  readonly #order: LoadOrder | null;
  readonly #stopping = new AbortController();
  /** An insert of them may have been carried out. */
  readonly #inDoubt = new Set<string>();
  /** The store has them; their files could not be removed yet. */
  readonly #stored = new Set<string>();
  /** How many segments were stored. */
  #storedCount = 0;
  /** Failures that the log has a line of, since nothing has failed. */
  readonly #logged = new Set<string>();
  #running: Promise<void> = Promise.resolve();

  constructor(options: LoaderOptions) {
    this.#options = options;
    this.#limits = { ...LOADER_LIMITS, ...options.limits };
    this.#failing = new FailingSegments(this.#limits);
    this.#waiting = new WaitingSegments(this.#limits);
    const { registry, metrics = 'throughline_loader', rows = 'spans' } = options;
    const registers = [registry];
    this.#limitCounter = new LimitCounter(options.registry);
    const { newestAfterMs, spool } = options;
    this.#order =
      newestAfterMs === undefined
        ? null
        : new LoadOrder({
            spool,
            newestAfterMs,
            rowsPerSecondMax: this.#limits.backlogRowsPerSecondMax,
            onLimit: () => this.#limitCounter.reached('loader.backlogRowsPerSecondMax'),
          });
    this.#inserts = new Counter({
      name: `${metrics}_inserts_total`,
      help: 'Segments handed to the engine, by outcome: stored, quarantined (rejected by the store), gone (removed by another program), or the code of the error',
      labelNames: ['outcome'],
      registers,
    });
    this.#spans = new Counter({
      name: `${metrics}_${rows}_total`,
      help: `Number of ${rows} that the engine has stored`,
      registers,
    });
    this.#missingSpans = new Counter({
      name: `${metrics}_missing_${rows}_total`,
      help: `Number of ${rows} that were missing from the store after a failed insert and were inserted again`,
      registers,
    });
    const help = 'Segments whose insert has failed and is retried';
    registerGauge(registry, `${metrics}_failing_segments`, help, () => this.#failing.size + this.#waiting.size);
  }

  /** How many segments wait until a part of the store is back, while others are stored. */
  get waitingSegments(): number {
    return this.#waiting.size;
  }

  get status(): LoaderStatus {
    const failing = this.#failing.all;
    const passed = failing.filter(({ storedBefore }) => storedBefore < this.#storedCount);
    const blocking = failing.find(
      ({ storedBefore, attempts }) => storedBefore === this.#storedCount && attempts >= ATTEMPTS_TO_TELL,
    );
    const [first] = passed;
    return {
      failure: blocking === undefined ? null : failureOf(blocking.error),
      passedSegments: passed.map(({ segment }) => segment.name),
      passedBecause: first === undefined ? null : failureOf(first.error),
    };
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

  /** Never rejects: a loader that has ended unheard would leave everything in the spool. */
  async #run(): Promise<void> {
    const { log } = this.#options;
    while (!this.#stopping.signal.aborted) {
      try {
        const segment = await this.#next();
        if (segment === null) return;
        await this.#load(segment);
      } catch (error) {
        log.error({ err: error }, 'loader failed unexpectedly; retrying');
        await this.#pause(this.#limits.retryDelayMsMax);
      }
    }
  }

  /** The segment to try next; waits for one. Null when the loader is to stop, or nothing is left of a closed spool. */
  async #next(): Promise<Segment | null> {
    const { signal } = this.#stopping;
    const failing = this.#failing;
    while (!signal.aborted) {
      const now = performance.now();
      const due = failing.due(now) ?? this.#waiting.due(now);
      if (due !== null) return due;
      const waitMs = Math.min(failing.waitMs(now), this.#waiting.waitMs(now));
      if (failing.size === 0 && this.#waiting.size === 0) return await this.#behind(signal, new Set());
      if (failing.mayBePassed && !failing.isFull) {
        const segment = await this.#nextBehind(waitMs);
        if (segment !== null) return segment;
      }
      // The rest of it, where the spool is closed.
      await this.#pause(Math.min(failing.waitMs(performance.now()), this.#waiting.waitMs(performance.now())));
    }
    return null;
  }

  #behind(signal: AbortSignal, passed: ReadonlySet<string>): Promise<Segment | null> {
    return this.#order?.next(signal, passed) ?? this.#options.spool.nextSealed(signal, passed);
  }

  /** One that has not failed; null when none has come in this time. */
  async #nextBehind(waitMs: number): Promise<Segment | null> {
    const { signal } = this.#stopping;
    const until = new AbortController();
    const end = (): void => until.abort();
    const timer = setTimeout(end, waitMs);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    try {
      return await this.#behind(until.signal, new Set([...this.#failing.names, ...this.#waiting.names]));
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
    }
  }

  async #load(segment: Segment): Promise<void> {
    const { spool, engine, log, table = 'spans' } = this.#options;
    const { name, path } = segment;
    let missing = 0;
    try {
      if (!this.#stored.has(name)) {
        await this.#options.onStoring?.(segment);
        if (engine.insertMissingSpans !== undefined && this.#isInDoubt(segment)) {
          missing = await engine.insertMissingSpans(path, name);
        } else {
          await engine.insertNativeFile(table, path, name);
        }
        this.#inserts.inc({ outcome: 'stored' });
        this.#spans.inc(segment.rows);
        // Those of an earlier process are all missing where it never came to them.
        if (this.#inDoubt.has(name)) this.#missingSpans.inc(missing);
        this.#stored.add(name);
        this.#storedCount += 1;
        this.#options.onStored?.(segment);
      }
      await spool.release(segment);
    } catch (error) {
      await this.#failed(segment, error);
      return;
    }
    const hadFailed = this.#failing.has(name) || this.#waiting.has(name);
    // What it has waited for is back.
    this.#waiting.release(name);
    this.#forget(name);
    if (hadFailed) log.warn({ segment: name, ...(missing > 0 && { missing }) }, 'segment stored after retry');
  }

  async #failed(segment: Segment, error: unknown): Promise<void> {
    const { log } = this.#options;
    const { name } = segment;
    const outcome = error instanceof EngineError ? error.code : 'failed';
    if (!this.#stored.has(name)) this.#inserts.inc({ outcome });
    const isUnseen = error instanceof EngineError && error.isUnseen;
    if (!isUnseen) this.#inDoubt.add(name);
    if (await this.#isGone(segment)) return;
    if (error instanceof EngineError && error.waitsFor !== null) {
      this.#failing.forget(name);
      this.#waiting.note(segment, error.waitsFor, performance.now());
      const advice = insertAdvice(error);
      if (this.#isNews(`waits for ${error.waitsFor}`)) {
        log.warn(
          { err: error, segment: name, advice },
          `segments wait for ${error.waitsFor}; storing what others take`,
        );
      }
      return;
    }
    this.#waiting.forget(name);
    const isNew = !this.#failing.has(name);
    const failing = this.#failing.note(segment, {
      error,
      isUnseen,
      isAboutData: isDataError(error),
      stored: this.#storedCount,
      nowMs: performance.now(),
    });
    if (isNew && this.#failing.isFull) this.#limitCounter.reached('loader.passedSegmentsMax');
    const hasPassed = this.#storedCount > failing.storedBefore;
    if (isDataError(error) && failing.dataFailures >= this.#limits.rejectionsMax && hasPassed) {
      await this.#quarantine(segment, error, failing.dataFailures);
      return;
    }
    if (this.#isNews(`${outcome} ${error instanceof EngineError ? error.clickhouseCode : ''}`)) {
      log.warn({ err: error, segment: name, advice: insertAdvice(error) }, 'insert failed; retrying');
    }
  }

  /** A line where the state changes, not one an attempt, however many segments fail by turns. */
  #isNews(failure: string): boolean {
    if (this.#logged.has(failure)) return false;
    this.#logged.add(failure);
    return true;
  }

  /** Where that fails, it is tried again after the next attempt to insert it. */
  async #quarantine(segment: Segment, error: unknown, failures: number): Promise<void> {
    const { spool, log } = this.#options;
    const { name, rows } = segment;
    try {
      await spool.quarantine(segment, failureOf(error).reason);
    } catch (moveError) {
      if (this.#isNews(`move ${name}`)) {
        log.error({ err: moveError, segment: name }, 'quarantining a segment in spool/rejected failed; will retry');
      }
      return;
    }
    this.#options.onSkipped?.(segment);
    log.error(
      { err: error, segment: name, spans: rows },
      `store rejected segment ${countOf(failures, 'time')} while it accepted others; quarantined in spool/rejected: see throughline spool list`,
    );
    this.#limitCounter.reached('loader.rejectionsMax');
    this.#inserts.inc({ outcome: 'quarantined' });
    this.#forget(name);
  }

  /** A file that somebody has removed comes back by no repeat, and must not hold up the others. */
  async #isGone(segment: Segment): Promise<boolean> {
    const { spool, log } = this.#options;
    const { name, path, rows } = segment;
    const isThere = await stat(path).then(
      () => true,
      (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
    );
    if (isThere || this.#stored.has(name)) return false;
    log.error({ segment: name, spans: rows }, 'a spool segment was removed before it was stored; its spans are lost');
    this.#inserts.inc({ outcome: 'gone' });
    await spool.release(segment);
    // Fresh spans would keep a table for it until the engine is started again.
    this.#options.onSkipped?.(segment);
    this.#forget(name);
    return true;
  }

  #isInDoubt({ name, mayBeStored }: Segment): boolean {
    return mayBeStored || this.#inDoubt.has(name);
  }

  #forget(name: string): void {
    this.#failing.forget(name);
    this.#waiting.forget(name);
    this.#inDoubt.delete(name);
    this.#stored.delete(name);
    if (this.#failing.size === 0 && this.#waiting.size === 0) this.#logged.clear();
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#stopping.signal }).catch(() => {});
  }
}

function failureOf(error: unknown): LoaderFailure {
  const message = error instanceof Error ? error.message : String(error);
  const [reason = ''] = message.split('\n', 1);
  return { reason: reason.slice(0, REASON_LENGTH_MAX), isAboutData: isDataError(error), advice: insertAdvice(error) };
}

/** ClickHouse's messages can quote what was inserted. */
const REASON_LENGTH_MAX = 300;
