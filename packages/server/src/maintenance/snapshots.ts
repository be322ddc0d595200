import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import { LimitCounter } from '../limit-counter.ts';
import { MAINTENANCE_LIMITS, type MaintenanceLimits } from './limits.ts';

export interface SnapshotsOptions {
  /** Holds a directory for each snapshot. What is in it at first is of an earlier process, and is removed. */
  readonly directory: string;
  /** Takes one at this path, where nothing is; leaves nothing where it rejects. */
  readonly take: (path: string, signal: AbortSignal) => Promise<void>;
  readonly log: Logger;
  readonly registry: Registry;
  readonly limits?: Partial<MaintenanceLimits>;
}

/** A snapshot belongs to whoever has its token, until it is released or nobody has kept it for `idleMs`. */
export interface TakenSnapshot {
  readonly kind: 'taken';
  readonly path: string;
  readonly token: string;
  readonly idleMs: number;
}

/** Another one is being taken or copied. */
export interface SnapshotInUse {
  readonly kind: 'in_use';
  /** When it was requested, in milliseconds since the epoch. */
  readonly sinceMs: number;
}

interface Held {
  readonly sinceMs: number;
  readonly token: string;
  readonly path: string;
  /** Null while it is being taken, and while it is being removed. */
  timer: NodeJS.Timeout | null;
}

/** Lends out one snapshot at a time. */
export class Snapshots {
  readonly #options: SnapshotsOptions;
  readonly #limits: MaintenanceLimits;
  readonly #outcomes: Counter<'outcome'>;
  readonly #limitCounter: LimitCounter;
  readonly #stopping = new AbortController();
  #held: Held | null = null;
  #taking: Promise<unknown> = Promise.resolve();

  constructor(options: SnapshotsOptions) {
    this.#options = options;
    this.#limits = { ...MAINTENANCE_LIMITS, ...options.limits };
    rmSync(options.directory, { recursive: true, force: true });
    this.#limitCounter = new LimitCounter(options.registry);
    this.#outcomes = new Counter({
      name: 'throughline_snapshots_total',
      help: 'Snapshots that backups and migrations have requested, by outcome: taken, in_use, failed; and of those taken: released, abandoned',
      labelNames: ['outcome'],
      registers: [options.registry],
    });
    for (const outcome of ['taken', 'in_use', 'failed', 'released', 'abandoned']) this.#outcomes.inc({ outcome }, 0);
  }

  /**
   * Takes one, unless another one is in use. Rejects with what the engine or the file system says, or with the signal's
   * reason where nobody waits for it any more; nothing is left then.
   */
  async take(signal: AbortSignal): Promise<TakenSnapshot | SnapshotInUse> {
    if (this.#held !== null) {
      this.#outcomes.inc({ outcome: 'in_use' });
      return { kind: 'in_use', sinceMs: this.#held.sinceMs };
    }
    const token = randomBytes(16).toString('hex');
    const held: Held = { token, path: join(this.#options.directory, token), sinceMs: Date.now(), timer: null };
    this.#held = held;
    const taking = this.#take(held.path, AbortSignal.any([signal, this.#stopping.signal]));
    this.#taking = taking.catch(() => {});
    try {
      await taking;
    } catch (error) {
      await this.#removeEmpty();
      this.#held = null;
      this.#outcomes.inc({ outcome: 'failed' });
      throw error;
    }
    this.#outcomes.inc({ outcome: 'taken' });
    this.#wait(held);
    return { kind: 'taken', token, path: held.path, idleMs: this.#limits.snapshotIdleMs };
  }

  /** Keeps a snapshot for another `idleMs`; false where it is gone. */
  keep(token: string): boolean {
    const held = this.#held;
    if (held === null || held.timer === null || held.token !== token) return false;
    this.#wait(held);
    return true;
  }

  /** Removes a snapshot; false where it is gone. */
  async release(token: string): Promise<boolean> {
    if (!this.keep(token)) return false;
    this.#outcomes.inc({ outcome: 'released' });
    await this.#remove();
    return true;
  }

  /** Ends one that is being taken, and removes the one that is held. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the collector is stopping'));
    await this.#taking;
    await this.#remove();
  }

  async #take(path: string, signal: AbortSignal): Promise<void> {
    const { directory, take } = this.#options;
    signal.throwIfAborted();
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await take(path, signal);
    try {
      signal.throwIfAborted();
    } catch (error) {
      await rm(path, { recursive: true, force: true });
      throw error;
    }
  }

  #wait(held: Held): void {
    const { snapshotIdleMs } = this.#limits;
    if (held.timer !== null) clearTimeout(held.timer);
    held.timer = setTimeout(() => {
      this.#limitCounter.reached('maintenance.snapshotIdleMs');
      this.#outcomes.inc({ outcome: 'abandoned' });
      this.#options.log.warn(
        { path: held.path, idleMs: snapshotIdleMs },
        'the backup or migration that uses a snapshot stopped responding; removing the snapshot (maintenance.snapshotIdleMs)',
      );
      void this.#remove();
    }, snapshotIdleMs).unref();
  }

  /** What cannot be removed goes with the next start. */
  async #remove(): Promise<void> {
    const held = this.#held;
    if (held === null || held.timer === null) return;
    clearTimeout(held.timer);
    held.timer = null;
    try {
      await rm(held.path, { recursive: true, force: true });
      await this.#removeEmpty();
    } catch (error) {
      this.#options.log.warn(
        { err: error, path: held.path },
        'could not remove a snapshot; will retry at the next start',
      );
    } finally {
      this.#held = null;
    }
  }

  /** Where another one could not be removed, it stays. */
  async #removeEmpty(): Promise<void> {
    await rmdir(this.#options.directory).catch(() => {});
  }
}
