import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Counter, type Registry } from 'prom-client';
import type { WindowRows } from '../insight/window-rows.ts';
import type { TimeWindow } from '../insight/window-slices.ts';
import { sliceSqls, windowCountSql } from '../insight/window-sql.ts';
import { JobThread } from '../job-thread.ts';
import type { Job } from '../jobs/jobs.ts';
import { registerGauge } from '../register-gauge.ts';
import { EngineError, type Engine, type PlainInserts } from '../storage/engine.ts';
import { IS_UNKNOWN } from '../storage/rollups/weights.ts';
import { rowsOf } from '../storage/rows-of.ts';
import { ALL_COUNTED } from '../storage/span-visibility.ts';
import { begunBeforeSql } from './begun-before.ts';
import { CELL_SECONDS, cellOf, readRuns, STEP_SECONDS, STEPS_PER_CELL } from './cells.ts';
import { nativeBlock } from './native-table.ts';
import type { NormalsLimits } from './normals-limits.ts';
import type { Measured, MeasureJob } from './normals-worker.ts';

type StoreReader = Pick<Engine, 'query' | 'tables'>;

export interface NormalsJobOptions {
  readonly engine: StoreReader & Pick<PlainInserts, 'insertPlainFile'>;
  /**
   * Where the spans are, with all that was stored before it was called: on a cluster each shard by itself. By default
   * in the engine. Rejects with `EngineError`.
   */
  readonly shards?: () => Promise<readonly StoreReader[]>;
  /** Where files are written that are inserted. */
  readonly directory: string;
  readonly registry: Registry;
  readonly limits: NormalsLimits;
  /** Milliseconds since the epoch up to which every span has been stored that had arrived by then. */
  readonly storedUntilMs: () => Promise<number>;
  /** Of the lease of the store: another number when another collector may have run the job meanwhile. */
  readonly term?: () => number | null;
  /** The built `normals-worker.js`. */
  readonly workerPath?: URL;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** From 0 up to 1; tells runs apart that begin at once. */
  readonly random?: () => number;
}

/** A trace whose last span arrived so long ago has ended. */
const QUIET_MS = 20_000;
/** After a pause, steps follow each other so fast; each of them takes as much less. */
const INTERVAL_MS = 15_000;
const STEPS_AT_ONCE = (STEP_SECONDS * 1_000) / INTERVAL_MS;
/** Behind by so many steps it catches up. */
const STEPS_BEHIND = 2;
/** Between two steps the thread has nothing to do. */
const THREAD_IDLE_MS = 2_000;
/** So many times the spans of a step may be read: its traces go on behind it. */
const READ_MAX = 3;
const SHARE_MIN = 2 ** -24;
/** A start looks so much further back for what has been measured, to say how much is left out. */
const RESTORED_SECONDS = 86_400;
const QUERY_TIMEOUT_MS = 60_000;
const SECOND_NS = 1_000_000_000n;
/** Runs that begin in the same millisecond have numbers of their own by chance; 64 bits hold no more. */
const RUNS_PER_MS = 2 ** 20;

/** Where the job is: in the run of a cell. */
interface Position {
  readonly cell: number;
  readonly run: bigint;
  /** Steps of the cell that are measured and noted. */
  readonly steps: number;
  /** Steps behind them that had no spans: they are noted with the next one that has, or with the last. */
  readonly emptySteps: number;
}

/**
 * Measures what is usual at each path of calls, and who calls whom, from the traces that began in each minute, once
 * they are quiet: all of them, or a sample by trace ID. The sums of ten minutes are a cell. A cell is measured in a run
 * with a number of its own, and only the run that came furthest counts: an insert that may have been carried out, a
 * kill, or another collector ends a run, and the cell is measured anew. So nothing counts twice.
 */
export class NormalsJob {
  readonly #options: NormalsJobOptions;
  readonly #thread: JobThread<MeasureJob, Measured>;
  readonly #now: () => number;
  readonly #random: () => number;
  #position: Position | null = null;
  #term: number | null = null;
  /** Is lowered by half when the thread has not enough memory. */
  #effort = 1;
  #lagSeconds = 0;
  #share = 1;

  readonly #steps: Counter<'outcome'>;
  readonly #taken: Counter<'what'>;
  readonly #missed: Counter<'reason'>;

  constructor(options: NormalsJobOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#random = options.random ?? Math.random;
    const { registry, limits } = options;
    const registers = [registry];
    this.#steps = new Counter({
      name: 'throughline_normals_steps_total',
      help: 'Minutes of stored spans, by outcome: measured, repeated (their sums were not complete), or skipped (further back than normals.catchUpMs)',
      labelNames: ['outcome'],
      registers,
    });
    for (const outcome of ['measured', 'repeated', 'skipped']) this.#steps.inc({ outcome }, 0);
    this.#taken = new Counter({
      name: 'throughline_normals_taken_total',
      help: 'Spans and traces from which it was measured what is usual',
      labelNames: ['what'],
      registers,
    });
    for (const what of ['spans', 'traces']) this.#taken.inc({ what }, 0);
    this.#missed = new Counter({
      name: 'throughline_normals_missed_total',
      help: 'What was not measured: paths, their spans and calls beyond normals.pathsMax and normals.edgesMax, traces longer than normals.traceLengthMs, and spans that came late',
      labelNames: ['reason'],
      registers,
    });
    for (const reason of ['paths', 'spans_of_paths', 'calls', 'long_traces', 'late_spans']) {
      this.#missed.inc({ reason }, 0);
    }
    const lagHelp = 'How far what is measured is behind what is stored';
    registerGauge(registry, 'throughline_normals_lag_seconds', lagHelp, () => this.#lagSeconds);
    const shareHelp = 'Share of the traces that the last minute was measured from';
    registerGauge(registry, 'throughline_normals_share', shareHelp, () => this.#share);
    this.#thread = new JobThread({
      workerPath: options.workerPath ?? new URL('./normals-worker.js', import.meta.url),
      heapBytesMax: limits.heapBytesMax,
      idleMs: THREAD_IDLE_MS,
      tooLarge: () => new EngineError('too_large', 'a minute of traces needs more memory than normals.heapBytesMax'),
      closed: () => new EngineError('unavailable', 'the collector is stopping'),
      bytesOf: ({ rows }) => rows.slices.flatMap(({ answers }) => answers),
    });
  }

  get job(): Job {
    return {
      name: 'normals',
      everyMs: INTERVAL_MS,
      startsLater: true,
      needsLease: true,
      run: async (signal) => void (await this.measureNext(signal)),
    };
  }

  /**
   * Measures one step that is due, and those without spans before it. Resolves with false where none had any. Rejects
   * with `EngineError`.
   */
  async measureNext(signal: AbortSignal): Promise<boolean> {
    const until = await this.#measurableUntil();
    try {
      const term = this.#options.term?.() ?? null;
      if (term !== this.#term) this.#position = null;
      this.#term = term;
      if (this.#reached() > until + CELL_SECONDS) this.#giveUp();
      this.#position = this.#within(until, this.#position ?? (await this.#restore(until)));
      if (!this.#isDue(until)) return false;
      const { engine, shards } = this.#options;
      // Asked after `until` is known. Another replica may lack what was stored: its minute would be noted without it.
      const sources = shards === undefined ? [engine] : await shards();
      let hasSpans = false;
      while (!hasSpans && this.#isDue(until) && !signal.aborted) hasSpans = await this.#step(sources, until, signal);
      return hasSpans;
    } catch (error) {
      // What was inserted is not known: a run of its own measures the cell anew.
      this.#giveUp();
      throw error;
    } finally {
      this.#lagSeconds = Math.max(0, until - this.#reached());
    }
  }

  /** Ends the thread; a run under way fails. */
  close(): Promise<void> {
    return this.#thread.close();
  }

  /** The second up to which traces may begin that are quiet now. */
  async #measurableUntil(): Promise<number> {
    const stored = Math.min(await this.#options.storedUntilMs(), this.#now());
    return Math.floor((stored - QUIET_MS - this.#options.limits.traceLengthMs) / 1_000);
  }

  /** Also when the clock was ahead and has been set back: what it did there is measured when that time has come. */
  #giveUp(): void {
    if (this.#position !== null) this.#steps.inc({ outcome: 'repeated' }, this.#position.steps);
    this.#position = null;
  }

  #reached(): number {
    if (this.#position === null) return 0;
    const { cell, steps, emptySteps } = this.#position;
    return cell + (steps + emptySteps) * STEP_SECONDS;
  }

  #isDue(until: number): boolean {
    return this.#reached() + STEP_SECONDS <= until;
  }

  async #restore(until: number): Promise<Position> {
    const earliest = this.#earliest(until);
    const runs = await readRuns(this.#options.engine, earliest - RESTORED_SECONDS, until);
    const complete = runs.filter(({ steps }) => steps >= STEPS_PER_CELL);
    const last = complete.at(-1);
    // What was begun and not completed is measured anew.
    return this.#begin(last === undefined ? earliest : last.time + CELL_SECONDS);
  }

  #begin(cell: number): Position {
    return {
      cell,
      run: BigInt(this.#now()) * BigInt(RUNS_PER_MS) + BigInt(Math.floor(this.#random() * RUNS_PER_MS)),
      steps: 0,
      emptySteps: 0,
    };
  }

  #earliest(until: number): number {
    return cellOf(until - this.#options.limits.catchUpMs / 1_000);
  }

  /** Leaves out what is too far back. */
  #within(until: number, position: Position): Position {
    const earliest = this.#earliest(until);
    if (position.cell >= earliest) return position;
    const reached = position.cell + position.steps * STEP_SECONDS;
    this.#steps.inc({ outcome: 'skipped' }, Math.ceil((earliest - reached) / STEP_SECONDS));
    return this.#begin(earliest);
  }

  /** False where no span began in it. */
  async #step(sources: readonly StoreReader[], until: number, signal: AbortSignal): Promise<boolean> {
    const { limits } = this.#options;
    const position = this.#position!;
    const begin = this.#reached();
    const slice = { fromUnixNano: BigInt(begin) * SECOND_NS, toUnixNano: BigInt(begin + STEP_SECONDS) * SECOND_NS };
    const marginNs = BigInt(limits.traceLengthMs) * 1_000_000n;
    const { began: storedSpans, read } = await countSpans(sources, slice, marginNs);
    if (storedSpans === 0) {
      await this.#advance(sources, { ...position, emptySteps: position.emptySteps + 1 }, null);
      return false;
    }
    const share = this.#shareOf(until - begin, storedSpans, read);
    const answers = await Promise.all(
      sources.flatMap((source) =>
        sliceSqls(source.tables, ALL_COUNTED.view(), slice, { share }, marginNs, MORE).map((sql) =>
          source.query(sql, { format: 'Native', timeoutMs: QUERY_TIMEOUT_MS, signal }),
        ),
      ),
    );
    const begunBefore = await Promise.all(
      sources.map((source) =>
        rowsOf(source, begunBeforeSql(source.tables, slice, { share, lookBackNs: marginNs }), QUERY_TIMEOUT_MS),
      ),
    );
    const rows: WindowRows = {
      window: slice,
      slices: [
        {
          slice,
          readUntilUnixNano: slice.toUnixNano + marginNs,
          answers,
          begunBefore: begunBefore.flat(2).map(String),
        },
      ],
      spanCount: storedSpans,
      share,
    };
    const { cell: time, run } = position;
    const { pathsMax, edgesMax } = limits;
    const measured = await this.#thread.run({ rows, time, run, pathsMax, edgesMax }, signal).catch((error: unknown) => {
      if (error instanceof EngineError && error.code === 'too_large') this.#effort /= 2;
      throw error;
    });
    for (const { table, bytes } of measured.blocks) await this.#insert(table, bytes);
    await this.#advance(
      sources,
      { ...position, steps: position.steps + position.emptySteps + 1, emptySteps: 0 },
      {
        storedSpans,
        takenSpans: measured.takenSpans,
        takenTraces: measured.takenTraces,
        share,
        droppedSpans: measured.droppedSpans,
      },
    );
    this.#share = share;
    this.#effort = Math.min(1, this.#effort * 1.1);
    this.#taken.inc({ what: 'spans' }, measured.takenSpans);
    this.#taken.inc({ what: 'traces' }, measured.takenTraces);
    this.#missed.inc({ reason: 'paths' }, measured.droppedPaths);
    this.#missed.inc({ reason: 'spans_of_paths' }, measured.droppedSpans);
    this.#missed.inc({ reason: 'calls' }, measured.droppedCalls);
    this.#missed.inc({ reason: 'long_traces' }, measured.longTraces);
    return true;
  }

  /** A power of two, so that the traces of a smaller share are among those of a larger one. */
  #shareOf(behindSeconds: number, storedSpans: number, readSpans: number): number {
    const isBehind = behindSeconds > STEPS_BEHIND * STEP_SECONDS;
    const ofStep = this.#options.limits.spansPerSecondMax * STEP_SECONDS * this.#effort;
    const spansMax = isBehind ? ofStep / STEPS_AT_ONCE : ofStep;
    let share = 1;
    while (share > SHARE_MIN && (storedSpans * share > spansMax || readSpans * share > READ_MAX * spansMax)) share /= 2;
    return share;
  }

  /** Notes what has been measured, after it has been inserted. */
  async #advance(
    sources: readonly StoreReader[],
    next: Position,
    what: Omit<NotedStep, 'time' | 'run' | 'steps'> | null,
  ): Promise<void> {
    const isLast = next.steps + next.emptySteps >= STEPS_PER_CELL;
    if (what !== null || isLast) {
      const steps = next.steps + next.emptySteps - this.#position!.steps;
      await this.#insert('normal_steps', noteOf({ time: next.cell, run: next.run, steps, ...(what ?? NOTHING) }));
      this.#steps.inc({ outcome: 'measured' }, steps);
      next = { ...next, steps: next.steps + next.emptySteps, emptySteps: 0 };
    }
    this.#position = isLast ? this.#begin(next.cell + CELL_SECONDS) : next;
    if (isLast) await this.#countLate(sources, next.cell - CELL_SECONDS);
  }

  /** Spans of a cell that came after it had been measured, as far as they came until the next one was. */
  async #countLate(sources: readonly StoreReader[], cell: number): Promise<void> {
    const [run] = await readRuns(this.#options.engine, cell, cell);
    if (run === undefined) return;
    const window = {
      fromUnixNano: BigInt(cell) * SECOND_NS,
      toUnixNano: BigInt(cell + run.steps * STEP_SECONDS) * SECOND_NS,
    };
    const { began: stored } = await countSpans(sources, window, 0n);
    this.#missed.inc({ reason: 'late_spans' }, Math.max(0, stored - run.storedSpans));
  }

  async #insert(table: string, bytes: Uint8Array): Promise<void> {
    const { directory, engine } = this.#options;
    const path = join(directory, `${table}.native`);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await writeFile(path, bytes, { mode: 0o600 });
    await engine.insertPlainFile(table, path, `normals-${table}-${this.#position!.run}`);
    await rm(path, { force: true });
  }
}

/** How many spans begin in a window, and until the margin after it. */
async function countSpans(
  sources: readonly StoreReader[],
  window: TimeWindow,
  marginNs: bigint,
): Promise<{ readonly began: number; readonly read: number }> {
  const counted = await Promise.all(
    sources.map((source) =>
      rowsOf(source, windowCountSql(source.tables, ALL_COUNTED.view(), window, marginNs), QUERY_TIMEOUT_MS),
    ),
  );
  const sum = (column: number): number => counted.reduce((total, [row]) => total + Number(row?.[column] ?? 0), 0);
  return { began: sum(0), read: sum(1) };
}

const MORE = ['toString(sampling_weight) AS weight', `toUInt8(${IS_UNKNOWN}) AS is_unknown`];

interface NotedStep {
  readonly time: number;
  readonly run: bigint;
  readonly steps: number;
  readonly storedSpans: number;
  readonly takenSpans: number;
  readonly takenTraces: number;
  readonly share: number;
  readonly droppedSpans: number;
}

const NOTHING = { storedSpans: 0, takenSpans: 0, takenTraces: 0, share: 1, droppedSpans: 0 };

function noteOf(step: NotedStep): Uint8Array {
  return nativeBlock([
    { name: 'time', column: { type: 'DateTime', values: [step.time] } },
    { name: 'run', column: { type: 'UInt64', values: [step.run] } },
    { name: 'steps', column: { type: 'UInt8', values: [step.steps] } },
    { name: 'stored_spans', column: { type: 'UInt64', values: [step.storedSpans] } },
    { name: 'taken_spans', column: { type: 'UInt64', values: [step.takenSpans] } },
    { name: 'taken_traces', column: { type: 'UInt64', values: [step.takenTraces] } },
    { name: 'share', column: { type: 'Float64', values: [step.share] } },
    { name: 'dropped_spans', column: { type: 'UInt64', values: [step.droppedSpans] } },
  ]);
}
