import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { LeaseEngine } from './lease-claims.ts';
import type { Lease, LeaseLimits } from './lease.ts';
import { registerGauge } from '../../register-gauge.ts';
import { rowsOf } from '../rows-of.ts';
import { sqlString, sqlUInt64 } from '../sql.ts';
import type { TableDefinition } from '../tables.ts';

export interface CollectorFleetOptions {
  /** One for each process, and never the same. */
  readonly session: string;
  /** Stays that of a data directory. */
  readonly collector: string;
  /** Where to find this collector, for people. */
  readonly description: string;
  readonly log: Logger;
  readonly limits: LeaseLimits;
  /** Ends renewing. */
  readonly signal: AbortSignal;
  /**
   * The arrival up to which this collector stores nothing any more: what it has accepted is stored, and what comes is
   * later. It never goes back.
   */
  readonly storedUntil: () => number;
  /**
   * What this collector accepts from now on is to arrive later than this, the present of the store: one whose clock is
   * behind would hold up the others.
   */
  readonly startAfter: (arrival: number) => void;
  /** The session of whoever runs the jobs, as far as it is known. */
  readonly leader?: () => string | null;
  /** Milliseconds of a clock that never jumps, from any beginning. */
  readonly elapsed?: () => number;
  /** Milliseconds since the epoch: the other clock does not run while a virtual machine is paused. */
  readonly now?: () => number;
}

/** A row for each sign of life of a collector beside others. */
export const FLEET_TABLE: TableDefinition = {
  columns:
    '  session String, renewal UInt64, collector String, description String, stored_until UInt64, expires_at DateTime',
  engine: 'ReplacingMergeTree(renewal)',
  orderBy: 'session',
};
/**
 * DateTime has whole seconds, so that a membership may end one earlier than it should; and the check is not the write.
 */
const MARGIN_MS = 1_500;
const TIMEOUT_MS = 5_000;
/**
 * Ten minutes: clocks that differ by less cost nothing, since whoever joins gives later arrivals than what is counted.
 */
const AHEAD_US_MAX = 600_000_000;
const LEAVE_TIMEOUT_MS = 500;
const BESIDE_STRANGER =
  'the store is in use by a collector that does not share it, of an older version or without --store-cluster: stop that one, or give it this --store-cluster; spans wait in the spool until then';

/**
 * The collectors that store into one cluster side by side, as rows of a table that every server has. A member says with
 * each sign of life up to which arrival it has stored everything; whoever fills the derived tables goes no further than
 * the member that is furthest behind. So spans are counted once although several collectors store them, each in its own
 * order. A member that was not heard of in time is waited for no longer, and must join again before it stores anything
 * more.
 *
 * As a lease it is the right to store spans: `term` is another number each time that the collector has joined.
 */
export class CollectorFleet implements Lease {
  readonly #options: CollectorFleetOptions;
  readonly #elapsed: () => number;
  readonly #now: () => number;
  #engine: LeaseEngine | null = null;
  #renewal = 0;
  #joins = 0;
  #held: { readonly elapsedMs: number; readonly nowMs: number } | null = null;
  #hasLeft = false;
  #size = 0;
  #publishedUntil = 0;
  /** Since when a collector that is none of these runs the jobs. */
  #strangeSinceMs: number | null = null;

  constructor(options: CollectorFleetOptions) {
    this.#options = options;
    this.#elapsed = options.elapsed ?? (() => performance.now());
    this.#now = options.now ?? Date.now;
  }

  get lostBecause(): string | null {
    if (this.#isMember) return this.#isBesideStranger ? BESIDE_STRANGER : null;
    return this.#joins === 0
      ? 'this collector has not joined the others of the cluster yet'
      : 'this collector could not renew its membership of the cluster in time; spans wait in the spool until it has joined again';
  }

  get term(): number | null {
    return this.#isMember && !this.#isBesideStranger ? this.#joins : null;
  }

  /** Collectors that store into the cluster, this one included, as of the last renewal. */
  get size(): number {
    return this.#size;
  }

  /** The last arrival that this collector has said to be stored. */
  get publishedUntil(): number {
    return this.#publishedUntil;
  }

  /** Joins, and gives signs of life from then on. Rejects with the engine's error; it may be called again then. */
  async join(engine: LeaseEngine): Promise<void> {
    const isFirst = this.#engine === null;
    this.#engine = engine;
    await engine.command(engine.tables.createDatabase);
    for (const statement of engine.tables.create('collectors', FLEET_TABLE)) await engine.command(statement);
    await this.renew();
    if (isFirst) void this.#renewAgainAndAgain();
  }

  /** One sign of life. Rejects with the engine's error. */
  async renew(): Promise<void> {
    const begin = { elapsedMs: this.#elapsed(), nowMs: this.#now() };
    this.#options.startAfter(await this.#present());
    await this.#write(Math.ceil(this.#options.limits.leaseMs / 1_000));
    if (this.#hasLeft) return;
    if (!this.#isMember) this.#joins += 1;
    this.#held = begin;
    const others = await this.#others();
    this.#size = others.length + 1;
    this.#lookForStranger(others.map(({ session }) => session));
  }

  /**
   * The arrival up to which all members have stored everything, and not much beyond the present of the store: what
   * others store after one whose clock is days ahead would be late for as long. Rejects with the engine's error.
   */
  async storedUntil(): Promise<number> {
    const present = await this.#present();
    const own = this.#options.storedUntil();
    // Whoever counts goes by it, as the others by what is written.
    this.#publishedUntil = Math.max(this.#publishedUntil, own);
    return Math.min(own, ...(await this.#others()).map(({ storedUntil }) => storedUntil), present + AHEAD_US_MAX);
  }

  /** As an arrival, by the clock of the server that is asked. */
  async #present(): Promise<number> {
    if (this.#engine === null) return 0;
    const [[now] = []] = await rowsOf(this.#engine, 'SELECT toUInt32(now())', TIMEOUT_MS);
    return Number(now) * 1_000_000;
  }

  /** Nobody waits for this collector any more. */
  async release(): Promise<void> {
    this.#hasLeft = true;
    if (!this.#isMember) return;
    this.#held = null;
    // Where the store does not answer, the membership ends by itself.
    const left = this.#write(0).catch(() => {});
    await Promise.race([left, delay(LEAVE_TIMEOUT_MS, undefined, { ref: false })]);
  }

  get #isMember(): boolean {
    const held = this.#held;
    const untilMs = this.#options.limits.leaseMs - MARGIN_MS;
    return held !== null && this.#elapsed() < held.elapsedMs + untilMs && this.#now() < held.nowMs + untilMs;
  }

  async #renewAgainAndAgain(): Promise<void> {
    const { signal, limits, log } = this.#options;
    // Twice at least before the membership ends, whatever the settings say.
    const intervalMs = Math.min(limits.leaseRenewMs, (limits.leaseMs - MARGIN_MS) / 2);
    let wasLost = false;
    for (;;) {
      await delay(intervalMs, undefined, { signal, ref: false }).catch(() => {});
      if (signal.aborted || this.#hasLeft) return;
      const reason = await this.renew().then(
        () => null,
        (error: unknown) => (error instanceof Error ? error.message : String(error)),
      );
      const { lostBecause } = this;
      if (lostBecause === null && wasLost) log.info('joined the other collectors of the cluster again');
      if (lostBecause !== null && !wasLost) log.error({ reason }, lostBecause);
      wasLost = lostBecause !== null;
    }
  }

  /** One that has just taken the lease joins within moments. */
  get #isBesideStranger(): boolean {
    return this.#strangeSinceMs !== null && this.#elapsed() >= this.#strangeSinceMs + this.#options.limits.leaseMs;
  }

  #lookForStranger(others: readonly string[]): void {
    const leader = this.#options.leader?.() ?? null;
    const isKnown = leader === null || leader === this.#options.session || others.includes(leader);
    this.#strangeSinceMs = isKnown ? null : (this.#strangeSinceMs ?? this.#elapsed());
  }

  /** Up to where those that are alive have stored everything. */
  async #others(): Promise<{ readonly session: string; readonly storedUntil: number }[]> {
    const engine = this.#engine;
    if (engine === null) return [];
    const rows = await rowsOf(
      engine,
      `SELECT session, argMax(stored_until, renewal), argMax(toUInt32(expires_at), renewal) AS ends
FROM ${engine.tables.collectors.read} WHERE session != ${sqlString(this.#options.session)}
GROUP BY session HAVING ends > toUInt32(now())`,
      TIMEOUT_MS,
    );
    return rows.map(([session, storedUntil]) => ({ session: String(session), storedUntil: Number(storedUntil) }));
  }

  async #write(seconds: number): Promise<void> {
    const engine = this.#engine;
    if (engine === null) return;
    const { session, collector, description } = this.#options;
    this.#renewal += 1;
    // Before it is sent: it counts as said, whatever becomes of the statement.
    // What has been handed back is waited for again: this may be less than what was said before.
    const storedUntil = Math.max(0, this.#options.storedUntil());
    this.#publishedUntil = Math.max(this.#publishedUntil, storedUntil);
    const values = [session, collector, description].map(sqlString).join(', ');
    await engine.command(
      `INSERT INTO ${engine.tables.collectors.write} (session, collector, description, renewal, stored_until, expires_at)
SELECT ${values}, ${sqlUInt64(this.#renewal)}, ${sqlUInt64(storedUntil)}, now() + ${seconds}`,
      TIMEOUT_MS,
    );
  }
}

/** `fleet`: null where the store has one collector. */
export function registerFleet(
  registry: Registry,
  fleet: CollectorFleet | null,
  leading: Pick<Lease, 'lostBecause'>,
): void {
  const collectors = 'Collectors that store into the cluster, this one included, as it has seen them last';
  registerGauge(registry, 'throughline_store_collectors', collectors, () => fleet?.size ?? 1);
  const leads = '1 while this collector runs the jobs of the store for all collectors: derived tables, retention';
  registerGauge(registry, 'throughline_store_leader', leads, () => (leading.lostBecause === null ? 1 : 0));
}
