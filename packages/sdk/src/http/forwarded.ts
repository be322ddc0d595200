import type { IncomingHttpHeaders } from 'node:http';

/** What proxies say of the request as it reached the first of them. */
export interface Forwarded {
  readonly client?: string;
  readonly host?: string;
  readonly scheme?: string;
}

/** A header may be as long as Node takes; of a list the first element is the one nearest to the client. */
const READ_CHARACTERS_MAX = 4_096;

/**
 * `Forwarded` (RFC 7239), and where it says nothing, `X-Forwarded-For`, `-Host` and `-Proto`. Both can be forged by
 * whoever reaches us directly.
 */
export function readForwarded(headers: IncomingHttpHeaders): Forwarded {
  const standard = firstElement(headers['forwarded']);
  const client = standard['for'] ?? firstOf(headers['x-forwarded-for']);
  const host = standard['host'] ?? firstOf(headers['x-forwarded-host']);
  const scheme = (standard['proto'] ?? firstOf(headers['x-forwarded-proto']))?.toLowerCase();
  return {
    ...(client === undefined ? {} : { client: withoutPort(client) }),
    ...(host === undefined ? {} : { host }),
    ...(scheme === 'http' || scheme === 'https' ? { scheme } : {}),
  };
}

function firstOf(header: string | string[] | undefined): string | undefined {
  const text = Array.isArray(header) ? header[0] : header;
  const first = text?.slice(0, READ_CHARACTERS_MAX).split(',', 1)[0]?.trim();
  return first === '' ? undefined : first;
}

const PAIR = /([!#$%&'*+.^_`|~\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*))\s*(;|,|$)/gy;

/** The parameters of the first element, by names in lower case; what does not keep to the grammar ends it. */
function firstElement(header: string | string[] | undefined): Partial<Record<string, string>> {
  const text = (Array.isArray(header) ? header.join(',') : (header ?? '')).slice(0, READ_CHARACTERS_MAX).trim();
  const found: Partial<Record<string, string>> = {};
  PAIR.lastIndex = 0;
  for (let match = PAIR.exec(text); match !== null; match = PAIR.exec(text)) {
    const [, name = '', quoted, token = '', end] = match;
    const value = quoted === undefined ? token : quoted.replaceAll(/\\(.)/g, '$1');
    if (value !== '') found[name.toLowerCase()] ??= value;
    if (end !== ';') break;
    while (text[PAIR.lastIndex] === ' ') PAIR.lastIndex += 1;
  }
  return found;
}

/** `1.2.3.4:5`, `[::1]:5` and `[::1]` without port and brackets; a bare IPv6 address is one. */
function withoutPort(node: string): string {
  const bracketed = /^\[([^\]]*)\](?::\w+)?$/.exec(node);
  if (bracketed !== null) return bracketed[1] ?? '';
  return /^[^:]*:\w+$/.test(node) ? node.slice(0, node.indexOf(':')) : node;
}
