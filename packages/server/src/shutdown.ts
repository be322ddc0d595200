import type { Logger } from 'pino';

/**
 * Stops the rooms of a program in a fixed order, one after the other, whenever in its start that is asked for: a room
 * that registers after its turn is stopped at once, so that nothing that a start was about to begin stays behind.
 */
export class Shutdown<Room extends string> {
  readonly #order: readonly Room[];
  readonly #log: Pick<Logger, 'error' | 'info'>;
  readonly #stops = new Map<Room, () => Promise<unknown>>();
  readonly #passed = new Set<Room>();
  #late: Promise<void>[] = [];
  #stopping: Promise<void> | null = null;

  constructor(order: readonly Room[], log: Pick<Logger, 'error' | 'info'>) {
    this.#order = order;
    this.#log = log;
  }

  get isStopping(): boolean {
    return this.#stopping !== null;
  }

  /**
   * Says how a room is stopped; to be called before it starts to wait for anything. A second one takes the place of the
   * first.
   */
  register(room: Room, stop: () => Promise<unknown> | void): void {
    this.#stops.set(room, async () => stop());
    if (this.#passed.has(room)) this.#late.push(this.#stop(room));
  }

  /**
   * Stops everything. Resolves when that is done; never rejects: a room that fails is logged. Later calls get the same
   * promise.
   */
  run(): Promise<void> {
    return (this.#stopping ??= this.#run());
  }

  async #run(): Promise<void> {
    this.#log.info('stopping');
    for (const room of this.#order) {
      this.#passed.add(room);
      await this.#stop(room);
    }
    while (this.#late.length > 0) await Promise.all(this.#late.splice(0));
    this.#log.info('stopped');
  }

  async #stop(room: Room): Promise<void> {
    try {
      await this.#stops.get(room)?.();
    } catch (error) {
      this.#log.error({ err: error, room }, 'shutdown step failed');
    }
  }
}
