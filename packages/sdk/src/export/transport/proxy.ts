import type { BlockList } from 'node:net';
import { domainToASCII } from 'node:url';
import { nodeModules } from '../../runtime/node-modules.ts';

/** Which requests go through a proxy. */
export interface ProxySettings {
  /** The proxy for collectors with https, … */
  readonly https: string | undefined;
  /** … and with http. */
  readonly http: string | undefined;
  /** Hosts that are spoken to directly, as in NO_PROXY. */
  readonly except: string;
}

export const NO_PROXIES: ProxySettings = Object.freeze({ https: undefined, http: undefined, except: '' });

/** The proxy that a request to `url` goes through; `undefined` where it goes directly. Loopback is always direct. */
export function proxyFor(url: URL, { https, http, except }: ProxySettings): URL | undefined {
  const proxy = url.protocol === 'https:' ? https : http;
  if (proxy === undefined || isExcepted(url, except)) return undefined;
  return new URL(proxy);
}

function isExcepted(url: URL, except: string): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  if (isLoopback(host)) return true;
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return except.split(/[\s,]+/).some((entry) => entry !== '' && isNamed(host, port, entry.toLowerCase()));
}

function isLoopback(host: string): boolean {
  if (host === 'localhost' || host.endsWith('.localhost')) return true;
  const loopback = new nodeModules.net.BlockList();
  loopback.addSubnet('127.0.0.0', 8);
  loopback.addAddress('::1', 'ipv6');
  return isIn(loopback, host);
}

function isIn(list: BlockList, host: string): boolean {
  const version = nodeModules.net.isIP(host);
  return version !== 0 && list.check(host, version === 4 ? 'ipv4' : 'ipv6');
}

/**
 * Whether an entry of NO_PROXY means a host: `*`, a name with all that lies below it, an address, a network as
 * `10.0.0.0/8`; any with `:port`.
 */
function isNamed(host: string, port: string, entry: string): boolean {
  if (entry === '*') return true;
  const [, bracketed, plain, entryPort] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(entry) ?? [];
  // An IPv6 address without brackets has colons of its own.
  const name = bracketed ?? plain ?? entry;
  if (entryPort !== undefined && entryPort !== port) return false;
  if (name.includes('/')) return isInNetwork(host, name);
  if (nodeModules.net.isIP(name) !== 0)
    return isInNetwork(host, `${name}/${nodeModules.net.isIP(name) === 4 ? 32 : 128}`);
  const domain = domainToASCII(name.replace(/^\*?\./, '').replace(/\.$/, ''));
  return domain !== '' && nodeModules.net.isIP(host) === 0 && (host === domain || host.endsWith(`.${domain}`));
}

function isInNetwork(host: string, network: string): boolean {
  const [address = '', bits = ''] = network.split('/');
  const list = new nodeModules.net.BlockList();
  if (!/^\d{1,3}$/.test(bits)) return false;
  try {
    list.addSubnet(address, Number(bits), nodeModules.net.isIP(address) === 6 ? 'ipv6' : 'ipv4');
  } catch {
    return false;
  }
  return isIn(list, host);
}
