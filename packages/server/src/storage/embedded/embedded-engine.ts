import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { LimitCounter } from '../../limit-counter.ts';
import { Limiter } from '../../limiter.ts';
import { StoreDefinitions } from '../definitions/store-definitions.ts';
import { createDurableDirectory } from '../directory/durable-directory.ts';
import {
  EngineError,
  type Engine,
  type EngineState,
  type FreshTables,
  type PlainInserts,
  type QueryOptions,
  type SpanRecovery,
} from '../engine.ts';
import { ENGINE_LIMITS, type EngineLimits } from '../engine-limits.ts';
import { EngineMetrics } from '../engine-metrics.ts';
import { EngineProcess } from '../process/engine-process.ts';
import { createFreshTables, freshTable, FRESH_TABLES } from './fresh-tables.ts';
import { IndexRepair, type RepairsIndexes } from '../damage/index-repair.ts';
import { acquireQuerySlot } from '../acquire-query-slot.ts';
import { BLOCK_SETTINGS, insertTarget, TOKEN_SETTINGS } from '../insert.ts';
import { insertMissingSpans, SPAN_STRUCTURE } from '../insert-missing-spans.ts';
import { MergeWatch, type TakesBackMerges } from '../damage/merge-watch.ts';
import { migrate } from '../migrations/migrate.ts';
import type { MigratedEngine } from '../damage/migrated-engine.ts';
import { CHECKED_TABLES, findShortParts, PartCheck, type SelectRows } from '../damage/part-check.ts';
import { sqlString } from '../sql.ts';
import { removeTornMutations } from './remove-torn-mutations.ts';
import { singleServerTables } from '../tables.ts';
import { rowsIn } from '../rows-of.ts';

export interface EmbeddedEngineOptions {
  /** The store's own directory; created where it is missing. */
  readonly directory: string;
  readonly log: Logger;
  readonly registry: Registry;
  readonly limits?: Partial<EngineLimits>;
  /** The built `embedded-process.js`. */
  readonly processPath?: URL;
  /** Told the process id of every engine process that is started. */
  readonly onProcess?: (pid: number) => void;
  /** Runs before the schema of a store that holds spans is changed. */
  readonly beforeMigration?: (engine: MigratedEngine) => Promise<void>;
  /**
   * Opens the store of another start and leaves it as it is: the schema, what is damaged, and what a start creates
   * again. Nothing is merged.
   */
  readonly isForReading?: boolean;
  /** What the statements that open the store run through, where parts of it may be damaged. */
  readonly aroundDamage?: (engine: MigratedEngine & RepairsIndexes) => MigratedEngine;
}

/** ClickHouse embedded (chDB), in a child process that is started again when it dies. */
export class EmbeddedEngine implements Engine, SpanRecovery, PlainInserts, RepairsIndexes, TakesBackMerges {
  readonly tables = singleServerTables();
  readonly #options: EmbeddedEngineOptions;
  readonly #limits: EngineLimits;
  readonly #metrics: EngineMetrics;
  readonly #limiter: Limiter;
  readonly #onQueueFull: () => void;
  readonly #repair: IndexRepair;
  readonly #merges: MergeWatch;
  readonly #definitions: StoreDefinitions;
  readonly #closing = new AbortController();
  #process: EngineProcess | null = null;
  #checks: ReadonlyMap<string, PartCheck> = new Map();
  #state: EngineState = { kind: 'starting' };
  #lastInsert: Promise<unknown> = Promise.resolve();
  #lastFresh: Promise<unknown> = Promise.resolve();
  #lastCommand: Promise<unknown> = Promise.resolve();
  #restartDelayMs: number;
  #isLookingAtMerges = false;
  #hasMissedMerges = false;

  constructor(options: EmbeddedEngineOptions) {
    this.#options = options;
    this.#limits = { ...ENGINE_LIMITS, ...options.limits };
    this.#restartDelayMs = this.#limits.restartDelayMs;
    this.#repair = new IndexRepair(options.log);
    this.#merges = new MergeWatch({ log: options.log, registry: options.registry, limits: this.#limits });
    this.#definitions = new StoreDefinitions({
      store: options.directory,
      log: options.log,
      registry: options.registry,
      startScratch: (directory) => this.#startProcess(directory, 1),
      adaptTables: (engine) => this.#merges.keepReplaced(engine),
      signal: this.#closing.signal,
    });
    const { concurrentQueries, queuedQueriesMax } = this.#limits;
    const limitCounter = new LimitCounter(options.registry);
    this.#onQueueFull = (): void => limitCounter.reached('engine.queuedQueriesMax');
    this.#limiter = new Limiter({ name: 'query', concurrent: concurrentQueries, waitingMax: queuedQueriesMax });
    this.#metrics = new EngineMetrics(options.registry, {
      up: () => (this.#state.kind === 'ready' ? 1 : 0),
      runningQueries: () => this.#limiter.running,
      queuedQueries: () => this.#limiter.waiting,
      usage: () => this.#process?.usage ?? { residentBytes: 0, cpuSeconds: 0, unmappedBytes: 0 },
    });
  }

  get state(): EngineState {
    return this.#state;
  }

  /**
   * Definitions of tables that were damaged and have been put back, as they are kept until a person has removed them.
   */
  get damagedDefinitions(): readonly string[] {
    return this.#definitions.damaged;
  }

  async start(): Promise<void> {
    await createDurableDirectory(this.#options.directory);
    await this.#open();
  }

  async query(sql: string, { format, timeoutMs, signal }: QueryOptions): Promise<Uint8Array> {
    signal?.throwIfAborted();
    const engine = this.#ready();
    const startedMs = performance.now();
    try {
      const release = await acquireQuerySlot(this.#limiter, timeoutMs, signal, this.#onQueueFull);
      const remainingMs = Math.max(1, Math.round(startedMs + timeoutMs - performance.now()));
      const ended = new AbortController();
      const cancel = AbortSignal.any([ended.signal, ...(signal === undefined ? [] : [signal])]);
      // The slot is free when the engine has answered, which may be later than the caller has given up.
      const answer = engine.run({ session: 'query', sql, format, timeoutMs: remainingMs }, cancel).finally(release);
      const bytes = await this.#within(answer, remainingMs + CANCEL_GRACE_MS, signal).finally(() => ended.abort());
      this.#metrics.queryEnded('ok', performance.now() - startedMs);
      return bytes;
    } catch (error) {
      this.#metrics.queryFailed(error, signal?.aborted === true, performance.now() - startedMs);
      throw error;
    }
  }

  async command(sql: string): Promise<void> {
    await this.#command(this.#ready(), sql);
    if (StoreDefinitions.areChangedBy(sql)) await this.#definitions.note();
  }

  async insertNativeFile(table: string, path: string, deduplicationToken: string): Promise<void> {
    this.#ready();
    const sql = `INSERT INTO ${insertTarget(this.tables, table)} FROM INFILE ${sqlString(path)} \
SETTINGS ${INSERT_SETTINGS}, insert_deduplication_token = ${sqlString(deduplicationToken)} FORMAT Native`;
    await this.#inInsertTurn(async () => {
      const engine = this.#ready();
      await this.#insert(engine, sql);
      await this.#checkStored(engine, table);
    });
  }

  /** The engine has ended an insert when it has answered it, and with its process: none is under way. */
  async insertMissingSpans(path: string): Promise<number> {
    this.#ready();
    const source = `file(${sqlString(path)}, 'Native', ${sqlString(SPAN_STRUCTURE)})`;
    return await this.#inInsertTurn(async () => {
      const engine = this.#ready();
      // A query that meets a bad index fails, and so would the count of what is missing.
      await this.#dropShort(engine, 'spans');
      return await insertMissingSpans(source, {
        tables: this.tables,
        select: (sql) => this.#insert(engine, sql, 'JSONCompactEachRow'),
        insert: async (sql) => {
          await this.#insert(engine, `${sql}\nSETTINGS ${PLAIN_SETTINGS}`);
          await this.#checkStored(engine, 'spans');
        },
      });
    });
  }

  /** Where a file of the part could not be written, the insert is one in doubt. */
  async #checkStored(engine: EngineProcess, table: string): Promise<void> {
    const dropped = await this.#dropShort(engine, table);
    if (dropped.length === 0) return;
    const names = dropped.join(', ');
    throw new EngineError('unavailable', `could not write files of ${names} of ${table}; retrying the insert`);
  }

  /**
   * What the next start would refuse goes at once, while its segment is still there. Returns the names of the parts.
   */
  async #dropShort(engine: EngineProcess, table: string): Promise<string[]> {
    const names = ((await this.#checks.get(table)?.findShort()) ?? []).map(({ name }) => name);
    for (const name of names) {
      await this.#command(engine, `ALTER TABLE ${this.tables.named(table).local} DROP PART ${sqlString(name)}`);
    }
    return names;
  }

  async repairIndexes(detached: readonly string[]): Promise<readonly string[]> {
    return await this.#inInsertTurn(() => this.#repair.repair(this, detached));
  }

  async insertPlainFile(table: string, path: string): Promise<void> {
    this.#ready();
    const sql = `INSERT INTO ${insertTarget(this.tables, table)} FROM INFILE ${sqlString(path)} SETTINGS ${PLAIN_SETTINGS} FORMAT Native`;
    await this.#inInsertTurn(async () => {
      const engine = this.#ready();
      await this.#insert(engine, sql);
      await this.#checkStored(engine, table);
    });
  }

  /**
   * It has ended when the engine has answered it, and with its process; whoever asks has waited for either. The look at
   * its parts may have failed, or what it found could not be dropped: what the next start would refuse must not be
   * taken for stored.
   */
  async checkInsertEnded(): Promise<void> {
    await this.#inInsertTurn(async () => {
      const engine = this.#ready();
      for (const table of this.#checks.keys()) if (table !== 'spans') await this.#dropShort(engine, table);
    });
  }

  /** Spans and request metrics have a loader each, and the engine one session to insert with. */
  async #inInsertTurn<T>(work: () => Promise<T>): Promise<T> {
    const insert = this.#lastInsert.then(work);
    this.#lastInsert = insert.catch(() => {});
    return await insert;
  }

  readonly hasAttributeFilter = true;
  readonly fresh: FreshTables = {
    count: FRESH_TABLES,
    insert: (table, path) =>
      this.#fresh(`INSERT INTO ${insertTarget(this.tables, freshTable(table))} FROM INFILE ${sqlString(path)}
SETTINGS ${FRESH_SETTINGS} FORMAT Native`),
    clear: (table) => this.#fresh(`TRUNCATE TABLE ${this.tables.named(freshTable(table)).local}`),
  };

  async #fresh(sql: string): Promise<void> {
    const { commandTimeoutMs: timeoutMs } = this.#limits;
    const done = this.#lastFresh.then(() => this.#ready().run({ session: 'fresh', sql, format: 'Null', timeoutMs }));
    this.#lastFresh = done.catch(() => {});
    await done;
  }

  async #insert(engine: EngineProcess, sql: string, format = 'Null'): Promise<Uint8Array> {
    const { insertTimeoutMs } = this.#limits;
    const stuck = setTimeout(() => engine.kill(`an insert took longer than ${insertTimeoutMs} ms`), insertTimeoutMs);
    try {
      return await engine.run({ session: 'insert', sql, format, timeoutMs: 0 });
    } finally {
      clearTimeout(stuck);
    }
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    const engine = this.#process;
    const wasReady = this.#state.kind === 'ready';
    this.#state = { kind: 'closed' };
    if (engine === null) return;
    if (wasReady) {
      const deadline = delay(this.#limits.closeTimeoutMs, undefined, { ref: false });
      await Promise.race([this.#lastInsert, deadline]);
      engine.close();
      await Promise.race([engine.ended, deadline]);
    }
    engine.kill();
    await engine.ended;
  }

  #ready(): EngineProcess {
    if (this.#state.kind === 'ready' && this.#process !== null) return this.#process;
    const reason = this.#state.kind === 'down' ? this.#state.reason : `the engine is ${this.#state.kind}`;
    throw new EngineError('unavailable', reason, { isUnseen: true });
  }

  /** One life of the process: ready when it resolves; supervised from then on. */
  async #open(): Promise<void> {
    const { directory, log, onProcess } = this.#options;
    // Merges begin with the tables.
    await this.#definitions.check();
    await removeTornMutations(directory, log);
    if (this.#closing.signal.aborted) return;
    const startedAtMs = Date.now();
    const engine = this.#startProcess(directory, this.#limits.concurrentQueries);
    if (engine.pid > 0) onProcess?.(engine.pid);
    try {
      await engine.open();
      const direct: MigratedEngine & RepairsIndexes = {
        tables: this.tables,
        query: (sql, { format, timeoutMs }) => engine.run({ session: 'query', sql, format, timeoutMs }),
        command: (sql) => this.#command(engine, sql),
        // Nothing is inserted before the store is open.
        repairIndexes: (detached) => this.#repair.repair(direct, detached),
        expectWhole: async (table) => {
          const select: SelectRows = async (sql) => rowsIn(await this.#insert(engine, sql, 'JSONCompactEachRow'));
          const short = await findShortParts(select, table);
          // The next start would detach them, and report rows as lost that are where they were.
          for (const { name } of short) {
            await this.#command(engine, `ALTER TABLE ${this.tables[table].local} DROP PART ${sqlString(name)}`);
          }
          const [first] = short;
          if (first === undefined) return;
          throw new EngineError('unavailable', `part ${first.name} of ${table} could not be written: ${first.fault}`);
        },
      };
      const opened = this.#options.aroundDamage?.(direct) ?? direct;
      if (this.#options.isForReading === true) await opened.command('SYSTEM STOP MERGES');
      else await this.#prepare(engine, opened, direct, startedAtMs);
    } catch (error) {
      engine.kill();
      await engine.ended;
      throw error;
    }
    // `close` may have been called meanwhile; it ends the process that it finds.
    if (this.#closing.signal.aborted) return;
    this.#state = { kind: 'ready' };
    const readyAt = performance.now();
    log.debug({ enginePid: engine.pid }, 'engine ready');
    const watch = setInterval(() => this.#watch(engine), this.#limits.pingIntervalMs).unref();
    const lookAtMerges =
      this.#options.isForReading === true
        ? undefined
        : setInterval(() => void this.#lookAtMerges(engine), this.#limits.mergeLookIntervalMs).unref();
    void engine.ended.then((reason) => {
      clearInterval(watch);
      clearInterval(lookAtMerges);
      return this.#restart(reason, performance.now() - readyAt);
    });
  }

  /** What every start does before anything is asked. */
  async #prepare(
    engine: EngineProcess,
    opened: MigratedEngine,
    direct: MigratedEngine & RepairsIndexes,
    startedAtMs: number,
  ): Promise<void> {
    const select: SelectRows = async (sql) => rowsIn(await this.#insert(engine, sql, 'JSONCompactEachRow'));
    await this.#merges.open(select, direct, startedAtMs);
    await migrate(opened, undefined, this.#options.beforeMigration);
    await this.#merges.keepReplaced(direct);
    await this.#definitions.note();
    await this.#repair.repair(direct);
    this.#checks = new Map(CHECKED_TABLES.map((table) => [table, new PartCheck(select, table)]));
    for (const check of this.#checks.values()) await check.start();
    await createFreshTables(opened);
  }

  #startProcess(directory: string, querySessions: number): EngineProcess {
    // The one that `close` ends.
    this.#process = new EngineProcess(
      this.#options.processPath ?? new URL('../process/embedded-process.js', import.meta.url),
      {
        directory,
        connectionArgs: connectionArgs(this.#limits),
        querySessions,
        unmapIntervalMs: this.#limits.unmapIntervalMs,
      },
    );
    return this.#process;
  }

  /** Queries are counted, not time: where we did not run ourselves, an engine is not late. */
  #watch(engine: EngineProcess): void {
    if (this.#closing.signal.aborted) return;
    const { pingIntervalMs, unansweredPingsDown, unansweredPingsMax } = this.#limits;
    const { unansweredPings } = engine;
    const reason = `the engine has not responded for ${unansweredPings * pingIntervalMs} ms`;
    const isDown = unansweredPings >= unansweredPingsDown;
    if (isDown && this.#state.kind === 'ready') this.#options.log.warn('engine not responding');
    if (!isDown && this.#state.kind === 'down') this.#options.log.warn('engine responding again');
    this.#state = isDown ? { kind: 'down', reason } : { kind: 'ready' };
    if (unansweredPings >= unansweredPingsMax) engine.kill(reason);
    else engine.ping();
  }

  /** In the turn of inserts: none is in doubt where the engine is started again. */
  async #lookAtMerges(engine: EngineProcess): Promise<void> {
    if (this.#isLookingAtMerges) return;
    this.#isLookingAtMerges = true;
    const merging = { tables: this.tables, command: (sql: string) => this.#command(engine, sql) };
    try {
      await this.#inInsertTurn(() => this.#restartFor(() => this.#merges.look(merging)));
      this.#hasMissedMerges = false;
    } catch (error) {
      // An unavailable engine merges nothing.
      if (this.#state.kind !== 'ready' || this.#hasMissedMerges) return;
      this.#hasMissedMerges = true;
      this.#options.log.warn({ err: error }, 'could not check merged parts; will retry');
    } finally {
      this.#isLookingAtMerges = false;
    }
  }

  async takeBackMerge(table: string, part: string): Promise<boolean> {
    try {
      if (!(await this.#inInsertTurn(() => this.#restartFor(() => this.#merges.lookAt(table, part))))) return false;
      const endMs = performance.now() + this.#limits.commandTimeoutMs;
      while (this.#state.kind !== 'ready' && !this.#closing.signal.aborted && performance.now() < endMs) {
        await delay(this.#limits.restartDelayMs);
      }
      return this.#state.kind === 'ready';
    } catch (error) {
      this.#options.log.warn({ err: error, table, part }, 'could not check a merged part');
      return false;
    }
  }

  /** Whether there was a reason. */
  async #restartFor(look: () => Promise<string | null>): Promise<boolean> {
    const engine = this.#ready();
    const reason = await look();
    if (reason === null) return false;
    engine.kill(reason);
    await engine.ended;
    return true;
  }

  async #restart(reason: string, uptimeMs: number): Promise<void> {
    const { restartDelayMs, restartDelayMsMax } = this.#limits;
    if (uptimeMs > restartDelayMsMax) this.#restartDelayMs = restartDelayMs;
    let sentence = reason;
    let told = '';
    while (!this.#closing.signal.aborted) {
      const delayMs = this.#restartDelayMs;
      this.#restartDelayMs = Math.min(delayMs * 2, restartDelayMsMax);
      this.#state = { kind: 'down', reason: sentence };
      this.#metrics.restarts.inc();
      // A line where the state changes, not one an attempt.
      if (told !== sentence) this.#options.log.error({ reason: sentence }, 'engine exited; restarting');
      told = sentence;
      try {
        await delay(delayMs, undefined, { signal: this.#closing.signal });
        await this.#open();
        this.#options.log.warn('engine restarted');
        return;
      } catch (error) {
        sentence = error instanceof Error ? error.message : String(error);
      }
    }
  }

  async #command(engine: EngineProcess, sql: string): Promise<void> {
    const { commandTimeoutMs } = this.#limits;
    const command = this.#lastCommand.then(() =>
      engine.run({ session: 'command', sql, format: 'Null', timeoutMs: commandTimeoutMs }),
    );
    this.#lastCommand = command.catch(() => {});
    try {
      await command;
    } catch (error) {
      this.#metrics.statementFailed(error);
      throw error;
    }
  }

  /** An engine that does not even keep its own limit must not hold the caller, nor one that is no longer wanted. */
  #within(answer: Promise<Uint8Array>, timeoutMs: number, signal?: AbortSignal): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const leave = (): void => reject(signal?.reason as Error);
      const timer = setTimeout(() => {
        reject(new EngineError('timeout', `the engine did not respond within ${timeoutMs} ms`));
      }, timeoutMs);
      signal?.addEventListener('abort', leave, { once: true });
      if (signal?.aborted === true) leave();
      void answer.then(resolve, reject).finally(() => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', leave);
      });
    });
  }
}

/** The engine notices its own time limit between blocks, so it may answer this much later. */
const CANCEL_GRACE_MS = 2_000;

const INSERT_SETTINGS = settingsText({ ...BLOCK_SETTINGS, ...TOKEN_SETTINGS });
const PLAIN_SETTINGS = settingsText({ ...BLOCK_SETTINGS, ...TOKEN_SETTINGS, insert_deduplicate: 0 });

function settingsText(settings: Readonly<Record<string, number>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = ${value}`)
    .join(', ');
}

const FRESH_SETTINGS = Object.entries({ ...BLOCK_SETTINGS, max_insert_threads: 1, async_insert: 0 })
  .map(([name, value]) => `${name} = ${value}`)
  .join(', ');

function connectionArgs(limits: EngineLimits): string[] {
  return [
    `--max_server_memory_usage=${limits.memoryBytesMax}`,
    `--max_memory_usage=${limits.queryMemoryBytesMax}`,
    `--max_result_bytes=${limits.resultBytesMax}`,
    `--max_result_rows=${limits.resultRowsMax}`,
    `--mark_cache_size=${limits.markCacheBytesMax}`,
    `--index_mark_cache_size=${limits.markCacheBytesMax}`,
    `--primary_index_cache_size=${limits.markCacheBytesMax}`,
    '--uncompressed_cache_size=0',
    '--query_condition_cache_size=16777216',
    `--max_threads=${limits.queryThreads}`,
    // Without it a query wants 1 GiB for each thread, which is all that the engine has: every query would run on one.
    `--max_threads_min_free_memory_per_thread=${limits.queryThreadMemoryBytes}`,
    // Each query has ids and times of its own, and compiling its expressions takes longer than they save.
    '--compile_expressions=0',
    `--background_pool_size=${limits.mergeThreads}`,
    '--max_thread_pool_size=256',
    // By default 1000 stay for ever, of which each keeps memory that it has used: behind a load they were a hundred.
    '--max_thread_pool_free_size=16',
    // It compares what is counted as allocated with what is resident, by default twenty times a second, also where
    // nothing happens.
    '--memory_worker_period_ms=500',
    '--logger.level=none',
  ];
}
