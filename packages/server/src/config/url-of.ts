import { isIPv6 } from 'node:net';

/** An address that means all of the machine's is shown as one that a browser can open. */
export function urlOf(host: string, port: number): string {
  if (host === '0.0.0.0' || host === '::') return `http://localhost:${port}`;
  return `http://${isIPv6(host) ? `[${host}]` : host}:${port}`;
}
