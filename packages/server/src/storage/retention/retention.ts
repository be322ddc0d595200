import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import type { Job } from '../../jobs/jobs.ts';
import { AgeRule } from './age-rule.ts';
import { EngineError, type Engine } from '../engine.ts';
import { RETENTION_LIMITS, type RetentionLimits } from './retention-limits.ts';
import { registerGauge } from '../../register-gauge.ts';
import { sqlString } from '../sql.ts';
import { findDisks, findRoom, findStoredDays, type Disks, type StoredDay } from './stored-days.ts';
import { dayOf, newestDay } from '../utc-day.ts';
import { countOf } from '../../count-of.ts';

export interface RetentionSettings {
  /** Whole days: a UTC day is dropped when the newest stored one is so many days later, and one more. */
  readonly retentionDays: number;
  /** The most that the store may take of what it takes and what is free, together; 1 leaves it to the age alone. */
  readonly retentionDiskShare: number;
}

export const RETENTION_DEFAULTS: RetentionSettings = { retentionDays: 30, retentionDiskShare: 0.8 };

/** How often it is looked whether anything is to be dropped. */
const INTERVAL_MS = 60_000;
/** The same while the store is empty: its first day tells a wrong clock from a right one. */
const EMPTY_INTERVAL_MS = 2_000;
const MINUTE_MS = 60_000;
/** ClickHouse's own for a partition that it keeps from being dropped by mistake: by default each above 50 GB. */
const TOO_LARGE_TO_DROP = 359;

export interface RetentionOptions extends Partial<RetentionSettings> {
  readonly engine: Pick<Engine, 'query' | 'command' | 'tables'>;
  readonly log: Logger;
  readonly registry: Registry;
  readonly limits?: Partial<RetentionLimits>;
  /** Milliseconds since the epoch, as the machine has it: it may jump. */
  readonly now?: () => number;
  /** Milliseconds of a clock that never jumps, from any beginning. */
  readonly elapsed?: () => number;
  /**
   * Free bytes where the store is; null where nobody can tell. What the engine says of its tables' disks by default.
   */
  readonly freeBytes?: () => Promise<number | null>;
  /**
   * Bytes on the same disk that are held for a while, and are free then: of files that the store has dropped already.
   * None by default.
   */
  readonly heldBytes?: () => Promise<number>;
  /** Hears of the days of the stored spans, the oldest first, at every look. */
  readonly onStoredDays?: (days: readonly string[]) => void;
}

type Reason = 'age' | 'disk';

/**
 * Drops whole days from our tables, the oldest first: those that are too old, and those that the disk has no room for.
 * The newest day stays, whatever it takes. Inserts go on meanwhile: a partition is dropped in the metadata.
 */
export class Retention {
  readonly #options: RetentionOptions & RetentionSettings;
  readonly #ageRule: AgeRule;
  readonly #now: () => number;
  readonly #elapsed: () => number;
  readonly #droppedDays: Counter<'reason'>;
  readonly #droppedSpans: Counter<'reason'>;
  readonly #jumps: Counter;
  /** By the last run. */
  readonly #found = { heldDays: 0, bytes: 0, heldBytes: 0 };
  #heldBecause: string | null = null;
  /** At the last look: then the next one begins with what costs least. */
  #wasEmpty = false;

  /** Throws a `RangeError` for settings that make no sense. */
  constructor(options: RetentionOptions) {
    this.#options = { ...RETENTION_DEFAULTS, ...options };
    const { retentionDays, retentionDiskShare, registry } = this.#options;
    if (!(retentionDays > 0)) throw new RangeError(`retentionDays: got ${retentionDays}, expected more than 0`);
    if (!(retentionDiskShare > 0 && retentionDiskShare <= 1)) {
      throw new RangeError(`retentionDiskShare: got ${retentionDiskShare}, expected more than 0 and at most 1`);
    }
    this.#ageRule = new AgeRule({ ...RETENTION_LIMITS, ...options.limits, retentionDays });
    this.#now = options.now ?? Date.now;
    this.#elapsed = options.elapsed ?? (() => performance.now());
    const registers = [registry];
    this.#droppedDays = new Counter({
      name: 'throughline_retention_dropped_days_total',
      help: 'Days dropped from the store, by reason: age, or disk',
      labelNames: ['reason'],
      registers,
    });
    this.#droppedSpans = new Counter({
      name: 'throughline_retention_dropped_spans_total',
      help: 'Spans dropped from the store with their day, by reason: age, or disk',
      labelNames: ['reason'],
      registers,
    });
    this.#jumps = new Counter({
      name: 'throughline_clock_jumps_total',
      help: "Retention runs that found this machine's clock moved by an hour or more",
      registers,
    });
    const gauges = [
      ['retention_held_days', 'Expired days that are not dropped yet because the clock may be wrong', 'heldDays'],
      ['store_bytes', 'Bytes of the store on disk, as of the last retention run', 'bytes'],
      [
        'snapshot_held_bytes',
        'Bytes that are freed when the snapshots of backups and migrations are removed, as of the last retention run',
        'heldBytes',
      ],
    ] as const;
    for (const [name, help, key] of gauges)
      registerGauge(registry, `throughline_${name}`, help, () => this.#found[key]);
  }

  /** For people: why days that seem too old are not dropped yet; null while there are none. */
  get heldBecause(): string | null {
    return this.#heldBecause;
  }

  /** Looks every minute, and more often at an empty store. */
  get job(): Job {
    let isEmpty = false;
    return {
      name: 'retention',
      everyMs: () => (isEmpty ? EMPTY_INTERVAL_MS : INTERVAL_MS),
      needsLease: true,
      run: async (signal) => {
        isEmpty = false;
        isEmpty = (await this.run(signal)) === 0;
      },
    };
  }

  /**
   * Looks once, and returns how many days it found. Rejects with `EngineError` if the engine is unavailable, and with
   * the signal's reason if it is aborted between two tables.
   */
  async run(signal?: AbortSignal): Promise<number> {
    const { engine, onStoredDays } = this.#options;
    if (this.#wasEmpty && (await findStoredDays(engine, null)).length === 0) return 0;
    const disks = await findDisks(engine);
    const days = await findStoredDays(engine, disks);
    this.#wasEmpty = days.length === 0;
    const all = days.map(({ day }) => day);
    const ofSpans = days.filter(({ spans }) => spans > 0).map(({ day }) => day);
    onStoredDays?.(ofSpans);
    const due = this.#tooOld({ all, ofSpans });
    for (const day of days) if (due.has(day.day)) await this.#drop(day, 'age', signal);
    // What is held for its age gives way to the disk all the same. A day in the future is no reason to let today go,
    // and is today itself where the clock is behind.
    const known = ofSpans.length > 0 ? ofSpans : all;
    const newest = new Set([newestDay(known, dayOf(this.#now())), known.at(-1)]);
    const droppable = days.filter(({ day, bytes }) => !due.has(day) && !newest.has(day) && bytes > 0);
    await this.#makeRoom(droppable, disks, signal);
    return days.length;
  }

  #tooOld(names: { readonly all: readonly string[]; readonly ofSpans: readonly string[] }): ReadonlySet<string> {
    const { log } = this.#options;
    const clocks = { nowMs: this.#now(), elapsedMs: this.#elapsed() };
    const { due, held, heldMs, jumpMs } = this.#ageRule.look(names, clocks);
    if (jumpMs !== 0) {
      this.#jumps.inc();
      log.warn({ jumpMs, now: new Date(clocks.nowMs).toISOString() }, "this machine's clock has jumped");
    }
    this.#found.heldDays = held.length;
    const before = this.#heldBecause;
    this.#heldBecause = held.length === 0 ? null : this.#heldWords(held, heldMs, clocks.nowMs);
    if (before === null && this.#heldBecause !== null) log.warn({ days: held }, this.#heldBecause);
    if (before !== null && held.length === 0 && due.length === 0)
      log.info('the held days of the store are no longer expired');
    return new Set(due);
  }

  #heldWords(held: readonly string[], heldMs: number, nowMs: number): string {
    const isOne = held.length === 1;
    const days = isOne ? `the day ${held[0]}` : `${held.length} days, ${held[0]} to ${held.at(-1)},`;
    const age = `${isOne ? 'it is' : 'they are'} older than ${countOf(this.#options.retentionDays, 'day')}`;
    const minutes = Math.max(1, Math.ceil(heldMs / MINUTE_MS));
    return `${days} will be dropped in ${minutes} min because ${age}: check that this machine's clock is right (it says ${new Date(nowMs).toISOString()}; retention.holdMs)`;
  }

  async #makeRoom(
    droppable: readonly StoredDay[],
    disks: Disks | null,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { engine, retentionDiskShare, log, heldBytes } = this.#options;
    const { storedBytes, usedBytes, takenBytes, freeBytes } = await findRoom(engine, disks);
    const held = (await heldBytes?.()) ?? 0;
    this.#found.bytes = storedBytes;
    this.#found.heldBytes = held;
    if (retentionDiskShare === 1) return;
    const free = this.#options.freeBytes === undefined ? freeBytes : await this.#options.freeBytes();
    if (free === null) return;
    // Dropped parts are deleted a little later, and those in a snapshot with it: until then they count to what is free.
    const bytesMax = retentionDiskShare * (takenBytes + held + free);
    let bytes = usedBytes;
    for (const day of droppable) {
      if (bytes <= bytesMax) return;
      await this.#drop(day, 'disk', signal);
      bytes -= day.bytes;
    }
    this.#found.bytes = storedBytes - (usedBytes - bytes);
    if (bytes > bytesMax) {
      const sentence =
        'the store exceeds its share of the disk with only its newest day left; free disk space or raise retention.maxDiskShare';
      log.warn({ bytes, bytesMax }, sentence);
    }
  }

  async #drop(
    { day, tables, spans, bytes }: StoredDay,
    reason: Reason,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { engine, log } = this.#options;
    for (const table of tables) {
      signal?.throwIfAborted();
      await this.#dropPartition(`ALTER TABLE ${engine.tables[table].everywhere} DROP PARTITION ${sqlString(day)}`);
    }
    this.#droppedDays.inc({ reason });
    this.#droppedSpans.inc({ reason }, spans);
    log.info({ day, spans, bytes, reason }, 'dropped a day from the store');
  }

  /** Servers that do not know the setting refuse a large partition for good, as their configuration tells them to. */
  async #dropPartition(sql: string): Promise<void> {
    const { engine } = this.#options;
    try {
      await engine.command(sql);
    } catch (error) {
      if (!(error instanceof EngineError && error.clickhouseCode === TOO_LARGE_TO_DROP)) throw error;
      await engine.command(`${sql} SETTINGS max_partition_size_to_drop = 0`);
    }
  }
}
