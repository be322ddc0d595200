import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { instrumentHttp, type HttpOptions } from './http/index.ts';
import { createTestTracer } from './testing.ts';
import { Tracer, type TracerOptions } from './index.ts';

const rejections: unknown[] = [];
const seen = (error: unknown): void => void rejections.push(error);
beforeEach(() => {
  rejections.length = 0;
  process.on('unhandledRejection', seen);
});
afterEach(() => void process.off('unhandledRejection', seen));

/** An async function where a sync one is expected. */
const rejecting = (name: string) => (): never => Promise.reject(new Error(name)) as never;

const quiet: TracerOptions = { register: false, flushOnExit: false, exporter: 'none', log: () => undefined };

it.each<[string, TracerOptions]>([
  ['log', { exporter: 'otlp', endpoint: 'http://127.0.0.1:9', flushTimeoutMillis: 200, log: rejecting('log') }],
  [
    'spanProcessors',
    {
      spanProcessors: [
        {
          onStart: rejecting('onStart'),
          onEnding: rejecting('onEnding'),
          onEnd: rejecting('onEnd'),
          forceFlush: rejecting('forceFlush'),
          shutdown: rejecting('shutdown'),
        },
      ],
    },
  ],
  ['spanExporters', { spanExporters: [{ export: rejecting('export'), shutdown: rejecting('shutdown') }] }],
  ['waitUntil', { waitUntil: rejecting('waitUntil') }],
  ['sampling', { sampling: rejecting('sampling') }],
  ['sampler', { sampler: { shouldSample: rejecting('shouldSample') } }],
  [
    'propagators',
    { propagators: [{ inject: rejecting('inject'), extract: rejecting('extract'), fields: () => ['x'] }] },
  ],
  ['ids', { ids: { int32: rejecting('int32') } }],
  ['ids of the standard SDK', { ids: { generateTraceId: rejecting('trace'), generateSpanId: rejecting('span') } }],
  ['onShutdown', { onShutdown: [rejecting('onShutdown')] }],
  [
    'transport.close',
    {
      exporter: 'otlp',
      transport: { send: async () => ({ status: 200, body: new Uint8Array() }), close: rejecting('close') },
    },
  ],
])('leaves no rejection of an async function unhandled: %s', async (_, options) => {
  const tracer = new Tracer({ ...quiet, ...options });
  expect(tracer.span('x', () => (tracer.inject({}), 42))).toBe(42);
  expect(tracer.span('under', { parent: tracer.extract({ x: '1' }) }, () => 42)).toBe(42);
  await tracer.flush();
  await tracer.shutdown();
  await sleep(1);
  expect(rejections).toEqual([]);
});

it('leaves none of those of instrumentHttp unhandled, records nothing that was not answered, and ignores nothing', async () => {
  const { tracer, spans } = createTestTracer({ register: false });
  const options: HttpOptions = {
    route: rejecting('route'),
    ignoreIncoming: rejecting('ignoreIncoming'),
    ignoreOutgoing: rejecting('ignoreOutgoing'),
    redactQuery: rejecting('redactQuery'),
  };
  const off = instrumentHttp(tracer, options);
  const server = createServer((_, response) => response.end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  await (await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/a?b=c`)).text();
  await expect.poll(() => spans().map(({ kind }) => kind)).toHaveLength(2);
  off();
  server.close();
  server.closeAllConnections();
  expect(spans().map(({ attributes }) => attributes['url.query'] ?? '')).toEqual(['', '']);
  expect(rejections).toEqual([]);
});

const send = rejecting('send');

it('waits for a transport of the application to close, and no longer than a shutdown may last', async () => {
  let isClosed = false;
  const slow = { send, close: async () => void (isClosed = await sleep(20, true)) };
  await new Tracer({ ...quiet, exporter: 'otlp', transport: slow }).shutdown();
  expect(isClosed).toBe(true);
  const hanging = { send, close: () => new Promise<void>(() => undefined) };
  await new Tracer({ ...quiet, exporter: 'otlp', transport: hanging }).shutdown(20);
});

it('takes a context from no propagator that answers none', () => {
  const tracer = new Tracer({
    ...quiet,
    propagators: ['tracecontext', { inject: () => undefined, extract: () => 42 as never, fields: () => [] }],
  });
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  const span = tracer.startSpan('x', { parent: tracer.extract({ traceparent }) });
  expect(span.spanContext().traceId).toBe('a'.repeat(32));
});
