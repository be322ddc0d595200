import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { EngineError, type Engine, type PlainInserts, type SpanRecovery } from '../engine.ts';
import { LeaseClaims, type Claim, type LeaseEngine } from './lease-claims.ts';
import { registerGauge } from '../../register-gauge.ts';

/** The right to write into a store: one collector has it at a time. */
export interface Lease {
  /** For people: why nothing may be written now; null while the lease is held. */
  readonly lostBecause: string | null;
  /**
   * Another number each time that the lease is taken: another collector may have changed the store in between. Null
   * while it is not held.
   */
  readonly term: number | null;
  /** Lets another collector begin at once. */
  release(): Promise<void>;
}

/** Of the embedded store, which is in a data directory that this process has locked. */
export const HELD_BY_DIRECTORY: Lease = { lostBecause: null, term: 1, release: () => Promise.resolve() };

export interface LeaseLimits {
  /** So long after its last sign of life a collector's lease ends, on the server's clock. */
  readonly leaseMs: number;
  /** … which it gives so often. */
  readonly leaseRenewMs: number;
}

export interface StoreLeaseOptions {
  /** Stays that of a data directory, which one process holds at a time: a restart need not wait for its own lease. */
  readonly collector: string;
  /** Where to find this collector, for the message to another one. */
  readonly description: string;
  readonly log: Logger;
  readonly limits: LeaseLimits;
  /** Milliseconds of a clock that never jumps, from any beginning. */
  readonly elapsed?: () => number;
  /** Milliseconds since the epoch: the other clock does not run while a virtual machine is paused. */
  readonly now?: () => number;
  /** Ends waiting and renewing. */
  readonly signal: AbortSignal;
  /** One for each process, and never the same. */
  readonly session?: string;
  /** Whether this collector may hold the lease at all; it gives it up where it may not any more. */
  readonly mayHold?: () => boolean;
  /** Others store as well: the lease is the right to do what one collector does for all, and who has it not waits. */
  readonly isShared?: boolean;
}

/** When the last sign of life was given. */
interface Held {
  readonly elapsedMs: number;
  readonly nowMs: number;
}

/** DateTime has whole seconds, so that a lease may end one earlier than it should; and the check is not the write. */
const MARGIN_MS = 1_500;
const RELEASE_TIMEOUT_MS = 500;
/** How often a collector that waits for its turn looks. */
const LOOK_MS = 500;

/**
 * A lease in the store itself. The times are those of the server: clocks of collectors may differ. What it cannot hold
 * back is a statement that was on its way when the process was stopped for longer than the lease.
 */
export class StoreLease implements Lease {
  readonly #options: StoreLeaseOptions;
  readonly #session: string;
  readonly #elapsed: () => number;
  readonly #now: () => number;
  #claims: LeaseClaims | null = null;
  #held: Held | null = null;
  #other: Claim | null = null;
  #isRenewing = false;
  #isReleased = false;

  constructor(options: StoreLeaseOptions) {
    this.#options = options;
    this.#session = options.session ?? randomUUID();
    this.#elapsed = options.elapsed ?? (() => performance.now());
    this.#now = options.now ?? Date.now;
  }

  get lostBecause(): string | null {
    if (this.#isHeld) return null;
    if (this.#options.isShared === true) {
      return this.#other === null
        ? 'no collector is known to run the jobs of the store'
        : `${this.#words(this.#other)} runs the jobs of the store`;
    }
    if (this.#other === null) {
      return this.#isRenewing
        ? 'the lease of this collector was not renewed in time; requesting it again'
        : 'this collector does not hold the lease of the store yet';
    }
    return this.#isRenewing
      ? `the store is in use by ${this.#words(this.#other)}, which has taken over the lease: stop one of the two; spans wait in the spool until then`
      : `the store is leased to ${this.#words(this.#other)}, which may have exited: waiting for its lease to expire`;
  }

  /** The session that holds it, as of the last look. */
  get holder(): string | null {
    if (this.#isHeld) return this.#session;
    return this.#other?.isHeld === true ? this.#other.session : null;
  }

  get term(): number | null {
    return this.#isHeld && this.#claims !== null ? this.#claims.term : null;
  }

  /**
   * Resolves when the lease is held, and renews it from then on. Rejects with `EngineError` (`rejected`) where another
   * collector is alive, and with the engine's own error where it is unavailable; it may be called again then.
   */
  async take(engine: LeaseEngine): Promise<void> {
    const { log, limits, signal } = this.#options;
    if (this.#isHeld) return;
    const claims = (this.#claims ??= new LeaseClaims(engine, { ...this.#options, session: this.#session }));
    await claims.createTable();
    let seen: Claim | null = null;
    for (;;) {
      signal.throwIfAborted();
      const other = await this.#tryToTake(claims, true);
      if (other === null) break;
      this.#other = other;
      if (other.isHeld && seen?.session === other.session && other.renewal > seen.renewal) throw this.#refusal(other);
      if (other.isHeld && seen?.session !== other.session) {
        const sentence = `the store is leased to ${this.#words(other)}; waiting up to ${other.secondsLeft} s for it to be renewed or to expire`;
        log.warn(sentence);
        seen = other;
      }
      await delay(Math.min(LOOK_MS, limits.leaseRenewMs), undefined, { signal }).catch(() => {});
    }
    this.#other = null;
    if (!this.#isRenewing) {
      this.#isRenewing = true;
      void this.#renewAgainAndAgain();
    }
  }

  /**
   * Takes the lease where it is free, and else as soon as it is; resolves in either case, and goes on from then on.
   * Rejects with the engine's own error where it is unavailable; it may be called again then.
   */
  async follow(engine: LeaseEngine): Promise<void> {
    if (this.#isRenewing) return;
    const claims = (this.#claims ??= new LeaseClaims(engine, { ...this.#options, session: this.#session }));
    await claims.createTable();
    this.#other = await this.#tryToTake(claims, true);
    this.#isRenewing = true;
    void this.#renewAgainAndAgain();
  }

  async release(): Promise<void> {
    this.#isReleased = true;
    if (!this.#isHeld) return;
    this.#held = null;
    // Where the store does not answer, the lease ends by itself.
    const withdrawn = this.#claims?.withdraw().catch(() => {});
    await Promise.race([withdrawn, delay(RELEASE_TIMEOUT_MS, undefined, { ref: false })]);
  }

  get #mayHold(): boolean {
    return this.#options.mayHold?.() !== false;
  }

  get #isHeld(): boolean {
    const untilMs = this.#options.limits.leaseMs - MARGIN_MS;
    const held = this.#held;
    return (
      held !== null && this.#mayHold && this.#elapsed() < held.elapsedMs + untilMs && this.#now() < held.nowMs + untilMs
    );
  }

  async #renewAgainAndAgain(): Promise<void> {
    const { signal, limits, log, isShared } = this.#options;
    // Twice at least before the lease ends, whatever the settings say.
    const intervalMs = Math.min(limits.leaseRenewMs, (limits.leaseMs - MARGIN_MS) / 2);
    let logged = '';
    let wasHeld = false;
    for (;;) {
      if (isShared === true && this.#isHeld !== wasHeld) {
        wasHeld = this.#isHeld;
        log.info(
          wasHeld ? 'runs the jobs of the store for all collectors' : 'another collector runs the jobs of the store',
        );
      }
      await delay(intervalMs, undefined, { signal, ref: false }).catch(() => {});
      if (signal.aborted || this.#isReleased) return;
      const problem = await this.#renew().catch((error: unknown) =>
        error instanceof Error ? error.message : String(error),
      );
      if (isShared === true) continue;
      if (this.#isHeld && logged !== '') log.info('regained the lease of the store');
      if (!this.#isHeld && logged === '')
        log.error({ reason: problem }, this.lostBecause ?? 'lost the lease of the store');
      logged = this.#isHeld ? '' : 'lost';
    }
  }

  /** Null when it is held now. */
  async #renew(): Promise<string | null> {
    const claims = this.#claims as LeaseClaims;
    if (!this.#mayHold) {
      if (this.#held !== null) await claims.withdraw();
      this.#held = null;
      this.#other = mostUrgent(await claims.others());
    } else if (this.#isHeld) {
      const begin = this.#moment;
      await claims.renew();
      // One of a lesser term was stopped, and gives way when it looks.
      const other = (await claims.others()).find(({ term }) => term > claims.term);
      if (other === undefined) this.#holdFrom(begin);
      else await this.#lose(claims, other);
    } else {
      this.#other = await this.#tryToTake(claims, false);
    }
    return this.#isHeld ? null : (this.lostBecause ?? '');
  }

  /**
   * Null when the lease is held, else whose it is. Whoever claims looks again afterwards: of two that do so at once at
   * least one sees the other. Claims give way to a holder, and to the claim of the lesser session.
   */
  async #tryToTake(claims: LeaseClaims, isStart: boolean): Promise<Claim | null> {
    // A process before this one in the same data directory has ended, or the directory would be locked.
    const others = async (): Promise<Claim | null> =>
      mostUrgent((await claims.others()).filter((claim) => !isStart || claim.collector !== this.#options.collector));
    const before = await others();
    if (before !== null) {
      if (this.#givesWay(before)) {
        // Who follows has claimed nothing.
        if (this.#options.isShared !== true) await claims.withdraw();
        return before;
      }
    }
    const begin = this.#moment;
    await claims.claim();
    const after = await others();
    if (after !== null) {
      if (this.#givesWay(after)) await claims.withdraw();
      return after;
    }
    await claims.hold();
    this.#holdFrom(begin);
    return null;
  }

  #givesWay({ isHeld, session }: Claim): boolean {
    return isHeld || session < this.#session;
  }

  get #moment(): Held {
    return { elapsedMs: this.#elapsed(), nowMs: this.#now() };
  }

  #holdFrom(begin: Held): void {
    if (this.#isReleased) return;
    this.#held = begin;
    this.#other = null;
  }

  async #lose(claims: LeaseClaims, other: Claim): Promise<void> {
    this.#held = null;
    this.#other = other;
    await claims.withdraw();
  }

  #words({ collector, description }: Claim): string {
    return `the collector ${collector} (${description})`;
  }

  #refusal(other: Claim): EngineError {
    return new EngineError(
      'rejected',
      `the store is in use by ${this.#words(other)}: stop that one, or give this one another store with --store (THROUGHLINE_STORE); only one collector may write to a store at a time`,
    );
  }
}

type StatementEngine = Pick<Engine, 'query' | 'command' | 'tables'>;

/** The engine, which gets no statement that changes the store while the lease is not held. */
export function underLease(engine: StatementEngine, lease: Lease): StatementEngine {
  return {
    tables: engine.tables,
    query: (...given) => engine.query(...given),
    command: async (...given) => {
      checkLease(lease);
      return await engine.command(...given);
    },
  };
}

type LoadedEngine = StatementEngine & Pick<Engine, 'insertNativeFile'> & SpanRecovery & PlainInserts;

/** The same for what is loaded. */
export function loadsUnderLease(engine: LoadedEngine, lease: Lease): LoadedEngine {
  return {
    ...underLease(engine, lease),
    insertNativeFile: (...given) => throughout(lease, () => engine.insertNativeFile(...given)),
    insertMissingSpans: (...given) => throughout(lease, () => engine.insertMissingSpans(...given)),
    insertPlainFile: async (...given) => {
      checkLease(lease);
      return await engine.insertPlainFile(...given);
    },
    checkInsertEnded: (...given) => engine.checkInsertEnded(...given),
  };
}

export function registerLease(registry: Registry, lease: Lease): void {
  const help = '1 while this collector may write to the store, 0 while it waits for the lease';
  registerGauge(registry, 'throughline_store_lease_held', help, () => (lease.lostBecause === null ? 1 : 0));
}

function checkLease({ lostBecause }: Lease): void {
  if (lostBecause !== null) throw new EngineError('unavailable', lostBecause, { isUnseen: true });
}

/**
 * What is stored while another collector may have counted for it has to be noted for whoever counts: it is in doubt.
 */
async function throughout<T>(lease: Lease, work: () => Promise<T>): Promise<T> {
  checkLease(lease);
  const { term } = lease;
  const done = await work();
  if (lease.term === term) return done;
  throw new EngineError('unavailable', 'the lease of this collector ended while it stored spans; checking them again');
}

/** A holder before claims, and of these the least session. */
function mostUrgent(claims: readonly Claim[]): Claim | null {
  return claims.find(({ isHeld }) => isHeld) ?? claims[0] ?? null;
}
