import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { registerLabelledGauge } from '../../register-gauge.ts';
import { LimitCounter } from '../../limit-counter.ts';
import { DAMAGE_LIMITS, type DamageLimits } from './damage-limits.ts';
import { LOOKED_FOR, partNamedIn, signOfDamage, type NamedPart } from '../damage-signs.ts';
import type { Engine, EngineError, QueryOptions, SpanRecovery } from '../engine.ts';
import type { RepairsIndexes } from './index-repair.ts';
import type { TakesBackMerges } from './merge-watch.ts';
import {
  dayOfPart,
  dayOfPartition,
  findLostParts,
  keyOf,
  NotedParts,
  type LostPart,
  type PartName,
} from './lost-parts.ts';
import { sqlString } from '../sql.ts';
import { findReadError, firstLine, verifyPart } from './verify-part.ts';
import { DATABASE, IN_DATABASE } from '../tables.ts';
import { rowsOf } from '../rows-of.ts';
import { countOf } from '../../count-of.ts';

export interface StoreDamageOptions {
  readonly log: Logger;
  readonly registry: Registry;
  readonly limits?: Partial<DamageLimits>;
  /** The file that says for which lost parts the derived tables have been made anew. */
  readonly repairedPath: string;
  /** The file that names the parts that were detached here: what can be repaired of them is used again. */
  readonly damagedPath: string;
}

interface UnreadPart extends PartName {
  readonly day: string | null;
  readonly path: string;
  /** What the disk said. */
  readonly reason: string;
}

/** Where a collector keeps the files in its data directory. */
export function damageFiles(dataDirectory: string): Pick<StoreDamageOptions, 'repairedPath' | 'damagedPath'> {
  return { repairedPath: join(dataDirectory, 'repaired-parts'), damagedPath: join(dataDirectory, 'damaged-parts') };
}

/**
 * What makes the derived tables of these days (`YYYY-MM-DD`) anew, out of the spans that are there; of every day for
 * `all`. Never rejects.
 */
export type RebuildDays = (days: readonly string[] | 'all') => Promise<void>;

type Asked = Pick<Engine, 'query' | 'command' | 'tables'> & Partial<RepairsIndexes & SpanRecovery & TakesBackMerges>;

/** What the comparison of a segment in doubt reads of the store. */
const COMPARISON = `SELECT FROM ${DATABASE}.spans`;
const TABLE_IN_STATEMENT = new RegExp(String.raw`\b${DATABASE}\.\`?(\w+)`, 'g');

/** Tables of which nothing is derived, and that are derived from nothing. */
const ALONE: ReadonlySet<string> = new Set([
  'counted_1m',
  'counted_1h',
  'schema_migrations',
  'store_id',
  'collector_leases',
]);

/**
 * Keeps what is intact readable when files of the embedded store are damaged. A part that the engine cannot read, and
 * that fails its own checksums, is detached in the table's `detached/`. One of `spans` of which nothing but indexes is
 * damaged is repaired and used again; any other is lost, and stays there. The derived tables of its day are made anew
 * out of the spans that are there, and what was asked is asked again. Parts that the engine has detached by itself at
 * its start are treated in the same way.
 */
export class StoreDamage {
  readonly #options: StoreDamageOptions;
  readonly #limits: DamageLimits;
  readonly #limitCounter: LimitCounter;
  readonly #repaired: NotedParts;
  readonly #damaged: NotedParts;
  readonly #stopping = new AbortController();
  #lost: readonly LostPart[] = [];
  #lostAtStart: readonly LostPart[] = [];
  /**
   * Parts that are in use again, or gone, and whose day has to be made anew: something may have been counted without
   * them.
   */
  #mended: readonly PartName[] = [];
  #mendedAtStart: readonly PartName[] = [];
  readonly #inRebuild = new Set<string>();
  #unreadable: string | null = null;
  readonly #unread = new Map<string, UnreadPart>();
  #rebuild: RebuildDays | null = null;
  /** One part is looked at at a time. */
  #turn: Promise<unknown> = Promise.resolve();
  #rebuilding: Promise<unknown> = Promise.resolve();
  #unnamedAgainAtMs = 0;
  #errorsSeen = new Map<number, number>();

  constructor(options: StoreDamageOptions) {
    this.#options = options;
    this.#limits = { ...DAMAGE_LIMITS, ...options.limits };
    this.#limitCounter = new LimitCounter(options.registry);
    this.#repaired = new NotedParts(options.repairedPath);
    this.#damaged = new NotedParts(options.damagedPath);
    const gauge = (name: string, help: string, value: (part: LostPart) => number): void => {
      const { registry } = options;
      registerLabelledGauge(registry, name, help, ['table', 'day'], () =>
        this.#lost.map((part) => [{ table: part.table, day: part.day ?? '' }, value(part)] as const),
      );
    };
    gauge('throughline_store_lost_parts', 'Damaged parts in detached/, by table and day', () => 1);
    gauge(
      'throughline_store_lost_rows',
      'Rows of damaged parts in detached/, as far as known',
      ({ rows }) => rows ?? 0,
    );
    gauge('throughline_store_lost_bytes', 'Bytes of damaged parts in detached/', ({ bytes }) => bytes);
  }

  /** Parts that no query reads, until they are removed from `detached/`. */
  get lost(): readonly LostPart[] {
    return this.#lost;
  }

  /** Why a damaged part has not been detached, in words; null where there is none. */
  get unreadable(): string | null {
    return this.#unreadable;
  }

  /**
   * Which parts the disk fails to read, in words; null where it reads all that was asked for. They stay in use: nothing
   * says that they are damaged.
   */
  get unread(): string | null {
    const parts = [...this.#unread.values()];
    const [first] = parts;
    if (first === undefined) return null;
    const named = parts.map(({ table, name, day }) => `part ${name} of ${table}${day === null ? '' : ` of ${day}`}`);
    return `the disk cannot read ${named.join(', ')} (${first.reason}); queries that need them fail, and they are left as they are: check the disk`;
  }

  /**
   * The same engine for queries: a statement that fails on a damaged part is repeated when the part is out of the
   * way.
   */
  forQueries<E extends Asked>(engine: E): E {
    return this.#around(engine, async (signal) => void (await withSignal(this.#rebuilding, signal)));
  }

  /**
   * The same engine for what fills the tables, which cannot wait for the derived tables to be made anew.
   * `insertMissingSpans` reads them as well: it is begun anew when a damaged part is out of the way, and inserts what
   * that held of its segment.
   */
  forWork<E extends Asked>(engine: E): E {
    return this.#around(engine, () => Promise.resolve());
  }

  /**
   * Tries again to repair what was detached, names the parts that are lost, and the days whose derived tables have to
   * be made anew; `all` where it is not known what has been counted. Call it before anything is counted.
   */
  async findAtStart(engine: Asked): Promise<readonly string[] | 'all'> {
    const before = [...this.#damaged.all, ...this.#repaired.all].filter(({ table }) => table === 'spans');
    const inDetached = new Set((await findLostParts(engine)).map(keyOf));
    const detached = this.#damaged.all.filter((part) => part.table === 'spans' && inDetached.has(keyOf(part)));
    if (detached.length > 0) await engine.repairIndexes?.(detached.map(({ name }) => name));
    await this.#look(engine);
    const lost = new Set(this.#lost.map(keyOf));
    this.#mended = [...this.#mended, ...before.filter((part) => !lost.has(keyOf(part)))];
    this.#lostAtStart = this.#lost;
    this.#mendedAtStart = this.#mended;
    return daysOf([...this.#toRebuild(), ...this.#mended.map(withDay)]);
  }

  /**
   * From now on lost parts have the derived tables made anew, and the engine is asked for damage that no query has
   * met.
   */
  start(engine: Asked, rebuild: RebuildDays): void {
    this.#rebuild = rebuild;
    this.#rebuildWhatIsLost();
    void this.#lookAgainAndAgain(engine);
  }

  stop(): void {
    this.#stopping.abort();
  }

  /** The derived tables of the days that `findAtStart` named agree with the spans that are left. */
  noteRebuilt(): void {
    this.#noteRepaired(this.#lostAtStart, this.#mendedAtStart);
  }

  /** The derived tables agree with what is there without the `lost` ones, and with those that were mended. */
  #noteRepaired(lost: readonly PartName[], mended: readonly PartName[]): void {
    const now = new Set(lost.map(keyOf));
    const done = new Set(mended);
    this.#mended = this.#mended.filter((part) => !done.has(part));
    const gone = new Set(mended.map(keyOf));
    try {
      this.#repaired.note(this.#lost.filter((part) => now.has(keyOf(part)) || this.#repaired.has(part)));
      this.#damaged.note(this.#damaged.all.filter((part) => !gone.has(keyOf(part))));
    } catch (error) {
      this.#options.log.warn(
        { err: error },
        'could not record repaired parts; their days will be rebuilt again at the next start',
      );
    }
  }

  #around<E extends Asked>(engine: E, rebuilt: (signal?: AbortSignal) => Promise<void>): E {
    const attempt = async <T>(sql: string, run: () => Promise<T>, signal?: AbortSignal): Promise<T> => {
      for (let repeats = 0; ; repeats++) {
        try {
          return await run();
        } catch (error) {
          const sign = signOfDamage(error);
          // It reads a file of the spool as well: what names no part may have been met there.
          const isOfSegment = sql === COMPARISON && sign === 'unnamed' && !(error as EngineError).isAboutStore;
          if (sign === null || isOfSegment || repeats > this.#limits.detachedPartsMax) throw error;
          const look = this.#inTurn(() => this.#heed(engine, sign, sql, (error as Error).message));
          // It goes on for whoever meets the part next, also where nobody waits for this answer any more.
          const isOutOfTheWay = await withSignal(look, signal);
          // An INSERT may have added a part of its rows: who asked knows what to do then.
          if (!isOutOfTheWay || sql.startsWith('INSERT')) throw error;
          await rebuilt(signal);
        }
      }
    };
    return new Proxy(engine, {
      get: (target, key) => {
        if (key === 'query') {
          return (sql: string, options: QueryOptions) => attempt(sql, () => target.query(sql, options), options.signal);
        }
        if (key === 'command') return (sql: string) => attempt(sql, () => target.command(sql));
        if (key === 'insertMissingSpans' && target.insertMissingSpans !== undefined) {
          const compare = target.insertMissingSpans.bind(target);
          return (...given: Parameters<typeof compare>) => attempt(COMPARISON, () => compare(...given));
        }
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  /**
   * True when the statement is worth repeating: what it met is out of the way, by us or by another before. Never
   * rejects.
   */
  async #heed(engine: Asked, sign: NamedPart | 'unnamed', sql: string, message: string): Promise<boolean> {
    try {
      if (sign !== 'unnamed') {
        const [[table = ''] = []] = await rowsOf(
          engine,
          `SELECT name FROM system.tables WHERE ${IN_DATABASE} AND uuid = ${sqlString(sign.tableUuid)}`,
        );
        return typeof table === 'string' && table !== '' && (await this.#detach(engine, table, sign.part, message));
      }
      if (performance.now() < this.#unnamedAgainAtMs) return false;
      this.#unnamedAgainAtMs = performance.now() + this.#limits.lookIntervalMs;
      const tables = new Set([...sql.matchAll(TABLE_IN_STATEMENT)].map(([, table]) => sqlString(table ?? '')));
      if (tables.size === 0) return false;
      const parts = await rowsOf(
        engine,
        `SELECT table, name FROM system.parts WHERE ${IN_DATABASE} AND active AND table IN (${[...tables].join(', ')})
ORDER BY bytes_on_disk`,
      );
      let isAny = false;
      const endMs = performance.now() + this.#limits.verifyTimeoutMs;
      for (const [table, part] of parts) {
        if (performance.now() > endMs) break;
        isAny = (await this.#detach(engine, String(table), String(part), null)) || isAny;
      }
      if (isAny) this.#unnamedAgainAtMs = 0;
      return isAny;
    } catch (error) {
      this.#options.log.warn({ err: error }, 'could not look for a damaged part');
      return false;
    }
  }

  /** `accusation`: what a failed statement said of the part. True when it is out of the way. */
  async #detach(engine: Asked, table: string, part: string, accusation: string | null): Promise<boolean> {
    const { log } = this.#options;
    const [found] = await rowsOf(
      engine,
      `SELECT partition_id, rows, bytes_on_disk, path FROM system.parts
WHERE ${IN_DATABASE} AND table = ${sqlString(table)} AND name = ${sqlString(part)} AND active`,
    );
    if (found === undefined) return accusation !== null;
    const [partitionId, rows, bytes, path] = found;
    const verdict = await verifyPart(engine, table, part, { timeoutMs: this.#limits.verifyTimeoutMs, accusation });
    if (verdict.kind === 'sound') return false;
    const { reason } = verdict;
    if (verdict.kind === 'unreadable') {
      this.#noteUnreadable({ table, name: part, day: dayOfPartition(String(partitionId)), path: String(path), reason });
      return false;
    }
    // What it replaced would never be used again once it is detached.
    if ((await engine.takeBackMerge?.(table, part)) === true) return true;
    const lost = {
      table,
      name: part,
      day: dayOfPartition(String(partitionId)),
      rows: Number(rows),
      bytes: Number(bytes),
      reason: '',
    };
    const { detachedPartsMax } = this.#limits;
    if (this.#lost.length >= detachedPartsMax) {
      const message = `part ${part} of table ${table} is damaged and stays in use: ${countOf(this.#lost.length, 'part is', 'parts are')} in detached/ already (damage.detachedPartsMax ${detachedPartsMax})`;
      if (this.#unreadable === null) log.error({ reason }, `${message}; check the disk, and restore a backup`);
      this.#unreadable = message;
      this.#limitCounter.reached('damage.detachedPartsMax');
      return false;
    }
    if (table === 'spans') this.#noteDetached(lost);
    await engine.command(`ALTER TABLE ${engine.tables.named(table).local} DETACH PART ${sqlString(part)}`);
    if (table === 'spans' && (await this.#repair(engine, lost, reason))) return true;
    if (isFresh(table)) {
      log.warn(
        { table, part, reason },
        'a part of the fresh spans is damaged; its spans can be queried once their segment is stored',
      );
      return true;
    }
    // With what the engine keeps beside the part's own files.
    const [kept] = (await findLostParts(engine)).filter((other) => keyOf(other) === keyOf(lost));
    this.#lost = [...this.#lost, { ...lost, bytes: kept?.bytes ?? lost.bytes }];
    tellLost(log, lost, reason);
    this.#rebuildWhatIsLost();
    return true;
  }

  #noteUnreadable(part: UnreadPart): void {
    const { table, name, day, reason } = part;
    if (!this.#unread.has(keyOf(part))) {
      this.#options.log.error(
        { table, part: name, day, reason },
        'the disk cannot read a part of the store; leaving it as it is, queries that need it fail',
      );
    }
    this.#unread.set(keyOf(part), part);
  }

  /** Whether they can be read by now, or are in use no more. */
  async #lookAtUnread(engine: Asked): Promise<void> {
    for (const [key, { table, name, path }] of this.#unread) {
      const [used] = await rowsOf(
        engine,
        `SELECT 1 FROM system.parts WHERE ${IN_DATABASE} AND table = ${sqlString(table)} AND name = ${sqlString(name)} AND active`,
      );
      if (used !== undefined && (await findReadError(path, this.#limits.verifyTimeoutMs)) !== null) continue;
      this.#unread.delete(key);
      this.#options.log.warn(
        { table, part: name },
        'the disk can read a part again that it could not read, or the part is gone',
      );
    }
  }

  /** Before it is: whatever becomes of us then, the next start goes on. */
  #noteDetached(part: PartName): void {
    try {
      this.#damaged.note([...this.#damaged.all, part]);
    } catch (error) {
      this.#options.log.warn(
        { err: error },
        'could not record a damaged part; if it cannot be repaired now, it stays in detached/',
      );
    }
  }

  /**
   * True when the part is in use again. Its spans were not to be found for a while, in which others may have been
   * counted.
   */
  async #repair(engine: Asked, part: PartName, reason: string): Promise<boolean> {
    this.#options.log.warn(
      { table: part.table, part: part.name, reason },
      'a part of the store is damaged; repairing it if only its indexes are damaged',
    );
    const repaired = (await engine.repairIndexes?.([part.name])) ?? [];
    if (!repaired.includes(part.name)) return false;
    this.#mended = [...this.#mended, part];
    this.#rebuildWhatIsLost();
    return true;
  }

  /**
   * Treats parts that somebody found damaged as if a query had met them, and resolves when the derived tables agree
   * with what is there then, where they are made anew at all. Returns those that are in use again. Rejects with
   * `EngineError`.
   */
  async mend(engine: Asked, parts: readonly PartName[]): Promise<readonly PartName[]> {
    const repaired: PartName[] = [];
    for (const part of parts) {
      const isOutOfTheWay = await this.#inTurn(() => this.#detach(engine, part.table, part.name, null));
      const isLost = this.#lost.some((lost) => keyOf(lost) === keyOf(part));
      if (isOutOfTheWay && !isLost) repaired.push(part);
    }
    await this.#rebuilding;
    return repaired;
  }

  /** Parts for which the derived tables have not been made anew, and are not being made. */
  #toRebuild(): readonly LostPart[] {
    return this.#lost.filter(
      (part) => !ALONE.has(part.table) && !this.#repaired.has(part) && !this.#inRebuild.has(keyOf(part)),
    );
  }

  #rebuildWhatIsLost(): void {
    const lost = this.#toRebuild();
    const mended = this.#mended.filter((part) => !this.#inRebuild.has(keyOf(part)));
    if (this.#rebuild === null || lost.length + mended.length === 0) return;
    for (const part of [...lost, ...mended]) this.#inRebuild.add(keyOf(part));
    this.#rebuilding = Promise.all([this.#rebuilding, this.#rebuildFor(lost, mended, this.#rebuild)]);
  }

  async #rebuildFor(lost: readonly LostPart[], mended: readonly PartName[], rebuild: RebuildDays): Promise<void> {
    await rebuild(daysOf([...lost, ...mended.map(withDay)]));
    this.#noteRepaired(lost, mended);
    for (const part of [...lost, ...mended]) this.#inRebuild.delete(keyOf(part));
  }

  async #lookAgainAndAgain(engine: Asked): Promise<void> {
    const { signal } = this.#stopping;
    for (;;) {
      await delay(this.#limits.lookIntervalMs, undefined, { signal, ref: false }).catch(() => {});
      if (signal.aborted) return;
      // An unavailable engine is queried the next time.
      await this.look(engine).catch(() => {});
    }
  }

  /** Asks the engine for parts that it has detached, and for merges that met damage. Rejects with `EngineError`. */
  async look(engine: Asked): Promise<void> {
    await this.#inTurn(() => this.#look(engine));
    await this.#inTurn(() => this.#lookAtUnread(engine));
    const errors = await rowsOf(
      engine,
      `SELECT code, value, last_error_message FROM system.errors WHERE code IN (${LOOKED_FOR.join(', ')})`,
    );
    for (const [code, count, message] of errors) {
      if (this.#errorsSeen.get(Number(code)) === Number(count)) continue;
      this.#errorsSeen.set(Number(code), Number(count));
      const named = partNamedIn(String(message));
      if (named !== null) await this.#inTurn(() => this.#heed(engine, named, '', String(message)));
    }
  }

  async #look(engine: Asked): Promise<void> {
    const known = new Set(this.#lost.map(keyOf));
    const found = await findLostParts(engine);
    const lostBefore = this.#lost;
    const isFewer = found.length < lostBefore.length;
    this.#lost = found;
    for (const part of found) if (!known.has(keyOf(part))) tellLost(this.#options.log, part, part.reason);
    if (isFewer) {
      this.#unreadable = null;
      // Somebody has removed them.
      const left = new Set(found.map(keyOf));
      this.#noteRepaired(
        [],
        lostBefore.filter((part) => !left.has(keyOf(part))),
      );
    }
    this.#rebuildWhatIsLost();
  }
}

/** Made anew by each start, and emptied within seconds. */
function isFresh(table: string): boolean {
  return table.startsWith('spans_fresh');
}

function withDay({ table, name }: PartName): Pick<LostPart, 'table' | 'name' | 'day'> {
  return { table, name, day: dayOfPart(name) };
}

/** What has been counted is noted in a table without days: without it nothing is known of any. */
function daysOf(parts: readonly Pick<LostPart, 'day'>[]): readonly string[] | 'all' {
  if (parts.some(({ day }) => day === null)) return 'all';
  return [...new Set(parts.flatMap(({ day }) => day ?? []))];
}

function tellLost(log: Logger, { table, name, day, rows, bytes }: LostPart, reason: string): void {
  log.error(
    { table, part: name, day, rows, bytes, reason: firstLine(reason) },
    'a damaged part of the store was moved to detached/; its rows are lost, derived tables will be rebuilt',
  );
}

/** Resolves when the promise is done; rejects with the signal's reason as soon as it is aborted. */
async function withSignal<T>(done: Promise<T>, signal?: AbortSignal): Promise<T> {
  signal?.throwIfAborted();
  const ended = new AbortController();
  const left =
    signal === undefined
      ? []
      : [once(signal, 'abort', { signal: ended.signal }).then(() => Promise.reject(signal.reason as Error))];
  try {
    return await Promise.race([done, ...left.map((promise) => (promise.catch(() => {}), promise))]);
  } finally {
    ended.abort();
  }
}
