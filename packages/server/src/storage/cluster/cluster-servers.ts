import type { ClickHouseHttp, HttpStatement } from './clickhouse-http.ts';
import type { ClusterLimits } from './cluster-limits.ts';
import type { ClusterStatements } from './cluster-statements.ts';
import { EngineError, type Engine } from '../engine.ts';
import { isLoginError } from './login-error.ts';
import { NodeChecks } from './node-checks.ts';
import { isDiskFull, type NodeHealth } from './node-health.ts';
import type { RunningStatements } from './running-statements.ts';
import type { Shards } from './shards.ts';
import { OtherStoreError, type StoreCheck } from './store-check.ts';
import type { StoreFiles } from './store-files.ts';
import type { Tables } from '../tables.ts';
import { UnreachableError } from './unreachable-error.ts';

export interface ClusterServersOptions {
  readonly servers: readonly ClickHouseHttp[];
  /** Of each of them. */
  readonly health: ReadonlyMap<ClickHouseHttp, NodeHealth>;
  /** The index of the one that is asked first. */
  readonly startAt: number;
  readonly tables: Tables;
  readonly limits: ClusterLimits;
  readonly closing: AbortSignal;
  readonly running: RunningStatements;
  /** How they are asked what they are. */
  readonly statements: () => ClusterStatements;
  /** Null where each server keeps all rows itself. */
  readonly shards: Shards | null;
  readonly check: StoreCheck | undefined;
  readonly files: StoreFiles | undefined;
  /** Whether queries go on there when their reader has left. */
  readonly isToldToEnd: () => boolean;
  readonly isOpen: () => boolean;
  /** `problem` is null where a server is in use. */
  readonly becomes: (problem: unknown) => void;
  readonly onAway: (() => void) | undefined;
}

/** Which of the servers is asked: one of those that respond, and are the store that is meant. */
export class ClusterServers {
  readonly #options: ClusterServersOptions;
  #current: number;

  constructor(options: ClusterServersOptions) {
    this.#options = options;
    this.#current = options.startAt;
  }

  healthOf(server: ClickHouseHttp): NodeHealth {
    return this.#options.health.get(server) as NodeHealth;
  }

  /**
   * Asks the next server where one has certainly not seen the statement, or where it only reads, and the state follows.
   */
  async run(statement: HttpStatement): Promise<Uint8Array> {
    const deadline = performance.now() + statement.timeoutMs;
    let last: unknown;
    for (const server of this.#inOrder()) {
      try {
        await this.admit(server);
        const timeoutMs = Math.max(1, Math.round(deadline - performance.now()));
        const bytes = await (statement.isRepeatable
          ? this.#ask(server, { ...statement, timeoutMs })
          : server.run(statement));
        this.#current = this.#options.servers.indexOf(server);
        this.#options.becomes(null);
        return bytes;
      } catch (error) {
        last = error;
        const isOfServer = error instanceof UnreachableError || isLoginError(error) || isDiskFull(error);
        if (!isOfServer) throw error;
        this.noteFailed(server, error);
        const isUnseen = isLoginError(error) || (error instanceof UnreachableError && error.isUnseen);
        if (!isUnseen && !statement.isRepeatable) break;
      }
    }
    this.#options.becomes(last);
    throw last;
  }

  /** An old server goes on with a query that nobody waits for, unless it is told to end it. */
  async #ask(server: ClickHouseHttp, statement: HttpStatement): Promise<Uint8Array> {
    if (!this.#options.isToldToEnd()) return await server.run(statement);
    const id = this.#options.running.queryId();
    try {
      return await server.run({ ...statement, settings: { ...statement.settings, query_id: id } });
    } catch (error) {
      const isLeft = error instanceof EngineError && error.code === 'timeout' && error.clickhouseCode === 0;
      if (isLeft || statement.signal?.aborted === true) void this.#options.running.endQuery(server, id);
      throw error;
    }
  }

  /** The server did not answer, rejects the login, or is another store. */
  noteFailed(server: ClickHouseHttp, error: unknown): void {
    const health = this.healthOf(server);
    if (error instanceof OtherStoreError) {
      health.noteDown(error, 'store_node_other_store');
      this.#options.shards?.noteAway(server);
      return;
    }
    // Of one that broke off, or answers as a proxy does, the next check tells whether it is there.
    if (!(error instanceof UnreachableError) || error.isUnseen) health.noteDown(error);
    this.#noteAway(server);
  }

  /**
   * The one that is in use, and those behind it; those that are up before all others. First of them comes one whose
   * shard has another replica that is down: it reads its shard from itself, where any other server may ask the one that
   * hangs.
   */
  #inOrder(): readonly ClickHouseHttp[] {
    const [before, after] = [this.#options.servers.slice(0, this.#current), this.#options.servers.slice(this.#current)];
    const missing = new Set(
      this.#options.servers.filter((one) => this.healthOf(one).state === 'down').map((one) => this.#shardOf(one)),
    );
    const isOther = (server: ClickHouseHttp): number => {
      const shard = this.#shardOf(server);
      return shard === null || !missing.has(shard) ? 1 : 0;
    };
    return [...after, ...before].toSorted(
      (a, b) => this.healthOf(a).rank - this.healthOf(b).rank || isOther(a) - isOther(b),
    );
  }

  #shardOf(server: ClickHouseHttp): number | null {
    return this.#options.shards?.numberOf(server) ?? null;
  }

  /** What answers next there may be another store. */
  #noteAway(server: ClickHouseHttp): void {
    this.#options.check?.forget(server);
    this.#options.shards?.noteAway(server);
  }

  /** Asks a server what it is, once, and again when it did not answer. */
  async admit(server: ClickHouseHttp): Promise<void> {
    const engine = this.#askedOf(server);
    await this.#options.check?.admit(server, engine);
    await this.#options.shards?.ask(server, engine);
  }

  /** Their state is known even while no query comes in. */
  startChecks(): void {
    const { check, files } = this.#options;
    const checks = new NodeChecks({
      health: this.#options.health,
      limits: this.#options.limits,
      signal: this.#options.closing,
      isReplicated: this.#options.shards !== null,
      lookAtFiles: async () => await files?.look(),
      admit: async (server) => {
        // Before the store is open nothing is known of it.
        if (!this.#options.isOpen()) return;
        const engine = this.#askedOf(server);
        // A server may be replaced between two statements.
        await check?.recheck(server, engine).catch(throwUnlessResponds);
        await this.#options.shards?.ask(server, engine).catch(throwUnlessResponds);
      },
      onChecked: (server, isSilent) => this.#noteChecked(server, isSilent),
    });
    checks.start();
  }

  #noteChecked(server: ClickHouseHttp, isSilent: boolean): void {
    const health = this.healthOf(server);
    if (health.state === 'down') {
      if (health.troubles[0]?.code === 'store_node_other_store') this.#options.shards?.noteAway(server);
      else this.#noteAway(server);
    }
    if (isSilent) this.#giveUp(server);
    const all = this.#options.servers.map((one) => this.healthOf(one));
    if (all.some(({ state }) => state === 'up')) this.#options.becomes(null);
    if (!all.every(({ state }) => state === 'down')) return;
    this.#options.becomes(health.troubles[0]?.message);
    // A start may wait for long for a server that hangs.
    if (!this.#options.isOpen()) this.#options.onAway?.();
  }

  /** What waits for a server that does not respond goes to another one, if there is one that does. */
  #giveUp(server: ClickHouseHttp): void {
    const others = this.#options.servers.filter((other) => other !== server && this.healthOf(other).state === 'up');
    if (others.length === 0) return;
    // Also where its shard has no other replica: the segment waits for the shard then, and others go on.
    const isReplicated = this.#shardOf(server) !== null;
    server.giveUp(`${server.origin} has stopped responding; another server is asked`, isReplicated);
  }

  /** What is asked of one server and no other. */
  #askedOf(server: ClickHouseHttp): Pick<Engine, 'query' | 'tables'> {
    return {
      tables: this.#options.tables,
      query: (sql, options) => this.#options.statements().select(sql, options, (asked) => server.run(asked)),
    };
  }
}

/** A server may know nothing of its store for now, as while Keeper is away, and is there all the same. */
function throwUnlessResponds(error: unknown): void {
  const isThere = error instanceof EngineError && error.clickhouseCode !== 0 && !isLoginError(error);
  if (!isThere) throw error;
}
