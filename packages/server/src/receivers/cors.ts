const LOOPBACK_HOST = /^(?:localhost|[^:/]+\.localhost|127(?:\.\d{1,3}){3}|\[::1\])$/i;

/**
 * Which web pages may send spans. Pages on the loopback interface always may; others when their origin is listed, or
 * `*` is. Everyone else's page is refused: a browser would otherwise let any page that a developer visits write into
 * the store on their machine.
 */
export class CorsPolicy {
  readonly #origins: ReadonlySet<string>;

  constructor(origins: readonly string[]) {
    this.#origins = new Set(origins.map((origin) => origin.toLowerCase()));
  }

  allows(origin: string): boolean {
    return this.#origins.has('*') || this.#origins.has(origin.toLowerCase()) || isLoopback(origin);
  }

  /** The answer's headers for an origin that is allowed. */
  headers(origin: string): Record<string, string> {
    return { 'access-control-allow-origin': origin, vary: 'Origin' };
  }

  /** … and those of a preflight's answer. */
  preflightHeaders(origin: string, requestedHeaders: string | undefined): Record<string, string> {
    return {
      ...this.headers(origin),
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': requestedHeaders ?? 'content-type, content-encoding',
      'access-control-max-age': '7200',
    };
  }
}

function isLoopback(origin: string): boolean {
  const host = /^https?:\/\/([^/]+?)(?::\d+)?$/i.exec(origin)?.[1];
  return host !== undefined && LOOPBACK_HOST.test(host);
}
