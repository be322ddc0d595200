import { EventEmitter } from 'node:events';
import {
  context,
  createContextKey,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Span as OtelSpan,
} from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startSink, type Sink } from '../test-support/sink.ts';
import { Tracer } from '../index.ts';

const SUPPRESS_TRACING = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');
const RPC_METADATA = createContextKey('OpenTelemetry SDK Context Key RPC_METADATA');

let sink: Sink;
let tracer: Tracer;

beforeEach(async () => {
  sink = await startSink();
  tracer = new Tracer({ service: 'test', endpoint: sink.url });
});

afterEach(async () => {
  await tracer.shutdown();
  await sink.close();
});

const api = (): ReturnType<typeof trace.getTracer> => trace.getTracer('lib', '1.0');

describe("OpenTelemetry's API", () => {
  it('makes spans whose parents are ours, and the other way round', async () => {
    tracer.span('ours', () => {
      api().startActiveSpan('theirs', { kind: SpanKind.CLIENT, attributes: { a: [1, 2] } }, (span) => {
        expect(trace.getActiveSpan()).toBe(span);
        expect(tracer.activeSpan()).toBe(span);
        tracer.span('ours again', () => undefined);
        span.addEvent('e').setStatus({ code: SpanStatusCode.ERROR, message: 'm' }).end();
      });
    });
    await tracer.flush();
    const [again, theirs, ours] = sink.spans;
    expect(again).toMatchObject({ name: 'ours again', parentSpanId: theirs?.spanId });
    expect(theirs).toMatchObject({
      parentSpanId: ours?.spanId,
      kind: 3,
      scope: { name: 'lib', version: '1.0' },
      attributes: { a: [1n, 2n] },
      status: { code: 2, message: 'm' },
    });
  });

  it('takes startActiveSpan in all its forms', () => {
    const parent = api().startSpan('parent');
    const withParent = trace.setSpan(ROOT_CONTEXT, parent);
    const isChild = (span: OtelSpan): boolean => span.spanContext().traceId === parent.spanContext().traceId;
    expect(api().startActiveSpan('x', isChild)).toBe(false);
    expect(api().startActiveSpan('x', {}, isChild)).toBe(false);
    expect(api().startActiveSpan('x', {}, withParent, isChild)).toBe(true);
    expect(api().startActiveSpan('x', { root: true }, withParent, isChild)).toBe(false);
  });

  it('keeps the other values of a context, in both directions', () => {
    const key = createContextKey('test');
    context.with(ROOT_CONTEXT.setValue(key, 'kept'), () => {
      expect(context.active().getValue(key)).toBe('kept');
      tracer.span('ours', (span) => {
        expect(context.active().getValue(key)).toBe('kept');
        expect(trace.getActiveSpan()).toBe(span);
        expect(context.active().deleteValue(key).getValue(key)).toBeUndefined();
      });
      api().startActiveSpan('theirs', () => expect(context.active().getValue(key)).toBe('kept'));
    });
    tracer.span('plain', (span) => {
      const more = context.active().setValue(key, 'more');
      expect(more.getValue(key)).toBe('more');
      expect(trace.getSpan(more)).toBe(span);
      expect(trace.getSpan(trace.deleteSpan(more))).toBeUndefined();
    });
    expect(context.active()).toBe(ROOT_CONTEXT);
  });

  it('traces nothing where tracing is suppressed, and injects nothing', () => {
    context.with(context.active().setValue(SUPPRESS_TRACING, true), () => {
      expect(api().startSpan('x').isRecording()).toBe(false);
      expect(tracer.startSpan('x').isRecording()).toBe(false);
      tracer.span('x', (span) => expect(span.isRecording()).toBe(false));
      const carrier = {};
      api().startActiveSpan('x', () => tracer.inject(carrier));
      propagation.inject(context.active(), carrier);
      expect(carrier).toEqual({});
    });
    expect(tracer.stats().started).toBe(0);
  });

  it('gives unsampled spans an identity of their own', async () => {
    const off = new Tracer({ register: false, sampling: 0, endpoint: sink.url });
    const other = off.openTelemetry.tracerProvider.getTracer('lib');
    const root = other.startSpan('root');
    const child = other.startSpan('child', {}, trace.setSpan(ROOT_CONTEXT, root));
    expect(child.isRecording()).toBe(false);
    expect(child.spanContext().traceId).toBe(root.spanContext().traceId);
    expect(child.spanContext().spanId).not.toBe(root.spanContext().spanId);
    await off.shutdown();
  });

  it('accepts spans of other implementations as parents, remote and local', async () => {
    const spanContext = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: TraceFlags.SAMPLED };
    for (const isRemote of [true, false]) {
      const foreign = trace.wrapSpanContext({ ...spanContext, isRemote });
      context.with(trace.setSpan(ROOT_CONTEXT, foreign), () => tracer.startSpan('x').end());
    }
    const unsampled = trace.wrapSpanContext({ ...spanContext, traceFlags: TraceFlags.NONE });
    expect(api().startSpan('x', {}, trace.setSpan(ROOT_CONTEXT, unsampled)).isRecording()).toBe(false);
    await tracer.flush();
    expect(sink.spans.map(({ traceId, parentSpanId, flags }) => [traceId, parentSpanId, flags])).toEqual([
      ['a'.repeat(32), 'b'.repeat(16), 0x301],
      ['a'.repeat(32), 'b'.repeat(16), 0x101],
    ]);
  });

  it('takes an invalid parent for none', () => {
    const invalid = trace.wrapSpanContext({ traceId: '0'.repeat(32), spanId: '0'.repeat(16), traceFlags: 1 });
    const span = api().startSpan('x', {}, trace.setSpan(ROOT_CONTEXT, invalid));
    expect(span.isRecording()).toBe(true);
    expect(trace.isSpanContextValid(span.spanContext())).toBe(true);
  });

  it('propagates through the global propagator', () => {
    const carrier: Record<string, string> = {};
    tracer.span('x', (span) => {
      propagation.inject(context.active(), carrier);
      const extracted = propagation.extract(ROOT_CONTEXT, carrier);
      expect(trace.getSpanContext(extracted)).toMatchObject({ spanId: span.spanContext().spanId, isRemote: true });
    });
    expect(propagation.fields()).toEqual(['traceparent', 'tracestate', 'baggage']);
    expect(propagation.extract(ROOT_CONTEXT, {})).toBe(ROOT_CONTEXT);
  });

  it('binds functions and event emitters to a context', () => {
    const emitter = new EventEmitter();
    const seen: unknown[] = [];
    const listener = (): void => void seen.push(trace.getActiveSpan());
    const span = api().startSpan('x');
    const active = trace.setSpan(ROOT_CONTEXT, span);
    context.bind(active, listener)();
    context.bind(active, emitter).on('e', listener);
    emitter.once('e', listener);
    emitter.emit('e');
    emitter.removeListener('e', listener);
    emitter.emit('e');
    expect(seen).toEqual([span, span, span]);
    expect(context.bind(active, 5)).toBe(5);
  });

  it('finds the RPC metadata that a server span has set', () => {
    tracer.span('server', (server) => {
      const metadata = { type: 'http' as const, span: server };
      (server as unknown as { trace: { rpcMetadata: unknown } }).trace.rpcMetadata = metadata;
      api().startActiveSpan('below', () => {
        expect(context.active().getValue(RPC_METADATA)).toBe(metadata);
        expect(context.active().setValue(createContextKey('k'), 1).getValue(RPC_METADATA)).toBe(metadata);
      });
    });
  });

  it('is given back at shutdown, and not taken from another', async () => {
    const lines: string[] = [];
    const second = new Tracer({ endpoint: sink.url, log: (line) => lines.push(line) });
    expect(lines).toEqual([
      expect.stringMatching(/^an OpenTelemetry tracer provider.* is already registered; .*register: false/),
    ]);
    await second.shutdown();
    expect(api().startSpan('x').isRecording()).toBe(true);
    await tracer.shutdown();
    const third = new Tracer({ endpoint: sink.url, log: (line) => lines.push(line) });
    expect(lines).toHaveLength(1);
    expect(trace.getTracer('new').startSpan('x').isRecording()).toBe(true);
    await third.shutdown();
  });
});
