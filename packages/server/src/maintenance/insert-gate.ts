import type { Engine, SpanRecovery } from '../storage/engine.ts';

type Inserts = Pick<Engine, 'insertNativeFile'> & SpanRecovery;

/** Lets inserts through one way or not at all: while it is held, none runs and the next ones wait. */
export class InsertGate {
  #held: Promise<unknown> = Promise.resolve();
  readonly #running = new Set<Promise<unknown>>();

  /** The same engine, whose inserts of spans go through the gate. It is copied: methods of a class would be lost. */
  around<E extends Inserts>(engine: E): E {
    return {
      ...engine,
      insertNativeFile: (...given: Parameters<Inserts['insertNativeFile']>) =>
        this.#pass(() => engine.insertNativeFile(...given)),
      insertMissingSpans: (...given: Parameters<Inserts['insertMissingSpans']>) =>
        this.#pass(() => engine.insertMissingSpans(...given)),
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

  async #pass<T>(insert: () => Promise<T>): Promise<T> {
    // Another one may hold it by the time that this one lets go.
    for (let held: unknown = null; held !== this.#held;) {
      held = this.#held;
      await held;
    }
    const running = insert();
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }
}
