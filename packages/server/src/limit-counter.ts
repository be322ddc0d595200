import { Counter, type Registry } from 'prom-client';

/** How often a limit was hit since the start. */
export interface LimitHits {
  /** The key of its setting, such as `spool.backlogBytesMax`. */
  readonly limit: string;
  readonly times: number;
}

/** What the counters of one registry share. */
interface Shared {
  readonly metric: Counter<'limit'>;
  readonly times: Map<string, number>;
}

const SHARED = new WeakMap<Registry, Shared>();

/**
 * The one counter of all limits: how often each was hit, by the key of its setting, such as `spool.backlogBytesMax`.
 * The modules that share a registry share it.
 */
export class LimitCounter {
  readonly #metric: Counter<'limit'>;
  readonly #times: Map<string, number>;

  constructor(registry: Registry) {
    const shared = SHARED.get(registry) ?? begin(registry);
    this.#metric = shared.metric;
    this.#times = shared.times;
  }

  /** Shows these limits with 0 until they are hit. */
  declare(limits: Iterable<string>): void {
    for (const limit of limits) this.#metric.inc({ limit }, 0);
  }

  reached(limit: string, count = 1): void {
    this.#metric.inc({ limit }, count);
    this.#times.set(limit, (this.#times.get(limit) ?? 0) + count);
  }

  /** Every limit that was hit since the start, the most often hit first. */
  get status(): readonly LimitHits[] {
    return Array.from(this.#times, ([limit, times]) => ({ limit, times })).toSorted((a, b) => b.times - a.times);
  }
}

function begin(registry: Registry): Shared {
  const metric = new Counter({
    name: 'throughline_limit_reached_total',
    help: 'How often a limit was hit, by the key of its setting',
    labelNames: ['limit'],
    registers: [registry],
  });
  const shared = { metric, times: new Map<string, number>() };
  SHARED.set(registry, shared);
  return shared;
}
