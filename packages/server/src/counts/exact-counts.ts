import { open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { Loader } from '../ingest/loader.ts';
import type { LoaderLimits } from '../ingest/limits.ts';
import { CountsAs, RollupBounds, type RollupLimits } from '../ingest/rollup-bounds.ts';
import { syncDirectory } from '../ingest/segment-files.ts';
import { Spool, type SpoolStatus } from '../ingest/spool.ts';
import { LimitCounter } from '../limit-counter.ts';
import { createDirectory } from '../storage/durable-directory.ts';
import type { Engine } from '../storage/engine.ts';
import { OTHER } from '../storage/rollups.ts';
import { countedMinutes } from './counted-minutes.ts';
import { countedUntil } from './counted-until.ts';
import { COUNTS_LIMITS, type CountsLimits } from './limits.ts';
import { CountsMetrics } from './metrics.ts';
import { nativeRows } from './native-rows.ts';
import { Totals, type CountsMessage, type CountsRecord, type SavedTotals } from './totals.ts';

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
}

/** `left`: nothing was noted, and nothing is lost: the next message of the process tells it. */
export type TakeResult = { readonly kind: 'noted' | 'left' } | { readonly kind: 'refused'; readonly message: string };

/** A segment is read at once. */
const SEGMENT_BYTES_MAX = 4 * 1024 * 1024;

interface Waiting {
  readonly message: CountsMessage;
  readonly isCounted: boolean;
  readonly resolve: (result: TakeResult) => void;
}

type EngineOfCounts = Pick<Engine, 'insertNativeFile'>;

/**
 * The exact counts of applications on their way into the store. What a message adds to the totals that are known is made durable in a
 * spool before the message is answered; each segment of it becomes one insert, named by it, and the totals are written down before
 * a segment goes. So each request is stored once, whatever is lost, repeated or killed.
 */
export class ExactCounts {
  readonly #options: ExactCountsOptions;
  readonly #limits: CountsLimits;
  readonly #now: () => number;
  readonly #totals: Totals;
  readonly #totalsPath: string;
  readonly #spool: Spool;
  readonly #bounds: RollupBounds;
  readonly #metrics: CountsMetrics;
  readonly #limitCounter: LimitCounter;
  #loader: Loader | null = null;
  readonly #listeningMs: number;
  #waiting: Waiting[] = [];
  #snapshots: { resolve: () => void; reject: (error: unknown) => void }[] = [];
  #running: Promise<void> | null = null;

  constructor(options: ExactCountsOptions) {
    const { directory, log, registry, limits, rollupLimits } = options;
    this.#options = options;
    this.#limits = { ...COUNTS_LIMITS, ...limits };
    this.#now = options.now ?? Date.now;
    this.#listeningMs = this.#now();
    this.#totals = new Totals(this.#limits);
    this.#totalsPath = join(directory, 'totals.json');
    this.#bounds = new RollupBounds(rollupLimits, this.#now);
    this.#metrics = new CountsMetrics(registry, this.#totals);
    this.#limitCounter = new LimitCounter(registry);
    const { segmentAgeMs, backlogBytesMax } = this.#limits;
    this.#spool = new Spool({
      directory: join(directory, 'spool'),
      log,
      registry,
      // They are few bytes: what is kept free for the store has room for them.
      limits: { segmentAgeMs, backlogBytesMax, segmentBytesMax: SEGMENT_BYTES_MAX, diskReserveBytes: 0 },
      holds: 'exact counts',
      metrics: 'throughline_counts_spool',
    });
  }

  /** Of what waits for the store. */
  get status(): SpoolStatus {
    return this.#spool.status;
  }

  /**
   * Until when the counts of each service are whole and stored, in milliseconds since the epoch, as of now: ask before the
   * store is asked.
   */
  countedUntil(): (service: string) => number {
    const nowMs = this.#now();
    const { segmentAgeMs, settleMs } = this.#limits;
    const storedMs = nowMs - Math.max(segmentAgeMs, this.status.backlogAgeMs);
    return countedUntil(this.#totals.heard(), { nowMs, storedMs, listeningMs: this.#listeningMs, settleMs });
  }

  /** Recovers what an earlier process left. Call it before anything else. */
  async open(): Promise<void> {
    await createDirectory(this.#options.directory);
    await this.#spool.open();
    const known = await this.#restoreTotals();
    for (const { path } of this.#spool.sealed) {
      for (const record of await readRecords(path)) if (record.number > known) this.#totals.apply(record);
    }
  }

  /** Hands what is noted to the engine from now on. */
  start(engine: EngineOfCounts): void {
    const { log, registry, loaderLimits } = this.#options;
    this.#loader = new Loader({
      spool: this.#spool,
      engine: { insertNativeFile: (table, path, name) => this.#insert(engine, table, path, name) },
      log,
      registry,
      table: 'counted_minutes',
      metrics: 'throughline_counts_loader',
      rows: 'records',
      ...(loaderLimits !== undefined && { limits: loaderLimits }),
    });
    this.#loader.start();
  }

  /** Resolves when the message is durable, or is not noted at all. `isCounted` is false where another collector counts it. */
  take(message: CountsMessage, isCounted: boolean): Promise<TakeResult> {
    if (this.#waiting.length >= this.#limits.waitingMessagesMax) {
      this.#limitCounter.reached('counts.waitingMessagesMax');
      this.#metrics.messages.inc({ outcome: 'left' });
      return Promise.resolve({ kind: 'left' });
    }
    return new Promise((resolve) => {
      this.#waiting.push({ message, isCounted, resolve });
      this.#work();
    });
  }

  /** Takes nothing after it; what is noted waits for `drain`, or the next start. */
  async close(): Promise<void> {
    while (this.#running !== null) await this.#running;
    await this.#spool.close();
  }

  /** Loads what is left, and stops then or after the timeout. */
  async drain(timeoutMs: number): Promise<void> {
    await this.#loader?.drain(timeoutMs);
  }

  #work(): void {
    this.#running ??= this.#workOff();
  }

  /** One step at a time: totals are written down only while no record is on its way to the disk. */
  async #workOff(): Promise<void> {
    while (this.#waiting.length > 0 || this.#snapshots.length > 0) {
      const snapshots = this.#snapshots.splice(0);
      if (snapshots.length > 0) {
        await this.#writeTotals().then(
          () => snapshots.forEach(({ resolve }) => resolve()),
          (error: unknown) => snapshots.forEach(({ reject }) => reject(error)),
        );
      }
      await this.#note(this.#waiting.splice(0));
    }
    // In the same turn as the last look: whoever comes next starts a new run.
    this.#running = null;
  }

  async #note(batch: readonly Waiting[]): Promise<void> {
    const records: CountsRecord[] = [];
    const answers = batch.map(({ message, isCounted, resolve }) => {
      const advance = this.#totals.advance(message, this.#now(), isCounted);
      if (advance.kind === 'refused') {
        this.#metrics.messages.inc({ outcome: 'refused' });
        return () => resolve(advance);
      }
      if (advance.left > 0) {
        this.#limitCounter.reached(`counts.${advance.limit}`);
        this.#metrics.leftTotals.inc(advance.left);
      }
      if (advance.record !== null) records.push(advance.record);
      return (outcome: 'noted' | 'left') => {
        this.#metrics.messages.inc({ outcome });
        resolve({ kind: outcome });
      };
    });
    let outcome: 'noted' | 'left' = 'noted';
    if (records.length > 0) {
      const lines = records.map((record) => `${JSON.stringify(record)}\n`).join('');
      const appended = await this.#spool.append(Buffer.from(lines), records.length);
      if (appended.kind === 'blocked') {
        outcome = 'left';
        if (this.#spool.isBacklogFull) this.#limitCounter.reached('counts.backlogBytesMax');
        for (const record of records.toReversed()) this.#totals.undo(record);
      }
    }
    for (const answer of answers) answer(outcome);
  }

  /** A segment is lines of records; the engine gets what they sum up to. */
  async #insert(engine: EngineOfCounts, table: string, path: string, name: string): Promise<void> {
    this.#bounds.beginBlock();
    const rows = countedMinutes(await readRecords(path), (service, operation) => this.#named(service, operation));
    if (rows.length > 0) {
      const file = join(this.#options.directory, 'insert.native');
      await writeFileWhole(file, nativeRows(rows));
      await engine.insertNativeFile(table, file, `counts-${name}`);
      await rm(file, { force: true });
    }
    // Before the segment goes: what is known of its processes must not go with it.
    await new Promise<void>((resolve, reject) => {
      this.#snapshots.push({ resolve, reject });
      this.#work();
    });
  }

  #named(service: string, operation: string): readonly [service: string, operation: string] {
    switch (this.#bounds.countsAs(service, operation)) {
      case CountsAs.otherService:
        return [OTHER, OTHER];
      case CountsAs.otherOperation:
        return [service, OTHER];
      default:
        return [service, operation];
    }
  }

  async #writeTotals(): Promise<void> {
    this.#totals.forget(this.#now());
    const temporary = `${this.#totalsPath}.temporary`;
    await writeFileWhole(temporary, Buffer.from(JSON.stringify(this.#totals.save())));
    await rename(temporary, this.#totalsPath);
    await syncDirectory(this.#options.directory);
  }

  /** Answers the number of the last record that the totals hold. That they cannot be read is said, and no reason not to start. */
  async #restoreTotals(): Promise<number> {
    try {
      return this.#totals.restore(JSON.parse(await readFile(this.#totalsPath, 'utf8')) as SavedTotals);
    } catch (error) {
      const isFirstStart = (error as NodeJS.ErrnoException).code === 'ENOENT';
      const sentence = 'the totals of exact counts cannot be read; processes that go on are counted anew';
      if (!isFirstStart) this.#options.log.error({ err: error, path: this.#totalsPath }, sentence);
      return 0;
    }
  }
}

async function readRecords(path: string): Promise<CountsRecord[]> {
  const lines = (await readFile(path, 'utf8')).split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as CountsRecord);
}

async function writeFileWhole(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}
