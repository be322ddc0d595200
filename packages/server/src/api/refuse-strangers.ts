import type { IncomingHttpHeaders } from 'node:http';
import { isOwnHost, isOwnOrigin, mayBeOwned } from '../http/host-check.ts';
import { Problem } from './problem.ts';

/**
 * Throws a 403 where a request names a host that a page elsewhere may have given to our address. A browser has to use a
 * name of ours. A program, such as a probe or a scraper, may also name none (HTTP/1.0), or one without a dot, as
 * services of a network have: browsers leave out on plain http what would tell them apart, but nobody can own such a
 * name.
 */
export function refuseStrangeHost(headers: IncomingHttpHeaders, ownNames: ReadonlySet<string>): void {
  const { host = '', origin, 'sec-fetch-site': site } = headers;
  if (isOwnHost(host, ownNames)) return;
  const isBrowser = origin !== undefined || site !== undefined;
  if (!isBrowser && !mayBeOwned(host)) return;
  throw new Problem(
    403,
    'host_not_allowed',
    `Host ${JSON.stringify(host.slice(0, 100))} is not a name of this collector; if it should be, add it with --allowed-hosts or THROUGHLINE_ALLOWED_HOSTS`,
  );
}

/**
 * Throws a 403 where a page elsewhere asks: it could not read the answer, but could have the store work for it. A link
 * from there may be followed. What changes something is for our own pages, and for programs.
 */
export function refuseStrangePage(
  headers: IncomingHttpHeaders,
  ownNames: ReadonlySet<string>,
  isChange: boolean,
): void {
  const { origin, 'sec-fetch-site': site, 'sec-fetch-mode': mode } = headers;
  const isForeign = origin !== undefined && !isOwnOrigin(origin, ownNames);
  const isFromElsewhere = site === 'cross-site' && mode !== 'navigate';
  const changesFromElsewhere = isChange && site !== undefined && site !== 'same-origin' && site !== 'none';
  if (!isForeign && !isFromElsewhere && !changesFromElsewhere) return;
  throw new Problem(403, 'origin_not_allowed', 'cross-origin requests are not allowed');
}
