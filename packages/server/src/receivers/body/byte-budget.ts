import type { Registry } from 'prom-client';
import { LimitCounter } from '../../limit-counter.ts';
import { registerGauge } from '../../register-gauge.ts';
import { BodyError } from './body-error.ts';
import { RECEIVER_LIMITS } from '../limits.ts';

export interface ByteBudgetOptions {
  readonly registry: Registry;
  readonly bytesMax?: number;
}

/** A bounded number of bytes that requests share. Each reserves what it reads and gives all of it back at its end. */
export class ByteBudget {
  readonly #max: number;
  readonly #limits: LimitCounter;
  #taken = 0;

  constructor({ registry, bytesMax = RECEIVER_LIMITS.bytesInFlightMax }: ByteBudgetOptions) {
    this.#max = bytesMax;
    this.#limits = new LimitCounter(registry);
    registerGauge(
      registry,
      'throughline_receiver_bytes_in_flight',
      'Memory of requests that are read or wait for their acknowledgement, over all receivers, in bytes',
      () => this.#taken,
    );
  }

  get taken(): number {
    return this.#taken;
  }

  /**
   * Throws the `BodyError` of a request that has `reserved` bytes and for which `bytes` more are not left; counted
   * then. Nothing is taken.
   */
  expect(bytes: number, reserved = 0): void {
    if (this.#taken + bytes <= this.#max) return;
    this.#limits.reached('receivers.bytesInFlightMax');
    // Sending it again would not help.
    if (reserved + bytes > this.#max) {
      throw new BodyError(
        413,
        'the request takes more memory than receivers.bytesInFlightMax allows; send less at once',
      );
    }
    throw new BodyError(503, 'receiver overloaded: in-flight byte limit reached (receivers.bytesInFlightMax)');
  }

  /** For one request. */
  reserve(): Reservation {
    return new Reservation((bytes, reserved) => {
      if (bytes > 0) this.expect(bytes, reserved);
      this.#taken += bytes;
    });
  }
}

/** What one request has taken from the budget. */
export class Reservation {
  readonly #change: (bytes: number, reserved: number) => void;
  #bytes = 0;

  constructor(change: (bytes: number, reserved: number) => void) {
    this.#change = change;
  }

  /** Throws `BodyError`, and takes nothing, when they are not left. */
  take(bytes: number): void {
    this.#change(bytes, this.#bytes);
    this.#bytes += bytes;
  }

  giveBack(bytes: number): void {
    this.#change(-bytes, this.#bytes);
    this.#bytes -= bytes;
  }

  /** Gives back what is still taken. May be called more than once. */
  release(): void {
    this.giveBack(this.#bytes);
  }
}
