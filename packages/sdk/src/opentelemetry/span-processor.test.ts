import { createContextKey, ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import {
  BatchSpanProcessor,
  InMemorySpanExporter,
  ParentBasedSampler,
  SamplingDecision,
  SimpleSpanProcessor,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-base';
import { afterEach, describe, expect, it } from 'vitest';
import { readRequest } from '../test-support/otlp-reader.ts';
import { startSink, type Sink } from '../test-support/sink.ts';
import { Tracer, type OtelSampler, type ReadableSpan, type SpanProcessor, type TracerOptions } from '../index.ts';

const open: (Tracer | Sink)[] = [];

async function newTraced(
  options: TracerOptions,
): Promise<{ tracer: Tracer; sink: Sink; api: ReturnType<typeof trace.getTracer> }> {
  const sink = await startSink();
  const tracer = new Tracer({ service: 'test', register: false, endpoint: sink.url, log: () => undefined, ...options });
  open.push(tracer, sink);
  return { tracer, sink, api: tracer.openTelemetry.tracerProvider.getTracer('lib', '1.0') };
}

afterEach(async () => {
  for (const each of open.splice(0)) await ('shutdown' in each ? each.shutdown() : each.close());
});

const fail = (): never => {
  throw new Error('no');
};

const sampler = (decide: (name: string) => number): OtelSampler => ({
  shouldSample: (_context, _traceId, name, _kind, attributes) => ({
    decision: decide(name),
    attributes: { 'sampler.saw': Object.keys(attributes).join() },
  }),
});

/** The standard SDK's own types differ from ours in words only. */
const standard = (processor: unknown): SpanProcessor => processor as SpanProcessor;

describe("a processor of the standard SDK's kind", () => {
  it('sees a span at its start and, unchangeable, at its end, as the same object', async () => {
    const calls: unknown[] = [];
    const processor: SpanProcessor = {
      onStart(span, parentContext) {
        calls.push(['start', span.name, span.attributes, trace.getSpan(parentContext)?.spanContext().spanId, span]);
        span.setAttribute('from.processor', true);
      },
      onEnding: (span) => void span.setAttribute('ending', 1),
      onEnd: (span) => calls.push(span),
      forceFlush: async () => void calls.push('flush'),
      shutdown: async () => void calls.push('shutdown'),
    };
    const { tracer, sink } = await newTraced({ spanProcessors: [processor] });
    const parent = tracer.startSpan('parent', { startTime: [1_700_000_000, 5] });
    calls.length = 0;
    tracer.with(parent, () => {
      const span = tracer.startSpan('x', { kind: 3, attributes: { a: [1, 'b'] }, startTime: [1_700_000_000, 7] });
      span.addEvent('e', { k: 1 }, [1_700_000_001, 0]).addLink({ context: parent.spanContext(), attributes: { l: 2 } });
      span.setStatus({ code: SpanStatusCode.ERROR, message: 'bad' });
      span.end([1_700_000_002, 3]);
      span.setAttribute('late', 1);
    });
    const parentId = parent.spanContext().spanId;
    expect((calls[0] as unknown[]).slice(0, 4)).toMatchObject(['start', 'x', { a: [1, 'b'] }, parentId]);
    const seen = calls[1] as ReadableSpan;
    expect(seen).toBe((calls[0] as unknown[])[4]);
    expect(seen).toMatchObject({
      name: 'x',
      kind: 3,
      startTime: [1_700_000_000, 7],
      endTime: [1_700_000_002, 3],
      duration: [1, 999_999_996],
      ended: true,
      status: { code: 2, message: 'bad' },
      attributes: { a: [1, 'b'], 'from.processor': true, ending: 1 },
      events: [{ name: 'e', time: [1_700_000_001, 0], attributes: { k: 1 } }],
      links: [{ attributes: { l: 2 } }],
      parentSpanContext: { spanId: parentId },
      droppedAttributesCount: 0,
    });
    expect(seen.attributes).not.toHaveProperty('late');
    expect(seen.resource.attributes['service.name']).toBe('test');
    parent.end();
    await tracer.shutdown();
    expect(calls.filter((call) => typeof call === 'string')).toEqual(['flush', 'shutdown']);
    expect(sink.spans[0]?.attributes).toMatchObject({ 'from.processor': true, ending: 1n });
  });

  it('is one of the standard SDK itself, whose exporters and serialiser read our spans', async () => {
    const simple = new InMemorySpanExporter();
    const batched = new InMemorySpanExporter();
    const direct = new InMemorySpanExporter();
    const { tracer, sink, api } = await newTraced({
      spanProcessors: [standard(new SimpleSpanProcessor(simple)), standard(new BatchSpanProcessor(batched))],
      spanExporters: [direct],
    });
    tracer.span('parent', () => {
      api.startSpan('child', { attributes: { n: 1, d: 1.5, s: 'ü', b: true, l: ['x'] } }).end();
    });
    await tracer.flush();
    for (const exporter of [simple, batched, direct]) {
      const bytes = ProtobufTraceSerializer.serializeRequest(exporter.getFinishedSpans());
      const spans = readRequest(bytes ?? new Uint8Array());
      expect(spans.toSorted((a, b) => a.name.localeCompare(b.name))).toEqual(
        sink.spans.toSorted((a, b) => a.name.localeCompare(b.name)),
      );
    }
  });

  it('that throws or never settles disturbs nobody', async () => {
    const lines: string[] = [];
    const seen: string[] = [];
    const broken = {
      onStart: fail,
      onEnding: fail,
      onEnd: fail,
      forceFlush: fail,
      shutdown: () => new Promise<void>(() => 0),
    };
    const fine: SpanProcessor = {
      onStart: () => undefined,
      onEnd: (span) => void seen.push(span.name),
      forceFlush: async () => undefined,
      shutdown: async () => undefined,
    };
    const { tracer, sink } = await newTraced({
      spanProcessors: [broken, fine],
      spanExporters: [{ export: fail, shutdown: fail }],
      log: (line) => lines.push(line),
    });
    expect(tracer.span('x', () => 42)).toBe(42);
    expect(await tracer.flush()).toBe(false);
    expect(seen).toEqual(['x']);
    expect(sink.spans).toHaveLength(1);
    expect(tracer.stats().processorDropped).toBe(1);
    expect(lines).toHaveLength(2);
    await tracer.shutdown(20);
  });

  it('gets spans to an exporter of its own where ours is turned off', async () => {
    const exporter = new InMemorySpanExporter();
    const { tracer } = await newTraced({
      exporter: 'none',
      spanExporters: [exporter],
    });
    tracer.startSpan('a').end();
    await tracer.flush();
    expect(exporter.getFinishedSpans().map(({ name }) => name)).toEqual(['a']);
    expect(tracer.stats()).toMatchObject({ dropped: { no_exporter: 1 }, processorDropped: 0 });
  });

  it('is checked when the tracer is made', () => {
    expect(() => new Tracer({ register: false, spanProcessors: [{} as never] })).toThrow(/spanProcessors.*onStart/);
    expect(() => new Tracer({ register: false, sampler: {} as never })).toThrow(/sampler.*shouldSample/);
    expect(() => new Tracer({ register: false, unsampledChildren: 'x' as never })).toThrow(/'shared' or 'own'/);
  });
});

describe("a sampler of the standard SDK's kind", () => {
  it('decides every span, adds attributes, and has what it records only kept from the export', async () => {
    const ended: ReadableSpan[] = [];
    const processor: SpanProcessor = {
      onStart: () => undefined,
      onEnd: (span) => void ended.push(span),
      forceFlush: async () => undefined,
      shutdown: async () => undefined,
    };
    const decisions: Record<string, number> = {
      keep: SamplingDecision.RECORD_AND_SAMPLED,
      record: SamplingDecision.RECORD,
      drop: SamplingDecision.NOT_RECORD,
    };
    const { tracer, sink } = await newTraced({
      sampler: sampler((name) => decisions[name] ?? 0),
      spanProcessors: [processor],
    });
    tracer.span('keep', { attributes: { a: 1 } }, (root) => {
      const recorded = tracer.startSpan('record');
      expect([recorded.isRecording(), recorded.spanContext().traceFlags & 1]).toEqual([true, 0]);
      recorded.end();
      const dropped = tracer.startSpan('drop');
      expect([dropped.isRecording(), dropped.spanContext().traceFlags & 1]).toEqual([false, 0]);
      expect(dropped.spanContext().traceId).toBe(root.spanContext().traceId);
      // Under a dropped span a kept one has its trace, and the dropped one for a parent.
      tracer.with(dropped, () => tracer.startSpan('keep').end());
    });
    await tracer.flush();
    expect(sink.spans.map(({ name }) => name)).toEqual(['keep', 'keep']);
    expect(sink.spans[1]?.attributes).toEqual({ a: 1n, 'sampler.saw': 'a' });
    expect(ended.map(({ name }) => name)).toEqual(['record', 'keep', 'keep']);
    expect(tracer.stats()).toMatchObject({ started: 4, sampled: 2, ended: 2, live: 0, exported: 2 });
  });

  it('is one of the standard SDK itself', async () => {
    const root = new TraceIdRatioBasedSampler(0);
    const { tracer } = await newTraced({ sampler: new ParentBasedSampler({ root }) });
    expect(tracer.startSpan('x').isRecording()).toBe(false);
    const caller = tracer.extract({ traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` });
    expect(tracer.startSpan('x', { parent: caller }).isRecording()).toBe(true);
  });

  it('is shown what is active besides the span where a new trace is asked for', async () => {
    const seen: unknown[] = [];
    const key = createContextKey('key');
    const watching: OtelSampler = {
      shouldSample(context) {
        seen.push([trace.getSpan(context), context.getValue(key)]);
        return { decision: SamplingDecision.RECORD_AND_SAMPLED };
      },
    };
    const { tracer, api } = await newTraced({ sampler: watching });
    const active = trace.setSpan(ROOT_CONTEXT.setValue(key, 'kept'), api.startSpan('parent'));
    seen.length = 0;
    api.startSpan('root', { root: true }, active).end();
    tracer.with(active, () => tracer.startSpan('root', { root: true }).end());
    tracer.span('parent', () => tracer.startSpan('root', { root: true }).end());
    expect([seen[0], seen[1], seen[3]]).toEqual([
      [undefined, 'kept'],
      [undefined, 'kept'],
      [undefined, undefined],
    ]);
  });

  it('that throws or answers nonsense drops the span', async () => {
    for (const answer of [undefined, null, 7, { decision: 'x' }]) {
      const { tracer } = await newTraced({ sampler: { shouldSample: () => answer as never } });
      expect(tracer.startSpan('x').isRecording()).toBe(false);
    }
    const { tracer } = await newTraced({ sampler: { shouldSample: fail } });
    expect(tracer.startSpan('x', { parent: ROOT_CONTEXT }).isRecording()).toBe(false);
  });
});

describe('a span exporter that never calls back', () => {
  it.each<[string, () => Promise<void> | undefined]>([
    ['it is silent', () => undefined],
    ['it is async and rejects', async () => fail()],
  ])('loses that batch alone: %s', async (_, first) => {
    const seen: string[] = [];
    let calls = 0;
    const { tracer } = await newTraced({
      exportTimeoutMillis: 30,
      scheduledDelayMillis: 1,
      spanExporters: [
        {
          export(spans, done) {
            calls++;
            if (calls === 1) return first() as undefined;
            seen.push(...spans.map(({ name }) => name));
            return done({ code: 0 });
          },
          shutdown: async () => undefined,
        },
      ],
    });
    tracer.startSpan('lost').end();
    expect(await tracer.flush()).toBe(false);
    expect(tracer.stats().processorDropped).toBe(1);
    tracer.startSpan('next').end();
    expect(await tracer.flush()).toBe(true);
    expect(seen).toEqual(['next']);
  });

  it('counts no spans twice that calls back too late, and takes an answer that is none for a failure', async () => {
    const late: (() => void)[] = [];
    const { tracer } = await newTraced({
      exportTimeoutMillis: 20,
      spanExporters: [
        {
          export(spans, done) {
            if (spans[0]?.name === 'late') late.push(() => done({ code: 1 }));
            else done(undefined as never);
          },
          shutdown: async () => undefined,
        },
      ],
    });
    tracer.startSpan('late').end();
    await tracer.flush();
    late[0]?.();
    expect(tracer.stats().processorDropped).toBe(1);
    tracer.startSpan('none').end();
    await tracer.flush();
    expect(tracer.stats().processorDropped).toBe(2);
  });
});
