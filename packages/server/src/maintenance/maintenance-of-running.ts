import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Engine } from '../storage/engine.ts';
import { findChangedDefinitions } from '../storage/definitions/changed-definitions.ts';
import type { RollupJob } from '../storage/rollup-job.ts';
import { CHECKED_COPY } from './linked-store.ts';
import { check, type CheckReport } from './check.ts';
import type { StoreCheckup } from './check-store.ts';
import type { InsertGate } from './insert-gate.ts';
import { RunningCheck, type CheckProgress } from './running-check.ts';
import { takeSnapshot } from './snapshot.ts';

export interface MaintenanceOptions {
  /** Null where the store is not ours. */
  readonly engine: Pick<Engine, 'query' | 'command'> | null;
  readonly dataDirectory: string;
  readonly log: Logger;
  readonly gate: InsertGate;
  /** Sets damaged parts aside, repairs what can be, and answers that. */
  readonly mend: NonNullable<StoreCheckup['mend']>;
  /** Null until the store is open. */
  readonly rollups: () => Pick<RollupJob, 'whileStill' | 'rebuildDays'> | null;
}

/** What `throughline check` and `throughline backup` ask of a collector that runs. */
export class MaintenanceOfRunning {
  readonly #options: MaintenanceOptions;
  readonly #path: string;
  readonly #checks: RunningCheck<CheckReport>;
  #snapshot: Promise<unknown> = Promise.resolve();

  constructor(options: MaintenanceOptions) {
    this.#options = options;
    this.#path = join(options.dataDirectory, 'snapshot');
    // One that nobody has fetched.
    rmSync(this.#path, { recursive: true, force: true });
    rmSync(join(options.dataDirectory, CHECKED_COPY), { recursive: true, force: true });
    this.#checks = new RunningCheck(async (signal, repairs) => {
      const { engine, rollups, dataDirectory, mend } = this.#options;
      const still = rollups();
      if (engine === null || still === null) throw new Error('the store is not open');
      const whileStill = <T>(work: () => Promise<T>): Promise<T> => still.whileStill(work);
      // It goes on for as long as the collector runs: whoever asked need not wait.
      const rebuild = (days: readonly string[]): Promise<void> => unlessAborted(still.rebuildDays(days), signal);
      const changes = repairs ? { mend, rebuild } : { mend: null, rebuild: null };
      const findDamagedDefinitions = (): Promise<readonly string[]> =>
        findChangedDefinitions(join(dataDirectory, 'store'), this.#options.log);
      return check(engine, dataDirectory, { signal, whileStill, findDamagedDefinitions, ...changes });
    });
  }

  check(name: string, repairs: boolean): CheckProgress<CheckReport> | { readonly state: 'impossible' } {
    const { engine, rollups } = this.#options;
    return engine === null || rollups() === null ? { state: 'impossible' } : this.#checks.ask(name, repairs);
  }

  /** One at a time. Rejects with what the engine or the file system says. */
  async snapshot(): Promise<{ readonly path: string } | null> {
    const { engine, dataDirectory, gate, rollups } = this.#options;
    const still = rollups();
    if (engine === null || still === null) return null;
    const path = this.#path;
    const taken = this.#snapshot.then(() =>
      takeSnapshot({
        engine,
        dataDirectory,
        path,
        whileStill: (work) => still.whileStill(() => gate.whileHeld(work)),
      }),
    );
    this.#snapshot = taken.catch(() => {});
    await taken;
    return { path };
  }

  /** Ends a check, and waits for a snapshot. */
  async stop(): Promise<void> {
    this.#checks.stop();
    await this.#snapshot;
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
