import { setTimeout as delay } from 'node:timers/promises';
import type { Capabilities } from '../capabilities.ts';
import type { HttpStatement } from './clickhouse-http.ts';
import type { ClusterLimits } from './cluster-limits.ts';
import type { ClusterSettings } from './cluster-settings.ts';
import { EngineError, type QueryOptions } from '../engine.ts';
import type { RunningStatements } from './running-statements.ts';
import { rowsOf } from '../rows-of.ts';
import { sqlString } from '../sql.ts';
import { IN_DATABASE } from '../tables.ts';

type Run = (statement: HttpStatement) => Promise<Uint8Array>;

export interface ClusterStatementsOptions {
  readonly limits: ClusterLimits;
  /** Null where each server keeps all rows itself. */
  readonly cluster: ClusterSettings | null;
  readonly running: RunningStatements;
  /** Somebody else makes the tables. */
  readonly isExternal: boolean;
  readonly closing: AbortSignal;
  /** Null before they are known. */
  readonly capabilities: () => Capabilities | null;
  /** Runs a statement on the servers, unless another one is named. */
  readonly run: Run;
}

interface CommandOptions {
  readonly timeoutMs?: number;
  readonly run?: Run;
  /** What one collector does for all. */
  readonly isJob?: boolean;
}

/** How SELECTs and commands are put, by what the servers can do, and repeated while a quorum is busy. */
export class ClusterStatements {
  readonly #options: ClusterStatementsOptions;

  constructor(options: ClusterStatementsOptions) {
    this.#options = options;
  }

  /** Rejects with `EngineError`. */
  async select(
    sql: string,
    { format, timeoutMs, signal }: QueryOptions,
    run = this.#options.run,
    settings = this.#options.cluster?.forSelect(sql),
  ): Promise<Uint8Array> {
    const isOld = this.#options.capabilities()?.rowsInLines !== true;
    const asked = format === 'JSONCompactEachRow' && isOld ? 'JSONCompact' : format;
    const statement: HttpStatement = {
      sql: `${sql}\nFORMAT ${asked}`,
      settings: {
        max_execution_time: Math.max(1, Math.ceil(timeoutMs / 1000)),
        max_memory_usage: this.#options.limits.queryMemoryBytesMax,
        max_result_bytes: this.#options.limits.resultBytesMax,
        // Whatever the servers' profiles say, and 18.16 by itself.
        output_format_json_quote_64bit_integers: 0,
        // ClickHouse does it for a statement that changes nothing.
        ...(this.#options.capabilities()?.cancelsWithConnection === true && {
          readonly: 2,
          cancel_http_readonly_queries_on_client_close: 1,
        }),
        ...this.compatibility,
        ...settings,
      },
      isRepeatable: true,
      timeoutMs,
      ...(signal !== undefined && { signal }),
    };
    const bytes = await this.#whenQuorum(timeoutMs, () => run(statement));
    return asked === format ? bytes : rowsInLines(bytes);
  }

  /** The same of a statement that answers nothing. */
  async command(
    sql: string,
    { timeoutMs = this.#options.limits.commandTimeoutMs, run = this.#options.run, isJob = false }: CommandOptions = {},
  ): Promise<void> {
    if ((this.#options.cluster !== null || this.#options.isExternal) && (await this.#isThere(sql))) return;
    const statement: HttpStatement = {
      sql,
      // A server goes on with what it began to write after we have left: what we repeat would be written twice.
      settings: {
        max_execution_time: Math.max(1, Math.floor(timeoutMs / 1000)),
        ...this.compatibility,
        ...this.#options.cluster?.forCommand(sql, timeoutMs),
        ...(isJob && { query_id: this.#options.running.jobId() }),
      },
      isRepeatable: false,
      timeoutMs,
    };
    await this.#whenQuorum(timeoutMs, () => run(statement));
  }

  /**
   * A table that every server has takes one insert at a time, and refuses another one, of another collector as well,
   * before it has written anything; the same is asked of a replica that lacks the last one.
   */
  async #whenQuorum<T>(timeoutMs: number, run: () => Promise<T>): Promise<T> {
    const end = performance.now() + Math.min(timeoutMs, QUORUM_WAIT_MS_MAX);
    for (let waitMs = QUORUM_WAIT_MS; ; waitMs = Math.min(waitMs * 2, QUORUM_WAIT_MS * 8)) {
      try {
        return await run();
      } catch (error) {
        const isBusy = error instanceof EngineError && QUORUM_CODES.has(error.clickhouseCode);
        if (!isBusy || performance.now() + waitMs > end || this.#options.closing.aborted) throw error;
        await delay(waitMs, undefined, { signal: this.#options.closing }).catch(() => {});
      }
    }
  }

  /**
   * Whether a statement would create what is there already. On a cluster it would wait for each of its servers, for as
   * long as one of them is away; and who may not create anything would be refused.
   */
  async #isThere(sql: string): Promise<boolean> {
    const [, kind, name = ''] = /^CREATE (TABLE|DATABASE) IF NOT EXISTS (?:\w+\.)?(\w+)/.exec(sql) ?? [];
    if (kind === undefined) return false;
    const where = kind === 'TABLE' ? `system.tables WHERE ${IN_DATABASE} AND` : 'system.databases WHERE';
    const engine = { query: (asked: string, options: QueryOptions) => this.select(asked, options) };
    const found = await rowsOf(
      engine,
      `SELECT 1 FROM ${where} name = ${sqlString(name)}`,
      this.#options.limits.pingTimeoutMs,
    );
    return found.length > 0;
  }

  /** Before the version is known nothing is created. */
  get compatibility(): Record<string, number> {
    const capabilities = this.#options.capabilities();
    return capabilities === null || capabilities.lowCardinality ? {} : { allow_experimental_low_cardinality_type: 1 };
  }
}

/** Too few live replicas, an insert that waits for its quorum, a replica that is not in the last one. */
const QUORUM_CODES = new Set([285, 286, 289]);
/** So long a statement waits for the quorum of another one, which takes some ten milliseconds, … */
const QUORUM_WAIT_MS_MAX = 5_000;
/** … and asks again after this first. */
const QUORUM_WAIT_MS = 15;

/** What `JSONCompactEachRow` would have answered. */
function rowsInLines(json: Uint8Array): Uint8Array {
  const { data } = JSON.parse(new TextDecoder().decode(json)) as { data: unknown[] };
  return Buffer.from(data.map((row) => `${JSON.stringify(row)}\n`).join(''));
}
