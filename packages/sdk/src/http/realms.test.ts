import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { createTestTracer } from '../testing.ts';
import { instrumentHttp } from './index.ts';

it.each([
  [
    "Object.assign(new Error('aborted'), { name: 'AbortError', cause: Object.assign(new Error('late'), { name: 'TimeoutError' }) })",
    'error',
  ],
  ["Object.assign(new Error('aborted'), { name: 'AbortError' })", 'unset'],
])('an error of another realm is recorded as one of our own is: %s', async (source, status) => {
  const server = createServer(() => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { tracer, spans } = createTestTracer();
  const remove = instrumentHttp(tracer);
  const sent = request({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
  await new Promise<void>((resolve) => {
    sent.on('error', () => undefined).on('close', () => resolve());
    sent.on('socket', () => sent.destroy(runInNewContext(source) as Error));
    sent.end();
  });
  remove();
  await tracer.shutdown();
  server.closeAllConnections();
  server.close();
  const span = spans().find(({ kind }) => kind === 'client');
  expect(span).toMatchObject({ status });
  expect(span?.attributes['error.type']).toBe(status === 'error' ? 'TimeoutError' : undefined);
});
