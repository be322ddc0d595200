import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { resolveConfig } from '../config/resolve.ts';
import type { TracerOptions } from '../config/options.ts';
import { Diagnostics } from '../runtime/diagnostics.ts';
import { instrumentHttp } from '../http/index.ts';
import { CountedRoot } from './counted-root.ts';
import type { OperationCounts } from './operation-counts.ts';
import { adaptive } from '../sampling/policies/adaptive.ts';
import { startSampling } from '../sampling/start-sampling.ts';
import { TracerCounters } from '../runtime/tracer-stats.ts';
import { TestClock } from '../test-support/recorded.ts';
import { createTestTracer } from '../testing.ts';
import { Tracer } from '../tracer.ts';

interface Sent {
  readonly operations: readonly {
    readonly name: string;
    readonly totals: readonly { readonly name: string; readonly status: number; readonly requests: number }[];
  }[];
}

/** A collector that takes exchanges and answers with the same settings. */
class FakeCollector {
  readonly sent: Sent[] = [];
  readonly #server: Server;

  constructor() {
    this.#server = createServer((incoming, response) => void this.#answer(incoming, response));
  }

  async #answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts = (await incoming.toArray()) as Uint8Array[];
    if (incoming.url === '/v1/traces') {
      response.setHeader('content-type', 'application/x-protobuf').end();
      return;
    }
    this.sent.push(JSON.parse(Buffer.concat(parts).toString()) as Sent);
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ probability: 0 }));
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

/** A tracer's own counts are not public: what would be sent is read. */
function countsOf(options: TracerOptions): OperationCounts | undefined {
  const started = startSampling({
    config: resolveConfig(options, {}),
    clock: new TestClock(),
    counters: new TracerCounters(),
    diagnostics: new Diagnostics(() => undefined),
    post: () => Promise.resolve({ kind: 'failed', message: 'nobody there' }),
  });
  void started.stop();
  return started.counts;
}

describe('exact counters', () => {
  it('are on with counters and with policies that need them, and off otherwise', () => {
    expect([countsOf({}), countsOf({ sampling: 0.1 }), countsOf({ sampling: () => 1 })]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(countsOf({ requestMetrics: 'collector' })).toBeDefined();
    expect(countsOf({ sampling: adaptive() })).toBeDefined();
  });

  it('leave the unsampled span as it is where they are off', () => {
    const { tracer } = createTestTracer({ sampling: 0 });
    expect(tracer.startSpan('root')).not.toBeInstanceOf(CountedRoot);
    const counting = createTestTracer({ sampling: 0, requestMetrics: 'collector' }).tracer;
    expect(counting.startSpan('root')).toBeInstanceOf(CountedRoot);
  });

  it('count every local root once with its last name and status, and no child', async () => {
    const collector = new FakeCollector();
    closers.push(() => collector.close());
    const endpoint = await collector.start();
    const clock = new TestClock();
    for (const sampling of [0, 1]) {
      const tracer = new Tracer({
        endpoint,
        sampling,
        requestMetrics: 'collector',
        clock,
        register: false,
        flushOnExit: false,
        service: `s${sampling}`,
      });
      tracer.span('root', (root) => {
        root.updateName('GET /a');
        const child = tracer.startSpan('child');
        child.setStatus({ code: 2 });
        child.updateName('not the root');
        child.end();
        child.end();
        tracer.span('inner', () => tracer.span('innermost', () => undefined));
      });
      expect(() =>
        tracer.span('root', () => {
          throw new Error('no');
        }),
      ).toThrow('no');
      tracer.startSpan('root').setAttribute('http.response.status_code', 503).end();
      const twice = tracer.startSpan('root').setStatus({ code: 1 }).setStatus({ code: 2 });
      twice.end();
      twice.end();
      expect(tracer.stats().started).toBe(sampling === 1 ? 7 : 6);
      await tracer.shutdown();
    }
    expect(collector.sent).toHaveLength(2);
    for (const { operations } of collector.sent) {
      expect(operations.map(({ name }) => name)).toEqual(['root']);
      const totals = operations[0]?.totals.map(({ name, status, requests }) => [name, status, requests]);
      expect(totals).toEqual([
        ['GET /a', 0, 1],
        ['root', 1, 1],
        ['root', 2, 2],
      ]);
    }
  });

  it('count HTTP requests with their routes and answers, sampled or not', async () => {
    const collector = new FakeCollector();
    closers.push(() => collector.close());
    const tracer = new Tracer({
      endpoint: await collector.start(),
      sampling: (span) => (span.attributes['url.path'] === '/kept' ? 1 : 0),
      requestMetrics: 'collector',
      register: false,
      flushOnExit: false,
    });
    closers.push(instrumentHttp(tracer, { route: ({ url }) => url }));
    const server = createServer((incoming, response) => {
      response.statusCode = incoming.url === '/broken' ? 502 : 200;
      response.end();
    });
    closers.push(() => server.close());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    for (const path of ['/kept', '/dropped', '/broken', '/broken']) {
      await new Promise((resolve) =>
        request({ port, path, agent: false }, (response) => response.resume().once('close', resolve)).end(),
      );
    }
    await tracer.shutdown();
    const served = collector.sent[0]?.operations.find(({ totals }) => totals.some(({ name }) => name === 'GET /kept'));
    expect(served?.name).toBe('GET');
    expect(served?.totals.map(({ name, status, requests }) => [name, status, requests])).toEqual([
      ['GET /kept', 0, 1],
      ['GET /dropped', 0, 1],
      ['GET /broken', 2, 2],
    ]);
  });
});
