import { AsyncLocalStorage } from 'node:async_hooks';
import { EventEmitter, once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { context, propagation, ROOT_CONTEXT, trace, type Context, type ContextManager } from '@opentelemetry/api';
import { afterEach, describe, expect, it } from 'vitest';
import { instrumentHttp } from '../http/index.ts';
import { createTestTracer } from '../testing.ts';

/** As the standard SDK's: somebody else's storage. */
class OtherContextManager implements ContextManager {
  readonly #storage = new AsyncLocalStorage<Context>();
  active(): Context {
    return this.#storage.getStore() ?? ROOT_CONTEXT;
  }
  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    given: Context,
    fn: F,
    thisArg?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    return this.#storage.run(given, () => fn.apply(thisArg, args));
  }
  bind<T>(_: Context, target: T): T {
    return target;
  }
  enable(): this {
    return this;
  }
  disable(): this {
    this.#storage.disable();
    return this;
  }
}

afterEach(() => {
  context.disable();
  propagation.disable();
  trace.disable();
});

describe('where another context manager is registered', () => {
  it.each([
    ['before the tracer', true],
    ['behind it, with the provider alone', false],
  ])('parents come from it, with both APIs: %s', async (_, isBefore) => {
    if (isBefore) context.setGlobalContextManager(new OtherContextManager());
    const { tracer, spans } = createTestTracer({ register: isBefore, log: () => undefined });
    if (!isBefore) {
      trace.setGlobalTracerProvider(tracer.openTelemetry.tracerProvider);
      context.setGlobalContextManager(new OtherContextManager());
    }
    const otel = trace.getTracer('library');
    const outer = otel.startSpan('outer');
    await context.with(trace.setSpan(context.active(), outer), async () => {
      otel.startSpan('child').end();
      await Promise.resolve();
      otel.startActiveSpan('active', (span) => {
        expect(trace.getActiveSpan()).toBe(span);
        tracer.span('own', (own) => {
          expect(trace.getActiveSpan()).toBe(own);
          otel.startSpan('below own').end();
        });
        span.end();
      });
    });
    outer.end();
    const byName = new Map(spans().map((span) => [span.name, span]));
    const parentOf = (name: string): string | undefined => byName.get(name)?.parentSpanId;
    const idOf = (name: string): string | undefined => byName.get(name)?.spanId;
    expect([parentOf('child'), parentOf('active')]).toEqual([idOf('outer'), idOf('outer')]);
    expect(parentOf('own')).toBe(idOf('active'));
    expect(parentOf('below own')).toBe(idOf('own'));
    expect(tracer.activeSpan()).toBeUndefined();
    await tracer.shutdown();
  });

  it('that one stays when the tracer is shut down, and ours is back when it is gone', async () => {
    context.setGlobalContextManager(new OtherContextManager());
    const { tracer, spans } = createTestTracer({ register: true, log: () => undefined });
    const other = createTestTracer();
    context.disable();
    trace.getTracer('x').startSpan('look').end();
    other.tracer.span('parent', () => other.tracer.span('child', () => {}));
    const [child, parent] = other.spans();
    expect(child?.parentSpanId).toBe(parent?.spanId);
    const stays = new OtherContextManager();
    context.setGlobalContextManager(stays);
    await tracer.shutdown();
    context.with(ROOT_CONTEXT.setValue(Symbol.for('here'), 1), () => {
      expect(context.active().getValue(Symbol.for('here'))).toBe(1);
    });
    expect(spans().map(({ name }) => name)).toEqual(['look']);
  });
});

/** The name of the parent of a span. */
function parentNameOf(name: string, { spans }: ReturnType<typeof createTestTracer>): string | undefined {
  const all = spans();
  const parentId = all.find((span) => span.name === name)?.parentSpanId;
  return all.find(({ spanId }) => spanId === parentId)?.name;
}

describe('a tracer that nobody calls through OpenTelemetry’s API', () => {
  it('sees that somebody else’s context manager is gone', async () => {
    context.setGlobalContextManager(new OtherContextManager());
    const test = createTestTracer({ register: true, log: () => undefined });
    context.disable();
    await test.tracer.span('parent', async () => {
      await Promise.resolve();
      test.tracer.span('child', () => undefined);
    });
    expect(parentNameOf('child', test)).toBe('parent');
    await test.tracer.shutdown();
  });

  it('sees it go while a span is active', () => {
    context.setGlobalContextManager(new OtherContextManager());
    const test = createTestTracer({ register: false });
    test.tracer.span('lost', () => {
      context.disable();
      test.tracer.with(test.tracer.startSpan('parent'), () => test.tracer.span('child', () => undefined));
      test.tracer.span('outer', () => test.tracer.span('inner', () => undefined));
    });
    expect(test.tracer.activeSpan()).toBeUndefined();
    expect(parentNameOf('inner', test)).toBe('outer');
  });

  it('sees one that is registered after it, within a few local roots', () => {
    const test = createTestTracer({ register: false });
    context.setGlobalContextManager(new OtherContextManager());
    for (let root = 0; root < 16; root++) test.tracer.startSpan('before').end();
    test.reset();
    const given = trace.setSpanContext(ROOT_CONTEXT, {
      traceId: 'a'.repeat(32),
      spanId: 'b'.repeat(16),
      traceFlags: 1,
    });
    context.with(given, () => {
      expect(test.tracer.activeSpan()?.spanContext().spanId).toBe('b'.repeat(16));
      test.tracer.span('below', () => expect(trace.getActiveSpan()?.spanContext().traceId).toBe('a'.repeat(32)));
    });
    test.tracer.span('root', (span) => expect(trace.getActiveSpan()).toBe(span));
    expect(test.spans().map(({ name, parentSpanId }) => [name, parentSpanId ?? ''])).toEqual([
      ['below', 'b'.repeat(16)],
      ['root', ''],
    ]);
  });
});

it('nothing is active behind context.disable() and a shutdown', async () => {
  const { tracer } = createTestTracer({ register: true });
  const manager = tracer.openTelemetry.contextManager;
  (manager as unknown as { attach(given: Context): unknown }).attach(
    trace.setSpan(ROOT_CONTEXT, tracer.startSpan('entered')),
  );
  expect(tracer.activeSpan()).toBeDefined();
  await tracer.shutdown();
  expect(tracer.activeSpan()).toBeUndefined();
});

it('nothing that was active comes back behind a shutdown, by whatever enters it again', async () => {
  const first = createTestTracer({ register: true });
  const off = instrumentHttp(first.tracer);
  const tests = [first];
  const parents: Record<string, string | undefined> = {};
  const probe = (name: string): void => {
    const { tracer, spans } = tests.at(-1) ?? first;
    tracer.startSpan(name).end();
    parents[name] = spans().find((span) => span.name === name)?.parentSpanId;
  };
  const server = createServer((incoming, response) => {
    incoming.resume().on('end', () => {
      probe('request event');
      response.on('finish', () => probe('response event')).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const outgoing = request({ port, host: '127.0.0.1', method: 'POST' });
  outgoing.write('a');
  await once(server, 'request');
  const { tracer } = first;
  function* steps(): Generator<undefined> {
    yield undefined;
    probe('generator');
    yield undefined;
  }
  const generator = tracer.span('generator span', steps);
  generator.next();
  const late = tracer.span('promise span', async () => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    return (function* () {
      yield probe('generator of a promise');
    })();
  });
  const bound = tracer.span('bound', () => tracer.bind(() => probe('tracer.bind')));
  const boundByApi = tracer.span('bound by api', () => context.bind(context.active(), () => probe('context.bind')));
  const emitter = tracer.span('emitter', () => context.bind(context.active(), new EventEmitter()));
  tracer.span('listener', () => emitter.on('event', () => probe('bound emitter')));
  await tracer.shutdown();
  off();
  const next = createTestTracer({ register: true });
  tests.push(next);
  generator.next();
  (await late).next();
  bound();
  boundByApi();
  emitter.emit('event');
  outgoing.end('b');
  await once(outgoing, 'response');
  server.close();
  server.closeAllConnections();
  expect(Object.keys(parents)).toHaveLength(7);
  expect(Object.entries(parents).filter(([, parent]) => (parent ?? '') !== '')).toEqual([]);
  await next.tracer.shutdown();
});
