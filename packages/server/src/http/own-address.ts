import type { IncomingHttpHeaders } from 'node:http';

/**
 * Returns where the client of a request has found this API, such as `https://tools.example/tracing`, for links in what
 * it is answered; null where it has not named a host. The scheme is what a proxy before us says (`X-Forwarded-Proto`):
 * who makes that up is answered with links of its own.
 */
export function ownAddress({ host = '', ...headers }: IncomingHttpHeaders, basePath: string): string | null {
  if (!/^[\w.:[\]-]+$/.test(host)) return null;
  const [proto = ''] = [headers['x-forwarded-proto'] ?? ''].flat();
  return `${/^https\b/i.test(proto) ? 'https' : 'http'}://${host}${basePath}`;
}
