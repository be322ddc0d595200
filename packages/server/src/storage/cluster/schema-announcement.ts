import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { rowsOf } from '../rows-of.ts';
import { sqlString, sqlUInt64 } from '../sql.ts';
import { FLEET_TABLE } from './fleet-table.ts';
import type { LeaseEngine } from './lease-claims.ts';
import type { LeaseLimits } from './lease.ts';

export interface SchemaAnnouncementOptions {
  /** One for each process, and never the same. */
  readonly session: string;
  readonly collector: string;
  /** Where to find whoever announces, for people. */
  readonly description: string;
  readonly limits: LeaseLimits;
  /** The number of the schema that the store is to get. */
  readonly schema: number;
  readonly log: Logger;
}

const TIMEOUT_MS = 5_000;
/** Nobody waits for whoever announces: it has stored nothing, and stores nothing before it has joined. */
const STORES_NOTHING = Number.MAX_SAFE_INTEGER;

/** The session of an announcement, among those of members. */
function announcementOf({ schema, session }: Pick<SchemaAnnouncementOptions, 'schema' | 'session'>): string {
  return `schema ${schema} of ${session}`;
}

/** What a session announces, and whose it is; null for one of a member. */
export function announcedIn(session: string): { readonly schema: number; readonly session: string } | null {
  const [, schema, of = ''] = /^schema (\d+) of (.*)$/s.exec(session) ?? [];
  return schema === undefined ? null : { schema: Number(schema), session: of };
}

/**
 * Says to the collectors that store side by side that the store is about to get another schema. Those of an older
 * version that see it store nothing from then on, and let their membership end. Each looks after it has written: who
 * joins meanwhile is seen here, or sees it.
 */
export class SchemaAnnouncement {
  readonly #options: SchemaAnnouncementOptions;
  #renewal = 0;
  #ending: AbortController | null = null;

  constructor(options: SchemaAnnouncementOptions) {
    this.#options = options;
  }

  /**
   * Announces it until `end`, and returns who stores at this moment, as descriptions for people: none of them knows
   * the schema. Rejects with the engine's error.
   */
  async members(engine: LeaseEngine): Promise<readonly string[]> {
    if (this.#ending === null) {
      await engine.command(engine.tables.createDatabase);
      for (const statement of engine.tables.create('collectors', FLEET_TABLE)) await engine.command(statement);
      await this.#write(engine, this.#leaseSeconds);
      this.#ending = new AbortController();
      void this.#renewAgainAndAgain(engine, this.#ending.signal);
    }
    const rows = await rowsOf(
      engine,
      `SELECT session, argMax(description, renewal), argMax(toUInt32(expires_at), renewal) AS ends
FROM ${engine.tables.collectors.read} GROUP BY session HAVING ends > toUInt32(now()) ORDER BY session`,
      TIMEOUT_MS,
    );
    return rows
      .filter(([session]) => announcedIn(String(session)) === null)
      .map(([, description]) => String(description));
  }

  /** The store has the schema, or does not get it. Never rejects. */
  async end(engine: LeaseEngine): Promise<void> {
    if (this.#ending === null) return;
    this.#ending.abort();
    this.#ending = null;
    // Where the store does not answer, it ends by itself.
    await this.#write(engine, 0).catch(() => {});
  }

  get #leaseSeconds(): number {
    return Math.ceil(this.#options.limits.leaseMs / 1_000);
  }

  async #renewAgainAndAgain(engine: LeaseEngine, signal: AbortSignal): Promise<void> {
    const { limits, log } = this.#options;
    while (!signal.aborted) {
      await delay(limits.leaseRenewMs, undefined, { signal, ref: false }).catch(() => {});
      if (signal.aborted) return;
      await this.#write(engine, this.#leaseSeconds).catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        log.warn({ reason }, 'could not announce the schema of the store to other collectors; trying again');
      });
    }
  }

  async #write(engine: LeaseEngine, seconds: number): Promise<void> {
    const { collector, description } = this.#options;
    this.#renewal += 1;
    const values = [announcementOf(this.#options), collector, description].map(sqlString).join(', ');
    await engine.command(
      `INSERT INTO ${engine.tables.collectors.write} (session, collector, description, renewal, stored_until, expires_at)
SELECT ${values}, ${sqlUInt64(this.#renewal)}, ${sqlUInt64(STORES_NOTHING)}, now() + ${seconds}`,
      TIMEOUT_MS,
    );
  }
}
