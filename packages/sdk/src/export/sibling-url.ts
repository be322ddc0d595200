/** Where OTLP over HTTP takes traces. */
export const TRACES_PATH = '/v1/traces';

/** The address of another path of the collector that takes traces at `tracesUrl`. */
export function siblingUrl(tracesUrl: string, path: string): string {
  const url = new URL(tracesUrl);
  const { pathname } = url;
  // Of a unix socket the path begins behind a colon.
  const base = url.protocol === 'unix:' ? pathname.replace(/(:\/.*)?$/, ':') : '';
  url.pathname = (pathname.endsWith(TRACES_PATH) ? pathname.slice(0, -TRACES_PATH.length) : base) + path;
  return url.href;
}
