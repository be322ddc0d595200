import { once } from 'node:events';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import { LimitCounter } from '../limit-counter.ts';
import type { FreshTables } from '../storage/engine.ts';
import type { ArrivalRange, SpanVisibility } from '../storage/span-visibility.ts';
import { FRESH_LIMITS, type FreshLimits } from './limits.ts';
import type { Segment } from './segment-recovery.ts';
import type { DurableBlock } from './spool.ts';

export interface FreshSpansOptions {
  /** For the files that the engine reads; emptied at the start. */
  readonly directory: string;
  readonly tables: FreshTables;
  readonly visibility: SpanVisibility;
  readonly log: Logger;
  readonly registry: Registry;
  readonly limits?: Partial<FreshLimits>;
  /** Reads what is durable of a segment. Rejects where the segment has been removed. */
  readonly read: (segment: string, offset: number, length: number) => Promise<Uint8Array>;
  /** Hands a segment to the store when it is so old, since its spans cannot be found before. */
  readonly seal: (segment: string, ageMs: number) => void;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
}

/** After more spans than are worth it, nothing is published for so long. */
const BUSY_MS = 2_000;

/**
 * A store that takes no inserts must not slow every query: for so long after the engine was restarted they wait for
 * what could be found before.
 */
const LOST_MS = 10_000;

/** How long an insert may take to end when the collector stops; the next start stores its spans. */
const STOP_TIMEOUT_MS = 500;

/** Blocks of a segment that follow each other in its file. */
interface Stretch {
  readonly offset: number;
  length: number;
  rows: number;
  readonly first: number;
  last: number;
}

/** A segment of the spool whose spans can be found before they are stored. */
interface Published {
  readonly segment: string;
  readonly table: number;
  /** What can be found; null before the first block of it can. */
  range: ArrivalRange | null;
  /** What cannot be found yet; none has more rows than one insert takes, except for a single block. */
  pending: Stretch[];
  pendingRows: number;
  pendingSinceMs: number;
  /** Whether the table may hold anything. */
  isFilled: boolean;
}

/** What queries wait for, until then. */
interface Lost {
  readonly untilMs: number;
  readonly stored: AbortController;
}

/**
 * Makes spans findable that are durable in the spool and not stored yet, by tables that are cheap to fill: an insert
 * into `spans` costs more, however few they are, so that is done seldom and with many. It is done when a query comes
 * in, and every `publishMs` for a while after that: without queries nothing is published. A table belongs to one
 * segment at a time. Whatever goes wrong here delays spans, and loses none: the segment is sealed, and stored.
 */
export class FreshSpans {
  readonly #options: FreshSpansOptions;
  readonly #limits: FreshLimits;
  readonly #inserts: Counter<'outcome'>;
  readonly #limitCounter: LimitCounter;
  /** By segment, in the order of their arrival. */
  readonly #published = new Map<string, Published>();
  readonly #free: number[];
  /**
   * The newest segment of which anything is known. Another one that is not published never is: its first blocks would
   * be missing.
   */
  #newest = '';
  #timer: NodeJS.Timeout | null = null;
  #publishing: Promise<void> | null = null;
  /** Of those who wait for what is pending now. */
  #next: AbortController | null = null;
  /** What the first query after a while waits for, and those that come meanwhile. */
  #firstLook: Promise<void> | null = null;
  /** Segments whose spans could be found until the engine died. */
  readonly #lost = new Map<string, Lost>();
  #fileNumber = 0;
  #isOpen = false;
  #busyUntilMs = -Infinity;
  /** Until then somebody is taken to look on. */
  #watchedUntilMs = -Infinity;
  readonly #now: () => number;

  constructor(options: FreshSpansOptions) {
    this.#options = options;
    this.#limits = { ...FRESH_LIMITS, ...options.limits };
    this.#now = options.now ?? (() => performance.now());
    this.#free = Array.from({ length: options.tables.count }, (_, table) => table);
    this.#limitCounter = new LimitCounter(options.registry);
    this.#inserts = new Counter({
      name: 'throughline_fresh_inserts_total',
      help: 'Inserts that make spans queryable before they are stored, by outcome: done, failed',
      labelNames: ['outcome'],
      registers: [options.registry],
    });
    for (const outcome of ['done', 'failed']) this.#inserts.inc({ outcome }, 0);
  }

  /**
   * Call it when the engine is ready; blocks that came before are stored without this. `open`: the segment that goes
   * on, if one does.
   */
  async start(open: () => string | null = () => null): Promise<void> {
    const { directory } = this.#options;
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory, { recursive: true, mode: 0o700 });
    this.#newest = open() ?? this.#newest;
    this.#isOpen = true;
    this.#options.visibility.publishBy(
      () => this.#publishForQuery(),
      () => this.#pendingPublished(),
    );
  }

  /**
   * Whether the spans of this segment, which has just been begun or goes on, are found before they are stored: then it
   * may grow.
   */
  publishes(segment: string): boolean {
    return (this.#published.get(segment) ?? this.#begin(segment)) !== null;
  }

  /** Only where the block stands is kept: the spool has its bytes. */
  take({ segment, offset, length, rows, arrival }: DurableBlock): void {
    const published = this.#published.get(segment) ?? this.#begin(segment);
    if (published === null) return;
    const { rowsPerInsertMax, publishMs } = this.#limits;
    const isWatched = this.#now() < this.#watchedUntilMs;
    if (isWatched && published.pendingRows + rows > rowsPerInsertMax) {
      this.#unpublishWhileBusy(published);
      return;
    }
    if (published.pendingRows === 0) published.pendingSinceMs = this.#now();
    published.pendingRows += rows;
    const stretch = published.pending.at(-1);
    if (stretch !== undefined && stretch.rows + rows <= rowsPerInsertMax) {
      stretch.length += length;
      stretch.rows += rows;
      stretch.last = arrival;
    } else published.pending.push({ offset, length, rows, first: arrival, last: arrival });
    if (isWatched) this.#schedule(publishMs);
  }

  /** Its spans are in `spans`, where they are found from now on, or have been quarantined. */
  stored({ name }: Segment): void {
    this.#lost.get(name)?.stored.abort();
    this.#lost.delete(name);
    const published = this.#published.get(name);
    if (published === undefined) return;
    this.#published.delete(name);
    this.#notify();
    void this.#clear(published);
  }

  /** The engine's process has been restarted, and nothing is in its memory. */
  reset(): void {
    for (const published of this.#published.values()) {
      const { segment, range, pendingRows } = published;
      if (range !== null || pendingRows > 0) {
        this.#lost.set(segment, { untilMs: this.#now() + LOST_MS, stored: new AbortController() });
      }
      this.#unpublish(published);
    }
  }

  /**
   * Publishes nothing more; what is not stored is stored by the loader. An insert that does not end in time is left to
   * the engine, which may hang.
   */
  async close(timeoutMs = STOP_TIMEOUT_MS): Promise<void> {
    this.#isOpen = false;
    this.#cancelTimer();
    this.#next?.abort();
    const ended = new AbortController();
    const late = delay(timeoutMs, undefined, { signal: ended.signal }).catch(() => {});
    await Promise.race([this.#publishing, late]);
    ended.abort();
  }

  #begin(segment: string): Published | null {
    // Names increase.
    if (segment <= this.#newest) return null;
    this.#newest = segment;
    const table = !this.#isOpen || this.#now() < this.#busyUntilMs ? undefined : this.#free.shift();
    if (table === undefined) return null;
    const published: Published = {
      segment,
      table,
      range: null,
      pending: [],
      pendingRows: 0,
      pendingSinceMs: 0,
      isFilled: false,
    };
    this.#published.set(segment, published);
    return published;
  }

  #unpublish(published: Published, ageMs = 0): void {
    const { segment } = published;
    if (this.#published.get(segment) !== published) return;
    this.#published.delete(segment);
    this.#notify();
    this.#options.seal(segment, ageMs);
    void this.#clear(published);
  }

  #unpublishWhileBusy(published: Published): void {
    this.#busyUntilMs = this.#now() + BUSY_MS;
    this.#unpublish(published, this.#limits.publishMs);
  }

  /**
   * The first query after a while waits until everything can be found that was acknowledged before it; those behind
   * it find what is `publishMs` old. Never rejects.
   */
  async #publishForQuery(): Promise<void> {
    await this.#wait(this.#foundAgain());
    const { watchedMs, rowsPerInsertMax, publishMs } = this.#limits;
    const now = this.#now();
    const isWatched = now < this.#watchedUntilMs;
    this.#watchedUntilMs = now + watchedMs;
    if (!this.#isOpen || isWatched) return this.#wait(this.#firstLook);
    for (const published of this.#published.values()) {
      const { pendingRows, pendingSinceMs } = published;
      const isFast = pendingRows * publishMs > rowsPerInsertMax * (now - pendingSinceMs);
      if (pendingRows > rowsPerInsertMax && isFast) this.#unpublishWhileBusy(published);
    }
    this.#firstLook = this.#publishAfterAll().finally(() => {
      this.#firstLook = null;
    });
    await this.#wait(this.#firstLook);
  }

  /**
   * Resolves to whether more can be found than when it was called: a query that missed something waits for what is
   * pending, which costs nothing more, however many miss something.
   */
  async #pendingPublished(): Promise<boolean> {
    if (!this.#isOpen) return false;
    if (this.#hasPending()) {
      this.#next ??= new AbortController();
      this.#schedule(this.#limits.publishMs);
      await this.#wait(once(this.#next.signal, 'abort'));
      return true;
    }
    const publishing = this.#publishing;
    await this.#wait(publishing);
    return publishing !== null;
  }

  #hasPending(): boolean {
    return [...this.#published.values()].some(({ pendingRows }) => pendingRows > 0);
  }

  /** Resolves when what the engine's death has hidden is stored; null where there is nothing to wait for. */
  #foundAgain(): Promise<unknown> | null {
    for (const [segment, { untilMs }] of this.#lost) {
      if (this.#now() >= untilMs) this.#lost.delete(segment);
    }
    return this.#lost.size === 0
      ? null
      : Promise.all(Array.from(this.#lost.values(), ({ stored }) => once(stored.signal, 'abort')));
  }

  async #wait(look: Promise<unknown> | null): Promise<void> {
    if (look === null) return;
    const done = new AbortController();
    const { waitMs } = this.#limits;
    const isLate = await Promise.race([
      look.then(() => false),
      delay(waitMs, true, { ref: false, signal: done.signal }).catch(() => false),
    ]);
    done.abort();
    if (isLate) this.#limitCounter.reached('fresh.waitMs');
  }

  async #publishAfterAll(): Promise<void> {
    await this.#publishing;
    this.#cancelTimer();
    await this.#publishNow();
  }

  #schedule(afterMs: number): void {
    if (this.#timer !== null || this.#publishing !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.#publishNow();
    }, afterMs);
  }

  #cancelTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #publishNow(): Promise<void> {
    this.#publishing = this.#publish().finally(() => {
      this.#publishing = null;
      const isWanted = this.#next !== null || (this.#hasPending() && this.#now() < this.#watchedUntilMs);
      if (isWanted) this.#schedule(this.#limits.publishMs);
    });
    return this.#publishing;
  }

  /** Oldest first, so that what can be found of a segment has no gap. */
  async #publish(): Promise<void> {
    const next = this.#next;
    this.#next = null;
    const all = [...this.#published.values()].map((published) => {
      const { pending } = published;
      published.pending = [];
      published.pendingRows = 0;
      return { published, pending };
    });
    for (const { published, pending } of all) {
      for (const stretch of pending) {
        // Stored meanwhile, or unpublished.
        if (!this.#isOpen || this.#published.get(published.segment) !== published) break;
        if (!(await this.#publishStretch(published, stretch))) break;
      }
    }
    next?.abort();
  }

  async #publishStretch(published: Published, stretch: Stretch): Promise<boolean> {
    try {
      await this.#insert(published, stretch);
      this.#inserts.inc({ outcome: 'done' });
    } catch (error) {
      if (this.#published.get(published.segment) !== published) return false;
      this.#inserts.inc({ outcome: 'failed' });
      this.#options.log.debug(
        { err: error },
        'could not publish fresh spans; they can be queried once they are stored',
      );
      this.#unpublish(published);
      return false;
    }
    const { first, last } = stretch;
    published.range = { first: published.range?.first ?? first, last };
    this.#notify();
    return true;
  }

  async #insert(published: Published, { offset, length }: Stretch): Promise<void> {
    const { directory, read, tables } = this.#options;
    const native = await read(published.segment, offset, length);
    const path = join(directory, `${this.#fileNumber++}.native`);
    published.isFilled = true;
    try {
      await writeFile(path, native, { mode: 0o600 });
      await tables.insert(published.table, path);
    } finally {
      await rm(path, { force: true });
    }
  }

  #notify(): void {
    this.#options.visibility.setFresh([...this.#published.values()].flatMap(({ range }) => range ?? []));
  }

  /** A table is used again when nobody reads it any more. */
  async #clear(published: Published): Promise<void> {
    const { visibility, tables, log } = this.#options;
    const { table } = published;
    try {
      await this.#publishing;
      await visibility.released();
      if (published.isFilled) await tables.clear(table);
    } catch (error) {
      // An engine that has gone has cleared it. What is left otherwise is in no range that queries look for.
      log.debug({ err: error }, 'could not clear a table of fresh spans');
    }
    this.#free.push(table);
  }
}
