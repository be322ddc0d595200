import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { ATTRIBUTE_VALUES } from './attribute-values.ts';
import type { Engine } from './engine.ts';
import { ROLLUP_JOB_LIMITS, type RollupJobLimits } from './rollup-limits.ts';
import { OPERATION_15M, REQUEST_1H, REQUEST_1M, TRACE_TIMES, type Rollup } from './rollups.ts';
import type { SpanVisibility } from './span-visibility.ts';
import { sqlString, sqlUInt64 } from './sql.ts';
import { WEIGHT_15M } from './weights.ts';

/** Every table that is derived from `spans`. `trace_times` is first: the others are right without it, and by it spans are found. */
export const ROLLUPS: readonly Rollup[] = [
  TRACE_TIMES,
  OPERATION_15M,
  REQUEST_1M,
  REQUEST_1H,
  WEIGHT_15M,
  ATTRIBUTE_VALUES,
];

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

const QUERY_TIMEOUT_MS = 60_000;
/** Whose progress it is; one collector writes into a store. */
export const COLLECTOR = 'collector';
const HOUR = 3_600;
const DAY = 86_400;

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

  /** Counts what an earlier process stored and did not count. Call it before questions are answered. */
  async start(): Promise<void> {
    await this.#restore();
    await this.run(true);
    this.#running = this.#runAgainAndAgain();
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
  async run(isEverything = false): Promise<void> {
    const { visibility, firstUnstored, lastArrival } = this.#options;
    const first = firstUnstored();
    const until = first === null ? Math.max(lastArrival(), visibility.countedUntil) : first - 1;
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
      if (this.#stopping.signal.aborted) this.#wake();
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
    const { visibility, log } = this.#options;
    const until = this.#pendingUntil;
    const hours = await numbers(
      this.#options.engine,
      `SELECT DISTINCT intDiv(toUInt32(start_s), ${HOUR}) * ${HOUR} AS hour FROM throughline.spans
WHERE arrival > ${sqlUInt64(visibility.countedUntil)} AND arrival <= ${sqlUInt64(until)} ORDER BY hour`,
    );
    log.info(
      { hours: hours.length },
      'an addition to the derived tables was interrupted; rebuilding the hours concerned',
    );
    await visibility.count(until, async () => {
      await rebuildRollups(
        this.#options.engine,
        hours.map(([hour]) => Number(hour)),
        until,
      );
      await this.#note(until, 0);
      this.#pendingUntil = 0;
    });
    this.#batches.inc({ outcome: 'rebuilt' });
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

/**
 * Makes the derived tables anew for these hours (seconds since the epoch), out of the spans that arrived up to `until`. Tables with longer
 * steps are made anew for the whole steps that the hours touch. Nothing may be added meanwhile.
 */
export async function rebuildRollups(
  engine: Pick<Engine, 'query' | 'command'>,
  hours: readonly number[],
  until: number,
): Promise<void> {
  const days = [...new Set(hours.map((hour) => Math.floor(hour / DAY) * DAY))];
  for (const day of days) {
    const spansOfHours = await countByHour(engine, day, until);
    for (const rollup of ROLLUPS) {
      const step = Math.max(rollup.stepSeconds, HOUR);
      const ofDay = hours.filter((hour) => hour >= day && hour < day + DAY);
      const begins = new Set(ofDay.map((hour) => Math.floor(hour / step) * step));
      for (const begin of begins) {
        if (rollup.isIdempotent !== true) await engine.command(deleteSql(rollup, begin, begin + step));
        // Hour by hour, which bounds what a statement takes.
        for (let hour = begin; hour < begin + step; hour += HOUR) {
          const spans = spansOfHours.get(hour) ?? 0;
          if (spans > 0) await engine.command(fillSql(rollup, hour, until, spans));
        }
      }
    }
  }
}

const REBUILD_SETTINGS = 'max_threads = 1, max_bytes_before_external_group_by = 200000000';

async function countByHour(engine: Pick<Engine, 'query'>, day: number, until: number): Promise<Map<number, number>> {
  const sql = `SELECT intDiv(toUInt32(start_s), ${HOUR}) * ${HOUR} AS hour, count() FROM throughline.spans
WHERE start_s >= toDateTime(${day}) AND start_s < toDateTime(${day + DAY}) AND arrival <= ${sqlUInt64(until)} GROUP BY hour`;
  return new Map((await numbers(engine, sql)).map(([hour = 0, spans = 0]) => [hour, spans]));
}

function fillSql({ table, columns, select }: Rollup, hour: number, until: number, spans: number): string {
  const names = columns.join(', ');
  const source = `(SELECT * FROM throughline.spans
  WHERE start_s >= toDateTime(${hour}) AND start_s < toDateTime(${hour + HOUR}) AND arrival <= ${sqlUInt64(until)})`;
  return `INSERT INTO throughline.${table} (${names})
SELECT ${names} FROM (\n${select(source, spans)}\n) SETTINGS ${REBUILD_SETTINGS}`;
}

async function numbers(engine: Pick<Engine, 'query'>, sql: string): Promise<number[][]> {
  const bytes = await engine.query(sql, { format: 'JSONCompactEachRow', timeoutMs: QUERY_TIMEOUT_MS });
  const lines = new TextDecoder().decode(bytes).split('\n');
  return lines.filter((line) => line !== '').map((line) => (JSON.parse(line) as unknown[]).map(Number));
}

function deleteSql({ table, time, stepSeconds }: Rollup, begin: number, end: number): string {
  const isDay = stepSeconds === 86_400;
  const bound = (second: number): string => (isDay ? `toDate(toUInt16(${second / 86_400}))` : `toDateTime(${second})`);
  return `ALTER TABLE throughline.${table} DELETE WHERE ${time} >= ${bound(begin)} AND ${time} < ${bound(end)} SETTINGS mutations_sync = 1`;
}
