import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { createTestTracer } from '../testing.ts';
import { instrumentHttp } from './index.ts';

const closing: (() => void)[] = [];

afterEach(() => {
  for (const close of closing.splice(0).toReversed()) close();
});

it('gives each request a parent id of its own, sampled or not', async () => {
  for (const sampling of [0, 1]) {
    const { tracer } = createTestTracer({ sampling });
    const remove = instrumentHttp(tracer);
    const traceparents: string[] = [];
    const server = createServer((incoming, response) => {
      traceparents.push(String(incoming.headers.traceparent));
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}`;
    await tracer.span('handler', async () => {
      for (let i = 0; i < 2; i++) await (await fetch(url)).text();
      await new Promise<void>((done) => request(url, (answer) => void answer.resume().on('end', done)).end());
    });
    remove();
    server.close().closeAllConnections();
    await tracer.shutdown();
    expect(traceparents).toHaveLength(3);
    expect(new Set(traceparents.map((each) => each.slice(0, 35))).size).toBe(1);
    expect(new Set(traceparents.map((each) => each.slice(36, 52))).size).toBe(3);
    expect(traceparents.map((each) => each.slice(-2))).toEqual(Array(3).fill(sampling === 0 ? '02' : '03'));
  }
});

it('takes baggage and foreign headers from the caller, keeps them in the handler, and sends them on', async () => {
  const { tracer, spans } = createTestTracer({ propagators: ['tracecontext', 'baggage', 'b3multi'] });
  closing.push(instrumentHttp(tracer), () => void tracer.shutdown());
  const seen: Record<string, unknown>[] = [];
  const server = createServer((incoming, response) => {
    seen.push(incoming.headers);
    incoming.resume().on('end', () => {
      if (incoming.url === '/inner') response.end();
      // From an event of the request, whose context is its connection's.
      else send('/inner', {}, () => response.end());
    });
  });
  const send = (path: string, headers: Record<string, string>, done: () => void): void => {
    const { port } = server.address() as AddressInfo;
    request({ port, host: '127.0.0.1', path, headers }, (answer) => void answer.resume().on('end', done)).end();
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close().closeAllConnections());

  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
  const headers = {
    'X-B3-TraceId': traceId,
    'X-B3-SpanId': '00f067aa0ba902b7',
    'X-B3-Sampled': '1',
    baggage: 'user=a%20b',
  };
  await tracer.with(tracer.extract(headers), () => new Promise<void>((resolve) => send('/outer', {}, resolve)));

  expect(seen).toHaveLength(2);
  for (const each of seen)
    expect(each).toMatchObject({ baggage: 'user=a%20b', 'x-b3-traceid': traceId, 'x-b3-sampled': '1' });
  expect(spans().length).toBeGreaterThanOrEqual(3);
  expect(new Set(spans().map((span) => span.traceId))).toEqual(new Set([traceId]));
});
