import { rm } from 'node:fs/promises';
import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import type { EngineLimits } from '../engine-limits.ts';
import { dayOfPartition, findDetached } from './lost-parts.ts';
import { MergeCheck, type ShortMerge } from './merge-check.ts';
import type { MigratedEngine } from './migrated-engine.ts';
import { CHECKED_TABLES, type SelectRows } from './part-check.ts';
import { sqlString } from '../sql.ts';
import { IN_DATABASE } from '../tables.ts';
import { rowsOf } from '../rows-of.ts';

/** An engine that can put the parts that a merge replaced in the place of what it made. */
export interface TakesBackMerges {
  /**
   * For a part that failed its checksums: starts the engine again where it was not written whole and what it replaced
   * is still there. True when that is in use again. Never rejects.
   */
  takeBackMerge(table: string, part: string): Promise<boolean>;
}

export interface MergeWatchOptions {
  readonly log: Logger;
  readonly registry: Registry;
  readonly limits: Pick<EngineLimits, 'replacedPartsMs' | 'mergePauseMs' | 'mergePauseMsMax'>;
}

/**
 * The engine looks for what may go every 30 to 40 s, and where it found little, as while that has to stay, up to every
 * five minutes.
 */
const CLEANUP_SECONDS = 30;

type MergingEngine = Pick<MigratedEngine, 'command' | 'tables'>;

/**
 * Sees to it that a merge that was not written whole costs nothing: while what it has replaced is still there, the
 * engine is to be started again, and takes that. Merges of these tables pause then, longer each time, so that a disk
 * that stays full does not have the engine started again and again. For the life of the collector; nothing is inserted
 * while it is called.
 */
export class MergeWatch {
  readonly #options: MergeWatchOptions;
  readonly #merges: Counter<'outcome'>;
  #check: MergeCheck | null = null;
  /** For which the engine is being started again. */
  #short: readonly ShortMerge[] = [];
  #pauseMs = 0;
  #pausedUntilMs: number | null = null;
  #lastShortMs = 0;

  constructor(options: MergeWatchOptions) {
    this.#options = options;
    this.#merges = new Counter({
      name: 'throughline_engine_short_merges_total',
      help: 'Incomplete merged parts by outcome: taken_back if the parts that they replaced are in use again, or lost',
      labelNames: ['outcome'],
      registers: [options.registry],
    });
    for (const outcome of ['taken_back', 'lost']) this.#merges.inc({ outcome }, 0);
  }

  /** Call it first when the engine has opened the store: it merges already. `startedAtMs`: before it was started. */
  async open(select: SelectRows, { command, tables }: MergingEngine, startedAtMs: number): Promise<void> {
    if (this.#pausedUntilMs !== null) {
      for (const table of CHECKED_TABLES) await command(`SYSTEM STOP MERGES ${tables[table].local}`);
    }
    const check = new MergeCheck(select);
    await check.start(startedAtMs);
    this.#check = check;
    await this.#settle(select);
  }

  /**
   * Sees to it that what merges replace stays for `replacedPartsMs`, and that what they make is on the disk by then. A
   * table keeps it.
   */
  async keepReplaced(engine: MigratedEngine): Promise<void> {
    const settings = [
      `old_parts_lifetime = ${Math.ceil(this.#options.limits.replacedPartsMs / 1_000)}`,
      `max_cleanup_delay_period = ${CLEANUP_SECONDS}`,
      // What was synced is removed for it.
      'min_rows_to_fsync_after_merge = 1',
    ];
    const tables = await rowsOf(
      engine,
      `SELECT name, engine_full FROM system.tables WHERE ${IN_DATABASE} AND name IN (${CHECKED_TABLES.map(sqlString).join(', ')})`,
    );
    for (const [table, text] of tables) {
      const has = ` ${String(text)},`;
      if (settings.every((setting) => has.includes(` ${setting},`))) continue;
      await engine.command(
        `ALTER TABLE ${engine.tables.named(String(table)).local} MODIFY SETTING ${settings.join(', ')}`,
      );
    }
  }

  /**
   * Why the engine is to be started again; null where there is no reason. Rejects with the engine's error, or the
   * disk's.
   */
  async look({ command, tables }: MergingEngine): Promise<string | null> {
    if (this.#pausedUntilMs !== null && performance.now() >= this.#pausedUntilMs) {
      for (const table of CHECKED_TABLES) await command(`SYSTEM START MERGES ${tables[table].local}`);
      this.#pausedUntilMs = null;
    }
    return this.#heed((await this.#check?.findShort()) ?? []);
  }

  /** The same for one part. */
  async lookAt(table: string, name: string): Promise<string | null> {
    const part = (await this.#check?.look(table, name)) ?? null;
    // Without what it replaced nothing is gained.
    return part?.canBeTakenBack !== true ? null : this.#heed([part]);
  }

  #heed(short: readonly ShortMerge[]): string | null {
    const { log, limits } = this.#options;
    for (const part of short.filter(({ canBeTakenBack }) => !canBeTakenBack)) {
      this.#merges.inc({ outcome: 'lost' });
      log.error(
        logged(part),
        'a merged part is incomplete, and the parts that it replaced are gone; the engine detaches it at its next start',
      );
    }
    this.#short = short.filter(({ canBeTakenBack }) => canBeTakenBack);
    const [first] = this.#short;
    if (first === undefined) return null;
    const nowMs = performance.now();
    const isSoonAgain = this.#pauseMs > 0 && nowMs - this.#lastShortMs < 2 * limits.mergePauseMsMax;
    this.#pauseMs = isSoonAgain ? Math.min(2 * this.#pauseMs, limits.mergePauseMsMax) : limits.mergePauseMs;
    this.#pausedUntilMs = nowMs + this.#pauseMs;
    this.#lastShortMs = nowMs;
    for (const part of this.#short) {
      log.warn(
        { ...logged(part), pauseMs: this.#pauseMs },
        'a merged part is incomplete; restarting the engine to use the parts that it replaced, and pausing merges',
      );
    }
    return `merged part ${first.name} of ${first.table} is incomplete`;
  }

  /**
   * What the engine has detached is of no use when its rows are in use. It would be reported as lost when these are
   * merged again, or dropped with their day. An engine that ended before we looked leaves such parts as well.
   */
  async #settle(select: SelectRows): Promise<void> {
    const { log } = this.#options;
    for (const { table, name, path } of (await findDetached(select)).replaced) {
      const merged = /^broken-on-start_(.+?)(?:_try\d+)?$/.exec(name)?.[1];
      if (merged === undefined || !CHECKED_TABLES.some((checked) => checked === table)) continue;
      const isKnown = this.#short.some((part) => part.table === table && part.name === merged);
      if (!isKnown)
        log.warn({ table, part: merged }, 'a merged part was incomplete; the engine uses the parts that it replaced');
      this.#short = this.#short.filter((part) => part.table !== table || part.name !== merged);
      this.#merges.inc({ outcome: 'taken_back' });
      await rm(path, { recursive: true }).catch((error: unknown) => {
        log.warn({ table, part: merged, err: error }, 'could not remove an incomplete merged part');
      });
    }
    for (const part of this.#short) {
      this.#merges.inc({ outcome: 'lost' });
      log.error(logged(part), 'the engine did not fall back to the parts that a merge replaced');
    }
    this.#short = [];
  }
}

function logged({ table, name, partition, rows, fault }: ShortMerge): object {
  return { table, part: name, day: dayOfPartition(partition), rows, fault };
}
