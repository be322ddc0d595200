import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
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
  /** Hands a segment to the store when it is so old, since its spans cannot be found before. */
  readonly seal: (segment: string, ageMs: number) => void;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
}

/** After more spans than are worth it, nothing is published for so long: they are copied for it. */
const BUSY_MS = 2_000;

/** A segment of the spool whose spans can be found before they are stored. */
interface Published {
  readonly segment: string;
  readonly table: number;
  /** What can be found; null before the first block of it can. */
  range: ArrivalRange | null;
  rows: number;
  blocks: DurableBlock[];
  pendingRows: number;
}

/**
 * Makes spans findable that are durable in the spool and not stored yet, by tables that are cheap to fill: an insert into `spans` costs
 * more, however few they are, so that is done seldom and with many. A table belongs to one segment at a time. Whatever goes wrong here
 * delays spans, and loses none: the segment is sealed, and stored.
 */
export class FreshSpans {
  readonly #options: FreshSpansOptions;
  readonly #limits: FreshLimits;
  readonly #inserts: Counter<'outcome'>;
  /** By segment, in the order of their arrival. */
  readonly #published = new Map<string, Published>();
  readonly #free: number[];
  /** The newest segment of which anything is known. Another one that is not published never is: its first blocks would be missing. */
  #newest = '';
  #timer: NodeJS.Timeout | null = null;
  #publishing: Promise<void> | null = null;
  #fileNumber = 0;
  #isOpen = false;
  #busyUntilMs = -Infinity;
  readonly #now: () => number;

  constructor(options: FreshSpansOptions) {
    this.#options = options;
    this.#limits = { ...FRESH_LIMITS, ...options.limits };
    this.#now = options.now ?? (() => performance.now());
    this.#free = Array.from({ length: options.tables.count }, (_, table) => table);
    this.#inserts = new Counter({
      name: 'throughline_fresh_inserts_total',
      help: 'Inserts that made spans findable before they were stored, by outcome',
      labelNames: ['outcome'],
      registers: [options.registry],
    });
    for (const outcome of ['done', 'failed']) this.#inserts.inc({ outcome }, 0);
  }

  /** Call it when the engine is ready; blocks that came before are stored without this. `open`: the segment that goes on, if one does. */
  async start(open: () => string | null = () => null): Promise<void> {
    const { directory } = this.#options;
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory, { recursive: true, mode: 0o700 });
    this.#newest = open() ?? this.#newest;
    this.#isOpen = true;
  }

  /** Whether the spans of this segment, which has just been begun or goes on, are found before they are stored: then it may grow. */
  publishes(segment: string): boolean {
    return (this.#published.get(segment) ?? this.#begin(segment)) !== null;
  }

  /** Takes a copy of the block. */
  take(block: DurableBlock): void {
    const published = this.#published.get(block.segment) ?? this.#begin(block.segment);
    if (published === null) return;
    if (published.pendingRows + block.rows > this.#limits.rowsPerInsertMax) {
      this.#busyUntilMs = this.#now() + BUSY_MS;
      this.#giveUp(published, this.#limits.publishMs);
      return;
    }
    published.blocks.push({ ...block, native: Uint8Array.from(block.native) });
    published.pendingRows += block.rows;
    this.#schedule();
  }

  /** Its spans are in `spans`, where they are found from now on, or have been set aside. */
  stored({ name }: Segment): void {
    const published = this.#published.get(name);
    if (published === undefined) return;
    this.#published.delete(name);
    this.#tell();
    void this.#clear(published.table);
  }

  /** The engine's process has been started anew, and nothing is in its memory. */
  reset(): void {
    for (const published of this.#published.values()) this.#giveUp(published);
  }

  /** Publishes nothing more; what is not stored is stored by the loader. */
  async close(): Promise<void> {
    this.#isOpen = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#publishing;
  }

  #begin(segment: string): Published | null {
    // Names increase.
    if (segment <= this.#newest) return null;
    this.#newest = segment;
    const table = !this.#isOpen || this.#now() < this.#busyUntilMs ? undefined : this.#free.shift();
    if (table === undefined) return null;
    const published: Published = { segment, table, range: null, rows: 0, blocks: [], pendingRows: 0 };
    this.#published.set(segment, published);
    return published;
  }

  #giveUp(published: Published, ageMs = 0): void {
    const { segment, table } = published;
    if (this.#published.get(segment) !== published) return;
    this.#published.delete(segment);
    this.#tell();
    this.#options.seal(segment, ageMs);
    void this.#clear(table);
  }

  #schedule(): void {
    if (this.#timer !== null || this.#publishing !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#publishing = this.#publish().finally(() => {
        this.#publishing = null;
        if ([...this.#published.values()].some(({ blocks }) => blocks.length > 0)) this.#schedule();
      });
    }, this.#limits.publishMs);
  }

  /** Oldest first, so that what can be found of a segment has no gap. */
  async #publish(): Promise<void> {
    for (const published of this.#published.values()) {
      const { blocks } = published;
      if (blocks.length === 0) continue;
      published.blocks = [];
      published.pendingRows = 0;
      try {
        await this.#insert(published.table, blocks);
        this.#inserts.inc({ outcome: 'done' });
      } catch (error) {
        this.#inserts.inc({ outcome: 'failed' });
        this.#options.log.debug({ err: error }, 'making fresh spans findable failed; they are stored instead');
        this.#giveUp(published);
        continue;
      }
      const [first, last] = [blocks[0]?.arrival ?? 0, blocks.at(-1)?.arrival ?? 0];
      published.range = { first: published.range?.first ?? first, last };
      published.rows += blocks.reduce((sum, { rows }) => sum + rows, 0);
      this.#tell();
    }
  }

  async #insert(table: number, blocks: readonly DurableBlock[]): Promise<void> {
    const path = join(this.#options.directory, `${this.#fileNumber++}.native`);
    try {
      await writeFile(path, Buffer.concat(blocks.map(({ native }) => native)), { mode: 0o600 });
      await this.#options.tables.insert(table, path);
    } finally {
      await rm(path, { force: true });
    }
  }

  #tell(): void {
    this.#options.visibility.setFresh([...this.#published.values()].flatMap(({ range }) => range ?? []));
  }

  /** A table is used again when nobody reads it any more. */
  async #clear(table: number): Promise<void> {
    const { visibility, tables, log } = this.#options;
    try {
      await this.#publishing;
      await visibility.released();
      await tables.clear(table);
    } catch (error) {
      // An engine that has gone has cleared it. What is left otherwise is in no range that questions look for.
      log.debug({ err: error }, 'clearing a table of fresh spans failed');
    }
    this.#free.push(table);
  }
}
