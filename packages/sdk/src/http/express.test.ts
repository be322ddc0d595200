import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { createTestTracer } from '../testing.ts';
import { httpMiddleware, instrumentHttp } from './index.ts';

/** What both versions have in common. */
interface Router extends RequestListener {
  use(...handlers: unknown[]): this;
  get(path: unknown, ...handlers: unknown[]): this;
}
interface Express {
  (): Router;
  Router(options?: object): Router;
}

async function routesOf(
  build: (express: Express) => Router,
  version: string,
  paths: string[],
  middleware?: true,
): Promise<unknown[][]> {
  const { default: express } = (await import(version === '4' ? 'express-4' : 'express')) as { default: Express };
  const { tracer, spans } = createTestTracer();
  const remove = middleware === undefined ? instrumentHttp(tracer) : (): void => undefined;
  const app = build(express);
  const server: Server = createServer(
    middleware === undefined ? app : express().use('/shops/:shop', httpMiddleware(tracer), app),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    for (const path of paths) await (await fetch(`http://127.0.0.1:${port}${path}`)).text();
    await vi.waitFor(() => expect(spans().filter(({ kind }) => kind === 'server')).toHaveLength(paths.length), {
      timeout: 60_000,
    });
  } finally {
    remove();
    server.closeAllConnections();
    server.close();
  }
  return spans()
    .filter(({ kind }) => kind === 'server')
    .map(({ name, attributes }) => [name, attributes['http.response.status_code']]);
}

const answer: RequestListener = (_, response) => response.end('ok');
const fail = (): never => {
  throw new Error('bug');
};

const mounted = (express: Express): Router => {
  const orders = express
    .Router({ mergeParams: true })
    .get('/orders/:orderId', answer)
    .get('/fails/:why', fail)
    .get('/', answer);
  const nested = express.Router().use('/regions/:region', express.Router().get('/towns/:town', answer));
  return express()
    .use('/customers/:customerId', orders)
    .use('/api', nested)
    .get('/plain/:id', answer)
    .get(['/either', '/or'], answer)
    .get(/^\/ab+$/, answer)
    .use(
      (
        error: unknown,
        _request: unknown,
        response: { status(code: number): { end(text: string): void } },
        _next: unknown,
      ) => response.status(500).end(String(error)),
    );
};

const behindAMount = (express: Express): Router => express.Router().get('/items/:id', answer);

describe.each(['4', '5'])('of Express %s', (version) => {
  it('the route of mounted routers is the pattern, in success and in failure', async () => {
    const paths = [
      '/customers/cust-1/orders/7',
      '/customers/a%20b/orders/8?x=1',
      '/customers/c/fails/now',
      '/customers/c/',
      '/api/regions/eu/towns/bonn',
      '/plain/9',
      '/nowhere/at/all',
      '/or',
      '/abbb',
    ];
    expect(await routesOf(mounted, version, paths)).toEqual([
      ['GET /customers/:customerId/orders/:orderId', 200],
      ['GET /customers/:customerId/orders/:orderId', 200],
      ['GET /customers/:customerId/fails/:why', 500],
      ['GET /customers/:customerId/', 200],
      ['GET /api/regions/:region/towns/:town', 200],
      ['GET /plain/:id', 200],
      ['GET', 404],
      ['GET /either,/or', 200],
      ['GET /^\\/ab+$/', 200],
    ]);
  });

  it('the mount that the middleware stands behind is a pattern as well', async () => {
    expect(await routesOf(behindAMount, version, ['/shops/berlin/items/1'], true)).toEqual([
      ['GET /shops/:shop/items/:id', 200],
    ]);
  });
});
