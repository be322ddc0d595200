import type { Engine } from '../storage/engine.ts';

/** Lets inserts through one way or not at all: while it is held, none runs and the next ones wait. */
export class InsertGate {
  #held: Promise<unknown> = Promise.resolve();
  readonly #running = new Set<Promise<unknown>>();

  /** The same engine, whose inserts of files go through the gate. */
  around<E extends Pick<Engine, 'insertNativeFile'>>(engine: E): E {
    return {
      ...engine,
      insertNativeFile: async (...given: Parameters<Engine['insertNativeFile']>): Promise<void> => {
        await this.#held;
        const insert = engine.insertNativeFile(...given);
        this.#running.add(insert);
        try {
          await insert;
        } finally {
          this.#running.delete(insert);
        }
      },
    };
  }

  /** Runs the work when running inserts have ended; one holder at a time. */
  async whileHeld<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#held;
    const done = before.then(async () => {
      await Promise.allSettled(this.#running);
      return work();
    });
    this.#held = done.catch(() => {});
    return done;
  }
}
