import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { Loader, type LoaderStatus } from '../spool/loader.ts';
import type { LoaderLimits } from '../spool/limits.ts';
import type { CountsMessage, TotalsResult } from '../exchange/exchange-message.ts';
import { CountsAs, RollupBounds, type RollupLimits } from '../columns/rollup-bounds.ts';
import { Spool } from '../spool/spool.ts';
import type { SpoolStatus } from '../spool/spool-status.ts';
import { LimitCounter } from '../limit-counter.ts';
import { createDurableDirectory } from '../storage/directory/durable-directory.ts';
import { isName, type RollupName } from '../storage/rollups/rollup-names.ts';
import { CountedInserts, type EngineOfCounts } from './counted-inserts.ts';
import { CountedMinutes } from './counted-minutes.ts';
import { countedUntil } from './counted-until.ts';
import { Journal } from './journal.ts';
import { COUNTS_LIMITS, type CountsLimits } from './limits.ts';
import { CountsMetrics } from './counts-metrics.ts';
import { readRecords } from './read-records.ts';
import { Totals, type CountsRecord } from './totals.ts';
import { TotalsSnapshot } from './totals-snapshot.ts';

export interface ExactCountsOptions {
  /** Holds the spool of counts and the totals that are known. Created where it is missing. */
  readonly directory: string;
  readonly log: Logger;
  readonly registry: Registry;
  readonly limits?: Partial<CountsLimits>;
  readonly loaderLimits?: Partial<LoaderLimits>;
  readonly rollupLimits?: Partial<RollupLimits>;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** Work of a piece of the totals that are written down; about 1 ms by default. */
  readonly pieceWork?: number;
}

/** A segment is read into memory whole. */
const SEGMENT_BYTES_MAX = 4 * 1024 * 1024;

/** The last second of the tables: a later clock is wrong, and must not count in 1970. */
const LATEST_MS = 0xffff_ffff * 1_000;

interface Waiting {
  readonly message: CountsMessage;
  readonly isCounted: boolean;
  readonly resolve: (result: TotalsResult) => void;
}

/**
 * The request metrics of applications on their way into the store. What a message adds to the totals that are known is
 * made durable in a spool before the message is answered; each segment of it is inserted once, and is kept in a journal
 * until the totals are written down, seldom and in pieces. So each request is stored once, whatever is lost, repeated
 * or killed.
 */
export class ExactCounts {
  readonly #options: ExactCountsOptions;
  readonly #limits: CountsLimits;
  readonly #now: () => number;
  readonly #totals: Totals;
  readonly #totalsPath: string;
  readonly #spool: Spool;
  readonly #inserts: CountedInserts;
  readonly #journal: Journal;
  readonly #bounds: RollupBounds;
  readonly #metrics: CountsMetrics;
  readonly #limitCounter: LimitCounter;
  #loader: Loader | null = null;
  readonly #listeningMs: number;
  #waiting: Waiting[] = [];
  #isSnapshotDue = false;
  /** The one that is being written, and what of the journal it makes needless. */
  #snapshot: { readonly file: TotalsSnapshot; readonly journal: readonly string[] } | null = null;
  /** Whether the totals on the disk are not all that is known. */
  #isChanged = false;
  #isClosed = false;
  #running: Promise<void> | null = null;
  /** Resolves when whoever needs the files and tables as they are is done; null while nobody does. */
  #still: Promise<unknown> | null = null;
  /** Of a segment, and of a piece of the totals: what must not be seen half done. */
  #inserting: Promise<unknown> | null = null;
  #writing: Promise<unknown> | null = null;

  constructor(options: ExactCountsOptions) {
    const { directory, log, registry, limits, rollupLimits } = options;
    this.#options = options;
    this.#limits = { ...COUNTS_LIMITS, ...limits };
    const { now = Date.now } = options;
    this.#now = () => Math.min(now(), LATEST_MS);
    this.#listeningMs = this.#now();
    this.#totals = new Totals(this.#limits);
    this.#totalsPath = join(directory, 'totals.json');
    this.#journal = new Journal(join(directory, 'journal'));
    this.#bounds = new RollupBounds(rollupLimits, this.#now);
    this.#metrics = new CountsMetrics(registry, this.#totals);
    this.#limitCounter = new LimitCounter(registry);
    const { segmentAgeMs, backlogBytesMax } = this.#limits;
    const spool = join(directory, 'spool');
    this.#inserts = new CountedInserts({ directory, spool, log });
    this.#spool = new Spool({
      directory: spool,
      log,
      registry,
      // They are few bytes: what is kept free for the store has room for them.
      limits: { segmentAgeMs, backlogBytesMax, segmentBytesMax: SEGMENT_BYTES_MAX, diskReserveBytes: 0 },
      holds: 'request metrics',
      metrics: 'throughline_counts_spool',
    });
  }

  /** Of what waits for the store. */
  get status(): SpoolStatus {
    return this.#spool.status;
  }

  /** Of the inserts; null before the store is open. */
  get loaderStatus(): LoaderStatus | null {
    return this.#loader?.status ?? null;
  }

  /**
   * Until when the counts of each service are whole and stored, in milliseconds since the epoch, as of now: read it
   * before the store is queried.
   */
  countedUntil(): (service: RollupName) => number {
    const nowMs = this.#now();
    const { segmentAgeMs, settleMs } = this.#limits;
    const storedMs = nowMs - Math.max(segmentAgeMs, this.status.backlogAgeMs);
    return countedUntil(this.#totals.heard(), { nowMs, storedMs, listeningMs: this.#listeningMs, settleMs });
  }

  /** Recovers what an earlier process left. Call it before anything else. */
  async open(): Promise<void> {
    await createDurableDirectory(this.#options.directory);
    await this.#spool.open();
    await this.#journal.open();
    await this.#inserts.open();
    const known = await this.#restoreTotals();
    // The journal first: what is in both is known then.
    for (const path of [...this.#journal.paths, ...this.#spool.sealed.map((segment) => segment.path)]) {
      for await (const record of readRecords(path, this.#options.log)) {
        // Without the totals before them, differences say nothing of what a process has reported.
        if (known === null) this.#totals.skipTo(record.number);
        else if (record.number > known) this.#totals.apply(record);
        this.#isChanged = true;
      }
    }
    this.#isSnapshotDue = known === null;
    this.#work();
  }

  /** Hands what is noted to the engine from now on. */
  start(engine: EngineOfCounts): void {
    const { log, registry, loaderLimits } = this.#options;
    this.#loader = new Loader({
      spool: this.#spool,
      engine: { insertNativeFile: (_table, path, name) => this.#insertUnlessStill(engine, path, name) },
      log,
      registry,
      table: 'counted_1m',
      metrics: 'throughline_counts_loader',
      rows: 'records',
      ...(loaderLimits !== undefined && { limits: loaderLimits }),
    });
    this.#loader.start();
  }

  /**
   * Resolves when the message is durable, or is not noted at all. `isCounted` is false where another collector counts
   * it.
   */
  take(message: CountsMessage, isCounted: boolean): Promise<TotalsResult> {
    if (this.#waiting.length >= this.#limits.waitingMessagesMax) {
      this.#limitCounter.reached('counts.waitingMessagesMax');
      this.#metrics.messages.inc({ outcome: 'deferred' });
      return Promise.resolve({ kind: 'deferred' });
    }
    return new Promise((resolve) => {
      this.#waiting.push({ message, isCounted, resolve });
      this.#work();
    });
  }

  /**
   * Runs what needs the store, the notes on inserts, the journal and the totals on the disk to say the same: a segment
   * that is being inserted is inserted to its end before, and the next one waits. Messages are noted meanwhile. One at
   * a time, in the order of the calls.
   */
  async whileStill<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#still;
    const done = (async (): Promise<T> => {
      await before;
      await Promise.allSettled([this.#inserting, this.#writing]);
      return work();
    })();
    const still = done.catch(() => {});
    this.#still = still;
    try {
      return await done;
    } finally {
      if (this.#still === still) this.#still = null;
      if (!this.#isClosed) this.#work();
    }
  }

  /** Takes nothing after it, and writes the totals down; what is noted waits for `drain`, or the next start. */
  async close(): Promise<void> {
    await this.#settle();
    await this.#spool.close();
    this.#isSnapshotDue ||= this.#isChanged;
    this.#isClosed = true;
    // Where they have to stay as they are, the journal shows it at the next start.
    this.#work();
    await this.#settle();
  }

  /** Loads what is left, and stops then or after the timeout. */
  async drain(timeoutMs: number): Promise<void> {
    const isEmpty = await this.#loader?.drain(timeoutMs);
    // Where it cannot be written, the next start queries the store.
    if (isEmpty === true) await this.#inserts.close().catch(() => {});
  }

  async #settle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  get #hasWork(): boolean {
    return this.#waiting.length > 0 || (this.#still === null && (this.#snapshot !== null || this.#isSnapshotDue));
  }

  #work(): void {
    if (this.#hasWork) this.#running ??= this.#workOff();
  }

  /** One step at a time: a piece of the totals is made only while no record is on its way to the disk. */
  async #workOff(): Promise<void> {
    while (this.#hasWork) {
      const batch = this.#waiting.splice(0);
      if (batch.length > 0) await this.#note(batch);
      if (this.#still !== null) continue;
      const writing = this.#goOnWithSnapshot();
      this.#writing = writing;
      await writing;
      this.#writing = null;
    }
    // In the same turn as the last look: whoever comes next starts a new run.
    this.#running = null;
  }

  /** That the totals cannot be written loses nothing: the journal stays. */
  async #goOnWithSnapshot(): Promise<void> {
    if (this.#snapshot === null) {
      if (!this.#isSnapshotDue) return;
      this.#isSnapshotDue = this.#isChanged = false;
      this.#totals.forget(this.#now());
      const file = new TotalsSnapshot(this.#totalsPath, this.#totals.save(this.#options.pieceWork));
      this.#snapshot = { file, journal: this.#journal.paths };
    }
    const { file, journal } = this.#snapshot;
    try {
      if (!(await file.step())) return;
      this.#snapshot = null;
      this.#metrics.snapshots.inc({ outcome: 'written' });
      await this.#journal.remove(journal);
    } catch (error) {
      this.#snapshot = null;
      this.#isChanged = true;
      this.#metrics.snapshots.inc({ outcome: 'failed' });
      const sentence = 'could not write the totals of request metrics; will retry with the next segment';
      this.#options.log.warn({ err: error, path: this.#totalsPath }, sentence);
    }
  }

  async #note(batch: readonly Waiting[]): Promise<void> {
    const records: CountsRecord[] = [];
    const answers = batch.map(({ message, isCounted, resolve }) => {
      const advance = this.#totals.advance(message, this.#now(), isCounted);
      if (advance.kind === 'rejected') {
        this.#metrics.messages.inc({ outcome: 'rejected' });
        return () => resolve(advance);
      }
      if (advance.deferred > 0) {
        this.#limitCounter.reached(`counts.${advance.limit}`);
        this.#metrics.deferredTotals.inc(advance.deferred);
      }
      if (advance.record !== null) records.push(advance.record);
      return (outcome: 'accepted' | 'deferred') => {
        this.#metrics.messages.inc({ outcome });
        resolve({ kind: outcome });
      };
    });
    let outcome: 'accepted' | 'deferred' = 'accepted';
    if (records.length > 0) {
      const lines = records.map((record) => `${JSON.stringify(record)}\n`).join('');
      const appended = await this.#append(lines, records.length);
      if (appended) this.#isChanged = true;
      else {
        outcome = 'deferred';
        if (this.#spool.isBacklogFull) this.#limitCounter.reached('counts.backlogBytesMax');
        for (const record of records.toReversed()) this.#totals.undo(record);
      }
    }
    for (const answer of answers) answer(outcome);
  }

  async #append(lines: string, records: number): Promise<boolean> {
    try {
      return (await this.#spool.append(Buffer.from(lines), records)).kind === 'durable';
    } catch (error) {
      this.#options.log.error(
        { err: error },
        'could not append request metrics to their spool; the next messages will repeat them',
      );
      return false;
    }
  }

  async #insertUnlessStill(engine: EngineOfCounts, path: string, name: string): Promise<void> {
    while (this.#still !== null) await this.#still;
    const inserting = this.#insert(engine, path, name);
    this.#inserting = inserting;
    try {
      await inserting;
    } finally {
      this.#inserting = null;
    }
  }

  /** A segment is lines of records; the engine gets what they sum up to. */
  async #insert(engine: EngineOfCounts, path: string, name: string): Promise<void> {
    this.#bounds.beginBlock();
    const minutes = new CountedMinutes((service, operation) => this.#named(service, operation));
    let first: number | null = null;
    for await (const record of readRecords(path, this.#options.log)) {
      first ??= record.number;
      minutes.add(record);
    }
    await this.#inserts.insert(engine, name, minutes.parts);
    // Before the segment goes: what is known of its processes must not go with it.
    if (first !== null) await this.#journal.keep(path, name, first);
    const { journalBytesMax, journalSegmentsMax } = this.#limits;
    const isFull = this.#journal.bytes >= journalBytesMax || this.#journal.paths.length >= journalSegmentsMax;
    // One that is being written may make room.
    if (!isFull || this.#snapshot !== null || this.#isClosed) return;
    this.#isSnapshotDue = true;
    this.#work();
  }

  #named(service: string, operation: string): readonly [service: RollupName, operation: RollupName] {
    if (!isName(service)) return [null, null];
    switch (this.#bounds.countsAs(service, operation)) {
      case CountsAs.otherService:
        return [null, null];
      case CountsAs.otherOperation:
        return [service, null];
      default:
        return [service, isName(operation) ? operation : null];
    }
  }

  /**
   * Returns the number of the last record that the totals hold; null where they cannot be read, which is said, and no
   * reason not to start.
   */
  async #restoreTotals(): Promise<number | null> {
    try {
      return this.#totals.restore(await readFile(this.#totalsPath, 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
      const sentence =
        'could not read the totals of request metrics; counting the running processes from their next message on';
      this.#options.log.error({ err: error, path: this.#totalsPath }, sentence);
      return null;
    }
  }
}
