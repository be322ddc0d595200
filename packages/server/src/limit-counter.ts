import { Counter, type Registry } from 'prom-client';

const NAME = 'throughline_limit_reached_total';

/**
 * The one counter of all limits: how often each was hit, by the key of its setting, such as `spool.backlogBytesMax`. The
 * rooms that share a registry share it.
 */
export class LimitCounter {
  readonly #counter: Counter<'limit'>;

  constructor(registry: Registry) {
    this.#counter =
      (registry.getSingleMetric(NAME) as Counter<'limit'> | undefined) ??
      new Counter({
        name: NAME,
        help: 'How often a limit was hit, by the key of its setting',
        labelNames: ['limit'],
        registers: [registry],
      });
  }

  /** Shows these limits with 0 until they are hit. */
  declare(limits: Iterable<string>): void {
    for (const limit of limits) this.#counter.inc({ limit }, 0);
  }

  reached(limit: string, count = 1): void {
    this.#counter.inc({ limit }, count);
  }

  /** Every limit that was hit since the start, the most often hit first. */
  async hits(): Promise<{ readonly limit: string; readonly times: number }[]> {
    const { values } = await this.#counter.get();
    return values
      .map(({ labels, value }) => ({ limit: String(labels.limit), times: value }))
      .filter(({ times }) => times > 0)
      .toSorted((a, b) => b.times - a.times);
  }
}
