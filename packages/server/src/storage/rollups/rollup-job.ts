import { setImmediate, setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Counter, Histogram, type Registry } from 'prom-client';
import { arrivalSlices, arrivedWithin } from './arrival-slices.ts';
import { signOfDamage } from '../damage-signs.ts';
import type { Job, Jobs, RunningJob } from '../../jobs/jobs.ts';
import { EngineError, type Engine } from '../engine.ts';
import { LateNotes, type Membership } from './late-notes.ts';
import { findDays, findDaysThatDisagree, rebuildDays } from './rebuild-days.ts';
import { ROLLUP_JOB_LIMITS, type RollupJobLimits } from './rollup-limits.ts';
import { RollupProgress } from './rollup-progress.ts';
import { BATCH_SETTINGS, rebuildRollups, ROLLUP_GROUPS, ROLLUPS } from './rollup-rebuild.ts';
import type { Rollup } from './rollups.ts';
import type { ArrivalRange, Batch as StoredBatch, Seconds, SpanVisibility } from '../span-visibility.ts';
import { registerGauge } from '../../register-gauge.ts';
import { rowsOf } from '../rows-of.ts';

export interface RollupJobOptions {
  readonly engine: StatementEngine;
  /**
   * The parts of the store, each with what is derived of its own spans; each reads all that was stored before it was
   * asked for. By default the engine is the only one.
   */
  readonly shards?: () => Promise<readonly StatementEngine[]>;
  readonly visibility: SpanVisibility;
  /** Runs it again and again. */
  readonly jobs: Pick<Jobs, 'start'>;
  readonly log: Logger;
  readonly registry: Registry;
  /** When the oldest block came that is not stored yet; null where all are. */
  readonly firstUnstored: () => number | null;
  /** When the newest block came. */
  readonly lastArrival: () => number;
  /**
   * The collectors that store into the same tables, where there may be several; one of them, with the lease, counts.
   */
  readonly fleet?: Fleet;
  /** Of the lease of the store: another number when another collector may have had it, null while it is not held. */
  readonly term?: () => number | null;
  /**
   * Called when the lease has been taken, before anything is read or written: resolves when no server runs what another
   * collector has sent for all. Rejects with `EngineError` while one may.
   */
  readonly endOthers?: () => Promise<void>;
  readonly limits?: Partial<RollupJobLimits>;
}

type StatementEngine = Pick<Engine, 'query' | 'command' | 'tables'>;

/** The collectors that store beside this one. */
interface Fleet extends Membership {
  /** The arrival up to which all of them have stored everything. Rejects with `EngineError`. */
  storedUntil(): Promise<number>;
}

/** The spans of a batch that are in one part of the store. */
interface Batch {
  readonly shard: StatementEngine;
  /** Together they find its spans, each of them those of no more days than one statement may insert. */
  readonly wheres: readonly string[];
  readonly spans: number;
  readonly seconds: Seconds;
  readonly newest: number;
}

function spansOf(batches: readonly Batch[]): number {
  return batches.reduce((sum, { spans }) => sum + spans, 0);
}

const QUERY_TIMEOUT_MS = 60_000;
/** So long a batch waits for the queries that are being answered. */
const ANSWER_MS_MAX = 1_000;
const HOUR = 3_600;
/** ClickHouse refuses an insert of more than 100 partitions, which are days. */
const STATEMENT_SECONDS = 64 * 86_400;
/** A start goes on after so many damaged parts that were detached while it counted. */
const DAMAGED_AT_START_MAX = 20;

/**
 * Adds what has been stored to the tables that are derived from `spans`, a batch at a time, in the order of arrival:
 * each span once. What is about to be counted, or made anew, is noted before. A batch of which it is not known whether
 * all of it was added is not added again; the hours that it touches are made anew out of the spans.
 */
export class RollupJob {
  readonly #options: RollupJobOptions;
  readonly #limits: RollupJobLimits;
  readonly #progress: RollupProgress;
  readonly #batches: Counter<'outcome'>;
  readonly #seconds: Histogram;
  readonly #stopping = new AbortController();
  #starting: Promise<void> = Promise.resolve();
  #running: RunningJob | null = null;
  /** The end of a batch that was begun, and may have been added in part. */
  #pendingUntil = 0;
  /** Of a fleet: what the last look found that is not added yet. */
  #sharedRows = 0;
  /** Whether an earlier process noted anything. */
  #isNoted = false;
  /**
   * The last arrival of a run that was begun: what is handed in behind it meanwhile may be counted in part, or not at
   * all.
   */
  #runsUntil = 0;
  /** The newest arrival of what an earlier process stored, or another collector. */
  #storedBefore = 0;
  /** The term in which what is noted was read last. */
  #term: number | null = null;
  readonly #late: ArrivalRange[] = [];
  /** Of a fleet. */
  readonly #lateNotes: LateNotes | null;
  #hasFailed = false;
  /** One batch, one rebuild or one reader that needs the tables as they are. */
  #turn: Promise<unknown> = Promise.resolve();
  /** Asked by the last look, and for how long there has been something to count and no query. */
  #queries = 0;
  #idleMs = 0;
  #lostDays: { readonly days: readonly string[] | 'all'; readonly done: () => void }[] = [];

  constructor(options: RollupJobOptions) {
    this.#options = options;
    this.#limits = { ...ROLLUP_JOB_LIMITS, ...options.limits };
    this.#progress = new RollupProgress(options.engine);
    this.#lateNotes = options.fleet === undefined ? null : new LateNotes(options.fleet);
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
    const help = 'Stored spans that are not in the derived tables yet';
    registerGauge(
      options.registry,
      'throughline_rollup_waiting_spans',
      help,
      () => visibility.uncountedRows + this.#sharedRows,
    );
  }

  /**
   * Counts what an earlier process stored and did not count. Call it before queries are answered.
   * @param damaged of a store whose parts may be lost: the days (`YYYY-MM-DD`) whose derived tables are made anew, or
   * `all` where it is not known what has been counted. Days of which the derived tables do not agree with the spans, or
   * with each other, are then found as well.
   */
  async start(damaged: readonly string[] | 'all' | null = null): Promise<void> {
    this.#starting = this.#start(damaged);
    await this.#starting;
  }

  async #start(damaged: readonly string[] | 'all' | null): Promise<void> {
    const begun = await this.#restore();
    if (this.#options.fleet !== undefined && this.#currentTerm === null) {
      this.#running = this.#options.jobs.start(this.#job);
      return;
    }
    // The first run ends what the one before may still do, and reads again what it has left.
    if (this.#options.endOthers !== undefined) this.#term = null;
    else if (damaged === null && begun.length > 0) this.#lostDays.push({ days: begun, done: () => {} });
    // Queries add what is not counted: what fails here is no reason not to answer them.
    const isMended = damaged === null || (await this.#mend(unionOf(damaged, begun)));
    if (isMended) await this.#attempt(true).catch((error: unknown) => this.#logFailure(error));
    else this.#hasFailed = true;
    if (this.#stopping.signal.aborted) return;
    this.#running = this.#options.jobs.start(this.#job);
  }

  get #job(): Job {
    return {
      name: 'rollups',
      everyMs: () => (this.#hasFailed ? this.#limits.retryMs : this.#limits.intervalMs),
      startsLater: true,
      needsLease: true,
      run: async () => {
        if (this.#hasFailed || this.#isOutdated || !this.#mayWaitLonger()) await this.#attempt(false);
      },
      // Or queries would add what the other collector has counted.
      watch: async () => void (await this.#inTurn(() => this.#restore())),
    };
  }

  /** Makes anew what was damaged while nothing ran. False where it failed; it is then done again. */
  async #mend(damaged: readonly string[] | 'all'): Promise<boolean> {
    const isUnknown = damaged === 'all' || (!this.#isNoted && (await this.#holdsAnything()));
    const named = new Set(isUnknown ? [] : damaged);
    for (let parts = 0; ; parts++) {
      try {
        if (isUnknown) {
          this.#pendingUntil = 0;
          await this.#inTurn(() => this.#rebuildDays('all', this.#countableUntil()));
        } else await this.run(true);
        const until = this.#options.visibility.countedUntil;
        for (const day of await findDaysThatDisagree(this.#options.engine, until)) named.add(day);
        if (named.size > 0) await this.#inTurn(() => this.#rebuildDays([...named], until));
        return true;
      } catch (error) {
        // The part has been detached, if it could be.
        if (parts < DAMAGED_AT_START_MAX && signOfDamage(error) !== null) continue;
        // What a stop interrupts is rebuilt by the next start.
        if (!this.#stopping.signal.aborted)
          this.#options.log.warn({ err: error }, 'rebuilding derived tables failed; will retry');
        this.#lostDays.push({ days: isUnknown ? 'all' : [...named], done: () => {} });
        return false;
      }
    }
  }

  /** Resolves when the derived tables of these days have been made anew; goes on after failures until it is stopped. */
  async rebuildDays(days: readonly string[] | 'all'): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#lostDays.push({ days, done: resolve });
      this.#running?.wake();
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

  /**
   * Call it before a segment is stored, with its arrivals: what is behind the last batch already is counted all the
   * same, by making its hours anew. Rejects with `EngineError`.
   */
  async noteLate(arrivals: ArrivalRange | null): Promise<void> {
    if (this.#lateNotes !== null) return await this.#lateNotes.note(arrivals);
    if (this.#isOutdated) await this.#inTurn(() => this.#catchUp());
    const begun = Math.max(this.#options.visibility.countedUntil, this.#runsUntil);
    if (arrivals === null || arrivals.first > begun) return;
    const { first, last } = arrivals;
    if (this.#late.some((late) => late.first === first && late.last === last)) return;
    await this.#progress.noteLate(arrivals, false);
    this.#late.push({ first, last });
  }

  /** More has been stored. */
  notice(): void {
    if (this.#options.visibility.uncountedRows >= this.#limits.rowsMax) this.#running?.wake();
  }

  /** Resolves when a batch that is being added has been, or after the timeout: the next start goes on. */
  async stop(timeoutMs: number): Promise<void> {
    this.#stopping.abort();
    const ended = this.#starting.catch(() => {}).then(() => this.#running?.stop(timeoutMs));
    await Promise.race([ended, delay(timeoutMs, undefined, { ref: false })]);
  }

  /** Counts everything that is stored, up to the oldest span that is not, in batches. Rejects with `EngineError`. */
  run(isEverything = false): Promise<void> {
    return this.#inTurn(() => this.#run(isEverything));
  }

  #countableUntil(): number {
    const { visibility, firstUnstored, lastArrival } = this.#options;
    const first = firstUnstored();
    return first === null ? Math.max(lastArrival(), visibility.countedUntil, this.#storedBefore) : first - 1;
  }

  async #run(isEverything: boolean): Promise<void> {
    const { visibility, firstUnstored } = this.#options;
    await this.#catchUp();
    const { fleet } = this.#options;
    if (fleet !== undefined) await this.#readLate();
    const first = fleet === undefined ? firstUnstored() : 0;
    const until = fleet === undefined ? this.#countableUntil() : await fleet.storedUntil();
    this.#runsUntil = Math.max(this.#runsUntil, until);
    for (let lost = this.#lostDays[0]; lost !== undefined; lost = this.#lostDays[0]) {
      if (this.#pendingUntil > 0) await this.#rebuildPending(until);
      await this.#rebuildDays(lost.days, visibility.countedUntil);
      this.#lostDays.shift();
      lost.done();
    }
    if (this.#pendingUntil > 0) await this.#rebuildPending(until);
    for (const late of this.#late.filter(({ last }) => last <= until || first === null)) {
      await this.#rebuild(late);
      await this.#progress.noteLate(late, true);
      this.#late.splice(this.#late.indexOf(late), 1);
    }
    const isNothing = fleet === undefined && !isEverything && visibility.uncountedRows === 0;
    if (until <= visibility.countedUntil || isNothing) return;
    const end = this.#seconds.startTimer();
    while ((await this.#add(until)) && visibility.countedUntil < until && !this.#stopping.signal.aborted);
    end();
  }

  /** Queries to a table that wait for a batch shall not meet the next one each time they ask. */
  async #letRespond(tables: readonly string[]): Promise<void> {
    await setImmediate();
    await Promise.race([this.#options.visibility.released(tables), delay(ANSWER_MS_MAX, undefined, { ref: false })]);
  }

  /** A batch costs much the same however small it is, and saves something to those who ask only. */
  #mayWaitLonger(): boolean {
    // What the others store nobody has told this one.
    if (this.#options.fleet !== undefined) return false;
    const { intervalMs, idleIntervalMs, rowsMax } = this.#limits;
    const { queries, uncountedRows } = this.#options.visibility;
    const isAsked = queries !== this.#queries;
    this.#queries = queries;
    this.#idleMs = isAsked || uncountedRows === 0 ? 0 : this.#idleMs + intervalMs;
    const mayWait = !isAsked && this.#lostDays.length === 0 && uncountedRows < rowsMax;
    if (mayWait && this.#idleMs < idleIntervalMs) return true;
    this.#idleMs = 0;
    return false;
  }

  async #attempt(isEverything: boolean): Promise<void> {
    try {
      await this.run(isEverything);
      this.#hasFailed = false;
    } catch (error) {
      this.#batches.inc({ outcome: 'failed' });
      this.#hasFailed = true;
      throw error;
    }
  }

  #logFailure(error: unknown): void {
    // What a stop interrupts is added at the next start.
    if (!this.#stopping.signal.aborted)
      this.#options.log.warn({ err: error }, 'adding spans to the derived tables failed; will retry');
  }

  /** False where no more can be added now. */
  async #add(until: number): Promise<boolean> {
    const { visibility, fleet } = this.#options;
    const after = visibility.countedUntil;
    if (fleet !== undefined && !(await this.#hasNew(after, until))) {
      this.#sharedRows = 0;
      return false;
    }
    let batches = await this.#batchesOf(after, until);
    // Of a range that is cut into several batches the first look finds all.
    if (fleet !== undefined) this.#sharedRows = Math.max(this.#sharedRows, spansOf(batches));
    if (batches.length === 0) {
      // The members of a fleet go by what is noted.
      if (fleet === undefined) await visibility.count(until, () => this.#progress.note(until, 0));
      return fleet === undefined;
    }
    const { batchRowsMax } = this.#limits;
    const ends = await Promise.all(
      batches
        .filter(({ spans }) => spans > batchRowsMax)
        .map(async ({ shard }) => (await arrivalSlices(shard, '1', { after, until }, batchRowsMax))[0]?.until ?? until),
    );
    const end = Math.min(until, ...ends);
    if (end < until) return this.#add(end);
    await this.#progress.note(after, until);
    this.#pendingUntil = until;
    if (fleet !== undefined) {
      // One that has joined since then and has not seen the note may have stored what is below it, or still does.
      if ((await fleet.storedUntil()) < until) {
        await this.#progress.note(after, 0);
        this.#pendingUntil = 0;
        return false;
      }
      batches = await this.#batchesOf(after, until);
    }
    await this.#orTakeBack(
      batches.map(({ shard }) => shard),
      until,
      async () => {
        for (const group of ROLLUP_GROUPS) {
          const tables = group.map(({ table }) => table);
          await this.#letRespond(tables);
          await visibility.fill(tables, until, async () => {
            for (const rollup of group) {
              for (const batch of batches) await this.#insert(rollup, batch);
            }
          });
        }
      },
    );
    await this.#progress.note(until, 0);
    this.#pendingUntil = 0;
    visibility.counted(until);
    this.#sharedRows = Math.max(0, this.#sharedRows - spansOf(batches));
    this.#batches.inc({ outcome: 'added' });
    return true;
  }

  /**
   * Runs what adds the spans that arrived up to `until` on each shard. Where it fails on one, the others lose them
   * again: nothing can be counted while one is away, and queries, which go on without it, would count them twice, in
   * the derived tables and beside them.
   */
  async #orTakeBack(shards: readonly StatementEngine[], until: number, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      // What fails as well stays in doubt, as on a single server, until its hours are made anew.
      if (shards.length > 1) await this.#takeBack(shards, until).catch(() => {});
      throw error;
    }
  }

  async #takeBack(shards: readonly StatementEngine[], until: number): Promise<void> {
    const { visibility } = this.#options;
    const after = visibility.countedUntil;
    if (until <= after) return;
    const tables = ROLLUPS.map(({ table }) => table);
    await visibility.fill(tables, after, async () => {
      for (const shard of shards) {
        try {
          const hours = await hoursOf(shard, { after, until });
          await rebuildRollups(shard, hours, after, this.#limits.batchRowsMax);
        } catch (error) {
          // Nobody reads one that is away.
          if (!(error instanceof EngineError) || error.code !== 'unavailable') throw error;
        }
      }
    });
  }

  async #shards(): Promise<readonly StatementEngine[]> {
    const { engine, shards } = this.#options;
    const all = shards === undefined ? [engine] : await shards();
    // A lease that was lost and taken again between two statements: what was begun is another one's to end.
    return all.map((shard) => ({
      tables: shard.tables,
      query: (...asked) => shard.query(...asked),
      command: async (...given) => {
        if (this.#isOutdated) throw new EngineError('unavailable', 'another collector may have counted in between');
        await shard.command(...given);
      },
    }));
  }

  /**
   * Whether it is worth to ask each shard, which costs it more: several collectors store, and nobody has told this one.
   * A replica may not know yet what is new: the next run asks again.
   */
  async #hasNew(after: number, until: number): Promise<boolean> {
    const { engine } = this.#options;
    const sql = `SELECT 1 FROM ${engine.tables.spans.read} WHERE ${arrivedWithin({ after, until })} LIMIT 1`;
    return (await rowsOf(engine, sql, QUERY_TIMEOUT_MS)).length > 0;
  }

  /** The spans that arrived behind `after`, up to `until`, and how they are found; none where there are none. */
  async #batchesOf(after: number, until: number): Promise<Batch[]> {
    const arrived = arrivedWithin({ after, until });
    const batches: Batch[] = [];
    for (const shard of await this.#shards()) {
      const [[spans = 0, first = 0, last = 0, newest = 0] = []] = await numbers(
        shard,
        `SELECT count(), toUInt32(min(start_s)), toUInt32(max(start_s)), max(arrival) FROM ${shard.tables.spans.read} WHERE ${arrived}`,
      );
      if (spans === 0) continue;
      const wheres: string[] = [];
      for (let begin = first; begin <= last; begin += STATEMENT_SECONDS) {
        const end = Math.min(begin + STATEMENT_SECONDS - 1, last);
        wheres.push(`${arrived} AND start_s >= toDateTime(${begin}) AND start_s <= toDateTime(${end})`);
      }
      batches.push({ shard, wheres, spans, seconds: { first, last }, newest });
    }
    return batches;
  }

  async #insert({ table, columns, select }: Rollup, { shard, wheres, spans }: Batch): Promise<void> {
    const names = columns.join(', ');
    for (const where of wheres) {
      const source = `(SELECT * FROM ${shard.tables.spans.read} WHERE ${where})`;
      await shard.command(`INSERT INTO ${shard.tables[table].write} (${names})
SELECT ${names} FROM (\n${select(source, spans)}\n) SETTINGS ${BATCH_SETTINGS}`);
    }
  }

  /**
   * Where a collector has joined with what is not stored yet, the batch is taken back: it does not know of it.
   */
  async #rebuildPending(storedUntil: number): Promise<void> {
    const { countedUntil } = this.#options.visibility;
    const isStored = this.#options.fleet === undefined || this.#pendingUntil <= storedUntil;
    const range = { first: countedUntil + 1, last: this.#pendingUntil };
    await this.#rebuild(range, isStored ? this.#pendingUntil : countedUntil);
  }

  /** Makes the hours anew in which these spans start: they may have been added in part, or not at all. */
  async #rebuild({ first, last }: ArrivalRange, until = this.#options.visibility.countedUntil): Promise<void> {
    const { visibility, log } = this.#options;
    const concerned: { readonly shard: StatementEngine; readonly hours: readonly number[] }[] = [];
    for (const shard of await this.#shards()) {
      concerned.push({ shard, hours: await hoursOf(shard, { after: first - 1, until: last }) });
    }
    log.info(
      { hours: new Set(concerned.flatMap(({ hours }) => hours)).size },
      'adding spans to the derived tables was interrupted, or late; rebuilding the affected hours',
    );
    await this.#noteRebuild();
    const rebuild = (): Promise<void> =>
      visibility.count(until, async () => {
        for (const { shard, hours } of concerned) await rebuildRollups(shard, hours, until, this.#limits.batchRowsMax);
        await this.#progress.note(until, 0);
        this.#pendingUntil = 0;
      });
    await this.#orTakeBack(
      concerned.map(({ shard }) => shard),
      until,
      rebuild,
    );
    this.#sharedRows = 0;
    this.#batches.inc({ outcome: 'rebuilt' });
  }

  /**
   * Makes whole days anew out of the spans that arrived up to `until`. What ends in between, the next start does again.
   */
  async #rebuildDays(days: readonly string[] | 'all', until: number): Promise<void> {
    const { engine, visibility, log } = this.#options;
    const concerned = days === 'all' ? await findDays(engine) : days;
    log.info({ days: concerned }, 'rebuilding the derived tables of the affected days');
    await this.#progress.noteDays(days, visibility.countedUntil, false);
    await this.#noteRebuild();
    await visibility.count(until, async () => {
      for (const shard of await this.#shards()) await rebuildDays(shard, concerned, until, this.#limits.batchRowsMax);
      await this.#progress.note(until, 0);
      this.#pendingUntil = 0;
    });
    await this.#progress.noteDays(days, until, true);
    this.#batches.inc({ outcome: 'rebuilt' });
  }

  /**
   * For the queries of other collectors: the tables are changing. Nothing depends on it: what is being made anew is
   * noted beside it.
   */
  async #noteRebuild(): Promise<void> {
    const { countedUntil } = this.#options.visibility;
    if (this.#options.fleet !== undefined) await this.#progress.note(countedUntil, this.#pendingUntil || countedUntil);
  }

  async #holdsAnything(): Promise<boolean> {
    const { engine } = this.#options;
    const [[rows = 0] = []] = await numbers(engine, `SELECT count() FROM ${engine.tables.operation_15m.read}`);
    return rows > 0;
  }

  /** Whether another collector may have counted since, and left behind what it had begun. */
  get #isOutdated(): boolean {
    const term = this.#currentTerm;
    return term !== null && term !== this.#term;
  }

  get #currentTerm(): number | null {
    return this.#options.term?.() ?? null;
  }

  async #catchUp(): Promise<void> {
    if (!this.#isOutdated) return;
    await this.#options.endOthers?.();
    const days = await this.#restore();
    if (days.length > 0) this.#lostDays.push({ days, done: () => {} });
  }

  /** What other collectors have stored behind what is counted. */
  async #readLate(): Promise<void> {
    const { late } = await this.#progress.restore();
    this.#late.splice(0, this.#late.length, ...late);
  }

  /**
   * What is noted in the store, by whomever. What is stored and not counted is looked at by queries until it is.
   * Returns the days that were being made anew.
   */
  async #restore(): Promise<readonly string[] | 'all'> {
    const { visibility } = this.#options;
    const term = this.#currentTerm;
    const known = new Set(visibility.storedBatches);
    const { countedUntil, pendingUntil, late, days, isNoted } = await this.#progress.restore();
    const isShared = this.#options.fleet !== undefined;
    const found = isShared ? [] : await this.#batchesOf(countedUntil, Number.MAX_SAFE_INTEGER);
    // What this process has stored meanwhile may not be in it.
    const stored: StoredBatch[] = visibility.storedBatches.filter((batch) => !known.has(batch));
    for (const { newest, seconds, spans } of found) {
      stored.push({ arrivals: { first: countedUntil + 1, last: newest }, seconds, rows: spans });
      this.#storedBefore = Math.max(this.#storedBefore, newest);
    }
    visibility.startAt(countedUntil, stored);
    this.#isNoted = isNoted;
    this.#pendingUntil = pendingUntil;
    this.#late.splice(0, this.#late.length, ...late);
    this.#term = term;
    return days;
  }
}

function unionOf(a: readonly string[] | 'all', b: readonly string[] | 'all'): readonly string[] | 'all' {
  return a === 'all' || b === 'all' ? 'all' : [...new Set([...a, ...b])];
}

/** The hours in which these spans start, in seconds since the epoch. */
async function hoursOf(
  shard: Pick<Engine, 'query' | 'tables'>,
  arrivals: { readonly after: number; readonly until: number },
): Promise<number[]> {
  const sql = `SELECT DISTINCT intDiv(toUInt32(start_s), ${HOUR}) * ${HOUR} AS hour FROM ${shard.tables.spans.read}
WHERE ${arrivedWithin(arrivals)} ORDER BY hour`;
  return (await numbers(shard, sql)).map(([hour]) => Number(hour));
}

async function numbers(engine: Pick<Engine, 'query'>, sql: string): Promise<number[][]> {
  return (await rowsOf(engine, sql, QUERY_TIMEOUT_MS)).map((row) => row.map(Number));
}
