import { Gauge, type Registry } from 'prom-client';
import { LimitCounter } from '../limit-counter.ts';
import { RECEIVER_LIMITS } from './limits.ts';

export interface ByteBudgetOptions {
  readonly registry: Registry;
  readonly bytesMax?: number;
}

/** A bounded number of bytes that requests share. Each takes what it reads and gives all of it back at its end. */
export class ByteBudget {
  readonly #max: number;
  readonly #limits: LimitCounter;
  #taken = 0;

  constructor({ registry, bytesMax = RECEIVER_LIMITS.bytesInFlightMax }: ByteBudgetOptions) {
    this.#max = bytesMax;
    this.#limits = new LimitCounter(registry);
    const inFlight: Gauge = new Gauge({
      name: 'throughline_receiver_bytes_in_flight',
      help: 'Bytes of requests that are read or wait for their acknowledgement, over all receivers',
      registers: [],
      collect: (): void => inFlight.set(this.#taken),
    });
    registry.registerMetric(inFlight);
  }

  get taken(): number {
    return this.#taken;
  }

  /** Whether they are left; counted where they are not. */
  has(bytes: number): boolean {
    const isLeft = this.#taken + bytes <= this.#max;
    if (!isLeft) this.#limits.reached('receivers.bytesInFlightMax');
    return isLeft;
  }

  /** False, and nothing is taken, when they are not left. */
  take(bytes: number): boolean {
    if (!this.has(bytes)) return false;
    this.#taken += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#taken -= bytes;
  }
}
