import { randomUUID } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ArrivalClock } from '../ingest/arrival-clock.ts';
import type { ClusterEngine } from '../storage/cluster/cluster-engine.ts';
import { CollectorFleet } from '../storage/cluster/collector-fleet.ts';
import { loadsUnderLease, StoreLease } from '../storage/cluster/lease.ts';
import { StoreCheck } from '../storage/cluster/store-check.ts';
import { EngineError, type Engine } from '../storage/engine.ts';
import { LateNotes, type Membership } from '../storage/rollups/late-notes.ts';
import { NotedId } from '../storage/store-id.ts';
import { DAY_MS } from '../storage/utc-day.ts';
import { engineOf, type TargetOptions } from './find-target.ts';
import type { Journal } from './journal.ts';
import { expectNoStranger, sessionsOf } from './other-writers.ts';
import { patiently } from './patiently.ts';
import { whereOf, type SecondOfSpans, type Slice } from './slices.ts';
import { PLAIN_SELECT } from './span-columns.ts';
import { countIds, secondsOf } from './spans-by-second.ts';

export interface OpenTargetOptions extends TargetOptions {
  /** For what is read on the way. */
  readonly folder: string;
  readonly journal: Journal;
  /** Of the migration's folder: the same for each run. */
  readonly migration: string;
  /** Of the store that is moved. */
  readonly sourceId: string;
  /** The store that the target was when it was found. */
  readonly targetId: string;
  /** Told why the target is waited for; null when that is over. */
  readonly onWait: (reason: string | null) => void;
}

const STORED = 'stored.native';
const READ_TIMEOUT_MS = 300_000;
/** A server that hung may answer before it takes up an insert that waits in its socket. */
const SECOND_LOOK_MS = 1_000;

/**
 * The store on ClickHouse servers, as a collector uses it: on a cluster as one more beside the others, on a server
 * alone. What is stored gets arrivals of the present, so that it is counted as what any collector stores.
 */
export class Target {
  /** Whether a collector runs that counts what is stored. */
  readonly isCounted: boolean;
  readonly #options: OpenTargetOptions;
  readonly #engine: ClusterEngine;
  readonly #writable: ReturnType<typeof loadsUnderLease>;
  readonly #late: LateNotes;
  readonly #clock: ArrivalClock;
  readonly #leave: () => Promise<void>;

  private constructor(
    options: OpenTargetOptions,
    parts: {
      readonly isCounted: boolean;
      readonly engine: ClusterEngine;
      readonly writable: ReturnType<typeof loadsUnderLease>;
      readonly late: LateNotes;
      readonly clock: ArrivalClock;
      readonly leave: () => Promise<void>;
    },
  ) {
    this.#options = options;
    this.isCounted = parts.isCounted;
    this.#engine = parts.engine;
    this.#writable = parts.writable;
    this.#late = parts.late;
    this.#clock = parts.clock;
    this.#leave = parts.leave;
  }

  /**
   * Joins the collectors of a cluster, or takes the lease of a server, and sees to it that what an earlier run has
   * begun has ended, and is counted. Rejects with `EngineError`, `MigrationError`, or the signal's reason.
   */
  static async open(options: OpenTargetOptions): Promise<Target> {
    const { cluster, limits, log, signal, folder, journal, migration, sourceId, targetId, onWait } = options;
    const clock = new ArrivalClock();
    clock.startAfter(journal.lastArrival);
    const startAfter = (arrival: number): void => {
      // By no more than a day: the clock of one server must not lead the arrivals astray.
      if (arrival <= (Date.now() + DAY_MS) * 1_000) clock.startAfter(arrival);
    };
    const ending = new AbortController();
    const identity = {
      session: `${sessionsOf(sourceId)}${randomUUID()}`,
      collector: migration,
      description: `throughline migrate, host ${hostname()}, process ${process.pid}`,
      log,
      limits,
      signal: ending.signal,
    };
    const storedUntil = (): number => {
      const waiting = [...journal.inDoubt.values()];
      if (clock.inFlight !== null) waiting.push(clock.inFlight);
      return waiting.length === 0 ? clock.pass() : Math.min(...waiting) - 1;
    };
    const fleet = cluster === '' ? null : new CollectorFleet({ ...identity, storedUntil, startAfter });
    const lease = fleet ?? new StoreLease(identity);
    const noted = new NotedId(join(folder, 'target-id'));
    noted.note(targetId);
    const engine = engineOf(options, {
      ...(fleet === null ? { lease: lease as StoreLease } : { fleet }),
      check: new StoreCheck({ noted, hasBacklog: true, log }),
      onAway: () => onWait('no server of --store responds'),
    });
    const leave = async (): Promise<void> => {
      await lease.release();
      ending.abort();
      await engine.close();
    };
    const stop = (): void => void leave();
    signal.addEventListener('abort', stop, { once: true });
    try {
      await engine.start();
      signal.throwIfAborted();
      const writable = loadsUnderLease(engine, lease);
      const membership: Membership = {
        engine: writable,
        startAfter,
        renew: async () => await fleet?.renew(),
        get term() {
          return lease.term;
        },
        get publishedUntil() {
          return fleet?.publishedUntil ?? 0;
        },
      };
      const late = new LateNotes(membership);
      const isCounted = fleet !== null && (await expectNoStranger(engine, identity));
      const target = new Target(options, { isCounted, engine, writable, late, clock, leave });
      await target.#endEarlier();
      return target;
    } catch (error) {
      await leave();
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** What a run before this one has sent may still be stored, and would then be counted by nobody. */
  async #endEarlier(): Promise<void> {
    const { journal } = this.#options;
    const earlier = [...journal.inDoubt];
    await this.#patiently(async () => {
      await this.#late.note(null);
      for (const [, arrival] of earlier) await this.#late.note({ first: arrival, last: arrival });
    });
    for (const looks of earlier.length === 0 ? [] : [1, 2]) {
      if (looks > 1) await delay(SECOND_LOOK_MS, undefined, { signal: this.#options.signal });
      for (const [token] of earlier) await this.#patiently(() => this.#writable.checkInsertEnded(token));
    }
    for (const [token] of earlier) await journal.end(token);
  }

  /** Of what is written to a file now, for `insert`. */
  nextArrival(): number {
    return this.#clock.next();
  }

  /** It is in the target, or noted as begun, or nothing was inserted. */
  giveBackArrival(): void {
    this.#clock.landed();
  }

  /**
   * Inserts a file of spans with this arrival, and resolves when the target has all of it. Waits for a target that is
   * away. Rejects with `EngineError` where it refuses the spans, `too_large` where they are too many at once, or with
   * the signal's reason; then it is not known which of them it has.
   */
  async insert(path: string, arrival: number): Promise<void> {
    const { journal } = this.#options;
    const token = `move-${randomUUID()}`;
    await journal.begin(token, arrival);
    let isInDoubt = false;
    await this.#patiently(async () => {
      await this.#late.note({ first: arrival, last: arrival });
      try {
        if (isInDoubt) await this.#writable.insertMissingSpans(path, token);
        else await this.#writable.insertNativeFile('spans', path, token);
      } catch (error) {
        isInDoubt = true;
        throw error;
      }
    }).catch(async (error: unknown) => {
      // Whoever halves it compares first: what is stored of it is stored now.
      if (isTooLarge(error)) await this.#ended(token);
      throw error;
    });
    await journal.end(token);
  }

  async #ended(token: string): Promise<void> {
    await this.#patiently(() => this.#writable.checkInsertEnded(token));
    await this.#options.journal.end(token);
  }

  /** The seconds of a day in which spans start, with digests of their ids. Rejects with `EngineError`. */
  async idsBySecond(day: string): Promise<SecondOfSpans[]> {
    const seconds = new Map<number, SecondOfSpans>();
    for (const shard of await this.#shards()) {
      for (const { second, spans, digest } of await secondsOf(shard, day, 'ids', this.#options.signal)) {
        const before = seconds.get(second) ?? { spans: 0, digest: 0n };
        seconds.set(second, {
          second,
          spans: before.spans + spans,
          digest: BigInt.asUintN(64, before.digest + digest),
        });
      }
    }
    return [...seconds.values()];
  }

  /** How many spans of a slice have which ids. Rejects with `EngineError`: `too_large` where it has to be halved. */
  async countIds(slice: Slice): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    for (const shard of await this.#shards()) await countIds(shard, slice, counts);
    return counts;
  }

  /**
   * Reads the spans of a slice, whoever stored them, into a file of the columns of `span-columns.ts`; null where there
   * are none. Rejects with `EngineError`: `too_large` where the slice has to be halved.
   */
  async read(slice: Slice): Promise<string | null> {
    const { folder, signal } = this.#options;
    const path = join(folder, STORED);
    const file = await open(path, 'w', 0o600);
    let bytes = 0;
    try {
      for (const shard of await this.#shards()) {
        const sql = `SELECT ${PLAIN_SELECT} FROM ${shard.tables.spans.read} WHERE ${whereOf(slice)}`;
        const rows = await shard.query(sql, { format: 'Native', timeoutMs: READ_TIMEOUT_MS, signal });
        await file.writeFile(rows);
        bytes += rows.length;
      }
    } finally {
      await file.close();
    }
    return bytes === 0 ? null : path;
  }

  /** Each by a server that has all that was stored before. */
  async #shards(): Promise<readonly Pick<Engine, 'query' | 'tables'>[]> {
    return await this.#engine.shards();
  }

  /** Repeats what fails while the target is away. */
  async patiently<T>(work: () => Promise<T>): Promise<T> {
    return await this.#patiently(work);
  }

  async #patiently<T>(work: () => Promise<T>): Promise<T> {
    const { signal, onWait } = this.#options;
    return await patiently(work, { signal, onWait });
  }

  /** Leaves the collectors, or the lease. Never rejects. */
  async close(): Promise<void> {
    await this.#leave();
    await rm(join(this.#options.folder, STORED), { force: true }).catch(() => {});
  }
}

function isTooLarge(error: unknown): boolean {
  return error instanceof EngineError && error.code === 'too_large';
}
