import { request as requestPlain } from 'node:http';
import { request as requestSecure } from 'node:https';

/** Marks a message that another collector has answered. */
export const FORWARDED_HEADER = 'throughline-forwarded';

export interface ForwarderLimits {
  readonly forwardsMax: number;
  readonly forwardTimeoutMs: number;
}

export type ForwardOutcome = 'sent' | 'failed' | 'dropped';

/**
 * Hands request metrics on to the other collectors of a fleet, so that each knows all rates, whoever of them
 * a process asks. Each message is tried once: the next one says more.
 */
export class Forwarder {
  readonly #limits: ForwarderLimits;
  readonly #onOutcome: (outcome: ForwardOutcome) => void;
  #underWay = 0;

  constructor(limits: ForwarderLimits, onOutcome: (outcome: ForwardOutcome) => void) {
    this.#limits = limits;
    this.#onOutcome = onOutcome;
  }

  forward(peers: readonly string[], body: Uint8Array): void {
    for (const peer of peers) {
      if (this.#underWay >= this.#limits.forwardsMax) {
        this.#onOutcome('dropped');
        continue;
      }
      this.#underWay++;
      this.#post(new URL('/v1/sampling', peer), body, (outcome) => {
        this.#underWay--;
        this.#onOutcome(outcome);
      });
    }
  }

  #post(url: URL, body: Uint8Array, done: (outcome: ForwardOutcome) => void): void {
    const request = (url.protocol === 'https:' ? requestSecure : requestPlain)(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': body.length, [FORWARDED_HEADER]: '1' },
      timeout: this.#limits.forwardTimeoutMs,
    });
    let outcome: ForwardOutcome = 'failed';
    request.on('timeout', () => request.destroy());
    request.on('error', () => undefined);
    request.on('close', () => done(outcome));
    request.on('response', (response) => {
      if (response.statusCode === 200) outcome = 'sent';
      response.resume();
    });
    request.end(body);
  }
}
