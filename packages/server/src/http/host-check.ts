import { isIP } from 'node:net';

/**
 * Whether a request that names this host (its Host header) is meant for us. A page elsewhere can make its own name
 * resolve to a loopback address and then read our answers as its own; its name is what gives it away. Addresses cannot
 * be rebound, so every one is fine.
 */
export function isOwnHost(host: string | undefined, ownNames: ReadonlySet<string>): boolean {
  if (host === undefined) return false;
  const name = hostName(host);
  return isIP(name) !== 0 || LOCAL_NAMES.has(name) || name.endsWith('.localhost') || ownNames.has(name);
}

/** Whether a page that a request comes from (its Origin header) is one of ours, on whatever port. */
export function isOwnOrigin(origin: string, ownNames: ReadonlySet<string>): boolean {
  const host = /^https?:\/\/([^/]+)$/i.exec(origin)?.[1];
  return host !== undefined && isOwnHost(host, ownNames);
}

/**
 * Whether the name is one that a page elsewhere may have given to our address: neither ours nor without a dot, since
 * nobody can own such a name. For senders, which know us by names of their network.
 */
export function mayBeRebound(host: string, ownNames: ReadonlySet<string>): boolean {
  return hostName(host).includes('.') && !isOwnHost(host, ownNames);
}

/**
 * Whether somebody could own the name: one without a dot belongs to a network, or to a file of hosts. None at all, as
 * in HTTP/1.0, is nobody's either; what is no name could be anything.
 */
export function mayBeOwned(host: string): boolean {
  return host !== '' && !/^[a-z0-9_-]+$/.test(hostName(host));
}

/** The loopback, and what containers call the machine that they run on: nobody can own these names. */
const LOCAL_NAMES = new Set(['localhost', 'host.docker.internal', 'host.containers.internal']);

/** Without the port, the brackets of IPv6 and the dot that may end a full name; in lower case. */
function hostName(host: string): string {
  const [, bracketed, plain = ''] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d{0,5})?$/.exec(host) ?? [];
  return (bracketed ?? plain).toLowerCase().replace(/\.$/, '');
}
