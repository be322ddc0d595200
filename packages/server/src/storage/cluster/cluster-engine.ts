import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { LimitCounter } from '../../limit-counter.ts';
import { Limiter } from '../../limiter.ts';
import { AwayShards } from './away-shards.ts';
import type { Capabilities } from '../capabilities.ts';
import { checkStoragePolicy } from './check-storage-policy.ts';
import { ClickHouseHttp, type HttpStatement } from './clickhouse-http.ts';
import { CLUSTER_LIMITS, type ClusterLimits } from './cluster-limits.ts';
import {
  EngineError,
  type Engine,
  type EngineState,
  type PlainInserts,
  type QueryOptions,
  type SpanRecovery,
} from '../engine.ts';
import { EngineMetrics } from '../engine-metrics.ts';
import { insertTarget } from '../insert.ts';
import type { CollectorFleet } from './collector-fleet.ts';
import { underLease, type StoreLease } from './lease.ts';
import type { LeaseEngine } from './lease-claims.ts';
import { expectSchema, type ReachedStore } from './expect-schema.ts';
import { askCapabilities, migrate, pendingMigrations } from '../migrations/migrate.ts';
import type { Migration } from '../migrations/migration.ts';
import { findStoreId } from '../store-id.ts';
import { acquireQuerySlot } from '../acquire-query-slot.ts';
import type { StoreCheck } from './store-check.ts';
import type { StoreFiles } from './store-files.ts';
import type { StoreNodes } from '../store-node.ts';
import { isDiskFull, NodeHealth } from './node-health.ts';
import { NodeMetrics } from './node-metrics.ts';
import { isLoginError } from './login-error.ts';
import { wordsOf } from './words-of.ts';
import { UnreachableError } from './unreachable-error.ts';
import { findUnnotedPart } from './unnoted-parts.ts';
import { singleServerTables, type StoragePolicy, type Tables } from '../tables.ts';
import { rowsIn } from '../rows-of.ts';
import { ClusterInserts } from './cluster-inserts.ts';
import { ClusterServers } from './cluster-servers.ts';
import { ClusterStatements } from './cluster-statements.ts';
import { clusterTables } from './cluster-tables.ts';
import { ClusterSettings } from './cluster-settings.ts';
import { ShardedInserts } from './sharded-inserts.ts';
import { RunningStatements } from './running-statements.ts';
import { Shards } from './shards.ts';

export interface ClusterEngineOptions {
  /** `http(s)://[user[:password]@]host[:port]` of servers that share their tables; the first that answers is used, … */
  readonly urls: readonly string[];
  /** … from this one on, as an index of any size; 0 by default. Collectors side by side ask different ones. */
  readonly startAt?: number;
  readonly log: Logger;
  readonly registry: Registry;
  readonly limits?: Partial<ClusterLimits>;
  /**
   * What the servers call the cluster that keeps the tables: replicated, and spread over its shards. Without one each
   * server keeps all rows itself.
   */
  readonly cluster?: string;
  /** Where the servers keep what grows; by their default otherwise. */
  readonly policy?: StoragePolicy;
  /** Taken before the schema is touched; without one, nobody is kept from the store. */
  readonly lease?: StoreLease;
  /** The collectors that may store beside this one; the lease is then for what one of them does for all. */
  readonly fleet?: CollectorFleet;
  /** `external`: somebody else makes and alters the tables, and a start only looks at them; `managed` by default. */
  readonly schema?: 'managed' | 'external';
  /** What makes and alters the tables; those of this program by default. */
  readonly migrations?: readonly Migration[];
  /** Tells the store that is meant from others; without it, each URL is believed. */
  readonly check?: StoreCheck;
  /** Files with the password and the certificates; the URLs and Node say them otherwise. */
  readonly files?: StoreFiles;
  /** Called when no server can be used at the start, and one is waited for. */
  readonly onAway?: () => void;
}

/** ClickHouse servers over HTTP. One of them is used until it does not answer, and then the next that does. */
export class ClusterEngine implements Engine, SpanRecovery, PlainInserts {
  readonly tables: Tables;
  readonly #options: ClusterEngineOptions;
  readonly #limits: ClusterLimits;
  readonly #servers: readonly ClickHouseHttp[];
  readonly #health = new Map<ClickHouseHttp, NodeHealth>();
  readonly #limiter: Limiter;
  readonly #onQueueFull: () => void;
  readonly #metrics: EngineMetrics;
  readonly #closing = new AbortController();
  /** These are null where each server keeps all rows itself. */
  readonly #cluster: ClusterSettings | null;
  readonly #shards: Shards | null;
  readonly #sharded: ShardedInserts | null;
  readonly #away: AwayShards | null;
  readonly #running: RunningStatements;
  readonly #choice: ClusterServers;
  readonly #put: ClusterStatements;
  readonly #inserts: ClusterInserts;
  #isOpen = false;
  #state: EngineState = { kind: 'starting' };
  #capabilities: Capabilities | null = null;

  constructor(options: ClusterEngineOptions) {
    if (options.urls.length === 0) throw new RangeError('no URL of a ClickHouse server was given');
    this.#options = options;
    this.#limits = { ...CLUSTER_LIMITS, ...options.limits };
    const { cluster, policy, files, log } = options;
    this.tables = cluster === undefined ? singleServerTables(policy) : clusterTables(cluster, policy);
    this.#servers = options.urls.map((url) => {
      const server: ClickHouseHttp = new ClickHouseHttp(url, {
        ...this.#limits,
        connectTimeoutMs: this.#limits.pingTimeoutMs,
        ...(files !== undefined && { files }),
        onEnded: (statement, error) => {
          if (this.#state.kind !== 'closed') this.#choice.healthOf(server).noteEnded(statement, error);
        },
      });
      return server;
    });
    const nodeMetrics = new NodeMetrics(
      options.registry,
      this.#servers.map(({ node }) => node),
      () => Array.from(this.#health.values(), ({ node, state }) => [node, state === 'up'] as const),
    );
    for (const server of this.#servers) {
      const { node } = server;
      const isAlone = this.#servers.length === 1;
      this.#health.set(
        server,
        new NodeHealth({
          node,
          metrics: nodeMetrics,
          diskRetryMs: this.#limits.diskRetryMs,
          log: isAlone ? null : log,
        }),
      );
    }
    this.#running = new RunningStatements(this.#servers, this.#limits);
    this.#cluster = cluster === undefined ? null : new ClusterSettings(cluster, this.tables, this.#limits);
    this.#shards = cluster === undefined ? null : new Shards(cluster);
    this.#choice = new ClusterServers({
      servers: this.#servers,
      health: this.#health,
      startAt: (options.startAt ?? 0) % options.urls.length,
      tables: this.tables,
      limits: this.#limits,
      closing: this.#closing.signal,
      running: this.#running,
      statements: () => this.#put,
      shards: this.#shards,
      check: options.check,
      files,
      isToldToEnd: () => this.#capabilities?.cancelsWithConnection === false,
      isOpen: () => this.#isOpen,
      becomes: (problem) => this.#becomes(problem),
      onAway: options.onAway,
    });
    const shared = {
      limits: this.#limits,
      cluster: this.#cluster,
      running: this.#running,
      capabilities: () => this.#capabilities,
      run: (statement: HttpStatement) => this.#choice.run(statement),
    };
    this.#put = new ClusterStatements({ ...shared, isExternal: this.#isExternal, closing: this.#closing.signal });
    this.#inserts = new ClusterInserts({
      ...shared,
      tables: this.tables,
      statements: this.#put,
      sharded: () => this.#sharded,
    });
    this.#sharded =
      this.#shards === null
        ? null
        : new ShardedInserts({
            shards: this.#shards,
            servers: this.#servers,
            admit: (server) => this.#choice.admit(server),
            rank: (server) => this.#choice.healthOf(server).insertRank,
            noteFailed: (server, error) => this.#choice.noteFailed(server, error),
            isPlain: () => this.#capabilities?.lowCardinality !== true,
            statement: (token) => this.#inserts.statement(insertTarget(this.tables, 'spans', 'local'), token),
          });
    this.#away = this.#shards === null ? null : this.#awayShards(cluster ?? '', this.#shards);
    const limitCounter = new LimitCounter(options.registry);
    this.#onQueueFull = (): void => limitCounter.reached('cluster.queuedQueriesMax');
    this.#limiter = new Limiter({
      name: 'query',
      concurrent: this.#limits.concurrentQueries,
      waitingMax: this.#limits.queuedQueriesMax,
    });
    this.#metrics = new EngineMetrics(options.registry, {
      up: () => (this.#state.kind === 'ready' ? 1 : 0),
      runningQueries: () => this.#limiter.running,
      queuedQueries: () => this.#limiter.waiting,
      usage: null,
    });
  }

  /** Spans are found when they are stored. */
  readonly fresh = null;

  get #isExternal(): boolean {
    return this.#options.schema === 'external';
  }

  get hasAttributeFilter(): boolean {
    return this.#capabilities?.bloomFilters === true;
  }

  /** Shards that queries go without, because they do not answer. */
  get shardsAway(): number {
    return this.#away?.count ?? 0;
  }

  get state(): EngineState {
    return this.#state;
  }

  /** What is known of each server. */
  get nodes(): StoreNodes {
    const nodes = this.#servers.map((server) => {
      const { node, replica, version, state, since, troubles } = this.#choice.healthOf(server);
      return { node, shard: this.#shards?.numberOf(server) ?? null, replica, version, state, since, troubles };
    });
    const isDown = (number: number): boolean => {
      const ofShard = nodes.filter(({ shard }) => shard === number);
      return ofShard.length > 0 && ofShard.every(({ state }) => state === 'down');
    };
    return {
      nodes,
      shardsDown: (this.#shards?.numbers ?? []).filter(isDown),
      fileProblems: this.#options.files?.problems ?? [],
    };
  }

  /**
   * Waits with the state `down` for servers that are unreachable or reject the login; meanwhile the spool keeps what
   * arrives.
   */
  async start(): Promise<void> {
    const { signal } = this.#closing;
    this.#choice.startChecks();
    while (!signal.aborted) {
      try {
        await this.#open();
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof EngineError)) throw error;
        if (!passes(error)) throw inWords(error);
        this.#options.check?.acceptOtherStore(this.#servers);
        this.#becomes(error);
        this.#options.onAway?.();
        await delay(this.#limits.startRetryMs, undefined, { signal }).catch(() => {});
      }
    }
  }

  /**
   * Asks what the servers can do, and changes nothing: for whoever looks after the schema, instead of `start`. Rejects
   * with `EngineError` where a start would wait.
   */
  async reach(): Promise<ReachedStore> {
    const engine = {
      tables: this.tables,
      query: (sql: string, options: QueryOptions) => this.#put.select(sql, options),
      command: (sql: string, timeoutMs = this.#limits.commandTimeoutMs) => this.#put.command(sql, { timeoutMs }),
    };
    const capabilities = await askCapabilities(engine);
    this.#capabilities = capabilities;
    if (!capabilities.isSupported) {
      const sentence = `ClickHouse ${capabilities.version} is too old: install version 18.16 or later`;
      throw new EngineError('rejected', sentence);
    }
    await this.#cluster?.open(engine, capabilities);
    const servers = this.#servers.map((server) => {
      const run = (statement: HttpStatement): Promise<Uint8Array> => server.run(statement);
      // Rows that somebody has put in by hand may have no quorum.
      const settings = this.#cluster?.always ?? {};
      const query = (sql: string, options: QueryOptions) => this.#put.select(sql, options, run, settings);
      const command = (sql: string) => this.#put.command(sql, { run });
      return { origin: server.origin, engine: { tables: this.tables, query, command } };
    });
    return { engine, capabilities, quorum: this.#cluster?.quorum ?? 0, servers };
  }

  async #open(): Promise<void> {
    const { lease, fleet, check, policy } = this.#options;
    const reached = await this.reach();
    if (policy !== undefined) await checkStoragePolicy(reached.engine, reached.capabilities, policy);
    await this.#sharded?.replicas();
    if (this.#isExternal) await expectSchema(reached, this.#options.log);
    const direct = reached.engine;
    const jobs = {
      ...direct,
      command: (sql: string, timeoutMs = this.#limits.commandTimeoutMs) =>
        this.#put.command(sql, { timeoutMs, isJob: true }),
    };
    const engine = lease === undefined ? direct : underLease(jobs, lease);
    if (fleet === undefined) {
      await lease?.take(direct);
      await check?.settle(engine);
      await this.#migrate(engine);
    } else {
      await lease?.follow(direct);
      await this.#settleWithOthers(direct, engine, fleet, lease);
      await fleet.join(direct);
    }
    const { version, deduplicationTokens } = reached.capabilities;
    // A replicated table knows a repeat by what is in it as well.
    if (!deduplicationTokens && this.#cluster === null) {
      const sentence = `ClickHouse ${version} does not deduplicate inserts: if the outcome of an insert is unknown, its spans may be stored twice; use 22.2 or later`;
      this.#options.log.warn(sentence);
    }
    // A start reads what each shard has.
    await this.#reachShards();
    if (this.#closing.signal.aborted) return;
    this.#isOpen = true;
    this.#becomes(null);
  }

  /**
   * The collector with the lease makes the tables; the others wait until they are there. Nobody alters them while a
   * collector stores that does not know what comes: it is told, and stores nothing from then on.
   */
  async #settleWithOthers(
    direct: LeaseEngine,
    leased: LeaseEngine,
    fleet: CollectorFleet,
    lease?: StoreLease,
  ): Promise<void> {
    const { signal } = this.#closing;
    const { check, log, migrations } = this.#options;
    try {
      for (let looks = 0; !signal.aborted; looks++) {
        const isChanging = !this.#isExternal && (await pendingMigrations(direct, migrations)).length > 0;
        const older = isChanging ? await fleet.announcement.members(direct) : [];
        const isLeading = lease === undefined || lease.lostBecause === null;
        if (isLeading && older.length === 0) {
          await check?.settle(leased);
          await this.#migrate(leased);
          return;
        }
        const hasId = check === undefined || (await findStoreId(direct)) !== null;
        if (hasId && (await pendingMigrations(direct, migrations)).length === 0) {
          // It has an id: nothing is written.
          await check?.settle(direct);
          return;
        }
        if (looks === LOOKS_TO_TELL) {
          const reason =
            older.length === 0 ? lease?.lostBecause : `collectors of an older version store yet: ${older.join('; ')}`;
          log.warn(`waiting for the schema of the store: ${reason}; if that lasts, stop those of an older version`);
        }
        await delay(this.#limits.startRetryMs, undefined, { signal }).catch(() => {});
      }
    } finally {
      await fleet.announcement.end(direct);
    }
  }

  async #migrate(engine: LeaseEngine): Promise<void> {
    if (this.#isExternal) return;
    const { migrations } = this.#options;
    if ((await pendingMigrations(engine, migrations)).length > 0) await this.#running.endJobsOfOthers();
    await migrate(engine, migrations);
  }

  async query(sql: string, options: QueryOptions): Promise<Uint8Array> {
    options.signal?.throwIfAborted();
    this.#checkOpen();
    const begin = performance.now();
    try {
      const release = await acquireQuerySlot(this.#limiter, options.timeoutMs, options.signal, this.#onQueueFull);
      try {
        // It may have been closed meanwhile.
        this.#checkOpen();
        const timeoutMs = Math.max(1, Math.round(options.timeoutMs - (performance.now() - begin)));
        const asked = { ...options, timeoutMs };
        const bytes = await (this.#away?.answer(
          (settings) => this.#put.select(sql, asked, (statement) => this.#runWith(statement, settings)),
          options.onPartial,
        ) ?? this.#put.select(sql, asked));
        this.#metrics.queryEnded('ok', performance.now() - begin);
        return bytes;
      } finally {
        release();
      }
    } catch (error) {
      this.#metrics.queryFailed(error, options.signal?.aborted === true, performance.now() - begin);
      throw error;
    }
  }

  #awayShards(cluster: string, shards: Shards): AwayShards {
    return new AwayShards({
      cluster,
      shards,
      rows: async (sql, settings) => {
        const timeoutMs = this.#limits.pingTimeoutMs + this.#limits.shardSilenceMs;
        const options = { format: 'JSONCompactEachRow', timeoutMs } as const;
        return rowsIn(await this.#put.select(sql, options, (statement) => this.#runWith(statement, settings)));
      },
      recheckMs: this.#limits.shardRecheckMs,
      log: this.#options.log,
      closing: this.#closing.signal,
    });
  }

  #runWith(statement: HttpStatement, settings: HttpStatement['settings']): Promise<Uint8Array> {
    return this.#choice.run({ ...statement, settings: { ...statement.settings, ...settings } });
  }

  async command(sql: string): Promise<void> {
    this.#checkOpen();
    await this.#put.command(sql);
  }

  /**
   * For what one collector does for all: `endJobsOfOthers` of the next one finds what still runs of these commands, and
   * those on shards.
   */
  get forJobs(): Pick<Engine, 'query' | 'command' | 'tables'> {
    return {
      tables: this.tables,
      query: (sql, options) => this.query(sql, options),
      command: async (sql) => {
        this.#checkOpen();
        await this.#put.command(sql, { isJob: true });
      },
    };
  }

  /** Rejects as `unavailable` while a server may run what another collector has sent for all; call it again then. */
  async endJobsOfOthers(): Promise<void> {
    await this.#running.endJobsOfOthers();
  }

  async insertNativeFile(table: string, path: string, deduplicationToken: string): Promise<void> {
    this.#checkOpen();
    await this.#inserts.asRunning(this.#inserts.insertFile(table, path, deduplicationToken));
  }

  async insertPlainFile(table: string, path: string, name: string): Promise<void> {
    this.#checkOpen();
    await this.#inserts.asRunning(this.#inserts.insertPlain(table, path, name));
  }

  async checkInsertEnded(name: string): Promise<void> {
    this.#checkOpen();
    await this.#running.checkInsertEnded(name);
  }

  async insertMissingSpans(path: string, deduplicationToken: string): Promise<number> {
    this.#checkOpen();
    if (this.#cluster !== null) {
      // A replicated table notes a token together with the part that it came with: a repeat stores what is missing.
      await this.#inserts.asRunning(this.#inserts.insertFile('spans', path, deduplicationToken));
      return 0;
    }
    await this.#running.checkInsertEnded(deduplicationToken);
    if (this.#isExternal && this.#capabilities?.deduplicationTokens === true) {
      // To compare takes a table of its own, which we may not make here: the server knows the repeat by its token.
      await this.#inserts.asRunning(this.#inserts.insertFile('spans', path, deduplicationToken));
      return 0;
    }
    return await this.#inserts.asRunning(this.#inserts.insertMissing(path, deduplicationToken));
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#state = { kind: 'closed' };
    const reason = new EngineError('unavailable', 'the engine is closed');
    for (const server of this.#servers) server.endQueries(reason);
    await Promise.race([this.#inserts.ended, delay(this.#limits.closeTimeoutMs, undefined, { ref: false })]);
    for (const server of this.#servers) server.close(reason);
  }

  #checkOpen(): void {
    if (this.#state.kind === 'closed') throw new EngineError('unavailable', 'the engine is closed', { isUnseen: true });
    if (this.#isOpen) return;
    const reason = this.#state.kind === 'down' ? this.#state.reason : 'the engine is starting';
    throw new EngineError('unavailable', reason, { isUnseen: true });
  }

  /**
   * Each shard by one of its servers, which has all that was stored in the shard before, and nothing twice: what is
   * asked there is asked of no other replica, which may have it later. Rejects as `unavailable` while a shard cannot be
   * reached.
   */
  async shards(): Promise<readonly Pick<Engine, 'query' | 'command' | 'tables'>[]> {
    this.#checkOpen();
    return await this.#reachShards();
  }

  async #reachShards(): Promise<readonly Pick<Engine, 'query' | 'command' | 'tables'>[]> {
    const replicas = await this.#sharded?.replicas();
    if (replicas === undefined) return [this];
    return await Promise.all(replicas.map((servers) => this.#shardOn(servers)));
  }

  async #shardOn(servers: readonly ClickHouseHttp[]): Promise<Pick<Engine, 'query' | 'command' | 'tables'>> {
    let last: unknown;
    for (const server of servers.toSorted((a, b) => this.#choice.healthOf(a).rank - this.#choice.healthOf(b).rank)) {
      const run = (statement: HttpStatement): Promise<Uint8Array> => server.run(statement);
      const command = (sql: string): Promise<void> => this.#put.command(sql, { run, isJob: true });
      try {
        await this.#choice.admit(server);
        await this.#sync(server, run);
        await this.#expectNoted(server, run);
        return { tables: SHARD_TABLES, query: (sql, options) => this.#put.select(sql, options, run), command };
      } catch (error) {
        last = error;
        if (error instanceof UnnotedError) continue;
        if (!(error instanceof UnreachableError) && !isLoginError(error) && !isDiskFull(error)) throw error;
        this.#choice.noteFailed(server, error);
      }
    }
    throw last;
  }

  /**
   * Resolves when the replica that is asked has what was inserted into the others before. A server may miss that it
   * has, and wait on: asked again, it answers at once.
   */
  async #sync({ origin }: ClickHouseHttp, run: (statement: HttpStatement) => Promise<Uint8Array>): Promise<void> {
    for (const timeoutMs of SYNC_TIMEOUTS_MS) {
      try {
        await this.#put.command(`SYSTEM SYNC REPLICA ${this.tables.spans.local}`, { timeoutMs, run });
        return;
      } catch (error) {
        if (!(error instanceof EngineError) || error.code !== 'timeout') throw error;
      }
    }
    throw new EngineError('unavailable', `${origin} has not fetched yet what other replicas of its shard have`);
  }

  /** What such a replica shows is not what is stored: it shows spans twice. */
  async #expectNoted(
    { origin }: ClickHouseHttp,
    run: (statement: HttpStatement) => Promise<Uint8Array>,
  ): Promise<void> {
    const options = { format: 'JSONCompactEachRow', timeoutMs: UNNOTED_TIMEOUT_MS } as const;
    const part = await findUnnotedPart(async (sql) => rowsIn(await this.#put.select(sql, options, run)));
    if (part === null) return;
    throw new UnnotedError('unavailable', `${origin} has yet to find out whether its part ${part} is stored`);
  }

  /** `problem` is null where a server is in use. */
  #becomes(problem: unknown): void {
    if (this.#state.kind === 'closed') return;
    if (problem !== null) {
      const reason = wordsOf(problem);
      if (this.#state.kind !== 'down') this.#options.log.error({ reason }, 'ClickHouse unreachable; retrying');
      this.#state = { kind: 'down', reason };
    } else if (this.#isOpen) {
      if (this.#state.kind === 'down') this.#options.log.info('ClickHouse reachable again');
      this.#state = { kind: 'ready' };
    }
  }
}

/** So long a replica may take to fetch what others have, attempt by attempt; then the shard is asked another time. */
const SYNC_TIMEOUTS_MS = [2_000, 5_000, 20_000];

/** For Keeper to answer which parts it knows. */
const UNNOTED_TIMEOUT_MS = 20_000;

/** Another replica of the shard may do. */
class UnnotedError extends EngineError {}

/** What a shard has of each table is called there as on a single server. */
const SHARD_TABLES = singleServerTables();

/** ClickHouse's own for a user who lacks a privilege. */
const ACCESS_DENIED = 497;

/**
 * Whether a start waits. Somebody may be about to change a password or a grant: what is acknowledged meanwhile is not
 * lost for it. Nor is it for a server that hangs.
 */
function passes(error: EngineError): boolean {
  const isWithoutAnswer = error.code === 'timeout' && error.clickhouseCode === 0;
  return (
    error.code === 'unavailable' || isWithoutAnswer || isLoginError(error) || error.clickhouseCode === ACCESS_DENIED
  );
}

/** The same, in words for a person. */
function inWords(error: EngineError): EngineError {
  const { code, clickhouseCode, isUnseen, isAboutStore } = error;
  return new EngineError(code, wordsOf(error), { cause: error, clickhouseCode, isUnseen, isAboutStore });
}

/** A start beside others waits so many times before it says so: to make the tables takes some seconds. */
const LOOKS_TO_TELL = 15;
