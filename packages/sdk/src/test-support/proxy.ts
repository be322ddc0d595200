import { createServer, request as send, type IncomingMessage } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { connect, type AddressInfo, type Socket } from 'node:net';

export interface TestProxy {
  readonly url: string;
  /** What it was asked for, `CONNECT host:443` or `POST http://host/path`, with the authorization that came along. */
  readonly asked: string[];
  close(): Promise<void>;
}

/** A forward proxy that knows names which nothing else knows: whoever reaches one of them came through it. */
export async function startProxy(
  ports: Readonly<Record<string, number>>,
  options: { readonly tls?: { key: string; cert: string }; readonly user?: string } = {},
): Promise<TestProxy> {
  const asked: string[] = [];
  const sockets = new Set<{ destroy(): unknown }>();
  const isAllowed = ({ headers, method, url }: IncomingMessage): boolean => {
    const authorization = headers['proxy-authorization'];
    asked.push(`${method} ${url}${authorization === undefined ? '' : ` ${authorization}`}`);
    const { user } = options;
    return user === undefined || authorization === `Basic ${Buffer.from(user).toString('base64')}`;
  };
  const server = options.tls === undefined ? createServer() : createSecureServer(options.tls);
  server.on('request', (request: IncomingMessage, response) => {
    const url = new URL(request.url ?? '');
    const port = ports[url.hostname];
    if (!isAllowed(request)) return void response.writeHead(407).end();
    if (port === undefined) return void response.writeHead(502).end();
    const { method, headers } = request;
    const onward = send({ host: '127.0.0.1', port, method, path: url.pathname + url.search, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 0, answer.headers);
      answer.pipe(response);
    });
    request.pipe(onward);
    return undefined;
  });
  server.on('connect', (request: IncomingMessage, socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    const port = ports[request.url?.split(':')[0] ?? ''];
    if (!isAllowed(request)) return void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
    if (port === undefined) return void socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
    const onward = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      socket.pipe(onward).pipe(socket);
    });
    sockets.add(onward);
    onward.on('error', () => undefined);
    return undefined;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        for (const socket of sockets) socket.destroy();
      }),
  };
}
