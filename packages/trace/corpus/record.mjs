// Runs small programs under OpenTelemetry's own SDK and writes down what it recorded, beside the answer that is known
// before they run: `node packages/trace/corpus/record.mjs`, from the root of the repository.
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';

context.setGlobalContextManager(new AsyncLocalStorageContextManager());

const KINDS = ['internal', 'server', 'client', 'producer', 'consumer'];

/** A service of its own, all of which export to one place. */
function recording() {
  const exporter = new InMemorySpanExporter();
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  return {
    exporter,
    /** Runs `work` in a span of this service, and records what it throws. */
    async span(service, kind, name, work, attributes = {}) {
      const tracer = provider.getTracer(service);
      return tracer.startActiveSpan(name, { kind: SpanKind[kind.toUpperCase()], attributes }, async (span) => {
        try {
          return await work(span);
        } catch (error) {
          span.recordException(error);
          span.setAttribute('error.type', error.name);
          span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
          throw error;
        } finally {
          span.end();
        }
      });
    },
  };
}

function named(name, message) {
  const error = new Error(message);
  error.name = name;
  return error;
}

const programs = [
  {
    name: 'Promise.all with an AbortController',
    truth: 'stock failed, and the two other calls were aborted because of it',
    run: async ({ span }) => {
      const controller = new AbortController();
      const call = (name, ms, error) =>
        span('web', 'client', name, async () => {
          await sleep(ms, undefined, { signal: controller.signal });
          if (error) throw error;
        });
      await span('web', 'server', 'GET /item', async () => {
        try {
          await Promise.all([
            call('GET stock', 40, named('StockError', 'no such item 7')),
            call('GET price', 300),
            call('GET reviews', 400),
          ]);
        } finally {
          controller.abort();
          await sleep(1);
        }
      });
    },
    expect: {
      outcome: 'failed',
      cause: 'GET stock',
      kind: 'error',
      confidence: 'stated',
      onPath: ['GET stock'],
      notOnPath: ['GET price', 'GET reviews'],
      notOrigins: ['GET price', 'GET reviews'],
      says: ['GET /item failed', 'no such item 7'],
      saysNot: ['timed out', 'gave up'],
    },
  },
  {
    name: 'a hedged request',
    truth: 'the second replica answered first, and the first one was aborted',
    run: async ({ span }) => {
      const controller = new AbortController();
      const ask = (name, delay, ms) =>
        sleep(delay).then(() =>
          span('shop', 'client', name, () => sleep(ms, undefined, { signal: controller.signal })),
        );
      await span('shop', 'server', 'GET /item', async () => {
        const slow = ask('replica-a', 0, 2000).catch(() => undefined);
        await Promise.race([slow, ask('replica-b', 80, 60)]);
        controller.abort();
        await slow;
      });
    },
    expect: {
      outcome: 'ok',
      cause: null,
      onPath: ['replica-b'],
      notOnPath: ['replica-a'],
      notOrigins: ['replica-a'],
      saysNot: ['replica-a', 'timed out', 'recovered'],
    },
  },
  {
    name: 'a mail that nobody awaits',
    truth: 'the request waited for the INSERT alone',
    run: async ({ span }) => {
      const later = [];
      await span('web', 'server', 'POST /signup', async () => {
        later.push(span('web', 'internal', 'send welcome mail', () => sleep(300)));
        await span('web', 'client', 'INSERT user', () => sleep(60), { 'db.system.name': 'postgresql' });
      });
      await Promise.all(later);
    },
    expect: {
      outcome: 'ok',
      cause: null,
      onPath: ['INSERT user'],
      notOnPath: ['send welcome mail'],
      says: ['INSERT user'],
      saysNot: ['mail'],
    },
  },
  {
    name: 'work in the background that fails after the answer',
    truth: 'the order was placed; its index failed later, and nobody handled that',
    run: async ({ span }) => {
      const later = [];
      await span('web', 'server', 'POST /order', async () => {
        const index = span('web', 'internal', 'index later', async () => {
          await sleep(120);
          throw named('IndexError', 'shard is read-only');
        });
        later.push(index.catch(() => undefined));
        await span('web', 'client', 'INSERT order', () => sleep(30), { 'db.system': 'postgresql' });
      });
      await Promise.all(later);
    },
    expect: {
      outcome: 'ok',
      cause: null,
      origins: ['index later'],
      notHandled: ['index later'],
      notOnPath: ['index later'],
      says: ['index later', 'background'],
      saysNot: ['handled', 'recovered', 'went on for'],
    },
  },
  {
    name: 'a retry with backoff',
    truth: 'two attempts were refused; most of the time was the pauses between them',
    run: async ({ span }) => {
      let attempt = 0;
      const track = () =>
        span('order', 'client', 'Track', async () => {
          await sleep(10);
          if (++attempt < 3) throw named('Unavailable', 'no healthy upstream');
        });
      await span('order', 'server', 'GET /orders/{id}', async () => {
        for (const pause of [60, 120, 0]) {
          try {
            return await track();
          } catch {
            await sleep(pause);
          }
        }
        return undefined;
      });
    },
    expect: {
      outcome: 'recovered',
      kind: 'error',
      confidence: 'stated',
      patterns: ['retry'],
      says: ['recovered', '3 attempts', 'no healthy upstream'],
      saysNot: ['itself', 'self time'],
    },
  },
  {
    name: 'an error that was swallowed before a validation that failed',
    truth: 'the flag did not matter; the order was refused for its quantity',
    run: async ({ span }) => {
      await span('shop', 'server', 'POST /order', async () => {
        await span('shop', 'client', 'GET flag', async () => {
          await sleep(20);
          throw named('ConnectError', 'connect ECONNREFUSED 10.0.0.9:80');
        }).catch(() => undefined);
        await sleep(15);
        throw named('ValidationError', 'quantity must be positive');
      });
    },
    expect: {
      outcome: 'failed',
      cause: 'POST /order',
      kind: 'error',
      confidence: 'stated',
      says: ['POST /order failed', 'quantity must be positive'],
    },
  },
  {
    name: 'a call with a timeout of its own',
    truth: 'report was still at work when web gave up',
    run: async ({ span }) => {
      const later = [];
      await span('web', 'server', 'GET /report', () =>
        span('web', 'client', 'GET report', async () => {
          later.push(span('report', 'server', 'GET /rows', () => sleep(260)));
          await Promise.race([...later, sleep(150)]);
          throw named('TimeoutError', 'The operation was aborted due to timeout');
        }),
      ).catch(() => undefined);
      await Promise.all(later);
    },
    expect: {
      outcome: 'timed-out',
      cause: 'GET /rows',
      kind: 'timeout',
      confidence: 'stated',
      waiter: 'GET report',
      onPath: ['GET /rows'],
      says: ['GET /report timed out', 'GET /rows'],
    },
  },
  {
    name: 'a pool of four that works on twenty',
    truth: 'twenty resizes, four at a time',
    run: async ({ span }) => {
      await span('image', 'server', 'POST /album', async () => {
        let left = 20;
        const worker = async () => {
          while (left-- > 0) await span('image', 'internal', 'resize', () => sleep(12));
        };
        await Promise.all([worker(), worker(), worker(), worker()]);
      });
    },
    expect: { outcome: 'ok', patterns: ['fan-out'], says: ['20', 'resize', '4 at a time'], saysNot: ['sequential'] },
  },
  {
    name: 'a loop around a query',
    truth: 'fifteen queries, one after another',
    run: async ({ span }) => {
      await span('review', 'server', 'GET /reviews', async () => {
        for (let user = 1; user <= 15; user++) {
          await span('review', 'client', 'SELECT users', () => sleep(5), { 'db.system': 'mysql', 'db.name': 'shop' });
        }
      });
    },
    expect: { outcome: 'ok', cause: null, patterns: ['n+1'], says: ['N+1', '15', 'SELECT users'] },
  },
  {
    name: 'polling for a job',
    truth: 'six questions with a pause after each',
    run: async ({ span }) => {
      await span('web', 'server', 'POST /export', async () => {
        for (let turn = 0; turn < 6; turn++) {
          await span('web', 'client', 'GET job', () => sleep(4));
          await sleep(50);
        }
      });
    },
    expect: {
      outcome: 'ok',
      patterns: ['polling'],
      notPatterns: ['n+1'],
      says: ['polled', '6'],
      saysNot: ['self time'],
    },
  },
  {
    name: 'a message that a consumer handles later',
    truth: 'the request did not wait for the consumer',
    run: async ({ span }) => {
      const later = [];
      await span('shop', 'server', 'POST /order', async () => {
        await span('shop', 'client', 'INSERT order', () => sleep(30), { 'db.system.name': 'postgresql' });
        await span('shop', 'producer', 'publish orders', async () => {
          later.push(span('mail', 'consumer', 'process orders', () => sleep(150)));
          await sleep(3);
        });
      });
      await Promise.all(later);
    },
    expect: {
      outcome: 'ok',
      cause: null,
      onPath: ['INSERT order'],
      notOnPath: ['process orders'],
      saysNot: ['process orders'],
    },
  },
  {
    name: 'a failure that the page did without',
    truth: 'recommendations failed, and the page was rendered without them',
    run: async ({ span }) => {
      await span('web', 'server', 'GET /page', async () => {
        await span('recommendation', 'server', 'GET /recommend', async () => {
          await sleep(20);
          throw named('IndexError', 'list index out of range');
        }).catch(() => undefined);
        await span('web', 'internal', 'render', () => sleep(40));
      });
    },
    expect: {
      outcome: 'recovered',
      cause: 'GET /recommend',
      kind: 'error',
      confidence: 'stated',
      says: ['recovered', 'list index out of range'],
      saysNot: ['handled'],
    },
  },
];

function inMs([seconds, nanoseconds]) {
  return seconds * 1e3 + nanoseconds / 1e6;
}

/** The tree of what was recorded, in milliseconds since its begin. */
function treeOf(spans) {
  const begin = Math.min(...spans.map((span) => inMs(span.startTime)));
  const since = (time) => Number((inMs(time) - begin).toFixed(3));
  const childrenOf = (spanId) =>
    spans
      .filter((span) => (span.parentSpanContext?.spanId ?? '') === spanId)
      .toSorted((a, b) => inMs(a.startTime) - inMs(b.startTime))
      .map((span) => {
        const children = childrenOf(span.spanContext().spanId);
        const exception = span.events.find((event) => event.name === 'exception')?.attributes;
        return {
          service: span.instrumentationScope.name,
          kind: KINDS[span.kind],
          name: span.name,
          from: since(span.startTime),
          to: since(span.endTime),
          ...(span.status.code === SpanStatusCode.ERROR && { status: 'error', message: span.status.message }),
          ...(Object.keys(span.attributes).length > 0 && { attributes: span.attributes }),
          ...(exception && { exception: [exception['exception.type'], exception['exception.message']] }),
          ...(children.length > 0 && { children }),
        };
      });
  return childrenOf('');
}

const recorded = [];
for (const { name, truth, run, expect } of programs) {
  const session = recording();
  await trace.getTracer('corpus').startActiveSpan('', () => run(session).catch(() => undefined));
  recorded.push({ name, truth, spans: treeOf(session.exporter.getFinishedSpans()), expect });
}
writeFileSync(new URL('recorded.json', import.meta.url), `${JSON.stringify(recorded)}\n`);
