import type { Logger } from 'pino';

/**
 * Stops the parts of a program in a fixed order, one after the other, whenever in its start that is asked for: a part
 * that registers after its turn is stopped at once, so that nothing that a start was about to begin stays behind.
 */
export class Shutdown<Part extends string> {
  readonly #order: readonly Part[];
  readonly #log: Pick<Logger, 'error' | 'info'>;
  readonly #stops = new Map<Part, () => Promise<unknown>>();
  readonly #passed = new Set<Part>();
  #late: Promise<void>[] = [];
  #stopping: Promise<void> | null = null;

  constructor(order: readonly Part[], log: Pick<Logger, 'error' | 'info'>) {
    this.#order = order;
    this.#log = log;
  }

  get isStopping(): boolean {
    return this.#stopping !== null;
  }

  /**
   * Says how a part is stopped; to be called before it starts to wait for anything. A second one takes the place of the
   * first.
   */
  register(part: Part, stop: () => Promise<unknown> | void): void {
    this.#stops.set(part, async () => stop());
    if (this.#passed.has(part)) this.#late.push(this.#stop(part));
  }

  /**
   * Stops everything. Resolves when that is done; never rejects: a part that fails is logged. Later calls get the same
   * promise.
   */
  run(): Promise<void> {
    return (this.#stopping ??= this.#run());
  }

  async #run(): Promise<void> {
    this.#log.info('stopping');
    for (const part of this.#order) {
      this.#passed.add(part);
      await this.#stop(part);
    }
    while (this.#late.length > 0) await Promise.all(this.#late.splice(0));
    this.#log.info('stopped');
  }

  async #stop(part: Part): Promise<void> {
    try {
      await this.#stops.get(part)?.();
    } catch (error) {
      this.#log.error({ err: error, part }, 'shutdown step failed');
    }
  }
}
