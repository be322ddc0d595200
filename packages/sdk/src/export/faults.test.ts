import { Agent } from 'node:http';
import { createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { Tracer, type TracerOptions } from '../index.ts';
import { seededIds } from '../test-support/recorded.ts';
import { startSink } from '../test-support/sink.ts';
import { readRequest } from '../test-support/otlp-reader.ts';

const closing: (() => Promise<unknown> | void)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n';

/** What a collector in trouble does with a connection on which a whole request has come. */
const MISBEHAVIOURS: Readonly<Record<string, (socket: Socket) => void>> = {
  overloaded: (socket) => socket.write('HTTP/1.1 503 Busy\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n'),
  'a reset': (socket) => socket.resetAndDestroy(),
  'a closed connection': (socket) => socket.end(),
  silence: () => undefined,
  'half an answer': (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf'),
  'no HTTP at all': (socket) => socket.end('\u0000\u0001SSH-2.0-OpenSSH\r\n\r\n'),
  'endless headers': (socket) => socket.write(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}`),
  'an answer in drops': (socket) => {
    const drops = setInterval(() => socket.write('H'), 5);
    socket.on('close', () => clearInterval(drops));
  },
  'a final refusal': (socket) => socket.write('HTTP/1.1 400 No\r\ncontent-length: 3\r\n\r\n\u001b[H'),
  'two answers at once': (socket) => socket.write(OK + OK),
  nonsense: (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n\xff\xff\xff\xff'),
};

interface Collector {
  readonly url: string;
  readonly spanIds: Set<string>;
  /** What becomes of the requests from now on; '' for good behaviour. */
  behaviour: () => string;
}

/** A collector on bare sockets: it can do what no HTTP server would. */
async function startCollector(): Promise<Collector> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let received = Buffer.alloc(0);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (data: Buffer) => {
      received = Buffer.concat([received, data]);
      const end = received.indexOf('\r\n\r\n') + 4;
      const length = Number(/content-length: (\d+)/i.exec(received.subarray(0, end).toString())?.[1]);
      if (end < 4 || received.length < end + length) return;
      const body = received.subarray(end, end + length);
      received = received.subarray(end + length);
      const misbehave = MISBEHAVIOURS[collector.behaviour()];
      if (misbehave !== undefined) return misbehave(socket);
      for (const { spanId } of readRequest(body)) collector.spanIds.add(spanId);
      socket.write(OK);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(
    () =>
      new Promise((resolve) => {
        server.close(resolve);
        for (const socket of sockets) socket.destroy();
      }),
  );
  const { port } = server.address() as AddressInfo;
  const collector: Collector = { url: `http://127.0.0.1:${port}`, spanIds: new Set(), behaviour: () => '' };
  return collector;
}

function newTracer(endpoint: string, options: TracerOptions = {}): { tracer: Tracer; lines: string[] } {
  const lines: string[] = [];
  const tracer = new Tracer({
    register: false,
    flushOnExit: false,
    endpoint,
    ids: seededIds(),
    log: (line) => void lines.push(line),
    exportTimeoutMillis: 40,
    maxExportBatchBytes: 2048,
    maxQueueBytes: 64 * 1024,
    retry: { maxAttempts: 3, initialDelayMillis: 1, maxDelayMillis: 5 },
    ...options,
  });
  closing.push(() => tracer.shutdown(1));
  return { tracer, lines };
}

/** Each line is a change of state: never the same twice running. */
function expectChangesOnly(lines: readonly string[]): void {
  const states = lines.map((line) => line.replace(/ http\S*/, '').replace(/:.*/s, ''));
  expect(states.filter((state, i) => state === states[i - 1])).toEqual([]);
}

/** As where a proxy is on the way. */
function newAgent(): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  closing.push(() => agent.destroy());
  return agent;
}

describe.each(['sockets', 'node:http'])('a collector that misbehaves, over %s', (kind) => {
  const ways = (): TracerOptions => (kind === 'sockets' ? {} : { agent: newAgent() });

  it.each(Object.keys(MISBEHAVIOURS))(
    'with %s costs drops that are counted, and is made up with again',
    async (name) => {
      const collector = await startCollector();
      const { tracer, lines } = newTracer(collector.url, ways());
      collector.behaviour = () => name;
      for (let i = 0; i < 200; i++) tracer.startSpan('in trouble').end();
      const isDelivered = await tracer.flush(10_000);
      expect(isDelivered).toBe(tracer.stats().exported === 200);
      collector.behaviour = () => '';
      // A busy machine may let a good answer come too late as well.
      for (let tries = 0; tries < 100 && collector.spanIds.size === 0; tries++) {
        tracer.startSpan('well again').end();
        await tracer.flush(10_000);
      }
      expect(collector.spanIds.size).toBeGreaterThan(0);
      const { ended, exported, dropped, pendingSpans, pendingBytes } = tracer.stats();
      expect(exported + dropped.export_failed + dropped.queue_full).toBe(ended);
      expect([pendingSpans, pendingBytes]).toEqual([0, 0]);
      expectChangesOnly(lines);
      for (const line of lines) expect(line).not.toMatch(/\p{Cc}/u);
    },
  );

  it('in every way by turns keeps the books right, the memory bounded, and the log short', async () => {
    const collector = await startCollector();
    const { tracer, lines } = newTracer(collector.url, { ...ways(), exportConcurrency: 4 });
    const names = ['', '', ...Object.keys(MISBEHAVIOURS)];
    let state = 7;
    collector.behaviour = () => {
      state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
      return names[(state >>> 8) % names.length] ?? '';
    };
    for (let round = 0; round < 100; round++) {
      for (let i = 0; i < 100; i++) tracer.startSpan('x').end();
      expect(tracer.stats().pendingBytes).toBeLessThan(64 * 1024 + 4096);
      await sleep(2);
    }
    await tracer.shutdown(5000);
    const { ended, exported, dropped, pendingSpans, pendingBytes } = tracer.stats();
    expect([ended, pendingSpans, pendingBytes]).toEqual([10_000, 0, 0]);
    expect(exported + dropped.export_failed + dropped.queue_full + dropped.shutdown).toBe(10_000);
    expect(exported).toBeGreaterThan(0);
    expectChangesOnly(lines);
  });

  it('never holds the application up: its timers run while nothing is answered', async () => {
    const collector = await startCollector();
    // No export is given up before the test is out of time: what waited for one would never end.
    const { tracer } = newTracer(collector.url, { ...ways(), exportTimeoutMillis: 3_600_000 });
    collector.behaviour = () => 'silence';
    for (let round = 0; round < 50; round++) {
      for (let i = 0; i < 100; i++) tracer.startSpan('x').end();
      await sleep(1);
    }
    const { exported, dropped, pendingSpans } = tracer.stats();
    expect([exported, dropped.export_failed]).toEqual([0, 0]);
    expect(dropped.queue_full).toBeGreaterThan(0);
    expect(dropped.queue_full + pendingSpans).toBe(5_000);
  });
});

describe('the limits of the export', () => {
  it('hold the number of spans that wait, where maxQueueSize is set', async () => {
    const sink = await startSink(() => undefined);
    closing.push(() => sink.close());
    const { tracer, lines } = newTracer(sink.url, {
      maxQueueSize: 10,
      maxExportBatchSize: 4,
      exportTimeoutMillis: 9000,
    });
    for (let i = 0; i < 20; i++) tracer.startSpan('x').end();
    expect(tracer.stats()).toMatchObject({ pendingSpans: 8, dropped: { queue_full: 12 } });
    expect(lines).toEqual([expect.stringMatching(/ queue full .*\(maxQueueSize 10\)/)]);
  });

  it('hold the number of requests under way', async () => {
    for (const exportConcurrency of [1, 3]) {
      let now = 0;
      let most = 0;
      const sink = await startSink((response) => {
        most = Math.max(most, ++now);
        setTimeout(() => {
          now--;
          response.end();
        }, 20);
      });
      closing.push(() => sink.close());
      const { tracer } = newTracer(sink.url, { maxExportBatchSize: 1, exportConcurrency, exportTimeoutMillis: 5000 });
      for (let i = 0; i < 8; i++) tracer.startSpan('x').end();
      expect(await tracer.flush(5000)).toBe(true);
      expect(most).toBe(exportConcurrency);
    }
  });
});

function refuse(): never {
  throw new Error('no');
}

describe('waitUntil', () => {
  it('is given the export of every request, and one export serves those that end together', async () => {
    const sink = await startSink();
    closing.push(() => sink.close());
    const exports: Promise<unknown>[] = [];
    const { tracer } = newTracer(sink.url, {
      exportTimeoutMillis: 10_000,
      waitUntil: (exported) => void exports.push(exported),
    });
    tracer.span('request', () => tracer.startSpan('part').end());
    tracer.span('another', () => undefined);
    expect(exports).toHaveLength(2);
    expect(await Promise.all(exports)).toEqual([true, true]);
    expect([sink.spans.length, sink.requests.length]).toEqual([3, 1]);
  });

  it('may refuse', async () => {
    const sink = await startSink();
    closing.push(() => sink.close());
    const { tracer } = newTracer(sink.url, { exportTimeoutMillis: 10_000, waitUntil: refuse });
    tracer.span('request', () => undefined);
    expect(await sink.received(1)).toHaveLength(1);
  });
});
