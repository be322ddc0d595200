const LOOPBACK_HOST = /^(?:localhost|[^:/]+\.localhost|127(?:\.\d{1,3}){3}|\[::1\])$/i;

/** What a preflight requests. */
export interface Preflight {
  /** Access-Control-Request-Headers */
  readonly headers: string | undefined;
  /** Access-Control-Request-Private-Network: a public page sends to a collector in its reader's network. */
  readonly isPrivateNetwork: boolean;
}

/**
 * Which web pages may send spans. Pages on the loopback interface always may; others when their origin is listed, or
 * one such as `https://*.shop.example` that stands for it, or `*`. Everyone else's page is refused: a browser would
 * otherwise let any page that a developer visits write into the store on their machine.
 */
export class CorsPolicy {
  readonly #origins: ReadonlySet<string>;
  readonly #patterns: readonly { readonly scheme: string; readonly suffix: string }[];

  constructor(origins: readonly string[]) {
    this.#origins = new Set(origins.map((origin) => origin.toLowerCase()));
    this.#patterns = [...this.#origins].flatMap((origin) => {
      const [scheme, suffix] = origin.split('*');
      return scheme !== undefined && scheme !== '' && suffix !== undefined ? [{ scheme, suffix }] : [];
    });
  }

  allows(given: string): boolean {
    const origin = given.toLowerCase();
    return this.#origins.has('*') || this.#origins.has(origin) || isLoopback(origin) || this.#matches(origin);
  }

  /**
   * The answer's headers for an origin that is allowed. Credentials are none of ours, but `navigator.sendBeacon`, which
   * exporters use when a page closes, is only let through where they are allowed.
   */
  headers(origin: string): Record<string, string> {
    return {
      'access-control-allow-origin': origin,
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': 'retry-after',
      vary: 'Origin',
    };
  }

  /** … and those of a preflight's answer. */
  preflightHeaders(origin: string, { headers, isPrivateNetwork }: Preflight): Record<string, string> {
    return {
      ...this.headers(origin),
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': headers ?? 'content-type, content-encoding',
      'access-control-max-age': '7200',
      vary: 'Origin, Access-Control-Request-Headers, Access-Control-Request-Private-Network',
      ...(isPrivateNetwork && { 'access-control-allow-private-network': 'true' }),
    };
  }

  #matches(origin: string): boolean {
    return this.#patterns.some(({ scheme, suffix }) => {
      const inside = origin.slice(scheme.length, -suffix.length);
      const isThere =
        origin.startsWith(scheme) && origin.endsWith(suffix) && origin.length > scheme.length + suffix.length;
      return isThere && /^[a-z0-9.-]+$/.test(inside);
    });
  }
}

function isLoopback(origin: string): boolean {
  const host = /^https?:\/\/([^/]+?)(?::\d+)?$/i.exec(origin)?.[1];
  return host !== undefined && LOOPBACK_HOST.test(host);
}
