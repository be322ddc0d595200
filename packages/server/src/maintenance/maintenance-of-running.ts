import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Engine } from '../storage/engine.ts';
import { findChangedDefinitions } from '../storage/definitions/changed-definitions.ts';
import type { TakesBackMerges } from '../storage/damage/merge-watch.ts';
import type { RollupJob } from '../storage/rollups/rollup-job.ts';
import { CHECKED_COPY } from './link-store.ts';
import { check, type CheckReport } from './check.ts';
import type { StoreCheckup } from './check-store.ts';
import type { InsertGate } from './insert-gate.ts';
import type { MaintenanceLimits } from './limits.ts';
import { RunningCheck, type CheckProgress } from './running-check.ts';
import { takeSnapshot } from './take-snapshot.ts';
import { Snapshots, type SnapshotInUse, type TakenSnapshot } from './snapshots.ts';

/** Runs work while what it is responsible for stays as it is. */
export interface StandsStill {
  whileStill<T>(work: () => Promise<T>): Promise<T>;
}

export interface MaintenanceOptions {
  /** Null where the store is not ours. */
  readonly engine: (Pick<Engine, 'query' | 'command' | 'tables'> & Partial<TakesBackMerges>) | null;
  readonly dataDirectory: string;
  readonly gate: InsertGate;
  /** Detaches damaged parts, repairs what can be, and returns that. */
  readonly mend: NonNullable<StoreCheckup['mend']>;
  readonly counts: StandsStill;
  /** Null until the store is open. */
  readonly rollups: () => (StandsStill & Pick<RollupJob, 'rebuildDays'>) | null;
  readonly log: Logger;
  readonly registry: Registry;
  readonly limits?: Partial<MaintenanceLimits>;
}

/** What `throughline check` and `throughline backup` request from a running collector. */
export class MaintenanceOfRunning {
  readonly #options: MaintenanceOptions;
  readonly #checks: RunningCheck<CheckReport>;
  readonly #snapshots: Snapshots;

  constructor(options: MaintenanceOptions) {
    this.#options = options;
    const { dataDirectory, log, registry, limits } = options;
    rmSync(join(dataDirectory, CHECKED_COPY), { recursive: true, force: true });
    this.#snapshots = new Snapshots({
      directory: join(dataDirectory, 'snapshot'),
      take: (path, signal) => this.#take(path, signal),
      log,
      registry,
      ...(limits !== undefined && { limits }),
    });
    this.#checks = new RunningCheck(async (signal, repairs) => {
      const { engine, still } = this.#open();
      const whileStill = <T>(work: () => Promise<T>): Promise<T> => still.whileStill(work);
      // It goes on for as long as the collector runs: its client need not wait.
      const rebuild = (days: readonly string[]): Promise<void> => unlessAborted(still.rebuildDays(days), signal);
      const changes = repairs ? { mend: options.mend, rebuild } : { mend: null, rebuild: null };
      const findDamagedDefinitions = (): Promise<readonly string[]> =>
        findChangedDefinitions(join(dataDirectory, 'store'), log);
      return check(engine, dataDirectory, { signal, whileStill, findDamagedDefinitions, ...changes });
    });
  }

  check(name: string, repairs: boolean): CheckProgress<CheckReport> | { readonly state: 'impossible' } {
    return this.#isOpen ? this.#checks.ask(name, repairs) : { state: 'impossible' };
  }

  /**
   * One at a time. Null where it is not possible. Rejects with what the engine or the file system says, or with the
   * signal's reason.
   */
  async snapshot(signal: AbortSignal): Promise<TakenSnapshot | SnapshotInUse | null> {
    return this.#isOpen ? this.#snapshots.take(signal) : null;
  }

  /** False where there is no such snapshot any more. */
  keepSnapshot(token: string): boolean {
    return this.#snapshots.keep(token);
  }

  /** The same. */
  releaseSnapshot(token: string): Promise<boolean> {
    return this.#snapshots.release(token);
  }

  /** Ends a check, and removes a snapshot. */
  async stop(): Promise<void> {
    this.#checks.stop();
    await this.#snapshots.stop();
  }

  get #isOpen(): boolean {
    return this.#options.engine !== null && this.#options.rollups() !== null;
  }

  #open(): {
    engine: Pick<Engine, 'query' | 'command' | 'tables'> & Partial<TakesBackMerges>;
    still: StandsStill & Pick<RollupJob, 'rebuildDays'>;
  } {
    const { engine, rollups } = this.#options;
    const still = rollups();
    if (engine === null || still === null) throw new Error('the store is not open');
    return { engine, still };
  }

  async #take(path: string, signal: AbortSignal): Promise<void> {
    const { dataDirectory, counts, gate } = this.#options;
    const { engine, still } = this.#open();
    const whileStill = (work: () => Promise<void>): Promise<void> =>
      still.whileStill(() => counts.whileStill(() => gate.whileHeld(work)));
    await takeSnapshot({ engine, dataDirectory, path, whileStill, signal });
  }
}

async function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const ended = new AbortController();
  const left = once(signal, 'abort', { signal: ended.signal }).then(() => signal.throwIfAborted());
  left.catch(() => {});
  try {
    signal.throwIfAborted();
    await Promise.race([work, left]);
  } finally {
    ended.abort();
  }
}
