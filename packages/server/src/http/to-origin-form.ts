import type { IncomingMessage } from 'node:http';

/**
 * Makes a target that is a whole URL, as clients send it that believe in a proxy, the path and query that it names. Its
 * host takes the place of the Host header, as RFC 9112, section 3.2.2, demands: whoever is asked about the host is
 * asked about that one.
 */
export function toOriginForm(request: IncomingMessage): void {
  const { url = '' } = request;
  if (url.startsWith('/')) return;
  const [, authority, rest = ''] = /^https?:\/\/([^/?#]+)(.*)$/is.exec(url) ?? [];
  if (authority === undefined) return;
  request.url = rest.startsWith('/') ? rest : `/${rest}`;
  request.headers.host = authority.slice(authority.lastIndexOf('@') + 1);
}
