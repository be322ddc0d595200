import type { Simulation } from './simulation.ts';

/** Milliseconds of the simulation. */
export interface Interval {
  readonly fromMs: number;
  readonly toMs: number;
}

interface Sum {
  count: number;
  total: number;
}

/** What the simulation knows of itself, whether or not spans show it: sums by a key, in normal and in faulty time. */
export class Ledger {
  readonly #simulation: Simulation;
  readonly #normal: Interval;
  readonly #faulty: Interval;
  readonly #sums = new Map<string, { readonly normal: Sum; readonly faulty: Sum }>();

  constructor(simulation: Simulation, normal: Interval, faulty: Interval) {
    this.#simulation = simulation;
    this.#normal = normal;
    this.#faulty = faulty;
  }

  /** `atMs` says which time it belongs to; by default that is now. */
  add(key: string, value: number, atMs = this.#simulation.now): void {
    const isNormal = isIn(this.#normal, atMs);
    if (!isNormal && !isIn(this.#faulty, atMs)) return;
    let sums = this.#sums.get(key);
    if (!sums) {
      sums = { normal: { count: 0, total: 0 }, faulty: { count: 0, total: 0 } };
      this.#sums.set(key, sums);
    }
    const sum = isNormal ? sums.normal : sums.faulty;
    sum.count += 1;
    sum.total += value;
  }

  /** NaN where there was nothing. */
  mean(key: string, time: 'normal' | 'faulty'): number {
    const sum = this.#sums.get(key)?.[time];
    return sum && sum.count > 0 ? sum.total / sum.count : Number.NaN;
  }

  /** How often something happened, in a second. */
  rate(key: string, time: 'normal' | 'faulty'): number {
    const { fromMs, toMs } = time === 'normal' ? this.#normal : this.#faulty;
    return (1000 * (this.#sums.get(key)?.[time].count ?? 0)) / (toMs - fromMs);
  }
}

function isIn({ fromMs, toMs }: Interval, atMs: number): boolean {
  return atMs >= fromMs && atMs < toMs;
}
