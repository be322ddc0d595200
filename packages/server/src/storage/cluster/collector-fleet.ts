import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { LeaseEngine } from './lease-claims.ts';
import type { Lease, LeaseLimits } from './lease.ts';
import { registerGauge } from '../../register-gauge.ts';
import { rowsOf } from '../rows-of.ts';
import { sqlString, sqlUInt64 } from '../sql.ts';
import { MIGRATIONS } from '../migrations/migrate.ts';
import type { StoreCollector } from '../store-node.ts';
import { FLEET_TABLE } from './fleet-table.ts';
import { announcedIn, SchemaAnnouncement } from './schema-announcement.ts';
import { startOf, thereSince } from './session-start.ts';
import { wordsOf } from './words-of.ts';

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
  /** The number of the newest schema that this collector knows; that of this program by default. */
  readonly schema?: number;
  /** The session of whoever runs the jobs, as far as it is known. */
  readonly leader?: () => string | null;
  /** Milliseconds of a clock that never jumps, from any beginning. */
  readonly elapsed?: () => number;
  /** Milliseconds since the epoch: the other clock does not run while a virtual machine is paused. */
  readonly now?: () => number;
}

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
/** Collectors that have been gone for longer are not listed, nor are more than so many. */
const LISTED_SECONDS = 86_400;
const LISTED_MAX = 200;
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
  readonly #schema: number;
  /** What this one says to the others before it brings the store to its schema. */
  readonly announcement: SchemaAnnouncement;
  #engine: LeaseEngine | null = null;
  #renewal = 0;
  #joins = 0;
  #held: { readonly elapsedMs: number; readonly nowMs: number } | null = null;
  #hasLeft = false;
  /** Why the last sign of life was not given. */
  #failure: string | null = null;
  #size = 0;
  #others: readonly Other[] = [];
  /** The schema that the store has or is about to get, where this collector does not know it. */
  #newerSchema: number | null = null;
  #publishedUntil = 0;
  /** Since when a collector that is none of these runs the jobs. */
  #strangeSinceMs: number | null = null;

  constructor(options: CollectorFleetOptions) {
    this.#options = options;
    this.#elapsed = options.elapsed ?? (() => performance.now());
    this.#now = options.now ?? Date.now;
    this.#schema = options.schema ?? MIGRATIONS.length;
    this.announcement = new SchemaAnnouncement({ ...options, schema: this.#schema });
  }

  /**
   * Whether the store has a schema that this collector does not know, or is about to get it: it may store nothing, and
   * do nothing for others.
   */
  get isOutdated(): boolean {
    return this.#newerSchema !== null;
  }

  get lostBecause(): string | null {
    if (this.#newerSchema !== null) {
      return `a newer version brings the store to schema ${this.#newerSchema}, and this collector supports schemas up to ${this.#schema}: replace it by that version; spans wait in the spool until then`;
    }
    if (this.#isMember) return this.#isBesideStranger ? BESIDE_STRANGER : null;
    if (this.#joins === 0) return 'this collector has not joined the others of the cluster yet';
    const why = this.#failure === null ? '' : `: ${this.#failure}`;
    return `this collector could not renew its membership of the cluster in time; spans wait in the spool until it has joined again${why}`;
  }

  get term(): number | null {
    return this.#isMember && !this.isOutdated && !this.#isBesideStranger ? this.#joins : null;
  }

  /** Of this session, from 0: any number, so that collectors spread over what there are several of. */
  get number(): number {
    return createHash('sha256').update(this.#options.session).digest().readUInt32BE();
  }

  /** Collectors that store into the cluster, this one included, as of the last renewal. */
  get size(): number {
    return this.#size;
  }

  /** This one, and those that it has seen last, the ones that are there first. */
  get collectors(): readonly StoreCollector[] {
    const { collector, description, session, leader } = this.#options;
    const leading = leader?.() ?? null;
    const own = {
      collector,
      description,
      isUp: this.#isMember,
      seen: new Date(this.#held?.nowMs ?? 0),
      isLeader: leading === session,
      isSelf: true,
    };
    const others = this.#others
      .map((one) => ({
        collector: one.collector,
        description: one.description,
        isUp: one.isUp,
        seen: one.seen,
        isLeader: leading === one.session,
        isSelf: false,
      }))
      .toSorted((x, y) => Number(y.isUp) - Number(x.isUp) || y.seen.getTime() - x.seen.getTime());
    // Of the processes on a data directory the last one counts.
    const listed = new Map<string, StoreCollector>();
    for (const one of [...(this.#joins === 0 ? [] : [own]), ...others]) {
      if (!listed.has(one.collector)) listed.set(one.collector, one);
    }
    return [...listed.values()].slice(0, LISTED_MAX);
  }

  /**
   * Since when one member or another has been there without a break, as of the last renewal; milliseconds since the
   * epoch, 0 where that is not known.
   */
  get thereSinceMs(): number {
    return thereSince(startOf(this.#options.session) ?? 0, this.#others);
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

  /**
   * One sign of life. A collector that is outdated gives none, and looks whether it still is. Rejects with the engine's
   * error.
   */
  async renew(): Promise<void> {
    if (this.isOutdated) await this.#look();
    if (this.isOutdated) return;
    const begin = { elapsedMs: this.#elapsed(), nowMs: this.#now() };
    this.#options.startAfter(await this.#present());
    await this.#write(Math.ceil(this.#options.limits.leaseMs / 1_000));
    if (this.#hasLeft) return;
    await this.#look();
    // What an older version must not store into may have been announced before it came back.
    if (this.isOutdated || this.#hasLeft) return;
    if (!this.#isMember) this.#joins += 1;
    this.#held = begin;
  }

  async #look(): Promise<void> {
    const { others, announced } = await this.#ask();
    this.#others = others;
    const up = others.filter(({ isUp }) => isUp);
    this.#size = up.length + (this.isOutdated ? 0 : 1);
    this.#lookForStranger([...up, ...announced].map(({ session }) => session));
    const schemas = [await this.#storedSchema(), ...announced.map(({ schema }) => schema)];
    const newest = Math.max(...schemas);
    this.#newerSchema = newest > this.#schema ? newest : null;
  }

  async #storedSchema(): Promise<number> {
    if (this.#engine === null) return 0;
    const { read } = this.#engine.tables.schema_migrations;
    const [[newest] = [0]] = await rowsOf(this.#engine, `SELECT toUInt32(max(number)) FROM ${read}`, TIMEOUT_MS);
    return Number(newest);
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
    const { others } = await this.#ask();
    const untils = others.filter(({ isUp }) => isUp).map(({ storedUntil }) => storedUntil);
    return Math.min(own, ...untils, present + AHEAD_US_MAX);
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
      this.#failure = await this.renew().then(() => null, wordsOf);
      const { lostBecause } = this;
      if (lostBecause === null && wasLost) log.info('joined the other collectors of the cluster again');
      if (lostBecause !== null && !wasLost) log.error(lostBecause);
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

  /** Those that were there within a day, and what is announced. */
  async #ask(): Promise<{ readonly others: readonly Other[]; readonly announced: readonly Announced[] }> {
    const engine = this.#engine;
    if (engine === null) return { others: [], announced: [] };
    const rows = await rowsOf(
      engine,
      `SELECT session, argMax(collector, renewal), argMax(description, renewal), argMax(stored_until, renewal),
  argMax(toUInt32(expires_at), renewal) AS ends, toUInt32(now())
FROM ${engine.tables.collectors.read} WHERE session != ${sqlString(this.#options.session)}
GROUP BY session HAVING ends + ${LISTED_SECONDS} > toUInt32(now())`,
      TIMEOUT_MS,
    );
    const others: Other[] = [];
    const announced: Announced[] = [];
    for (const [of, collector, description, storedUntil, ends, now] of rows) {
      const session = String(of);
      const isUp = Number(ends) > Number(now);
      const announcement = announcedIn(session);
      if (announcement !== null && isUp) announced.push(announcement);
      if (announcement !== null) continue;
      const leaseSeconds = isUp ? Math.ceil(this.#options.limits.leaseMs / 1_000) : 0;
      others.push({
        session,
        collector: String(collector),
        description: String(description),
        storedUntil: Number(storedUntil),
        isUp,
        seen: new Date((Number(ends) - leaseSeconds) * 1_000),
      });
    }
    return { others, announced };
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

/** Another member, as its rows have it. */
interface Other extends Omit<StoreCollector, 'isLeader' | 'isSelf'> {
  readonly session: string;
  readonly storedUntil: number;
}

type Announced = NonNullable<ReturnType<typeof announcedIn>>;

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
