import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { isOwnHost, isOwnOrigin, mayBeOwned, mayBeRebound } from './host-check.ts';
import type { Refusal } from './refusal.ts';

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

/** The origins whose pages may send. */
export interface OriginPolicy {
  allows(origin: string): boolean;
}

/** Pages of origins that are not listed, and names that pages may have given to our address. */
export class Strangers {
  readonly #origins: OriginPolicy;
  readonly #hosts: HostPolicy;
  readonly #originsFlag: string;

  /** `originsFlag`: the one that lists further origins. */
  constructor(origins: OriginPolicy, hosts: HostPolicy, originsFlag: string) {
    this.#origins = origins;
    this.#hosts = hosts;
    this.#originsFlag = originsFlag;
  }

  /** Null for a request that may be looked at. */
  refuse({ method, headers }: IncomingMessage): Refusal | null {
    const { origin } = headers;
    const isBrowser = origin !== undefined || headers['sec-fetch-site'] !== undefined;
    const { host = '' } = headers;
    const needsName = isBrowser || (this.#hosts.isStrict && !isProgram(method, headers));
    if (needsName && mayBeRebound(host, this.#hosts.names)) return hostNotAllowed(host);
    if (origin !== undefined && !this.#origins.allows(origin)) {
      const message = `web pages from ${origin} may not send spans to this collector; allow them with ${this.#originsFlag}`;
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

/**
 * Returns a 403 where a request to the API names a host that a page elsewhere may have given to our address; null where
 * it does not. A browser has to use a name of ours. A program, such as a probe or a scraper, may also name none
 * (HTTP/1.0), or one without a dot, as services of a network have. On plain http, browsers omit what would set them
 * apart from programs; but nobody can own such a name.
 */
export function refuseStrangeHost(headers: IncomingHttpHeaders, ownNames: ReadonlySet<string>): Refusal | null {
  const { host = '', origin, 'sec-fetch-site': site } = headers;
  if (isOwnHost(host, ownNames)) return null;
  const isBrowser = origin !== undefined || site !== undefined;
  return isBrowser || mayBeOwned(host) ? hostNotAllowed(host) : null;
}

/**
 * Returns a 403 where a page elsewhere sends a request to the API: it could not read the answer, but could have the
 * store work for it. A link from there may be followed. What changes something is for our own pages, and for programs.
 */
export function refuseStrangePage(
  headers: IncomingHttpHeaders,
  ownNames: ReadonlySet<string>,
  isChange: boolean,
): Refusal | null {
  const { origin, 'sec-fetch-site': site, 'sec-fetch-mode': mode } = headers;
  const isForeign = origin !== undefined && !isOwnOrigin(origin, ownNames);
  const isFromElsewhere = site === 'cross-site' && mode !== 'navigate';
  const changesFromElsewhere = isChange && site !== undefined && site !== 'same-origin' && site !== 'none';
  if (!isForeign && !isFromElsewhere && !changesFromElsewhere) return null;
  return { status: 403, code: 'origin_not_allowed', message: 'cross-origin requests are not allowed' };
}

function hostNotAllowed(host: string): Refusal {
  const message = `Host ${JSON.stringify(host.slice(0, HOST_SHOWN_MAX))} is not a name of this collector; if it should be, add it with --allowed-hosts or THROUGHLINE_ALLOWED_HOSTS`;
  return { status: 403, code: 'host_not_allowed', message };
}

/** Characters of a name that an answer repeats. */
const HOST_SHOWN_MAX = 100;
