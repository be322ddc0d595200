import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface PrefixProxy {
  /** With the prefix. */
  readonly url: string;
  /** Paths that were asked for beside the prefix: a page behind it knows nothing of them. */
  readonly astray: readonly string[];
  readonly close: () => Promise<void>;
}

/** What stands before a collector that is served below a path of another site; the rest of that site is not there. */
export async function startPrefixProxy(target: string, prefix: string, takesOff: boolean): Promise<PrefixProxy> {
  const { hostname, port: targetPort } = new URL(target);
  const astray: string[] = [];
  const server = createServer((asked, answer) => {
    const { url = '', method, headers } = asked;
    if (url !== prefix && !url.startsWith(`${prefix}/`)) {
      astray.push(url);
      answer.writeHead(404).end('another application');
      return;
    }
    const path = takesOff ? `/${url.slice(prefix.length).replace(/^\//, '')}` : url;
    const handed = request({ hostname, port: targetPort, path, method, headers }, (given) => {
      answer.writeHead(given.statusCode ?? 502, given.headers);
      given.pipe(answer);
    });
    handed.on('error', () => answer.destroy());
    asked.pipe(handed);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}${prefix}`,
    astray,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
