import { unescape } from 'node:querystring';
import { nodeModules } from '../../runtime/node-modules.ts';
import type { ProxySettings } from './proxy.ts';
import { proxyFor } from './proxy.ts';

/** Texts of PEM files (not their paths) for connections by https; what is undefined is Node's default. */
export interface TlsOptions {
  /** The authorities that the collector's certificate may come from, instead of the well-known ones. */
  readonly ca?: string | undefined;
  /** This client's own certificate and its key, where the collector requires one. */
  readonly cert?: string | undefined;
  /** The certificate's private key, without a passphrase. It is never shown. */
  readonly key?: string | undefined;
}

/** Where a connection goes, as options of `node:http`. */
export type Address =
  | { readonly host: string; readonly port: number }
  | { /** A unix socket. */ readonly socketPath: string };

/** The way of a request to a collector. It is plain data: it also goes to a worker thread. */
export interface Route {
  /** Whether the request itself is encrypted. */
  readonly isSecure: boolean;
  readonly address: Address;
  /** The target as it is in the request's first line. */
  readonly path: string;
  /** The Host header. */
  readonly host: string;
  /** For TLS; '' without it, and for an IP address, which has no name. */
  readonly servername: string;
  readonly tls: TlsOptions;
  /** Headers that the request needs for this way. */
  readonly headers: Readonly<Record<string, string>>;
  /** A proxy that opens a tunnel, by CONNECT, before the request is sent. */
  readonly tunnel: Tunnel | undefined;
  /** The proxy on the way, without its credentials, for messages. */
  readonly proxy: string | undefined;
}

export interface Tunnel {
  /** Whether the proxy is spoken to by TLS. */
  readonly isSecure: boolean;
  readonly address: Address;
  /** `host:port`, where the tunnel ends. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Which way leads to `url`. */
export function routeOf(url: URL, tls: TlsOptions, proxies: ProxySettings): Route {
  if (url.protocol === 'unix:') return socketRoute(url);
  const isSecure = url.protocol === 'https:';
  const address = addressOf(url);
  const direct: Route = {
    isSecure,
    address,
    path: url.pathname + url.search,
    host: url.host,
    servername: isSecure ? nameOf(address.host) : '',
    tls: definedOf(tls),
    headers: {},
    tunnel: undefined,
    proxy: undefined,
  };
  const proxy = proxyFor(url, proxies);
  if (proxy === undefined) return direct;
  const authorization = basicAuthorization(proxy);
  const headers: Record<string, string> = authorization === undefined ? {} : { 'proxy-authorization': authorization };
  const way = { isSecure: proxy.protocol === 'https:', address: addressOf(proxy) };
  if (isSecure) {
    const host = address.host.includes(':') ? `[${address.host}]` : address.host;
    const tunnel = { ...way, target: `${host}:${address.port}`, headers };
    return { ...direct, tunnel, proxy: proxy.origin };
  }
  return {
    ...direct,
    ...way,
    // The certificate of this connection is the proxy's.
    servername: way.isSecure ? nameOf(way.address.host) : '',
    tls: {},
    path: url.origin + direct.path,
    headers,
    proxy: proxy.origin,
  };
}

/** `unix:///run/collector.sock:/v1/traces`: the file, and behind a colon the path of the request. */
function socketRoute(url: URL): Route {
  const [file = '', path = '/'] = url.pathname.split(/:(?=\/)/);
  return {
    isSecure: false,
    address: { socketPath: decodeURIComponent(file) },
    path: path + url.search,
    host: 'localhost',
    servername: '',
    tls: {},
    headers: {},
    tunnel: undefined,
    proxy: undefined,
  };
}

function addressOf(url: URL): { readonly host: string; readonly port: number } {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return { host, port: Number(url.port) || (url.protocol === 'https:' ? 443 : 80) };
}

function nameOf(host: string): string {
  return nodeModules.net.isIP(host) === 0 ? host : '';
}

function definedOf(tls: TlsOptions): TlsOptions {
  return Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
}

/** An Authorization header of the user and the password of a URL; `undefined` where it has neither. */
export function basicAuthorization({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined;
  const pair = `${unescape(username)}:${unescape(password)}`;
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}
