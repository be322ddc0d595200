import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { signOfDamage } from './damage-signs.ts';
import type { Engine } from './engine.ts';
import { findDays, findDaysThatDisagree, numbers, rebuildDays, rebuildRollups, ROLLUPS } from './rebuild-rollups.ts';
import { ROLLUP_JOB_LIMITS, type RollupJobLimits } from './rollup-limits.ts';
import type { Rollup } from './rollups.ts';
import type { ArrivalRange, SpanVisibility } from './span-visibility.ts';
import { sqlString, sqlUInt64 } from './sql.ts';

export interface RollupJobOptions {
  readonly engine: Pick<Engine, 'query' | 'command'>;
  readonly visibility: SpanVisibility;
  readonly log: Logger;
  readonly registry: Registry;
  /** When the oldest block came that is not stored yet; null where all are. */
  readonly firstUnstored: () => number | null;
  /** When the newest block came. */
  readonly lastArrival: () => number;
  readonly limits?: Partial<RollupJobLimits>;
}

/** Whose progress it is; one collector writes into a store. */
export const COLLECTOR = 'collector';
const HOUR = 3_600;
/** A start goes on after so many damaged parts that were set aside while it counted. */
const DAMAGED_AT_START_MAX = 20;

/**
 * Adds what has been stored to the tables that are derived from `spans`, a batch at a time, in the order of arrival: each span once. What
 * is about to be counted is noted before. A batch of which it is not known whether all of it was added is not added again; the hours that it
 * touches are made anew out of the spans.
 */
export class RollupJob {
  readonly #options: RollupJobOptions;
  readonly #limits: RollupJobLimits;
  readonly #batches: Counter<'outcome'>;
  readonly #seconds: Histogram;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #wake: (() => void) | null = null;
  /** The end of a batch that was begun, and may have been added in part. */
  #pendingUntil = 0;
  #version = 0;
  #told = '';
  /** One batch, one rebuild or one reader that needs the tables as they are. */
  #turn: Promise<unknown> = Promise.resolve();
  #lostDays: { readonly days: readonly string[] | 'all'; readonly done: () => void }[] = [];

  constructor(options: RollupJobOptions) {
    this.#options = options;
    this.#limits = { ...ROLLUP_JOB_LIMITS, ...options.limits };
    const registers = [options.registry];
    this.#batches = new Counter({
      name: 'throughline_rollup_batches_total',
      help: 'Batches of stored spans that were added to the derived tables, by outcome: added, rebuilt after a failure, failed',
      labelNames: ['outcome'],
      registers,
    });
    for (const outcome of ['added', 'rebuilt', 'failed']) this.#batches.inc({ outcome }, 0);
    this.#seconds = new Histogram({
      name: 'throughline_rollup_batch_seconds',
      help: 'Time to add one batch to the derived tables',
      buckets: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5, 30],
      registers,
    });
    const { visibility } = options;
    const waiting: Gauge = new Gauge({
      name: 'throughline_rollup_waiting_spans',
      help: 'Stored spans that are not in the derived tables yet',
      registers: [],
      collect: (): void => waiting.set(visibility.uncountedRows),
    });
    options.registry.registerMetric(waiting);
  }

  /**
   * Counts what an earlier process stored and did not count. Call it before questions are answered.
   * @param damaged of a store whose parts may be lost: the days (`YYYY-MM-DD`) whose derived tables are made anew, or `all` where it is not
   * known what has been counted. Days that have counted another number of spans than are stored are then found as well.
   */
  async start(damaged: readonly string[] | 'all' | null = null): Promise<void> {
    await this.#restore();
    const isUnknown = damaged === 'all' || (damaged !== null && this.#version === 0 && (await this.#holdsAnything()));
    if (isUnknown) this.#pendingUntil = 0;
    for (let parts = 0; ; parts++) {
      try {
        if (isUnknown) await this.#inTurn(() => this.#rebuildDays('all', this.#countableUntil()));
        else await this.run(true);
        const until = this.#options.visibility.countedUntil;
        const days = new Set(damaged === null || isUnknown ? [] : damaged);
        if (damaged !== null) for (const day of await findDaysThatDisagree(this.#options.engine, until)) days.add(day);
        if (days.size > 0) await this.#inTurn(() => this.#rebuildDays([...days], until));
        break;
      } catch (error) {
        // The part has been set aside, if it could be.
        if (parts >= DAMAGED_AT_START_MAX || signOfDamage(error) === null) throw error;
      }
    }
    this.#running = this.#runAgainAndAgain();
  }

  /** Resolves when the derived tables of these days have been made anew; goes on after failures until it is stopped. */
  async rebuildDays(days: readonly string[] | 'all'): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#lostDays.push({ days, done: resolve });
      this.#wake?.();
    });
  }

  /** Runs what needs the derived tables to stay as they are: nothing is counted meanwhile. */
  whileStill<T>(work: () => Promise<T>): Promise<T> {
    return this.#inTurn(work);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  /** More has been stored. */
  notice(): void {
    if (this.#options.visibility.uncountedRows >= this.#limits.rowsMax) this.#wake?.();
  }

  /** Resolves when a batch that is being added has been, or after the timeout: the next start goes on. */
  async stop(timeoutMs: number): Promise<void> {
    this.#stopping.abort();
    this.#wake?.();
    await Promise.race([this.#running, delay(timeoutMs, undefined, { ref: false })]);
  }

  /** Counts everything that is stored, up to the oldest span that is not. Rejects with `EngineError`. */
  run(isEverything = false): Promise<void> {
    return this.#inTurn(() => this.#run(isEverything));
  }

  /** Makes the hours anew in which spans start that arrived then, and were stored after later ones had been counted. */
  recount({ first, last }: ArrivalRange): Promise<void> {
    const { engine, visibility } = this.#options;
    return this.#inTurn(async () => {
      if (this.#pendingUntil > 0) await this.#rebuild();
      const hours = await this.#hoursOf(first - 1, last);
      const until = visibility.countedUntil;
      await visibility.count(until, () => rebuildRollups(engine, hours, until));
      this.#batches.inc({ outcome: 'rebuilt' });
    });
  }

  #countableUntil(): number {
    const { visibility, firstUnstored, lastArrival } = this.#options;
    const first = firstUnstored();
    return first === null ? Math.max(lastArrival(), visibility.countedUntil) : first - 1;
  }

  async #run(isEverything: boolean): Promise<void> {
    const { visibility } = this.#options;
    const until = this.#countableUntil();
    for (let lost = this.#lostDays[0]; lost !== undefined; lost = this.#lostDays[0]) {
      if (this.#pendingUntil > 0) await this.#rebuild();
      await this.#rebuildDays(lost.days, visibility.countedUntil);
      this.#lostDays.shift();
      lost.done();
    }
    if (this.#pendingUntil > 0) await this.#rebuild();
    if (until <= visibility.countedUntil || (!isEverything && visibility.uncountedRows === 0)) return;
    while (visibility.countedUntil < until && !this.#stopping.signal.aborted) {
      const end = this.#seconds.startTimer();
      await this.#add(await this.#endOfBatch(visibility.countedUntil, until));
      end();
    }
  }

  async #runAgainAndAgain(): Promise<void> {
    const { signal } = this.#stopping;
    const { intervalMs, retryMs } = this.#limits;
    let waitMs = intervalMs;
    for (;;) {
      await this.#wait(waitMs);
      if (signal.aborted) return;
      try {
        await this.run();
        waitMs = intervalMs;
        if (this.#told !== '') this.#options.log.warn('derived tables are up to date again');
        this.#told = '';
      } catch (error) {
        this.#batches.inc({ outcome: 'failed' });
        waitMs = retryMs;
        const reason = error instanceof Error ? error.message : String(error);
        if (this.#told === '')
          this.#options.log.warn({ reason }, 'adding spans to the derived tables failed; will retry');
        this.#told = reason;
      }
    }
  }

  async #wait(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const isWanted = this.#lostDays.length > 0 && this.#told === '';
      if (this.#stopping.signal.aborted || isWanted) this.#wake();
    });
    this.#wake = null;
  }

  async #add(until: number): Promise<void> {
    const { visibility } = this.#options;
    const batch = await this.#batchOf(visibility.countedUntil, until);
    if (batch === null) {
      await visibility.count(until, () => this.#note(until, 0));
      return;
    }
    const source = `(SELECT * FROM throughline.spans WHERE ${batch.where})`;
    await this.#note(visibility.countedUntil, until);
    this.#pendingUntil = until;
    await visibility.count(until, async () => {
      for (const rollup of ROLLUPS) await this.#insert(rollup, source, batch.spans);
      await this.#note(until, 0);
      this.#pendingUntil = 0;
    });
    this.#batches.inc({ outcome: 'added' });
  }

  /** Up to where a batch goes that is not too large; after a long failure very many may wait. */
  async #endOfBatch(after: number, until: number): Promise<number> {
    const { batchRowsMax } = this.#limits;
    const arrived = `arrival > ${sqlUInt64(after)} AND arrival <= ${sqlUInt64(until)}`;
    const [[spans = 0] = []] = await numbers(
      this.#options.engine,
      `SELECT count() FROM throughline.spans WHERE ${arrived}`,
    );
    if (spans <= batchRowsMax) return until;
    const [[end = until] = []] = await numbers(
      this.#options.engine,
      `SELECT quantileExact(${batchRowsMax / spans})(arrival) FROM throughline.spans WHERE ${arrived}`,
    );
    return end;
  }

  /** How many spans arrived behind `after`, up to `until`, and how they are found; null where there are none. */
  async #batchOf(after: number, until: number): Promise<{ readonly where: string; readonly spans: number } | null> {
    const arrived = `arrival > ${sqlUInt64(after)} AND arrival <= ${sqlUInt64(until)}`;
    const [[spans, first, last] = [0, 0, 0]] = await numbers(
      this.#options.engine,
      `SELECT count(), toUInt32(min(start_s)), toUInt32(max(start_s)) FROM throughline.spans WHERE ${arrived}`,
    );
    if (spans === 0 || spans === undefined) return null;
    return { where: `${arrived} AND start_s >= toDateTime(${first}) AND start_s <= toDateTime(${last})`, spans };
  }

  async #insert({ table, columns, select }: Rollup, source: string, spans: number): Promise<void> {
    const names = columns.join(', ');
    await this.#options.engine.command(`INSERT INTO throughline.${table} (${names})
SELECT ${names} FROM (\n${select(source, spans)}\n)`);
  }

  /** Makes the hours anew that a batch touches which may have been added in part. */
  async #rebuild(): Promise<void> {
    const { engine, visibility, log } = this.#options;
    const until = this.#pendingUntil;
    const hours = await this.#hoursOf(visibility.countedUntil, until);
    log.info(
      { hours: hours.length },
      'an addition to the derived tables was interrupted; rebuilding the hours concerned',
    );
    await visibility.count(until, async () => {
      await rebuildRollups(engine, hours, until);
      await this.#note(until, 0);
      this.#pendingUntil = 0;
    });
    this.#batches.inc({ outcome: 'rebuilt' });
  }

  /** Makes whole days anew out of the spans that arrived up to `until`. */
  async #rebuildDays(days: readonly string[] | 'all', until: number): Promise<void> {
    const { engine, visibility, log } = this.#options;
    const concerned = days === 'all' ? await findDays(engine) : days;
    log.info({ days: concerned }, 'rebuilding the derived tables of the days concerned');
    await visibility.count(until, async () => {
      await rebuildDays(engine, concerned, until);
      await this.#note(until, 0);
      this.#pendingUntil = 0;
    });
    this.#batches.inc({ outcome: 'rebuilt' });
  }

  async #holdsAnything(): Promise<boolean> {
    const [[rows = 0] = []] = await numbers(this.#options.engine, 'SELECT count() FROM throughline.operation_15m');
    return rows > 0;
  }

  /** The hours in which spans start that arrived behind `after`, up to `until`. */
  async #hoursOf(after: number, until: number): Promise<number[]> {
    const found = await numbers(
      this.#options.engine,
      `SELECT DISTINCT intDiv(toUInt32(start_s), ${HOUR}) * ${HOUR} AS hour FROM throughline.spans
WHERE arrival > ${sqlUInt64(after)} AND arrival <= ${sqlUInt64(until)} ORDER BY hour`,
    );
    return found.map(([hour = 0]) => hour);
  }

  async #restore(): Promise<void> {
    const [[version, counted, pending] = [0, 0, 0]] = await numbers(
      this.#options.engine,
      `SELECT max(version), argMax(counted_until, version), argMax(pending_until, version)
FROM throughline.rollup_progress WHERE collector = ${sqlString(COLLECTOR)}`,
    );
    this.#version = version ?? 0;
    this.#pendingUntil = pending ?? 0;
    this.#options.visibility.startAt(counted ?? 0);
  }

  async #note(countedUntil: number, pendingUntil: number): Promise<void> {
    this.#version += 1;
    await this.#options.engine
      .command(`INSERT INTO throughline.rollup_progress (collector, version, counted_until, pending_until)
SELECT ${sqlString(COLLECTOR)}, ${sqlUInt64(this.#version)}, ${sqlUInt64(countedUntil)}, ${sqlUInt64(pendingUntil)}`);
  }
}
