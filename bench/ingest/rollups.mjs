/** The collector's own job for derived tables, on an engine that no collector runs on. */
import { RollupJob } from '../../packages/server/dist/storage/rollups/rollup-job.js';
import { SpanVisibility } from '../../packages/server/dist/storage/span-visibility.js';
import { Registry, SILENT } from './engine.mjs';

/** As many as the collector adds at once while it is busy. */
const ROWS_PER_BATCH = 600_000;

/** Counts what has been inserted into an empty store, in the batches of a collector that is busy. */
export class Counting {
  #job;
  #waitingRows = 0;
  #lastArrival = 0;

  constructor(engine) {
    this.#job = new RollupJob({
      engine,
      visibility: new SpanVisibility(),
      log: SILENT,
      registry: new Registry(),
      firstUnstored: () => null,
      lastArrival: () => this.#lastArrival,
    });
  }

  /** `lastArrival`: of these rows, which are in the store; what arrived later may not be. */
  async inserted(rows, lastArrival) {
    this.#waitingRows += rows;
    this.#lastArrival = lastArrival;
    if (this.#waitingRows >= ROWS_PER_BATCH) await this.end();
  }

  /** Counts what is left. */
  async end() {
    this.#waitingRows = 0;
    await this.#job.run(true);
  }
}
