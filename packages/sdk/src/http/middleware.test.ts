import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { Tracer } from '../index.ts';
import { startSink } from '../test-support/sink.ts';
import { httpMiddleware } from './index.ts';

it('traces a connect-style chain from where it stands, once, and finds the route of Express', async () => {
  const sink = await startSink();
  const tracer = new Tracer({ register: false, endpoint: sink.url });
  const middleware = httpMiddleware(tracer);
  const server = createServer((request, response) => {
    middleware(request, response, () =>
      middleware(request, response, () => {
        Object.assign(request, { baseUrl: '/api', route: { path: '/orders/:id' } });
        tracer.startSpan('inner').end();
        response.end(tracer.activeSpan()?.spanContext().spanId);
      }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const answer = await fetch(`http://127.0.0.1:${port}/api/orders/17`, { method: 'POST' });
  const spanId = await answer.text();
  await tracer.shutdown();
  await new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
  await sink.close();
  expect(sink.spans).toMatchObject([
    { name: 'inner', parentSpanId: spanId },
    { name: 'POST /api/orders/:id', spanId, kind: 2, attributes: { 'http.route': '/api/orders/:id' } },
  ]);
});
