import type { Capabilities } from '../capabilities.ts';
import type { HttpStatement } from './clickhouse-http.ts';
import type { ClusterLimits } from './cluster-limits.ts';
import type { ClusterSettings } from './cluster-settings.ts';
import type { ClusterStatements } from './cluster-statements.ts';
import { BLOCK_SETTINGS, insertTarget, TOKEN_SETTINGS } from '../insert.ts';
import { insertMissingSpans, SPAN_STRUCTURE } from '../insert-missing-spans.ts';
import type { RunningStatements } from './running-statements.ts';
import type { ShardedInserts } from './sharded-inserts.ts';
import type { Tables } from '../tables.ts';

export interface ClusterInsertsOptions {
  readonly limits: ClusterLimits;
  readonly tables: Tables;
  readonly statements: ClusterStatements;
  readonly running: RunningStatements;
  /** These are null where each server keeps all rows itself. */
  readonly cluster: ClusterSettings | null;
  readonly sharded: () => ShardedInserts | null;
  readonly capabilities: () => Capabilities | null;
  readonly run: (statement: HttpStatement) => Promise<Uint8Array>;
}

/** How files are inserted, with what the servers need to know a repeat. */
export class ClusterInserts {
  readonly #options: ClusterInsertsOptions;
  #running: Promise<unknown> = Promise.resolve();

  constructor(options: ClusterInsertsOptions) {
    this.#options = options;
  }

  /** Resolves when no insert runs any more. */
  get ended(): Promise<unknown> {
    return this.#running;
  }

  /** Into `spans` of a cluster each span goes to its shard. */
  async insertFile(table: string, path: string, token: string): Promise<void> {
    const { tables, run } = this.#options;
    const sharded = this.#options.sharded();
    if (table === 'spans' && (await sharded?.insert(path, token)) === true) return;
    await run({ ...this.statement(insertTarget(tables, table), token), file: path });
  }

  /** Its data is added by whoever runs it. */
  statement(target: string, token: string): HttpStatement {
    const takesTokens = this.#options.capabilities()?.deduplicationTokens === true;
    return {
      sql: `INSERT INTO ${target} FORMAT Native`,
      isRepeatable: false,
      settings: {
        ...this.#settings(token),
        ...(takesTokens && { insert_deduplication_token: token }),
      },
      timeoutMs: this.#options.limits.insertTimeoutMs,
    };
  }

  /**
   * The server cannot read our file: it gets the segment into a table of its own, which is gone with it at the latest.
   */
  async insertMissing(path: string, token: string): Promise<number> {
    const { insertTimeoutMs: timeoutMs } = this.#options.limits;
    const { tables, statements, run } = this.#options;
    const copy = tables.named(`in_doubt_${token.replaceAll('-', '_')}`).local;
    const settings = this.#plainSettings(token);
    await statements.command(`DROP TABLE IF EXISTS ${copy}`);
    await statements.command(`CREATE TABLE ${copy} (${SPAN_STRUCTURE}) ENGINE = Memory`);
    try {
      await run({
        sql: `INSERT INTO ${copy} FORMAT Native`,
        file: path,
        isRepeatable: false,
        settings,
        timeoutMs,
      });
      return await insertMissingSpans(copy, {
        tables,
        select: (sql) => statements.select(sql, { format: 'JSONCompactEachRow', timeoutMs }),
        insert: async (sql) => void (await run({ sql, isRepeatable: false, settings, timeoutMs })),
      });
    } finally {
      // One that stays is dropped when the segment comes again.
      await statements.command(`DROP TABLE IF EXISTS ${copy}`).catch(() => {});
    }
  }

  #settings(token: string): Record<string, string | number> {
    const takesTokens = this.#options.capabilities()?.deduplicationTokens === true;
    return {
      ...BLOCK_SETTINGS,
      ...(takesTokens && TOKEN_SETTINGS),
      ...this.#options.statements.compatibility,
      ...this.#options.cluster?.always,
      query_id: this.#options.running.insertId(token),
      max_execution_time: Math.max(1, Math.ceil(this.#options.limits.insertTimeoutMs / 1000)),
    };
  }

  #plainSettings(token: string): Record<string, string | number> {
    const takesTokens = this.#options.capabilities()?.deduplicationTokens === true;
    return { ...this.#settings(token), ...(takesTokens && { insert_deduplicate: 0 }) };
  }

  /** Rows that have no identity, as often as they come. */
  async insertPlain(table: string, path: string, name: string): Promise<void> {
    const { tables, run, limits } = this.#options;
    await run({
      sql: `INSERT INTO ${insertTarget(tables, table)} FORMAT Native`,
      file: path,
      isRepeatable: false,
      settings: this.#plainSettings(name),
      timeoutMs: limits.insertTimeoutMs,
    });
  }

  /** Spans and request metrics may be inserted at the same time. */
  async asRunning<T>(insert: Promise<T>): Promise<T> {
    const before = this.#running;
    this.#running = insert.catch(() => {}).then(() => before);
    return await insert;
  }
}
