import type { IncomingMessage } from 'node:http';
import { mayBeRebound } from '../host-check.ts';
import type { CorsPolicy } from './cors.ts';
import { status, type HttpAnswer } from './http-answer.ts';
import { StatusCode, type OtlpEncoding } from './otlp-response.ts';

/** The names under which a request may reach the receiver: a page can give its own name our address. */
export interface HostPolicy {
  readonly names: ReadonlySet<string>;
  /** Whether every request is asked, or only those of browsers: senders on other machines know us by any name. */
  readonly isStrict: boolean;
}

export const LOOPBACK_ONLY: HostPolicy = { names: new Set(), isStrict: true };

/** Pages of origins that are not listed, and names that pages may have given to our address. */
export class Strangers {
  readonly #cors: CorsPolicy;
  readonly #hosts: HostPolicy;

  constructor(cors: CorsPolicy, hosts: HostPolicy) {
    this.#cors = cors;
    this.#hosts = hosts;
  }

  /** Null for a request that may be looked at. */
  refuse({ headers }: IncomingMessage, answerIn: OtlpEncoding): HttpAnswer | null {
    const { origin } = headers;
    const isBrowser = origin !== undefined || headers['sec-fetch-site'] !== undefined;
    const { host = '' } = headers;
    if ((isBrowser || this.#hosts.isStrict) && mayBeRebound(host, this.#hosts.names)) {
      const message = `Host ${JSON.stringify(host)} is not a name of this collector; add it with --allowed-hosts if it is meant`;
      return status(403, StatusCode.permissionDenied, message, answerIn);
    }
    if (origin !== undefined && !this.#cors.allows(origin)) {
      return status(
        403,
        StatusCode.permissionDenied,
        `pages from ${origin} may not send spans to this collector; allow them with --otlp-http-cors-origins`,
        answerIn,
      );
    }
    return null;
  }
}
