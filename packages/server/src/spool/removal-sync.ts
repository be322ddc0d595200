/**
 * Makes removals in a directory durable behind the back of whoever removes: nobody waits, and removals that come while
 * a sync runs share the next one.
 */
export class RemovalSync {
  readonly #sync: () => Promise<void>;
  readonly #onFailure: (error: unknown) => void;
  #running: Promise<void> | null = null;
  #isWanted = false;
  #hasFailed = false;

  /** `onFailure` is called when syncs begin to fail; what they were for may come back after a power failure. */
  constructor(sync: () => Promise<void>, onFailure: (error: unknown) => void) {
    this.#sync = sync;
    this.#onFailure = onFailure;
  }

  /** Call it after a removal. */
  request(): void {
    this.#isWanted = true;
    this.#running ??= this.#run();
  }

  /** Resolves when every removal so far is durable, or could not be made so. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#isWanted) {
      this.#isWanted = false;
      try {
        await this.#sync();
        this.#hasFailed = false;
      } catch (error) {
        if (!this.#hasFailed) this.#onFailure(error);
        this.#hasFailed = true;
      }
    }
    this.#running = null;
  }
}
