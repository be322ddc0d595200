import type { QueryOptions } from '../engine.ts';
import { sqlString, sqlUInt64 } from '../sql.ts';
import type { TableDefinition, Tables } from '../tables.ts';
import { rowsOf } from '../rows-of.ts';

/** A store that is queried directly, past the queue of queries. */
export interface LeaseEngine {
  readonly tables: Tables;
  query(sql: string, options: QueryOptions): Promise<Uint8Array>;
  command(sql: string, timeoutMs?: number): Promise<void>;
}

/** What a collector says of itself in the store, and that has not run out. */
export interface Claim {
  /** Of the process. */
  readonly session: string;
  /** Of the data directory. */
  readonly collector: string;
  readonly description: string;
  /** Whether it has the lease, or only requests it. */
  readonly isHeld: boolean;
  /**
   * Of two that hold the lease, the one with the greater term took it later: the other had been stopped. 0 for claims.
   */
  readonly term: number;
  /** Grows with each sign of life. */
  readonly renewal: number;
  /** Above 0. */
  readonly secondsLeft: number;
}

export interface LeaseClaimsOptions {
  readonly session: string;
  readonly collector: string;
  readonly description: string;
  readonly limits: { readonly leaseMs: number };
}

/** A row for each sign of life of a collector. */
export const LEASE_TABLE: TableDefinition = {
  columns: '  session String, renewal UInt64, collector String, description String, term UInt64, expires_at DateTime',
  engine: 'ReplacingMergeTree(renewal)',
  orderBy: 'session',
};
/** The session of the row that has the last term, expired when it is written. */
export const LAST_TERM = 'last term';
/** A renewal that takes longer is too late anyway. */
const TIMEOUT_MS = 5_000;

/**
 * The claims as rows of a table that every ClickHouse knows: a row is added for each sign of life, and the newest of a
 * session counts. A row is seen by every look that begins after its insert has ended.
 */
export class LeaseClaims {
  readonly #engine: LeaseEngine;
  readonly #options: LeaseClaimsOptions;
  #renewal = 0;
  #term = 0;

  constructor(engine: LeaseEngine, options: LeaseClaimsOptions) {
    this.#engine = engine;
    this.#options = options;
  }

  async createTable(): Promise<void> {
    const { tables } = this.#engine;
    await this.#engine.command(tables.createDatabase);
    for (const statement of tables.create('collector_leases', LEASE_TABLE)) await this.#engine.command(statement);
  }

  /** Of the term that began with `hold`. */
  get term(): number {
    return this.#term;
  }

  async claim(): Promise<void> {
    this.#term = 0;
    await this.#write(this.#leaseSeconds);
  }

  /** Begins a term. Call it when no other claim is in the way. */
  async hold(): Promise<void> {
    const [[term] = [0]] = await this.#rows(
      `SELECT toFloat64(max(term)) FROM ${this.#engine.tables.collector_leases.read}`,
    );
    this.#term = Number(term) + 1;
    // A merge leaves the last row of a session, which has no term when the session has withdrawn: of terms that have
    // been there is a row of their own, or they would begin again.
    await this.#insert({ session: LAST_TERM, renewal: this.#term, seconds: 0 });
    await this.#write(this.#leaseSeconds);
  }

  /** A sign of life, of a holder or of a claim. */
  async renew(): Promise<void> {
    await this.#write(this.#leaseSeconds);
  }

  /** What was claimed is free at once. */
  async withdraw(): Promise<void> {
    this.#term = 0;
    await this.#write(0);
  }

  /** Those of other sessions, the least session first. */
  async others(): Promise<Claim[]> {
    const rows = await this.#rows(`SELECT session, argMax(collector, renewal), argMax(description, renewal),
  toFloat64(argMax(term, renewal)), toFloat64(max(renewal)),
  toFloat64(argMax(toUInt32(expires_at), renewal)) - toFloat64(toUInt32(now())) AS seconds_left
FROM ${this.#engine.tables.collector_leases.read} WHERE session != ${sqlString(this.#options.session)} GROUP BY session HAVING seconds_left > 0 ORDER BY session`);
    return rows.map(([session, collector, description, term, renewal, secondsLeft]) => ({
      session: String(session),
      collector: String(collector),
      description: String(description),
      term: Number(term),
      isHeld: Number(term) > 0,
      renewal: Number(renewal),
      secondsLeft: Number(secondsLeft),
    }));
  }

  get #leaseSeconds(): number {
    return Math.ceil(this.#options.limits.leaseMs / 1_000);
  }

  async #rows(sql: string): Promise<unknown[][]> {
    return await rowsOf(this.#engine, sql, TIMEOUT_MS);
  }

  async #write(seconds: number): Promise<void> {
    this.#renewal += 1;
    await this.#insert({ session: this.#options.session, renewal: this.#renewal, seconds });
  }

  async #insert({ session, renewal, seconds }: Sign): Promise<void> {
    const { collector, description } = this.#options;
    const values = [session, collector, description].map(sqlString).join(', ');
    await this.#engine.command(
      `INSERT INTO ${this.#engine.tables.collector_leases.write} (session, collector, description, renewal, term, expires_at)
SELECT ${values}, ${sqlUInt64(renewal)}, ${sqlUInt64(this.#term)}, now() + ${seconds}`,
      TIMEOUT_MS,
    );
  }
}

/** A row. */
interface Sign {
  readonly session: string;
  readonly renewal: number;
  /** Until it expires. */
  readonly seconds: number;
}
