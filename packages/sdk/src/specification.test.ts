/** Points of OpenTelemetry's trace and context specifications that no other test beside this one is about. */
import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  context,
  createContextKey,
  INVALID_SPAN_CONTEXT,
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
  type Link,
  type ProxyTracerProvider,
  type Span as OtelSpan,
  type Tracer as OtelTracer,
} from '@opentelemetry/api';
import { AlwaysOffSampler, AlwaysOnSampler } from '@opentelemetry/sdk-trace-base';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { OtelIdGenerator } from './span/random-batch.ts';
import type { SdkTracerProvider } from './opentelemetry/adapters.ts';
import { Double, type ReadSpan } from './test-support/otlp-reader.ts';
import { startSink, type Sink } from './test-support/sink.ts';
import { alwaysRecord, Tracer, type SpanProcessor, type TracerOptions } from './index.ts';

let sink: Sink;
let tracer: Tracer;
const api = (): ReturnType<typeof trace.getTracer> => trace.getTracer('lib', '1.0');
const KEY = createContextKey('key');

const link = (digit: string): Link => ({
  context: { traceId: digit.repeat(32), spanId: digit.repeat(16), traceFlags: 1 },
  attributes: { digit },
});

async function sent(count: number): Promise<readonly ReadSpan[]> {
  await tracer.flush();
  expect(sink.spans).toHaveLength(count);
  return sink.spans;
}

beforeEach(async () => {
  sink = await startSink();
  tracer = new Tracer({ service: 'test', endpoint: sink.url, log: () => undefined });
});

afterEach(async () => {
  vi.useRealTimers();
  await tracer.shutdown();
  await sink.close();
});

describe('the TracerProvider', () => {
  it('answers the same tracer for the same name, version and schema, and a working one for any name', async () => {
    const { tracerProvider } = tracer.openTelemetry;
    expect(tracerProvider.getTracer('a', '1')).toBe(tracerProvider.getTracer('a', '1'));
    expect(tracerProvider.getTracer('a', '1')).not.toBe(tracerProvider.getTracer('a', '2'));
    for (const name of ['', undefined, null, 5])
      tracerProvider
        .getTracer(name as never)
        .startSpan('x')
        .end();
    api().startSpan('y').end();
    await tracer.flush();
    expect(sink.spans).toHaveLength(5);
    expect(sink.spans[4]?.scope).toMatchObject({ name: 'lib', version: '1.0' });
  });

  it('knows a tracer by its attributes too, and sends them with its scope', async () => {
    const { tracerProvider } = tracer.openTelemetry;
    const tracerWith = (attributes: object): OtelTracer =>
      tracerProvider.getTracer('a', '1', { schemaUrl: 'https://schema', attributes } as object);
    const shard = tracerWith({ shard: 1, list: ['x'.repeat(200), 2n] });
    expect(tracerWith({ shard: 1, list: ['x'.repeat(200), 2n] })).toBe(shard);
    expect(tracerWith({ shard: 2, list: ['x'.repeat(200), 2n] })).not.toBe(shard);
    expect(tracerProvider.getTracer('a', '1', { schemaUrl: 'https://schema' })).not.toBe(shard);
    shard.startSpan('x').end();
    const [span] = await sent(1);
    expect(span?.scope).toEqual({
      name: 'a',
      version: '1',
      schemaUrl: 'https://schema',
      attributes: { shard: 1n, list: ['x'.repeat(200), 2n] },
    });
  });

  it('flushes and shuts down as those of the standard SDK, through the proxy of the API too', async () => {
    api().startSpan('x').end();
    const proxy = trace.getTracerProvider() as ProxyTracerProvider;
    const provider = proxy.getDelegate() as unknown as SdkTracerProvider;
    expect(await provider.forceFlush()).toBe(true);
    expect(sink.spans).toHaveLength(1);
    expect(await provider.shutdown()).toBe(true);
    expect(tracer.startSpan('late').isRecording()).toBe(false);
    expect(await provider.forceFlush()).toBe(true);
    expect(await provider.shutdown()).toBe(true);
  });

  it.each<[string, TracerOptions, (response: ServerResponse) => void]>([
    ['a collector refuses the spans', {}, (response) => void response.writeHead(400).end()],
    ['a collector takes the request but not the span', {}, (response) => void response.end(Buffer.of(10, 2, 8, 1))],
    ['nobody answers in time', { flushTimeoutMillis: 50 }, () => undefined],
    [
      'a processor fails',
      {
        spanProcessors: [
          { onStart() {}, onEnd() {}, forceFlush: () => Promise.reject(new Error('no')), async shutdown() {} },
        ],
      },
      (response) => void response.end(),
    ],
    [
      'an exporter fails',
      { spanExporters: [{ export: (_, done) => done({ code: 1 }), async shutdown() {} }] },
      (response) => void response.end(),
    ],
  ])('tells a flush that failed from one that succeeded, where %s', async (_, options, answer) => {
    const failing = await startSink(answer);
    const own = new Tracer({ endpoint: failing.url, register: false, log: () => undefined, ...options });
    const { tracerProvider } = own.openTelemetry;
    own.startSpan('x').end();
    expect(await tracerProvider.forceFlush()).toBe(false);
    await own.shutdown(1);
    await failing.close();
  });

  it('makes spans that do nothing after shutdown, whose context is still valid for propagation', async () => {
    const parent = api().startSpan('parent');
    parent.end();
    await tracer.shutdown();
    const child = tracer.openTelemetry.tracerProvider
      .getTracer('lib')
      .startSpan('late', {}, trace.setSpan(ROOT_CONTEXT, parent));
    expect(child.isRecording()).toBe(false);
    expect(child.spanContext()).toEqual(parent.spanContext());
  });
});

describe('starting a span', () => {
  it('does not make it active, unless it is asked to', () => {
    const span = api().startSpan('x');
    expect(trace.getActiveSpan()).toBeUndefined();
    api().startActiveSpan('y', (active) => expect(trace.getActiveSpan()).toBe(active));
    expect(trace.getActiveSpan()).toBeUndefined();
    span.end();
  });

  it('gives it ids of the right form, new ones each, and its parent’s trace', () => {
    const parent = api().startSpan('parent');
    const inParent = trace.setSpan(ROOT_CONTEXT, parent);
    const contexts = Array.from({ length: 1000 }, () => api().startSpan('x', {}, inParent).spanContext());
    expect(contexts.every(isSpanContextValid)).toBe(true);
    expect(new Set(contexts.map(({ spanId }) => spanId)).size).toBe(1000);
    expect(new Set(contexts.map(({ traceId }) => traceId))).toEqual(new Set([parent.spanContext().traceId]));
    expect(contexts[0]?.isRemote).toBeFalsy();
    expect(parent.spanContext()).toBe(parent.spanContext());
  });

  it('uses internal for its kind and now for its start where nothing else is said', async () => {
    vi.setSystemTime('2040-02-29T12:00:00Z');
    api().startSpan('x').end();
    for (const kind of [SpanKind.SERVER, SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER, 99, 'x']) {
      api()
        .startSpan('x', { kind: kind as SpanKind })
        .end();
    }
    await tracer.flush();
    expect(sink.spans.map(({ kind }) => kind)).toEqual([1, 2, 3, 4, 5, 1, 1]);
    const start = new Date(Number((sink.spans[0]?.startTimeUnixNano ?? 0n) / 1_000_000n));
    expect(start.toISOString()).toMatch(/^2040-02-29T12:/);
  });

  it('makes a root where the option says so or the context holds an invalid span', () => {
    const parent = api().startSpan('parent');
    const inParent = trace.setSpan(ROOT_CONTEXT, parent);
    const ownTrace = (span: OtelSpan): boolean => span.spanContext().traceId !== parent.spanContext().traceId;
    expect(ownTrace(api().startSpan('x', { root: true }, inParent))).toBe(true);
    const invalid = trace.setSpanContext(ROOT_CONTEXT, INVALID_SPAN_CONTEXT);
    expect(isSpanContextValid(api().startSpan('x', {}, invalid).spanContext())).toBe(true);
    // Both arguments may be nothing.
    expect(
      api()
        .startSpan('x', null as never, null as never)
        .isRecording(),
    ).toBe(true);
  });
});

describe('a span', () => {
  it('takes links, another name, a status and attributes until it ends, and nothing after', async () => {
    const linked = api().startSpan('linked').spanContext();
    const span = api().startSpan('x', { links: [{ context: linked, attributes: { at: 'start' } }] });
    span.addLink({ context: linked, attributes: { at: 'later' } }).addLinks([{ context: linked }]);
    span.updateName('renamed').setStatus({ code: SpanStatusCode.OK, message: 'left out' });
    span.recordException({ name: 'E', message: 'm', stack: 's' }, [1_700_000_000, 1]);
    expect(span.isRecording()).toBe(true);
    span.end();
    expect(span.isRecording()).toBe(false);
    span.updateName('late').addLink({ context: linked }).setAttribute('late', 1).addEvent('late');
    await tracer.flush();
    expect(sink.spans[0]).toMatchObject({ name: 'renamed', attributes: {}, status: { code: 1, message: '' } });
    expect(sink.spans[0]?.links.map(({ attributes }) => attributes)).toEqual([{ at: 'start' }, { at: 'later' }, {}]);
    expect(sink.spans[0]?.events).toMatchObject([
      {
        name: 'exception',
        timeUnixNano: 1_700_000_000_000_000_001n,
        attributes: { 'exception.type': 'E', 'exception.message': 'm', 'exception.stacktrace': 's' },
      },
    ]);
  });

  it('keeps the order of its links, those it starts with first, and links to nowhere that have attributes', async () => {
    const nowhere = { context: INVALID_SPAN_CONTEXT };
    const span = api().startSpan('x', { links: [link('2'), { ...nowhere, attributes: { digit: 'none' } }] });
    span
      .addLink(link('1'))
      .addLinks([link('3'), nowhere, { ...link('4'), attributes: {} }])
      .end();
    const [read] = await sent(1);
    expect(read?.links.map(({ traceId, attributes }) => [traceId[0], attributes])).toEqual([
      ['2', { digit: '2' }],
      ['0', { digit: 'none' }],
      ['1', { digit: '1' }],
      ['3', { digit: '3' }],
      ['4', {}],
    ]);
    expect(read?.droppedLinksCount).toBe(1);
  });

  it('carries every type of attribute, and text in any script', async () => {
    api()
      .startSpan('x')
      .setAttributes({ text: 'žluťoučký 🐎', yes: true, float: 1.5, int: -(2 ** 53) + 1 })
      .setAttribute('pole 極', ['a', 'b'])
      .setAttribute('numbers', [1, 2.5])
      .setAttribute('booleans', [true, false])
      .setAttribute('none', null as never)
      .end();
    const [read] = await sent(1);
    expect(read?.attributes).toEqual({
      text: 'žluťoučký 🐎',
      yes: true,
      float: new Double(1.5),
      int: -(2n ** 53n) + 1n,
      'pole 極': ['a', 'b'],
      numbers: [1n, new Double(2.5)],
      booleans: [true, false],
    });
  });

  it('keeps the order of its events, and of attributes in the order they were first set', async () => {
    const span = api().startSpan('x');
    for (const name of ['a', 'b', 'c']) span.addEvent(name).setAttribute(name, 1);
    span.setAttribute('a', 2);
    span.end();
    await tracer.flush();
    expect(sink.spans[0]?.events.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
    expect(Object.entries(sink.spans[0]?.attributes ?? {})).toEqual([
      ['a', 2n],
      ['b', 1n],
      ['c', 1n],
    ]);
  });

  it('outlives its parent’s end', async () => {
    const parent = api().startSpan('parent');
    const child = api().startSpan('child', {}, trace.setSpan(ROOT_CONTEXT, parent));
    parent.end();
    expect(child.isRecording()).toBe(true);
    child.end();
    await tracer.flush();
    expect(sink.spans.map(({ name }) => name)).toEqual(['parent', 'child']);
  });
});

describe('the ContextManager', () => {
  const with1 = ROOT_CONTEXT.setValue(KEY, 1);
  const here = (): unknown => context.active().getValue(KEY);

  it('passes this, arguments, the result and what is thrown, and puts back what was active', async () => {
    const receiver = { factor: 2 };
    const double = function (this: typeof receiver, n: number): number {
      return this.factor * n * (here() as number);
    };
    expect(context.with(with1, double, receiver, 4)).toBe(8);
    const error = new Error('thrown');
    const thrower = (): never => {
      throw error;
    };
    expect(() => context.with(with1, thrower)).toThrow(error);
    expect(here()).toBeUndefined();
    const later = context.with(with1, async () => {
      await sleep(1);
      return context.with(with1.setValue(KEY, 2), async () => [await Promise.resolve(here()), here()]);
    });
    expect(here()).toBeUndefined();
    expect(await later).toEqual([2, 2]);
  });

  it('binds a function with its receiver, arguments and length', () => {
    const bound = context.bind(with1, function (this: unknown, a: number, b: number) {
      return [this, a, b, here()];
    });
    const receiver = {};
    expect(bound).toHaveLength(2);
    expect(context.with(with1.setValue(KEY, 2), () => bound.call(receiver, 1, 2))).toEqual([receiver, 1, 2, 1]);
  });

  it.each(['on', 'once', 'addListener', 'prependListener', 'prependOnceListener'] as const)(
    'binds listeners that %s adds to an emitter, which can be counted and removed',
    (add) => {
      const emitter = context.bind(with1, new EventEmitter());
      const seen: unknown[] = [];
      const listener = (value: number): void => void seen.push([value, here()]);
      emitter[add]('x', listener);
      expect(emitter.listenerCount('x')).toBe(1);
      emitter.emit('x', 5);
      expect(seen).toEqual([[5, 1]]);
      emitter.off('x', listener);
      emitter[add]('x', listener);
      emitter.removeAllListeners('x');
      emitter.emit('x', 6);
      expect(seen).toHaveLength(1);
    },
  );

  it('attaches a context until its token is disposed of', async () => {
    const manager = tracer.openTelemetry.contextManager as unknown as {
      attach(attached: Context): { dispose(): void };
    };
    await context.with(with1, async () => {
      const token = manager.attach(with1.setValue(KEY, 2));
      expect(here()).toBe(2);
      await sleep(1);
      expect(here()).toBe(2);
      token.dispose();
      token.dispose();
      expect(here()).toBe(1);
    });
    expect(here()).toBeUndefined();
  });

  it('knows no context outside of any', () => {
    expect(context.active()).toBe(ROOT_CONTEXT);
    expect(trace.getSpan(context.active())).toBeUndefined();
    const carrier = {};
    propagation.inject(context.active(), carrier);
    expect(carrier).toEqual({});
  });
});

describe('unsampledChildren: own and shared', () => {
  it('give every unsampled span an id of its own, or its parent’s', async () => {
    for (const unsampledChildren of ['own', 'shared'] as const) {
      const off = new Tracer({ register: false, sampling: 0, unsampledChildren });
      off.span('root', (root) => {
        off.span('child', (child) => {
          expect(child === root).toBe(unsampledChildren === 'shared');
          expect(child.spanContext().spanId === root.spanContext().spanId).toBe(unsampledChildren === 'shared');
          expect(child.spanContext().traceId).toBe(root.spanContext().traceId);
          expect(off.activeSpan()).toBe(child);
        });
        expect(off.activeSpan()).toBe(root);
      });
      await off.shutdown();
    }
  });
});

function startWith(ids: OtelIdGenerator): [root: OtelSpan, child: OtelSpan] {
  const own = new Tracer({ exporter: 'none', register: false, ids });
  const library = own.openTelemetry.tracerProvider.getTracer('lib');
  const root = library.startSpan('root', { root: true });
  const child = library.startSpan('child', {}, trace.setSpan(ROOT_CONTEXT, root));
  return [root, child];
}

describe("the standard SDK's IdGenerator", () => {
  it("gives the ids of traces and spans, and W3C's random flag is not set for them", () => {
    let n = 0;
    const [root, child] = startWith({
      generateTraceId: () => '5759e988'.padEnd(32, 'a'),
      generateSpanId: () => `${++n}`.repeat(16),
    });
    expect(root.spanContext()).toMatchObject({
      traceId: '5759e988aaaaaaaaaaaaaaaaaaaaaaaa',
      spanId: '1'.repeat(16),
      traceFlags: 1,
    });
    expect(child.spanContext()).toMatchObject({ traceId: root.spanContext().traceId, spanId: '2'.repeat(16) });
  });

  it.each([
    ['throws', (): never => expect.fail('generator')],
    ['answers no hex digits', (): string => 'not hex'],
    ['answers upper case', (): string => 'A'.repeat(32)],
    ['answers zeros', (): string => '0'.repeat(32)],
    ['answers nothing', (): string => undefined as never],
  ])('is done without where it %s', (_, generate) => {
    for (const span of startWith({ generateTraceId: generate, generateSpanId: generate })) {
      expect(isSpanContextValid(span.spanContext())).toBe(true);
    }
  });
});

describe('alwaysRecord', () => {
  it.each([
    ['AlwaysOffSampler', new AlwaysOffSampler(), 0],
    ['AlwaysOnSampler', new AlwaysOnSampler(), 1],
  ])('shows processors what an %s decides, and exports what it keeps', async (_, root, exported) => {
    const seen: string[] = [];
    const own = new Tracer({
      endpoint: sink.url,
      register: false,
      sampler: alwaysRecord(root),
      spanProcessors: [
        { onStart() {}, onEnd: (span) => void seen.push(span.name), async forceFlush() {}, async shutdown() {} },
      ],
    });
    const span = own.startSpan('x');
    expect([span.isRecording(), span.spanContext().traceFlags & 1]).toEqual([true, exported]);
    own.startSpan('child', { parent: span }).end();
    span.end();
    await own.shutdown();
    expect(seen).toEqual(['child', 'x']);
    expect(sink.spans).toHaveLength(exported * 2);
  });
});

describe('attributes as processors see them', () => {
  it('are what the standard SDK knows: a bigint is a number, or text where no number can hold it', () => {
    const seen: unknown[] = [];
    const own = new Tracer({
      exporter: 'none',
      register: false,
      spanProcessors: [
        { onStart() {}, onEnd: (span) => void seen.push(span.attributes), async forceFlush() {}, async shutdown() {} },
      ],
    });
    own.startSpan('x', { attributes: { small: 7n, large: 2n ** 60n, list: [1n, -(2n ** 62n)] } }).end();
    expect(seen).toEqual([{ small: 7, large: '1152921504606846976', list: [1, '-4611686018427387904'] }]);
  });
});

function slowProcessor(calls: string[]): SpanProcessor {
  return {
    onStart() {},
    onEnd() {},
    async forceFlush() {},
    async shutdown() {
      await sleep(5);
      calls.push('processor');
    },
  };
}

describe('onShutdown', () => {
  it('is called once, behind the processors, and awaited; one that fails keeps no other from being called', async () => {
    const calls: string[] = [];
    const close = async (): Promise<void> => {
      await sleep(5);
      calls.push('closed');
    };
    const options = { exporter: 'none', register: false, spanProcessors: [slowProcessor(calls)] } as const;
    const fine = new Tracer({ ...options, onShutdown: [close, close] });
    expect([await fine.shutdown(), await fine.shutdown(), calls]).toEqual([
      true,
      true,
      ['processor', 'closed', 'closed'],
    ]);
    calls.length = 0;
    const failing = new Tracer({ ...options, onShutdown: [() => expect.fail('close'), close] });
    expect([await failing.shutdown(), calls]).toEqual([false, ['processor', 'closed']]);
    const late = new Tracer({ ...options, onShutdown: [() => new Promise(() => 0)] });
    expect(await late.shutdown(20)).toBe(false);
  });
});

describe('environment variables as carriers', () => {
  it('are read in upper case, and written so by a setter', () => {
    const env: NodeJS.ProcessEnv = { PATH: '/bin' };
    const parent = tracer.startSpan('spawn');
    tracer.with(parent, () =>
      tracer.inject(env, { set: (carrier, name, value) => void (carrier[name.toUpperCase()] = value) }),
    );
    expect(env).toEqual({
      PATH: '/bin',
      TRACEPARENT: expect.stringContaining(parent.spanContext().spanId) as string,
      TRACESTATE: 'ot=th:0',
    });
    expect(trace.getSpanContext(tracer.extract(env))).toMatchObject({
      spanId: parent.spanContext().spanId,
      isRemote: true,
    });
    parent.end();
  });
});
