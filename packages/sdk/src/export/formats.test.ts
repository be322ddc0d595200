import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import * as zlib from 'node:zlib';
import { SpanKind } from '@opentelemetry/api';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Tracer, VERSION, type TracerOptions } from '../index.ts';
import { newCertificate } from '../test-support/certificate.ts';
import { newRecorded, TEST_SCOPE, TestClock, seededIds } from '../test-support/recorded.ts';
import { createTestTracer } from '../testing.ts';
import { zipkin } from '../zipkin.ts';
import { hasZstd } from './transport/compression.ts';
import { spanTrees } from './console-exporter.ts';
import { decodeRequest } from './format/otlp-decoder.ts';

const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

interface Received {
  readonly path: string | undefined;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: Buffer;
}

/** A server that keeps what it is sent, and answers each request with `status` and `answer`. */
async function receive(
  status = 200,
  answer = '',
  tls?: { key: string; cert: string; ca: string },
): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = [];
  const mutual = tls && { ...tls, requestCert: true };
  const server: Server = (mutual ? createSecureServer.bind(undefined, mutual) : createServer)((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      received.push({ path: request.url, headers: request.headers, body: Buffer.concat(parts) });
      response.writeHead(status).end(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => new Promise((resolve) => server.close(resolve)));
  const { port } = server.address() as AddressInfo;
  return { url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`, received };
}

function newTracer(options: TracerOptions): { tracer: Tracer; lines: string[] } {
  const lines: string[] = [];
  const defaults = { service: 'shop', register: false, clock: new TestClock(), ids: seededIds() };
  const tracer = new Tracer({
    ...defaults,
    log: (line) => void lines.push(line),
    retry: { maxAttempts: 1 },
    ...options,
  });
  closing.push(() => tracer.shutdown(500));
  return { tracer, lines };
}

/** A client span that failed, under a root. */
async function sendTwo(tracer: Tracer): Promise<void> {
  tracer.span('root', () => {
    const options = {
      kind: SpanKind.CLIENT,
      attributes: { 'server.address': 'db', 'server.port': 5432, big: 2n ** 60n },
    };
    const span = tracer.startSpan('query', options);
    span.addEvent('retry', { n: 1 });
    tracer.endSpan(span, new TypeError('declined'));
  });
  await tracer.flush(3000);
}

describe('OTLP as JSON', () => {
  it('is sent with protocol http/json, and reads a partial success', async () => {
    const { url, received } = await receive(200, '{"partialSuccess":{"rejectedSpans":"1","errorMessage":"no"}}');
    const { tracer } = newTracer({ endpoint: url, protocol: 'http/json' });
    await sendTwo(tracer);
    expect(received[0]).toMatchObject({ path: '/v1/traces', headers: { 'content-type': 'application/json' } });
    const body = JSON.parse(received[0]?.body.toString() ?? '') as ReturnType<typeof decodeRequest>;
    const [query, root] = body.resourceSpans[0]?.scopeSpans[0]?.spans ?? [];
    expect(query).toMatchObject({
      parentSpanId: root?.spanId,
      kind: 3,
      startTimeUnixNano: '1700000000123000000',
      status: { code: 2, message: 'declined' },
      attributes: [
        { key: 'server.address', value: { stringValue: 'db' } },
        { key: 'server.port', value: { intValue: '5432' } },
        { key: 'big', value: { intValue: '1152921504606846976' } },
      ],
      events: [{ name: 'retry' }, { name: 'exception' }],
    });
    expect(root?.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(tracer.stats()).toMatchObject({ exported: 1, dropped: { rejected: 1 }, lastError: 'no' });
  });

  it.each(['', '{}', '{"partialSuccess":null}', '{"partialSuccess":{}}', '{"other":1}'])(
    'takes %j for a yes',
    async (answer) => {
      const { url } = await receive(200, answer);
      const { tracer, lines } = newTracer({ endpoint: url, protocol: 'http/json' });
      await sendTwo(tracer);
      expect([tracer.stats().exported, lines]).toEqual([2, []]);
    },
  );

  it('can hold every value that a span can', () => {
    const { recorder, encoder } = newRecorded();
    const span = recorder.start(TEST_SCOPE, 'x', undefined, undefined, undefined);
    const values = { a: NaN, b: -Infinity, c: 0.5, d: -7, e: '', f: false, g: [1, 'x', null], h: { i: { j: 'k' } } };
    span.setAttributes({ ...values, l: new Uint8Array([1, 2]), m: -(2n ** 63n) }).end();
    const chunk = encoder.take();
    const [resourceSpans] = decodeRequest(chunk?.bytes ?? new Uint8Array()).resourceSpans;
    expect(JSON.parse(JSON.stringify(resourceSpans?.scopeSpans[0]?.spans[0]?.attributes))).toEqual([
      { key: 'a', value: { doubleValue: 'NaN' } },
      { key: 'b', value: { doubleValue: '-Infinity' } },
      { key: 'c', value: { doubleValue: 0.5 } },
      { key: 'd', value: { intValue: '-7' } },
      { key: 'e', value: { stringValue: '' } },
      { key: 'f', value: { boolValue: false } },
      { key: 'g', value: { arrayValue: { values: [{ intValue: '1' }, { stringValue: 'x' }, {}] } } },
      {
        key: 'h',
        value: {
          kvlistValue: {
            values: [{ key: 'i', value: { kvlistValue: { values: [{ key: 'j', value: { stringValue: 'k' } }] } } }],
          },
        },
      },
      { key: 'l', value: { bytesValue: 'AQI=' } },
      { key: 'm', value: { intValue: '-9223372036854775808' } },
    ]);
  });
});

describe('compression', () => {
  it.each(hasZstd() ? (['gzip', 'zstd'] as const) : (['gzip'] as const))(
    'by %s is named and can be undone',
    async (compression) => {
      const { url, received } = await receive();
      const { tracer } = newTracer({ endpoint: url, compression });
      await sendTwo(tracer);
      expect(received[0]?.headers['content-encoding']).toBe(compression);
      const undo: typeof zlib.gunzipSync = Reflect.get(
        zlib,
        compression === 'gzip' ? 'gunzipSync' : 'zstdDecompressSync',
      );
      expect(decodeRequest(undo(received[0]?.body ?? '')).resourceSpans[0]?.scopeSpans[0]?.spans).toHaveLength(2);
      expect(tracer.stats().exported).toBe(2);
    },
  );
});

describe('https', () => {
  it("trusts the given authority, and shows the client's certificate", async () => {
    const { key, cert } = newCertificate('IP:127.0.0.1');
    const { url, received } = await receive(200, '', { key, cert, ca: cert });
    const trusting = newTracer({ endpoint: url, tls: { ca: cert, cert, key } });
    await sendTwo(trusting.tracer);
    expect(trusting.tracer.stats()).toMatchObject({ exported: 2 });
    const other = newTracer({ endpoint: url });
    await sendTwo(other.tracer);
    expect(other.lines[0]).toMatch(/set `tls.ca` or OTEL_EXPORTER_OTLP_CERTIFICATE/);
    const plain = newTracer({ endpoint: url.replace('https', 'http') });
    await sendTwo(plain.tracer);
    expect([plain.tracer.stats().dropped.export_failed, received]).toMatchObject([2, { length: 1 }]);
  });
});

describe('the Zipkin exporter', () => {
  it('posts v2 JSON as OpenTelemetry maps it', async () => {
    const { url, received } = await receive(202, 'whatever');
    const { tracer, lines } = newTracer({
      exporter: zipkin({ endpoint: `${url}/api/v2/spans`, headers: { 'x-key': '1' } }),
    });
    await sendTwo(tracer);
    expect(received[0]).toMatchObject({
      path: '/api/v2/spans',
      headers: { 'content-type': 'application/json', 'x-key': '1' },
    });
    const [query, root] = JSON.parse(received[0]?.body.toString() ?? '') as Record<string, unknown>[];
    expect(query).toEqual({
      traceId: root?.['traceId'],
      parentId: root?.['id'],
      id: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
      name: 'query',
      kind: 'CLIENT',
      timestamp: 1_700_000_000_123_000,
      duration: 1,
      localEndpoint: { serviceName: 'shop' },
      remoteEndpoint: { serviceName: 'db', port: 5432 },
      annotations: [
        { timestamp: 1_700_000_000_123_000, value: '"retry": {"n":1}' },
        {
          timestamp: 1_700_000_000_123_000,
          value: expect.stringContaining('"exception": {"exception.type":"TypeError"') as string,
        },
      ],
      tags: {
        'server.address': 'db',
        'server.port': '5432',
        big: '1152921504606846976',
        'otel.scope.name': '@throughline/sdk',
        'otel.scope.version': VERSION,
        'otel.library.name': '@throughline/sdk',
        'otel.library.version': VERSION,
        'otel.status_code': 'ERROR',
        error: 'declined',
      },
    });
    expect(root).not.toHaveProperty('parentId');
    expect(root).not.toHaveProperty('kind');
    expect([tracer.stats().exported, lines]).toEqual([2, []]);
  });

  it('is chosen by the environment alone, beside others and as the only one', async () => {
    const zipkinSink = await receive(202, '');
    const otlpSink = await receive(200, '');
    vi.stubEnv('OTEL_EXPORTER_ZIPKIN_ENDPOINT', `${zipkinSink.url}/api/v2/spans`);
    vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', otlpSink.url);
    for (const [names, zipkins, otlps] of [
      ['zipkin', 1, 0],
      ['otlp, Zipkin', 2, 1],
      ['otlp', 2, 2],
    ] as const) {
      vi.stubEnv('OTEL_TRACES_EXPORTER', names);
      const { tracer, lines } = newTracer({});
      await sendTwo(tracer);
      expect([names, zipkinSink.received.length, otlpSink.received.length]).toEqual([names, zipkins, otlps]);
      expect(tracer.stats()).toMatchObject({ exported: 2, pendingSpans: 0, pendingBytes: 0 });
      expect(lines).toEqual([]);
    }
    vi.unstubAllEnvs();
  });

  it('rejects a wrong address', () => {
    expect(() => zipkin({ endpoint: 'zipkin:9411' })).toThrow(/^zipkin\.endpoint: got "zipkin:9411", .*http:/);
  });
});

describe('the console exporter', () => {
  it('prints a tree that cannot touch the terminal', () => {
    const { recorder, encoder, clock } = newRecorded();
    const start = (name: string, parent?: ReturnType<typeof recorder.start>): ReturnType<typeof recorder.start> =>
      recorder.start(TEST_SCOPE, name, parent, undefined, undefined);
    const root = start('GET /cart').setAttribute('user', 'x\u001b[2J\ny');
    const first = start('load', root).setAttribute('rows', 3);
    const inner = start('query', first);
    clock.nowMs = 2;
    inner.end();
    first.end();
    clock.nowMs = 3;
    const second = start('charge', root);
    clock.nowMs = 15;
    second.addEvent('exception', { 'exception.message': 'declined', 'exception.stacktrace': 'long' });
    second.setStatus({ code: 2, message: 'declined' }).end();
    root.end();
    const text = spanTrees(encoder.take()?.bytes ?? new Uint8Array());
    expect(text).toBe(
      [
        `trace ${root.spanContext().traceId}`,
        'GET /cart  15 ms  user=x [2J y',
        '├─ load  2.00 ms  rows=3',
        '│  └─ query  2.00 ms',
        '└─ charge  12 ms  ERROR: declined',
        '      ! exception  exception.message=declined',
        '',
      ].join('\n'),
    );
  });

  it('is chosen by its name, as is none, which counts what it drops', async () => {
    const none = newTracer({ exporter: 'none' });
    await sendTwo(none.tracer);
    expect(none.tracer.stats()).toMatchObject({ exported: 0, dropped: { no_exporter: 2 }, pendingSpans: 0 });
  });
});

describe('the in-memory exporter', () => {
  it('gives a test its spans as plain values, at once', () => {
    const { tracer, spans, reset } = createTestTracer({ clock: new TestClock() });
    closing.push(() => tracer.shutdown());
    tracer.span('root', { attributes: { a: [1, 'x'] } }, () =>
      tracer.startSpan('child', { kind: SpanKind.CLIENT }).end(),
    );
    const [child, root] = spans();
    expect(child).toMatchObject({ name: 'child', kind: 'client', parentSpanId: root?.spanId, status: 'unset' });
    expect(root).toMatchObject({
      name: 'root',
      kind: 'internal',
      parentSpanId: undefined,
      attributes: { a: [1, 'x'] },
    });
    expect(root).toMatchObject({
      startTimeUnixNano: 1_700_000_000_123_000_000n,
      durationNs: 0,
      scope: '@throughline/sdk',
    });
    reset();
    expect(spans()).toEqual([]);
    expect(tracer.stats()).toMatchObject({ exported: 2, pendingSpans: 0 });
  });
});
