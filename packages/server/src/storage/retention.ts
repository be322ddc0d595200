import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Engine } from './engine.ts';
import { sqlString } from './sql.ts';

export interface RetentionSettings {
  /** A UTC day is dropped when every moment of it is longer ago than so many days. */
  readonly retentionDays: number;
  /** The most that the store may take of what it takes and what is free, together; 1 leaves it to the age alone. */
  readonly retentionDiskShare: number;
}

export const RETENTION_DEFAULTS: RetentionSettings = { retentionDays: 30, retentionDiskShare: 0.8 };

/** How often it is looked whether anything is to be dropped. */
const RETENTION_INTERVAL_MS = 60_000;
const QUERY_TIMEOUT_MS = 60_000;
const DAY_MS = 86_400_000;

export interface RetentionOptions extends Partial<RetentionSettings> {
  readonly engine: Pick<Engine, 'query' | 'command'>;
  readonly log: Logger;
  readonly registry: Registry;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** Free bytes where the store is; null where the engine cannot tell. What the engine says of its disks by default. */
  readonly freeBytes?: () => Promise<number | null>;
}

type Reason = 'age' | 'disk';

/** The day of a partition over all tables, or what of it a table has. */
interface Day {
  /** Such as `2026-11-23`. */
  readonly day: string;
  readonly tables: readonly string[];
  readonly spans: number;
  readonly bytes: number;
}

/**
 * Drops whole days from all tables, the oldest first: those that are too old, and those that the disk has no room for. The
 * newest day stays, whatever it takes. Inserts go on meanwhile: a partition is dropped in the metadata.
 */
export class Retention {
  readonly #options: RetentionOptions & RetentionSettings;
  readonly #droppedDays: Counter<'reason'>;
  readonly #droppedSpans: Counter<'reason'>;
  readonly #bytes: Gauge;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();

  /** Throws a `RangeError` for settings that make no sense. */
  constructor(options: RetentionOptions) {
    this.#options = { ...RETENTION_DEFAULTS, ...options };
    const { retentionDays, retentionDiskShare, registry } = this.#options;
    if (!(retentionDays > 0)) throw new RangeError(`retentionDays is ${retentionDays}; accepted is more than 0`);
    if (!(retentionDiskShare > 0 && retentionDiskShare <= 1)) {
      throw new RangeError(`retentionDiskShare is ${retentionDiskShare}; accepted is more than 0 and at most 1`);
    }
    const registers = [registry];
    this.#droppedDays = new Counter({
      name: 'throughline_retention_dropped_days_total',
      help: 'Days dropped from the store, by reason: age, or disk',
      labelNames: ['reason'],
      registers,
    });
    this.#droppedSpans = new Counter({
      name: 'throughline_retention_dropped_spans_total',
      help: 'Spans dropped from the store with their day, by reason',
      labelNames: ['reason'],
      registers,
    });
    this.#bytes = new Gauge({
      name: 'throughline_store_bytes',
      help: 'Bytes of the store on disk, as of the last look of the retention',
      registers,
    });
  }

  /** Looks at once, and then every minute, until `stop`. A look that fails is logged, and the next one comes. */
  start(): void {
    this.#running = this.#lookAgainAndAgain();
  }

  /** Resolves when a look that is under way has ended, or after the timeout; it drops no further day. */
  async stop(timeoutMs: number): Promise<void> {
    this.#stopping.abort();
    await Promise.race([this.#running, delay(timeoutMs, undefined, { ref: false })]);
  }

  async #lookAgainAndAgain(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await this.run();
      } catch (error) {
        if (!signal.aborted) this.#options.log.warn({ err: error }, 'retention did not get to its end');
      }
      await delay(RETENTION_INTERVAL_MS, undefined, { signal, ref: false }).catch(() => {});
    }
  }

  /** Looks once. Rejects with `EngineError` where the engine is away. */
  async run(): Promise<void> {
    const { retentionDays, now = Date.now } = this.#options;
    const days = await this.#days();
    const newest = days.at(-1)?.day;
    const firstKept = new Date(now() - retentionDays * DAY_MS).toISOString().slice(0, 10);
    const kept: Day[] = [];
    for (const day of days) {
      if (day.day < firstKept) await this.#drop(day, 'age');
      else kept.push(day);
    }
    await this.#makeRoom(kept.filter(({ day }) => day !== newest));
  }

  async #makeRoom(droppable: readonly Day[]): Promise<void> {
    const { retentionDiskShare } = this.#options;
    const [[active, onDisk] = [0, 0]] = await this.#numbers(
      `SELECT sumIf(toFloat64(bytes_on_disk), active), sum(toFloat64(bytes_on_disk)) FROM system.parts WHERE database = 'throughline'`,
    );
    this.#bytes.set(active);
    if (retentionDiskShare === 1) return;
    const free = await (this.#options.freeBytes ?? (() => this.#freeBytes()))();
    if (free === null) return;
    // Dropped parts are deleted a little later: until then they count to what is free.
    const bytesMax = retentionDiskShare * (onDisk + free);
    let bytes = active;
    for (const day of droppable) {
      if (bytes <= bytesMax) return;
      await this.#drop(day, 'disk');
      bytes -= day.bytes;
    }
    this.#bytes.set(bytes);
    if (bytes > bytesMax) {
      const sentence = 'the store takes more of the disk than it may, and has only its newest day left';
      this.#options.log.warn({ bytes, bytesMax }, sentence);
    }
  }

  /** The oldest first. */
  async #days(): Promise<Day[]> {
    const found = await this.#rows(`SELECT partition, table, sum(rows), sum(bytes_on_disk) FROM system.parts
WHERE database = 'throughline' AND active AND match(partition, '^\\\\d{4}-\\\\d{2}-\\\\d{2}$')
GROUP BY partition, table ORDER BY partition, table`);
    const names = [...new Set(found.map(([day]) => String(day)))];
    const byDay = names.map((name) => [name, found.filter(([day]) => day === name)] as const);
    return byDay.map(([day, parts]) => ({
      day,
      tables: parts.map(([, table]) => String(table)),
      spans: sum(parts.filter(([, table]) => table === 'spans').map(([, , rows]) => Number(rows))),
      bytes: sum(parts.map(([, , , bytes]) => Number(bytes))),
    }));
  }

  async #drop({ day, tables, spans, bytes }: Day, reason: Reason): Promise<void> {
    this.#stopping.signal.throwIfAborted();
    // Spans last: while they are there, a look that was interrupted is done again.
    for (const table of tables.toSorted((a, b) => Number(a === 'spans') - Number(b === 'spans'))) {
      await this.#options.engine.command(`ALTER TABLE throughline.${table} DROP PARTITION ${sqlString(day)}`);
    }
    this.#droppedDays.inc({ reason });
    this.#droppedSpans.inc({ reason }, spans);
    this.#options.log.info({ day, spans, bytes, reason }, 'dropped a day from the store');
  }

  async #freeBytes(): Promise<number | null> {
    const known = await this.#rows(`SELECT count() FROM system.tables WHERE database = 'system' AND name = 'disks'`);
    if (Number(known[0]?.[0]) === 0) return null;
    const [[free] = [0]] = await this.#numbers('SELECT sum(toFloat64(free_space)) FROM system.disks');
    return free;
  }

  async #numbers(sql: string): Promise<[number, number][]> {
    return (await this.#rows(sql)).map(([first, second]) => [Number(first), Number(second)]);
  }

  async #rows(sql: string): Promise<unknown[][]> {
    const bytes = await this.#options.engine.query(sql, { format: 'JSONCompactEachRow', timeoutMs: QUERY_TIMEOUT_MS });
    const lines = new TextDecoder().decode(bytes).split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as unknown[]);
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
