import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { replaceFile } from '../durable-file.ts';
import { DAMAGED_SUFFIX, namesIn, RETRY_DIRECTORY } from '../spool/quarantined-segments.ts';
import { REJECTED_DIRECTORY } from '../spool/segment-files.ts';
import type { CountedRow, CountedTable } from './counted-minutes.ts';

/** What the store takes at once or not at all. */
export interface PartName {
  readonly table: CountedTable;
  /** UTC, in days since the epoch. */
  readonly day: number;
}

/** How to find out whether a part is stored. */
export interface NotedPart extends PartName {
  /** One of its rows. */
  readonly row: CountedRow;
  /** The requests that the store had of that row before the insert, which may be more than a double holds, … */
  readonly before: string;
  /** … and those that the insert adds to it. */
  readonly adds: number;
}

/** An insert of which it is not known how it ended. */
export interface BegunInsert {
  readonly segment: string;
  readonly parts: readonly NotedPart[];
}

/** Of segments that are gone so many are remembered at least: a power failure may bring the newest back. */
const GONE_MIN = 100;

/**
 * What is known of inserts of request metrics, in a file that is written before each of them. How an insert ended is
 * written with the next one: until then the store shows it again.
 */
export class NotedInserts {
  readonly #path: string;
  readonly #spool: string;
  readonly #log: Pick<Logger, 'error'>;
  #begun: BegunInsert | null = null;
  /** What is not stored of each segment that an insert was begun of; the last one last. */
  #missing = new Map<string, readonly PartName[]>();

  constructor(path: string, spool: string, log: Pick<Logger, 'error'>) {
    this.#path = path;
    this.#spool = spool;
    this.#log = log;
  }

  get begun(): BegunInsert | null {
    return this.#begun;
  }

  /** What the store does not have of a segment; null where no insert of it was begun. While none is begun. */
  missingOf(segment: string): readonly PartName[] | null {
    return this.#missing.get(segment) ?? null;
  }

  /** A file that cannot be read is logged, and no reason not to start. */
  async open(): Promise<void> {
    try {
      const { begun, missing } = JSON.parse(await readFile(this.#path, 'utf8')) as Saved;
      this.#missing = new Map(missing);
      this.#begun = begun;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      const sentence =
        'could not read the notes on inserts of request metrics; counts in their spool may be stored twice';
      this.#log.error({ err: error, path: this.#path }, sentence);
    }
  }

  /** Durable when it resolves; where it rejects, no insert may begin. While none is begun. */
  async begin(segment: string, parts: readonly NotedPart[]): Promise<void> {
    if (this.#missing.size >= 2 * GONE_MIN) await this.#forgetGone();
    const begun = { segment, parts };
    await this.#write(begun);
    this.#begun = begun;
  }

  /** Writes how the last insert ended, so that the next start need not find out. */
  async close(): Promise<void> {
    if (this.#begun === null && this.#missing.size > 0) await this.#write(null);
  }

  async #write(begun: BegunInsert | null): Promise<void> {
    await replaceFile(this.#path, JSON.stringify({ begun, missing: [...this.#missing] } satisfies Saved));
  }

  /** How the insert that was begun has ended. */
  end(missing: readonly PartName[]): void {
    if (this.#begun === null) return;
    const { segment } = this.#begun;
    this.#begun = null;
    this.#missing.delete(segment);
    this.#missing.set(
      segment,
      missing.map(({ table, day }) => ({ table, day })),
    );
  }

  /** A segment whose file is somewhere may come again. */
  async #forgetGone(): Promise<void> {
    const there = new Set<string>();
    for (const below of ['', REJECTED_DIRECTORY, RETRY_DIRECTORY]) {
      for (const name of await namesIn(join(this.#spool, below))) there.add(name.replace(DAMAGED_SUFFIX, ''));
    }
    const newest = this.#missing.size - GONE_MIN;
    this.#missing = new Map([...this.#missing].filter(([segment], index) => index >= newest || there.has(segment)));
  }
}

interface Saved {
  readonly begun: BegunInsert | null;
  readonly missing: readonly (readonly [segment: string, parts: readonly PartName[]])[];
}
