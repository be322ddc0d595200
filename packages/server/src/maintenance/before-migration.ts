import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Engine } from '../storage/engine.ts';
import { takeSnapshot } from './take-snapshot.ts';

/**
 * The store as it was before its schema was changed, as a data directory of its own that takes almost no space. It is
 * kept until a later start has opened the changed store.
 */
export class BeforeMigration {
  readonly #dataDirectory: string;
  readonly #path: string;
  readonly #log: Logger;
  #isOfThisStart = false;

  constructor(dataDirectory: string, log: Logger) {
    this.#dataDirectory = dataDirectory;
    this.#path = join(dataDirectory, 'before-migration');
    this.#log = log;
  }

  /** Nothing else may work on the store. One that was taken before an interrupted migration stays. */
  async keep(engine: Pick<Engine, 'query' | 'command' | 'tables'>): Promise<void> {
    this.#isOfThisStart = true;
    if (existsSync(this.#path)) return;
    const path = `${this.#path}.new`;
    // Of a start that was killed.
    await rm(path, { recursive: true, force: true });
    await takeSnapshot({ engine, dataDirectory: this.#dataDirectory, path, whileStill: (work) => work() });
    await rename(path, this.#path);
    this.#log.warn(
      { path: this.#path },
      'changing the schema of the store; keeping a snapshot of its old state until the next start',
    );
  }

  /** The store is open. */
  async opened(): Promise<void> {
    if (this.#isOfThisStart) return;
    try {
      await rm(this.#path, { recursive: true, force: true });
    } catch (error) {
      this.#log.warn(
        { err: error },
        'could not remove the snapshot from before the last migration; will retry at the next start',
      );
    }
  }
}
