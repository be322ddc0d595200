import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { mayBeRebound } from '../../http/host-check.ts';
import type { Refusal } from '../../http/refusal.ts';
import type { CorsPolicy } from './cors-policy.ts';

/** The names under which a request may reach the receiver: a page can give its own name our address. */
export interface HostPolicy {
  readonly names: ReadonlySet<string>;
  /**
   * Whether all are asked that could come from a page, or only those that say so: senders on other machines know us by
   * any name.
   */
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
  refuse({ method, headers }: IncomingMessage): Refusal | null {
    const { origin } = headers;
    const isBrowser = origin !== undefined || headers['sec-fetch-site'] !== undefined;
    const { host = '' } = headers;
    const isToldByName = isBrowser || (this.#hosts.isStrict && !isProgram(method, headers));
    if (isToldByName && mayBeRebound(host, this.#hosts.names)) {
      const message = `Host ${JSON.stringify(host)} is not a name of this collector; if it should be, add it with --allowed-hosts`;
      return { status: 403, code: 'host_not_allowed', message };
    }
    if (origin !== undefined && !this.#cors.allows(origin)) {
      const message = `web pages from ${origin} may not send spans to this collector; allow them with --otlp-http-cors-origins`;
      return { status: 403, code: 'origin_not_allowed', message };
    }
    return null;
  }
}

/**
 * Whether no page can have sent it. Every browser names the origin of what a page posts, to its own host as well; old
 * ones that did not are known by what else they send. A GET to its own host may tell nothing on plain http, and a page
 * may choose its User-Agent.
 */
function isProgram(
  method: string | undefined,
  { origin, cookie, 'user-agent': agent = '', ...others }: IncomingHttpHeaders,
): boolean {
  const saysSo = origin !== undefined || Object.keys(others).some((name) => name.startsWith('sec-fetch-'));
  return method === 'POST' && !saysSo && cookie === undefined && !agent.startsWith('Mozilla/');
}
