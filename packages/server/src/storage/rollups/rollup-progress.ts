import type { Engine } from '../engine.ts';
import type { ArrivalRange } from '../span-visibility.ts';
import { sqlString, sqlUInt64 } from '../sql.ts';
import { rowsOf } from '../rows-of.ts';

type Asked = Pick<Engine, 'query' | 'command' | 'tables'>;

/** `attempt`: a note of its own for each: what is counted of one was stored before the next. */
interface LateRange extends ArrivalRange {
  readonly attempt?: string;
}

/** What an earlier process noted. */
export interface Progress {
  /** The last arrival that is counted; 0 where nothing is. */
  readonly countedUntil: number;
  /** The last arrival of a batch that was begun, and may have been added in part; 0 where none was. */
  readonly pendingUntil: number;
  /** What was stored behind the last batch and is not counted yet. */
  readonly late: readonly LateRange[];
  /** Days (`YYYY-MM-DD`) that were being rebuilt, or `all` of them. */
  readonly days: readonly string[] | 'all';
  /** Whether anything was ever noted. */
  readonly isNoted: boolean;
  /** Another number as soon as a batch or a rebuild has begun, and when it has ended. */
  readonly step: number;
}

/** Whose row of `rollup_progress` says what has been counted. */
const COLLECTOR = 'collector';
/** Begins the names of segments that are stored behind what is counted. */
const LATE = 'late ';
/** Begins the names of days that are being rebuilt. */
const DAY = 'day ';
const EVERY_DAY = 'all';

/** What is noted now. Rejects with `EngineError`. */
export async function readProgress(
  engine: Pick<Engine, 'query' | 'tables'>,
): Promise<Progress & { readonly version: number }> {
  const rows = await rowsOf(
    engine,
    `SELECT collector, toString(max(version)), toString(argMax(counted_until, version)), toString(argMax(pending_until, version))
FROM ${engine.tables.rollup_progress.read} GROUP BY collector`,
  );
  const latest = rows.map(([name, version, counted, pending]) => ({
    name: String(name),
    version: Number(version),
    counted: Number(counted),
    pending: Number(pending),
  }));
  const own = latest.find(({ name }) => name === COLLECTOR);
  const pending = latest.filter((row) => row.pending > 0);
  const late = pending
    .filter(({ name }) => name.startsWith(LATE))
    .map((row) => ({ first: row.counted + 1, last: row.pending, attempt: row.name.split(' ')[2] ?? '' }));
  const days = pending.filter(({ name }) => name.startsWith(DAY)).map(({ name }) => name.slice(DAY.length));
  return {
    version: Math.max(0, ...latest.map(({ version }) => version)),
    countedUntil: own?.counted ?? 0,
    pendingUntil: own?.pending ?? 0,
    late,
    days: days.includes(EVERY_DAY) ? 'all' : days.toSorted(),
    isNoted: rows.length > 0,
    step: own?.version ?? 0,
  };
}

/**
 * What the job that fills the derived tables has done and is about to do, durably: the table `rollup_progress`. Rejects
 * with `EngineError`.
 */
export class RollupProgress {
  readonly #engine: Asked;
  #version = 0;

  constructor(engine: Asked) {
    this.#engine = engine;
  }

  /** Call it before anything is noted. */
  async restore(): Promise<Progress> {
    const { version, ...progress } = await readProgress(this.#engine);
    this.#version = version;
    return progress;
  }

  /** `pendingUntil`: the end of a batch that begins; 0 when it is counted. */
  async note(countedUntil: number, pendingUntil: number): Promise<void> {
    await this.#insert([COLLECTOR], countedUntil, pendingUntil);
  }

  /** A row of its own for each segment. */
  async noteLate({ first, last, attempt = '' }: LateRange, isCounted: boolean): Promise<void> {
    await this.#insert([`${LATE}${first}-${last} ${attempt}`.trimEnd()], first - 1, isCounted ? 0 : last);
  }

  /**
   * `countedUntil`: what is noted for whoever reads the newest row alone. The days are noted together, or none of them
   * is.
   */
  async noteDays(days: readonly string[] | 'all', countedUntil: number, isDone: boolean): Promise<void> {
    const names = days === 'all' ? [EVERY_DAY] : days;
    if (names.length === 0) return;
    await this.#insert(
      names.map((name) => DAY + name),
      countedUntil,
      isDone ? 0 : Math.max(1, countedUntil),
    );
  }

  async #insert(names: readonly string[], countedUntil: number, pendingUntil: number): Promise<void> {
    this.#version += 1;
    await this.#engine
      .command(`INSERT INTO ${this.#engine.tables.rollup_progress.write} (collector, version, counted_until, pending_until)
SELECT arrayJoin([${names.map(sqlString).join(', ')}]), ${sqlUInt64(this.#version)}, ${sqlUInt64(countedUntil)}, ${sqlUInt64(pendingUntil)}`);
  }
}
