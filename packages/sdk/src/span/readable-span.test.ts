import { SpanKind, SpanStatusCode, type Span, type Tracer as OtelTracer } from '@opentelemetry/api';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { expect, it } from 'vitest';
import { createTestTracer } from '../testing.ts';
import type { ReadableSpan, SpanProcessor } from '../index.ts';

/** What the standard SDK's span of these versions shows of what was set. */
const NAMES = [
  'name',
  'kind',
  'startTime',
  'endTime',
  'status',
  'attributes',
  'links',
  'events',
  'duration',
  'ended',
  'parentSpanContext',
  'droppedAttributesCount',
  'droppedEventsCount',
  'droppedLinksCount',
] as const;

const shown = (span: Span): unknown => Object.fromEntries(NAMES.map((name) => [name, Reflect.get(span, name)]));

/** All of it with times of the application's own. */
function work(tracer: OtelTracer): { span: Span; live: unknown } {
  const context = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 };
  const span = tracer.startSpan('GET', {
    kind: SpanKind.CLIENT,
    attributes: { 'http.route': '/x', list: [1, 2] },
    links: [{ context, attributes: { linked: true } }],
    startTime: [1_700_000_000, 5],
  });
  span.setAttribute('later', 1.5).addEvent('e', { in: 'event' }, [1_700_000_001, 0]).updateName('GET /x');
  span.setStatus({ code: SpanStatusCode.ERROR, message: 'bad' });
  const live = shown(span);
  span.end([1_700_000_002, 4]);
  return { span, live };
}

it('a span shows what the standard SDK’s span shows, while it is recorded and where a processor is registered behind its end', () => {
  const { tracer } = createTestTracer({
    spanProcessors: [new SimpleSpanProcessor(new InMemorySpanExporter())],
  });
  const ours = work(tracer.openTelemetry.tracerProvider.getTracer('lib', '1'));
  const theirs = work(new BasicTracerProvider().getTracer('lib', '1'));
  const { duration: _ours, ...live } = ours.live as Record<string, unknown>;
  // It counts down from -1 until it has ended.
  const { duration: _theirs, ...expected } = theirs.live as Record<string, unknown>;
  // A link says besides how many of its attributes were dropped.
  expect(live).toMatchObject(expected);
  expect(shown(ours.span)).toMatchObject(shown(theirs.span) as object);
});

it('a span keeps its parent, its scope, its resource and its status, and has nothing of another shape under a name of theirs', () => {
  const { tracer } = createTestTracer({ service: 'shop' });
  tracer.span('parent', (parent) => {
    const span = tracer.openTelemetry.tracerProvider.getTracer('lib', '1').startSpan('child') as Span & ReadableSpan;
    expect(span.parentSpanContext).toEqual(parent.spanContext());
    expect(span.instrumentationScope).toMatchObject({ name: 'lib', version: '1' });
    expect(span.resource.attributes).toMatchObject({ 'service.name': 'shop' });
    span.setAttribute('a', 1).setStatus({ code: SpanStatusCode.ERROR, message: 'no' }).addEvent('e');
    expect([span.attributes, span.events.length]).toEqual([{ a: 1 }, 1]);
    span.end();
    expect(span.status).toEqual({ code: SpanStatusCode.ERROR, message: 'no' });
    // Without a processor nobody was promised them; the array is another span's by now.
    tracer.span('next', (next) => next.setAttribute('b', 2));
    expect([span.attributes, span.events, span.links, span.ended]).toEqual([{}, [], [], true]);
  });
});

it('a processor sees the span that the application has, at its start and at its end', () => {
  const seen: unknown[] = [];
  const processor: SpanProcessor = {
    onStart: (span) => void seen.push(span),
    onEnding: (span) => void seen.push(span),
    onEnd: (span) => {
      seen.push(span);
      // What some do to redact: the processors behind them see it.
      Object.assign(span.attributes, { secret: 'REDACTED' });
    },
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };
  const exporter = new InMemorySpanExporter();
  const { tracer, spans } = createTestTracer({
    spanProcessors: [processor, new SimpleSpanProcessor(exporter)],
    limits: { spanBytesLimit: 4096 },
  });
  const made = tracer.span('x', (span) => span.setAttribute('secret', 'x'.repeat(10_000)).addEvent('e'));
  expect(seen).toEqual([made, made, made]);
  expect(seen.every((each) => each === made)).toBe(true);
  const [exported] = exporter.getFinishedSpans();
  expect(exported).toBe(made);
  expect([exported?.attributes, exported?.events.length]).toEqual([{ secret: 'REDACTED' }, 1]);
  // Too large for our own export, which drops what it holds.
  expect(spans()[0]?.attributes).toEqual({});
});
