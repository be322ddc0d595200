import { Gauge, type Registry } from 'prom-client';

/** Bodies of all requests, over all receivers, that are read or wait for their acknowledgement. */
export const BYTES_IN_FLIGHT_MAX = 64 * 1024 * 1024;

export interface ByteBudgetOptions {
  readonly registry: Registry;
  readonly bytesMax?: number;
}

/** A bounded number of bytes that requests share. Each takes what it reads and gives all of it back at its end. */
export class ByteBudget {
  readonly #max: number;
  #taken = 0;

  constructor({ registry, bytesMax = BYTES_IN_FLIGHT_MAX }: ByteBudgetOptions) {
    this.#max = bytesMax;
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

  has(bytes: number): boolean {
    return this.#taken + bytes <= this.#max;
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
