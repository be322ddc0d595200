import type { ExportSettings } from './export-settings.ts';
import type { Compressor } from './transport/compression.ts';
import { CustomTransport } from './transport/custom-transport.ts';
import { secretsOf, withoutTexts } from './transport/secrets.ts';
import { NodeHttpTransport } from './transport/node-http-transport.ts';
import type { HttpTransport } from './transport/http-transport.ts';
import { NO_PROXIES } from './transport/proxy.ts';
import { routeOf } from './transport/route.ts';
import { SocketTransport } from './transport/socket-transport.ts';

export interface HttpTransportOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType: string;
  readonly compressor: Compressor | undefined;
  readonly timeoutMillis: number;
  readonly connections: number;
}

/**
 * What posts to `url` in the way that the configuration says: over bare sockets where nothing is between us and the
 * collector.
 */
export function createHttpTransport(settings: ExportSettings, options: HttpTransportOptions): HttpTransport {
  const inner = newHttpTransport(settings, options);
  const { proxies } = settings;
  const urls = [options.url, proxies.http, proxies.https].map((url) => (url === undefined ? undefined : new URL(url)));
  const secrets = secretsOf(urls, options.headers);
  return {
    async post(body) {
      const result = await inner.post(body);
      return result.kind === 'failed' ? { ...result, message: withoutTexts(result.message, secrets) } : result;
    },
    postBlocking: (bodies, timeoutMs) => inner.postBlocking(bodies, timeoutMs),
    get lastEndedAtMs() {
      return inner.lastEndedAtMs ?? -Infinity;
    },
    abort: () => inner.abort(),
    close: () => inner.close(),
  };
}

function newHttpTransport(
  { agent, proxies, tls, transport }: ExportSettings,
  options: HttpTransportOptions,
): HttpTransport {
  const url = new URL(options.url);
  if (transport !== undefined) return new CustomTransport({ ...options, url, transport });
  // An agent makes the connections itself.
  const route = routeOf(url, tls, agent === undefined ? proxies : NO_PROXIES);
  if (agent === undefined && route.proxy === undefined) return new SocketTransport({ ...options, route, url });
  return new NodeHttpTransport({ ...options, agent, route, url });
}
