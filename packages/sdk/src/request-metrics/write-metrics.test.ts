import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { afterEach, expect, it } from 'vitest';
import { evalChild } from '../test-support/child.ts';
import { Tracer } from '../tracer.ts';

interface Received {
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

/** Takes whatever is posted, and answers each with the next status. */
async function startReceiver(...statuses: number[]): Promise<{ readonly url: string; readonly received: Received[] }> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = Buffer.concat(parts);
      const { headers, url: path } = request;
      const text = (headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString();
      received.push({ path, headers, text });
      response.writeHead(statuses.shift() ?? 200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

const QUIET = { register: false, flushOnExit: false, sampling: 0, requestMetrics: 'otlp' } as const;

it('are sent at a flush to /v1/metrics of the endpoint, with its headers and compression, and to nobody else', async () => {
  const { url, received } = await startReceiver();
  const tracer = new Tracer({
    ...QUIET,
    service: 'shop',
    resource: { list: ['a', 1] },
    endpoint: `${url}/base`,
    headers: { authorization: 'Bearer x' },
    compression: 'gzip',
  });
  closers.push(() => tracer.shutdown());
  tracer.startSpan('GET', { kind: 1 }).end();
  expect(await tracer.flush()).toBe(true);
  await tracer.flush();
  await tracer.shutdown();
  expect(received).toHaveLength(1);
  const [{ path, headers, text } = { path: '', headers: {}, text: '' }] = received;
  expect([path, headers['content-type'], headers.authorization]).toEqual([
    '/base/v1/metrics',
    'application/json',
    'Bearer x',
  ]);
  const { resourceMetrics } = JSON.parse(text) as { resourceMetrics: { resource: { attributes: unknown } }[] };
  expect(resourceMetrics[0]?.resource.attributes).toEqual(
    expect.arrayContaining([
      // By which the metrics of two processes are distinguished.
      { key: 'service.instance.id', value: { stringValue: expect.stringMatching(/^[\da-f-]{36}$/) as string } },
      { key: 'service.name', value: { stringValue: 'shop' } },
      { key: 'process.pid', value: { intValue: String(process.pid) } },
      { key: 'list', value: { arrayValue: { values: [{ stringValue: 'a' }, { intValue: '1' }] } } },
    ]),
  );
  expect(text).toContain('"name":"traces.span.metrics.duration","unit":"s"');
});

it('are sent once an interval, and cost one line of the log when they fail and one when they arrive again', async () => {
  const { url, received } = await startReceiver(200, 503, 503);
  const log: string[] = [];
  const tracer = new Tracer({
    ...QUIET,
    metricsUrl: `${url}/otlp`,
    metricExportIntervalMillis: 5,
    log: (line) => log.push(line),
  });
  closers.push(() => tracer.shutdown());
  tracer.startSpan('GET').end();
  await expect.poll(() => received.length).toBeGreaterThan(4);
  await tracer.shutdown();
  expect(new Set(received.map(({ path }) => path))).toEqual(new Set(['/otlp']));
  expect(log).toEqual([
    expect.stringMatching(/^metrics export .*http:\/\/127\.0\.0\.1:\d+\/otlp failed: status 503.*next export$/),
    expect.stringMatching(/^metrics export .*http:.* recovered$/),
  ]);
  expect(tracer.stats().samplingFailures).toBe(2);
});

it('go beside the exchange of a remote policy, and instead of that of plain counters', async () => {
  const { sampling: _, ...options } = QUIET;
  const { remote } = await import('../sampling/remote/remote.ts');
  for (const [sampling, paths] of [
    [0, ['/v1/metrics']],
    [remote({ sampling: 0 }), ['/v1/metrics', '/v1/sampling']],
  ] as const) {
    const { url, received } = await startReceiver();
    const tracer = new Tracer({ ...options, sampling, endpoint: url, log: () => undefined });
    tracer.startSpan('GET').end();
    await tracer.shutdown();
    expect(received).toHaveLength(paths.length);
    expect(received.map(({ path }) => path)).toEqual(expect.arrayContaining([...paths]));
  }
});

it('do not hold a flush up beyond its time where nobody answers, and say that they have not arrived', async () => {
  const server = createServer(() => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.close();
    server.closeAllConnections();
  });
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const tracer = new Tracer({ ...QUIET, endpoint, log: () => undefined });
  tracer.startSpan('GET').end();
  expect(await tracer.flush(50)).toBe(false);
  expect(await tracer.shutdown(50)).toBe(false);
});

it.each([
  ['an empty event loop', '', { code: 0, signal: null }],
  ['SIGTERM', "setInterval(() => {}, 1000); process.kill(process.pid, 'SIGTERM');", { code: null, signal: 'SIGTERM' }],
])('are sent at the end of a process by %s, though no span is', async (_, rest, end) => {
  const { url, received } = await startReceiver();
  const child = evalChild(
    `import { Tracer } from './src/index.ts';
     new Tracer({ sampling: 0 }).startSpan('job').end();
     ${rest}`,
    { THROUGHLINE_REQUEST_METRICS: 'otlp', OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${url}/v1/metrics` },
  );
  expect(await child.exited()).toEqual(end);
  expect(received.map(({ path }) => path)).toEqual(['/v1/metrics']);
  expect(received[0]?.text).toContain('"count":"1"');
});

it('do not keep a process alive whose metrics nobody takes', async () => {
  const { url, received } = await startReceiver(...Array.from({ length: 100 }, () => 500));
  const child = evalChild(
    `import { Tracer } from './src/index.ts';
     new Tracer({ sampling: 0, requestMetrics: 'otlp', endpoint: '${url}' }).startSpan('job').end();`,
  );
  expect(await child.exited()).toEqual({ code: 0, signal: null });
  expect(received).toHaveLength(1);
});
