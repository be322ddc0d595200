import { createHash } from 'node:crypto';
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, createTraceState, trace } from '@opentelemetry/api';
import type { Attributes } from '@opentelemetry/api';
import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { AnyValue, KeyValue, Span, TracesData } from '../packages/trace/src/otlp.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCollector } from './support/collector.ts';
import type { Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';

describe('a trace of the official OpenTelemetry SDK comes back field by field', () => {
  let collector: Collector;
  beforeAll(async () => {
    collector = await startCollector();
  });
  afterAll(() => collector.stop());

  it('sent as protobuf', async () => {
    await sendAndCompare(collector, 'shop-protobuf', new ProtobufExporter({ url: `${collector.otlpUrl}/v1/traces` }));
  });

  it('sent as JSON', async () => {
    await sendAndCompare(collector, 'shop-json', new JsonExporter({ url: `${collector.otlpUrl}/v1/traces` }));
  });

  it.for(['none', 'gzip'])('sent over gRPC with compression %s', async (compression) => {
    const exporter = new GrpcExporter({ url: collector.otlpGrpcUrl, compression: compression as never });
    await sendAndCompare(collector, `shop-grpc-${compression}`, exporter);
  });

  it('sent as protobuf with gzip', async () => {
    const url = `${collector.otlpUrl}/v1/traces`;
    await sendAndCompare(collector, 'shop-gzip', new ProtobufExporter({ url, compression: 'gzip' as never }));
  });
});

async function sendAndCompare(collector: Collector, service: string, exporter: SpanExporter): Promise<void> {
  const kept = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes(
      { 'service.name': service, 'host.cores': 2, 'deployment.tags': ['a', 'b'] },
      { schemaUrl: 'https://opentelemetry.io/schemas/1.30.0' },
    ),
    spanLimits: {
      attributeCountLimit: 24,
      eventCountLimit: 3,
      linkCountLimit: 2,
      attributePerEventCountLimit: 4,
      attributePerLinkCountLimit: 2,
    },
    spanProcessors: [new SimpleSpanProcessor(kept), new BatchSpanProcessor(exporter)],
  });
  const traceId = recordTrace(provider, service);
  await provider.forceFlush();

  const stored = await eventually('the trace is findable', async () => {
    const response = await fetch(`${collector.apiUrl}/api/v1/traces/${traceId}`);
    return response.status === 200 ? ((await response.json()) as TracesData) : undefined;
  });
  const expected = kept.getFinishedSpans().map((span) => expectedSpan(span));
  expect(flatten(stored)).toEqual(expected.toSorted((a, b) => (a.span.spanId < b.span.spanId ? -1 : 1)));
  await provider.shutdown();
}

function recordTrace(provider: BasicTracerProvider, service: string): string {
  const traceId = createHash('md5').update(`${service}${process.hrtime.bigint()}`).digest('hex');
  const remote = trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId: '00f067aa0ba902b7',
    traceFlags: TraceFlags.SAMPLED,
    isRemote: true,
    traceState: createTraceState('vendor=value,other=1'),
  });
  const tracer = provider.getTracer('checkout', '1.2.3', { schemaUrl: 'https://opentelemetry.io/schemas/1.29.0' });
  const server = tracer.startSpan('POST /buy', { kind: SpanKind.SERVER, attributes: everyValueType() }, remote);
  const within = trace.setSpan(ROOT_CONTEXT, server);
  const link = {
    context: {
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      traceFlags: 1,
      traceState: createTraceState('x=y'),
    },
  };
  const client = tracer.startSpan(
    'SELECT orders',
    { kind: SpanKind.CLIENT, links: [{ ...link, attributes: { why: 'batch', n: 7, dropped: 1 } }, link, link] },
    within,
  );
  client.recordException(new Error('connection reset'));
  client.setStatus({ code: SpanStatusCode.ERROR, message: "it's <b>gone</b>; DROP TABLE spans; -- \n\n" });
  for (const index of [1, 2, 3, 4])
    client.addEvent(`event ${index}`, { index, list: [1.5, 2.5], a: 'ä', b: true, c: 'one too many' });
  client.end();
  const other = provider.getTracer('payment');
  other.startSpan('charge', { kind: SpanKind.PRODUCER }, within).end();
  other.startSpan('settle', { kind: SpanKind.CONSUMER }, within).setStatus({ code: SpanStatusCode.OK }).end();
  tracer.startSpan('', {}, within).end();
  server.end();
  return traceId;
}

function everyValueType(): Attributes {
  return {
    'a.string': 'O\'Neill said "hi\\there" \u0000 \u{1f600}',
    'a.empty': '',
    'an.int': 42,
    'a.negative': -7,
    'a.large.int': Number.MAX_SAFE_INTEGER,
    'a.double': 0.1,
    'a.tiny.double': 5e-324,
    'a.bool': true,
    'another.bool': false,
    'some.strings': ['x', '', 'ü'],
    'some.ints': [1, -2, 3],
    'some.doubles': [1.5, -0.25],
    'some.bools': [true, false],
    'a.hole': ['x', null, 'y'],
    'not.sql': "'); DROP TABLE throughline.spans; --",
    ...Object.fromEntries(Array.from({ length: 12 }, (_, index) => [`filler.${index}`, index])),
  };
}

interface Flat {
  readonly span: Span;
  readonly resource: KeyValue[];
  readonly resourceSchemaUrl: string;
  readonly scope: string;
  readonly scopeSchemaUrl: string;
}

function flatten(data: TracesData): Flat[] {
  const flat = data.resourceSpans.flatMap((resourceSpans) =>
    resourceSpans.scopeSpans.flatMap((scopeSpans) =>
      scopeSpans.spans.map((span) => ({
        span: withDefaults(span),
        resource: resourceSpans.resource?.attributes ?? [],
        resourceSchemaUrl: resourceSpans.schemaUrl ?? '',
        scope: `${scopeSpans.scope?.name ?? ''}@${scopeSpans.scope?.version ?? ''}`,
        scopeSchemaUrl: scopeSpans.schemaUrl ?? '',
      })),
    ),
  );
  return flat.toSorted((a, b) => (a.span.spanId < b.span.spanId ? -1 : 1));
}

/** OTLP JSON may leave out what has its default value; both sides are compared with everything written out. */
function withDefaults(span: Span): Span {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId ?? '',
    traceState: span.traceState ?? '',
    flags: span.flags ?? 0,
    name: span.name,
    kind: span.kind ?? 0,
    startTimeUnixNano: span.startTimeUnixNano,
    endTimeUnixNano: span.endTimeUnixNano,
    attributes: span.attributes ?? [],
    droppedAttributesCount: span.droppedAttributesCount ?? 0,
    events: (span.events ?? []).map((event) => ({
      timeUnixNano: event.timeUnixNano,
      name: event.name,
      attributes: event.attributes ?? [],
      droppedAttributesCount: event.droppedAttributesCount ?? 0,
    })),
    droppedEventsCount: span.droppedEventsCount ?? 0,
    links: (span.links ?? []).map((link) => ({
      traceId: link.traceId,
      spanId: link.spanId,
      traceState: link.traceState ?? '',
      attributes: link.attributes ?? [],
      droppedAttributesCount: link.droppedAttributesCount ?? 0,
      flags: link.flags ?? 0,
    })),
    droppedLinksCount: span.droppedLinksCount ?? 0,
    status: { code: span.status?.code ?? 0, message: span.status?.message ?? '' },
  };
}

function expectedSpan(span: ReadableSpan): Flat {
  const context = span.spanContext();
  return {
    span: {
      traceId: context.traceId,
      spanId: context.spanId,
      parentSpanId: span.parentSpanContext?.spanId ?? '',
      traceState: context.traceState?.serialize() ?? '',
      flags: context.traceFlags | 0x100 | (span.parentSpanContext?.isRemote ? 0x200 : 0),
      name: span.name,
      kind: span.kind + 1,
      startTimeUnixNano: nanoseconds(span.startTime),
      endTimeUnixNano: nanoseconds(span.endTime),
      attributes: keyValues(span.attributes),
      droppedAttributesCount: span.droppedAttributesCount,
      events: span.events.map((event) => ({
        timeUnixNano: nanoseconds(event.time),
        name: event.name,
        attributes: keyValues(event.attributes ?? {}),
        droppedAttributesCount: event.droppedAttributesCount ?? 0,
      })),
      droppedEventsCount: span.droppedEventsCount,
      links: span.links.map((link) => ({
        traceId: link.context.traceId,
        spanId: link.context.spanId,
        traceState: link.context.traceState?.serialize() ?? '',
        attributes: keyValues(link.attributes ?? {}),
        droppedAttributesCount: link.droppedAttributesCount ?? 0,
        flags: link.context.traceFlags | 0x100,
      })),
      droppedLinksCount: span.droppedLinksCount,
      status: { code: span.status.code, message: span.status.message ?? '' },
    },
    resource: keyValues(span.resource.attributes),
    resourceSchemaUrl: 'https://opentelemetry.io/schemas/1.30.0',
    scope: `${span.instrumentationScope.name}@${span.instrumentationScope.version ?? ''}`,
    scopeSchemaUrl: span.instrumentationScope.schemaUrl ?? '',
  };
}

function nanoseconds([seconds, nanos]: readonly [number, number]): string {
  return (BigInt(seconds) * 1_000_000_000n + BigInt(nanos)).toString();
}

function keyValues(attributes: Attributes): KeyValue[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }));
}

function anyValue(value: unknown): AnyValue {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (Number.isInteger(value)) return { intValue: String(value) };
  if (typeof value === 'number') return { doubleValue: value };
  if (Array.isArray(value)) return { arrayValue: { values: value.map((element) => anyValue(element)) } };
  return {};
}
