import { createServer, type Server } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { runChild } from '../test-support/child.ts';
import { startSink, type Responder, type Sink } from '../test-support/sink.ts';
import { Diagnostics } from '../runtime/diagnostics.ts';
import { TracerCounters } from '../runtime/tracer-stats.ts';
import { VERSION } from '../runtime/version.ts';
import { OTLP_PROTOBUF } from './format/body-format.ts';
import { HttpExporter } from './http-exporter.ts';
import { Tracer, type TracerOptions } from '../index.ts';
import { retryAfterMs } from './transport/http-transport.ts';
import type { PostResult } from './transport/post-result.ts';
import { decodeErrorMessage, decodeExportResponse } from './format/otlp-response.ts';

const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  vi.useRealTimers();
  for (const close of closing.splice(0).toReversed()) await close();
});

async function newSink(answer?: Responder, port?: number): Promise<Sink> {
  const sink = await startSink(answer, port);
  closing.push(() => sink.close());
  return sink;
}

function newTracer(endpoint: string, options: TracerOptions = {}): { tracer: Tracer; lines: string[] } {
  const lines: string[] = [];
  const retry = { initialDelayMillis: 5, maxDelayMillis: 20, ...options.retry };
  const log = (line: string): void => void lines.push(line);
  const tracer = new Tracer({ register: false, endpoint, log, ...options, retry });
  closing.push(() => tracer.shutdown(1000));
  return { tracer, lines };
}

/** Ends so many spans and sends them as one request. */
function send(tracer: Tracer, spans = 1): Promise<boolean> {
  for (let i = 0; i < spans; i++) tracer.startSpan('x').end();
  return tracer.flush(3000);
}

/** With fake timers and a transport that leaves its requests open in `answers`. */
function newExporter(): { exporter: HttpExporter; answers: ((result: PostResult) => void)[] } {
  vi.useFakeTimers();
  const answers: ((result: PostResult) => void)[] = [];
  const exporter = new HttpExporter({
    transport: {
      post: () => new Promise<PostResult>((resolve) => answers.push(resolve)),
      postBlocking: () => [],
      abort: () => undefined,
      close: () => undefined,
    },
    format: OTLP_PROTOBUF,
    url: 'http://collector',
    maxQueueBytes: Infinity,
    maxQueueSize: Infinity,
    concurrency: 2,
    retry: { maxAttempts: 5, initialDelayMillis: 1_000, maxDelayMillis: 30_000 },
    counters: new TracerCounters(),
    diagnostics: new Diagnostics(() => undefined),
    random: () => 1,
    timers: {
      start: (fn, ms) => setTimeout(fn, ms),
      stop: (timer) => clearTimeout(timer),
      now: () => performance.now(),
    },
  });
  return { exporter, answers };
}

const aChunk = { bytes: Uint8Array.of(1), spanCount: 1, release: () => undefined };

function answerOf(status: number, pauseMs?: number): PostResult {
  return { kind: 'answered', status, body: new Uint8Array(), retryAfterMs: pauseMs, location: undefined };
}

describe('the exporter', () => {
  it.each([429, 502, 503, 504])(
    'tries again after %d, and says once that it failed and once that it works',
    async (status) => {
      const sink = await newSink((response, n) => void response.writeHead(n < 3 ? status : 200).end());
      const { tracer, lines } = newTracer(sink.url);
      expect(await send(tracer, 2)).toBe(true);
      expect(sink.spans).toHaveLength(2);
      expect(tracer.stats()).toMatchObject({ exported: 2, retries: 3, pendingSpans: 0, pendingBytes: 0 });
      expect(lines).toEqual([
        expect.stringMatching(new RegExp(`${sink.url}/v1/traces failed: ${status}; retrying$`)),
        expect.stringMatching(new RegExp(`${sink.url}/v1/traces recovered; 0 spans dropped`)),
      ]);
    },
  );

  it('waits as long as Retry-After asks, even when it is flushed', async () => {
    const { exporter, answers } = newExporter();
    exporter.enqueue(aChunk);
    answers.shift()?.(answerOf(503, 5_000));
    await vi.advanceTimersByTimeAsync(0);
    const flushed = [exporter.flush(100), exporter.flush(60_000)];
    await vi.advanceTimersByTimeAsync(4_999);
    expect(await flushed[0]).toBe(false);
    expect(answers).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(1);
    answers.shift()?.(answerOf(200));
    expect(await flushed[1]).toBe(true);
    exporter.close();
  });

  it('ends a flush without a time of its own at once where the collector asked for more time than there is', async () => {
    const sink = await newSink((response) => void response.writeHead(503, { 'retry-after': '60' }).end());
    const { tracer } = newTracer(sink.url, { flushTimeoutMillis: 59_000, retry: { initialDelayMillis: 1 } });
    tracer.startSpan('x').end();
    await tracer.flush(500);
    expect(await tracer.flush()).toBe(false);
    expect(tracer.stats()).toMatchObject({ pendingSpans: 1 });
  });

  it('flushes and shuts down under fake timers that were installed later', async () => {
    const sink = await newSink(() => undefined);
    const { tracer } = newTracer(sink.url, { exportTimeoutMillis: 30 });
    vi.useFakeTimers();
    tracer.startSpan('x').end();
    expect(await tracer.flush(60)).toBe(false);
    expect(await tracer.shutdown(60)).toBe(false);
    vi.useRealTimers();
  });

  it('waits as long as the longest of two Retry-After, and counts two requests that fail together as one outage', async () => {
    const { exporter, answers } = newExporter();
    for (const times of [2, 0]) {
      for (let n = 0; n < times; n++) exporter.enqueue(aChunk);
      expect(answers).toHaveLength(2);
      answers[0]?.(answerOf(429, 30_000));
      answers[1]?.(answerOf(503));
      await vi.advanceTimersByTimeAsync(29_999);
      expect(answers).toHaveLength(2);
      await vi.advanceTimersByTimeAsync(1);
      expect(answers).toHaveLength(3);
      answers.splice(0, 2);
      answers[0]?.(answerOf(503));
      // The second round: one second, doubled once.
      await vi.advanceTimersByTimeAsync(1_999);
      expect(answers).toHaveLength(1);
      await vi.advanceTimersByTimeAsync(1);
      answers.splice(0, 1);
      answers.splice(0)[0]?.(answerOf(200));
      await vi.advanceTimersByTimeAsync(0);
      answers.splice(0)[0]?.(answerOf(200));
      await vi.advanceTimersByTimeAsync(0);
      if (times === 2) for (let n = 0; n < 2; n++) exporter.enqueue(aChunk);
    }
    exporter.close();
  });

  it('does not hold a flush without a time of its own while nobody listens', async () => {
    const away = await startSink();
    await away.close();
    const { tracer } = newTracer(away.url, { flushTimeoutMillis: 3_600_000 });
    for (let flushes = 0; flushes < 3; flushes++) {
      tracer.startSpan('x').end();
      expect(await tracer.flush()).toBe(false);
    }
  });

  it.each([400, 401, 404, 413, 301, 500])(
    'drops what is answered with %d, once and with the reason',
    async (status) => {
      const sink = await newSink((response) => void response.writeHead(status).end('no \u001b[31m\nthanks'));
      const { tracer, lines } = newTracer(sink.url);
      await send(tracer, 3);
      await send(tracer);
      expect(tracer.stats()).toMatchObject({
        exported: 0,
        retries: 0,
        pendingSpans: 0,
        dropped: { export_failed: 4 },
        lastError: `${status}: no [31m thanks`,
      });
      expect(lines).toEqual([
        expect.stringMatching(
          new RegExp(
            `^collector at ${sink.url}/v1/traces rejected spans: ${status}: no \\[31m thanks( \\(.*\\))?; dropped$`,
          ),
        ),
      ]);
    },
  );

  it('reads a partial success and counts what was rejected', async () => {
    // partial_success { rejected_spans: 2, error_message: "no" }
    const body = Buffer.from([0x0a, 0x06, 0x08, 0x02, 0x12, 0x02, 0x6e, 0x6f]);
    const sink = await newSink((response) => void response.end(body));
    const { tracer, lines } = newTracer(sink.url);
    await send(tracer, 5);
    expect(tracer.stats()).toMatchObject({ exported: 3, dropped: { rejected: 2 }, lastError: 'no' });
    expect(lines).toEqual([expect.stringMatching(`${sink.url}/v1/traces rejected 2 spans: no; `)]);
  });

  it('takes 200 with garbage for delivered, and says that it is strange', async () => {
    const sink = await newSink((response) => void response.end('<html>hello</html>'));
    const { tracer, lines } = newTracer(sink.url);
    expect(await send(tracer)).toBe(true);
    await send(tracer);
    expect(tracer.stats().exported).toBe(2);
    expect(lines).toEqual([
      expect.stringMatching(new RegExp(`^unexpected response from ${sink.url}/v1/traces: .*4318`)),
    ]);
  });

  it('does not read an endless answer', async () => {
    const sink = await newSink((response) => {
      const more = (): void => {
        while (response.write(Buffer.alloc(16_384)));
        response.once('drain', more);
      };
      more();
    });
    const { tracer } = newTracer(sink.url);
    expect(await send(tracer)).toBe(true);
  });

  it('survives connections that are reset, refused and closed half-way', async () => {
    let connections = 0;
    const server: Server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.resume();
      connections++;
      if (connections === 1) socket.resetAndDestroy();
      else if (connections === 2) socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf');
      else if (connections === 3) socket.end('this is no HTTP\r\n\r\n');
      else socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(() => new Promise((resolve) => server.close(resolve)));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const { tracer, lines } = newTracer(`http://127.0.0.1:${port}`);
    expect(await send(tracer)).toBe(true);
    expect(tracer.stats()).toMatchObject({ exported: 1, retries: 3 });
    expect(lines).toHaveLength(2);
  });

  it('gives a request up that is not answered in time, and drops it after its last attempt', async () => {
    const sink = await newSink(() => undefined);
    const { tracer } = newTracer(sink.url, { exportTimeoutMillis: 20, retry: { maxAttempts: 2 } });
    expect(await send(tracer)).toBe(false);
    expect(tracer.stats()).toMatchObject({
      retries: 1,
      dropped: { export_failed: 1 },
      lastError: 'timed out after 20 ms',
    });
  });

  it('says that spans are dropped, not that they are sent again, where the failed attempt was the last', async () => {
    const sink = await newSink((response) => void response.writeHead(503).end());
    const { tracer, lines } = newTracer(sink.url, { retry: { maxAttempts: 1 } });
    expect(await send(tracer)).toBe(false);
    expect(tracer.stats()).toMatchObject({ retries: 0, dropped: { export_failed: 1 } });
    expect(lines).toEqual([expect.stringMatching(/ failed: 503; dropped$/)]);
  });

  it('delivers after an outage what it kept meanwhile', async () => {
    const first = await startSink();
    await first.close();
    const { tracer, lines } = newTracer(first.url);
    for (let i = 0; i < 5; i++) tracer.startSpan('kept').end();
    expect(await tracer.flush(30)).toBe(false);
    expect(tracer.stats()).toMatchObject({ pendingSpans: 5, exported: 0 });
    const second = await newSink(undefined, first.port);
    expect(await second.received(5)).toHaveLength(5);
    expect(lines[0]).toMatch(/^export to .* failed: .*ECONNREFUSED.*; retrying$/);
  });

  it('holds no more than maxQueueBytes, drops the newest beyond, and counts each', async () => {
    const sink = await newSink(() => undefined);
    const { tracer, lines } = newTracer(sink.url, {
      maxQueueBytes: 10_000,
      maxExportBatchBytes: 1024,
      exportTimeoutMillis: 60_000,
    });
    for (let i = 0; i < 1000; i++) {
      tracer.startSpan('x'.repeat(50)).end();
      expect(tracer.stats().pendingBytes).toBeLessThan(10_000 + 1300);
    }
    const { ended, pendingSpans, dropped } = tracer.stats();
    expect(dropped.queue_full).toBeGreaterThan(800);
    expect(pendingSpans + dropped.queue_full).toBe(ended);
    expect(lines).toEqual([expect.stringMatching(/ queue full .*\(maxQueueBytes 10000 bytes\)/)]);
    await tracer.shutdown(10);
    const after = tracer.stats();
    expect(after).toMatchObject({ pendingSpans: 0, pendingBytes: 0 });
    expect(after.dropped.queue_full + after.dropped.shutdown).toBe(1000);
  });

  it('sends at most maxExportBatchSize spans in a request where that is set', async () => {
    const sink = await newSink();
    const { tracer } = newTracer(sink.url, { maxExportBatchSize: 2 });
    await send(tracer, 5);
    expect(sink.requests).toHaveLength(3);
    expect(sink.spans).toHaveLength(5);
  });

  it('uses its connections again and sends its headers', async () => {
    const ports = new Set<number | undefined>();
    const sink = await newSink((response, _, request) => {
      ports.add(request.socket.remotePort);
      response.end();
    });
    const { tracer } = newTracer(sink.url, { headers: { authorization: 'Bearer x' } });
    for (let i = 0; i < 3; i++) await send(tracer);
    expect(ports.size).toBe(1);
    expect(sink.requests[0]?.['user-agent']).toBe(`Throughline-OTLP-Exporter-Node/${VERSION}`);
    expect(sink.requests[0]).toMatchObject({
      authorization: 'Bearer x',
      'content-type': 'application/x-protobuf',
      connection: 'keep-alive',
    });
  });

  it('names the gRPC port when that is what it was given', async () => {
    const { tracer, lines } = newTracer('http://127.0.0.1:4317', { retry: { maxAttempts: 1 } });
    await send(tracer);
    expect(lines[0]).toMatch(/4317 is the gRPC port; .* 4318|recovered/);
  });

  it('does not trace its own requests', async () => {
    const sink = await startSink();
    const app = runChild('http-app.ts', sink.url);
    const response = await fetch(`http://127.0.0.1:${await app.line()}/await`);
    await response.text();
    const spans = await sink.received(2);
    app.process.stdin.end();
    await app.exited();
    expect(spans.map(({ name }) => name).toSorted()).toEqual(['GET', 'work']);
    expect(sink.requests.every((headers) => headers['traceparent'] === undefined)).toBe(true);
    await sink.close();
  });
});

describe('the last flush', () => {
  const answered: PostResult = { kind: 'answered', status: 200, retryAfterMs: undefined, body: new Uint8Array() };
  const away: PostResult = { kind: 'failed', message: 'connect ECONNREFUSED', isUnreachable: true };
  const reset: PostResult = { kind: 'failed', message: 'read ECONNRESET' };

  it.each<[string, PostResult[], boolean, number]>([
    ['tries a second time where nobody listens', [away, answered], true, 1],
    ['gives up then', [away, away, answered], false, 0],
    ['gives up once nobody listens any more', [reset, reset, away, answered], false, 0],
    ['goes on where somebody listens', [reset, reset, reset, answered], true, 1],
  ])('%s', async (_, results, isAllSent, exported) => {
    const counters = new TracerCounters();
    const exporter = new HttpExporter({
      transport: {
        post: () => Promise.resolve(results.shift() ?? answered),
        postBlocking: () => [],
        abort: () => undefined,
        close: () => undefined,
      },
      format: OTLP_PROTOBUF,
      url: 'http://collector',
      maxQueueBytes: Infinity,
      maxQueueSize: Infinity,
      concurrency: 1,
      retry: { maxAttempts: 10, initialDelayMillis: 1, maxDelayMillis: 1 },
      counters,
      diagnostics: new Diagnostics(() => undefined),
      random: () => 0,
    });
    exporter.enqueue({ bytes: new Uint8Array(1), spanCount: 1, release: () => undefined });
    expect(await exporter.flush(3_600_000, true)).toBe(isAllSent);
    expect(counters.exported).toBe(exported);
    exporter.close();
  });
});

describe('an answer', () => {
  it('is decoded when it is OTLP, and rejected when it is not', () => {
    expect(decodeExportResponse(new Uint8Array())).toEqual({ rejectedSpans: 0, errorMessage: '' });
    expect(decodeExportResponse(Buffer.from([0x0a, 0x02, 0x08, 0x05]))).toMatchObject({ rejectedSpans: 5 });
    expect(decodeExportResponse(Buffer.from([0x10, 0x01, 0x1d, 1, 2, 3, 4]))).toMatchObject({ rejectedSpans: 0 });
    for (const bytes of [[0x0a], [0x0a, 0x05, 1], [0xff], [0x08], [0x0b], [0x00, 0x00], [...gzipSync('x')]]) {
      expect(decodeExportResponse(Buffer.from(bytes))).toBeUndefined();
    }
  });

  it('that is an error says why, as a Status or as text', () => {
    expect(decodeErrorMessage(Buffer.from([0x08, 0x03, 0x12, 0x03, 0x62, 0x61, 0x64]))).toBe('bad');
    expect(decodeErrorMessage(Buffer.from('just text'))).toBe('just text');
    expect(decodeErrorMessage(Buffer.from('x'.repeat(10_000)))).toHaveLength(200);
  });

  it('may ask for a pause in seconds or until a date', () => {
    expect(retryAfterMs('7', 0)).toBe(7000);
    expect(retryAfterMs('Thu, 01 Jan 1970 00:00:10 GMT', 4000)).toBe(6000);
    expect(retryAfterMs('Thu, 01 Jan 1970 00:00:10 GMT', 40_000)).toBe(0);
    expect(retryAfterMs('soon', 0)).toBeUndefined();
    expect(retryAfterMs(undefined, 0)).toBeUndefined();
  });
});
