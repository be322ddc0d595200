import type { Capabilities } from '../capabilities.ts';
import type { ClusterLimits } from './cluster-limits.ts';
import { EngineError, type Engine } from '../engine.ts';
import { rowsOf } from '../rows-of.ts';
import { sqlString } from '../sql.ts';
import { TABLE_NAMES, type Tables } from '../tables.ts';

type Settings = Readonly<Record<string, string | number>>;

const TIMEOUT_MS = 10_000;
/** An insert that is not on a majority of the servers by then has failed. */
const QUORUM_TIMEOUT_MS = 10_000;

/** How statements run on a cluster: what the servers are told with each of them. */
export class ClusterSettings {
  readonly #cluster: string;
  readonly #everywhere: readonly string[];
  readonly #limits: Pick<ClusterLimits, 'shardConnectTimeoutMs' | 'shardSilenceMs'>;
  /** How servers deal with each other, as far as they let it be said. */
  #between: Settings = {};
  #writes: Settings = {};
  #reads: Settings = {};
  #quorum = 0;

  constructor(
    cluster: string,
    tables: Tables,
    limits: Pick<ClusterLimits, 'shardConnectTimeoutMs' | 'shardSilenceMs'>,
  ) {
    this.#cluster = cluster;
    this.#limits = limits;
    this.#everywhere = TABLE_NAMES.filter((name) => tables.isOnEveryServer(name)).map((name) => tables[name].local);
  }

  /**
   * Looks at the cluster as the server that is asked knows it. Rejects with `EngineError` (`rejected`) where it does
   * not know it, or misses a macro.
   */
  async open(engine: Pick<Engine, 'query'>, { version, parallelQuorum }: Capabilities): Promise<void> {
    const cluster = sqlString(this.#cluster);
    const sql = `SELECT cluster, toUInt32(countIf(cluster = ${cluster})) FROM system.clusters GROUP BY cluster ORDER BY cluster`;
    const known = await rowsOf(engine, sql, TIMEOUT_MS);
    const servers = Number(known.find(([name]) => name === this.#cluster)?.[1] ?? 0);
    if (servers === 0) {
      const others = known.map(([name]) => String(name)).join(', ');
      const which = others === '' ? 'it knows none' : `it knows ${others}`;
      throw new EngineError('rejected', `ClickHouse ${version} does not know the cluster ${this.#cluster} (${which})`);
    }
    const macros = (await rowsOf(engine, 'SELECT macro FROM system.macros', TIMEOUT_MS)).map(([name]) => name);
    const missing = ['shard', 'replica'].filter((name) => !macros.includes(name));
    if (missing.length > 0) {
      throw new EngineError(
        'rejected',
        `the server's configuration lacks the ${missing.length === 1 ? 'macro' : 'macros'} ${missing.join(' and ')}, which replicated tables are named by`,
      );
    }
    // Of one server nobody else has to know.
    if (servers === 1) return;
    this.#quorum = Math.floor(servers / 2) + 1;
    const { shardConnectTimeoutMs } = this.#limits;
    const wanted = {
      connect_timeout_with_failover_ms: shardConnectTimeoutMs,
      connect_timeout_with_failover_secure_ms: shardConnectTimeoutMs,
      handshake_timeout_ms: shardConnectTimeoutMs,
      // A query is asked a second time before an answer goes without a shard.
      connections_with_failover_max_tries: 1,
      // A shard that answers with an error is not away.
      skip_unavailable_shards_mode: 'unavailable',
    };
    const names = Object.keys(wanted).map(sqlString).join(', ');
    const has = await rowsOf(engine, `SELECT name FROM system.settings WHERE name IN (${names})`, TIMEOUT_MS);
    const settable = new Set(has.map(([name]) => String(name)));
    this.#between = Object.fromEntries(Object.entries(wanted).filter(([name]) => settable.has(name)));
    this.#writes = {
      insert_quorum: this.#quorum,
      insert_quorum_timeout: QUORUM_TIMEOUT_MS,
      ...(parallelQuorum && { insert_quorum_parallel: 0 }),
    };
    this.#reads = { select_sequential_consistency: 1 };
  }

  /** So many servers must have a row that every server has; 0 where there is one server. */
  get quorum(): number {
    return this.#quorum;
  }

  /** An insert has ended when its rows are on their shards; a set is made on the shard that has what it belongs to. */
  readonly always: Settings = {
    insert_distributed_sync: 1,
    distributed_product_mode: 'local',
    // Whatever the servers' profiles say: nobody would know that rows are missing.
    skip_unavailable_shards: 0,
  };

  forSelect(sql: string): Settings {
    const receive_timeout = Math.max(1, Math.ceil(this.#limits.shardSilenceMs / 1_000));
    return { ...this.always, ...this.#between, receive_timeout, ...(this.#names(sql) && this.#reads) };
  }

  forCommand(sql: string, timeoutMs: number): Settings {
    const seconds = Math.max(1, Math.floor(timeoutMs / 1_000));
    return {
      ...this.always,
      distributed_ddl_task_timeout: seconds,
      ...(this.#names(sql) && { ...this.#reads, ...(sql.startsWith('INSERT') && this.#writes) }),
    };
  }

  /**
   * Whether it is about a table that every server has: what one collector has noted, another one reads at another
   * server.
   */
  #names(sql: string): boolean {
    return this.#everywhere.some((name) => sql.includes(name));
  }
}
