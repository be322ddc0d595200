import { metrics, type Attributes, type Meter, type MeterProvider } from '@opentelemetry/api';
import { afterEach, expect, it, vi } from 'vitest';
import { startSink } from '../test-support/sink.ts';
import { Tracer } from '../index.ts';

type Callback = (result: { observe(value: number, attributes?: Attributes): void }) => void;

/** A meter provider that keeps observable instruments' callbacks and reads them when it is asked. */
class ReadableMeterProvider implements MeterProvider {
  readonly #callbacks = new Map<Callback, string>();

  readonly components = new Set<string>();

  getMeter(): Meter {
    const instrument = (name: string) => ({
      addCallback: (callback: Callback) => void this.#callbacks.set(callback, name),
      removeCallback: (callback: Callback) => void this.#callbacks.delete(callback),
    });
    return { createObservableCounter: instrument, createObservableUpDownCounter: instrument } as unknown as Meter;
  }

  read(): unknown[] {
    const points: unknown[] = [];
    for (const [callback, name] of this.#callbacks) {
      callback({
        observe: (value, attributes = {}) => {
          const { 'error.type': error, 'otel.span.sampling_result': sampling, ...component } = attributes;
          points.push([name, error ?? sampling ?? 'done', value]);
          if (Object.keys(component).length > 0) this.components.add(JSON.stringify(component));
        },
      });
    }
    return points;
  }

  readWhole(): [name: string, attributes: Attributes, value: number][] {
    const points: [string, Attributes, number][] = [];
    for (const [callback, name] of this.#callbacks) {
      callback({ observe: (value, attributes = {}) => points.push([name, attributes, value]) });
    }
    return points;
  }
}

afterEach(() => {
  vi.useRealTimers();
  metrics.disable();
});

it("shows a tracer's counters as otel.sdk metrics where a meter provider is registered", async () => {
  const provider = new ReadableMeterProvider();
  metrics.setGlobalMeterProvider(provider);
  const sink = await startSink();
  const tracer = new Tracer({ register: false, endpoint: sink.url });
  tracer.startSpan('a').end();
  const live = tracer.startSpan('b');
  await tracer.flush();
  expect(provider.read()).toEqual(
    expect.arrayContaining([
      ['otel.sdk.span.started', 'RECORD_AND_SAMPLE', 2],
      ['otel.sdk.span.started', 'DROP', 0],
      ['otel.sdk.span.live', 'RECORD_AND_SAMPLE', 1],
      ['otel.sdk.processor.span.queue.size', 'done', 0],
      ['otel.sdk.processor.span.processed', 'done', 1],
      ['otel.sdk.processor.span.processed', 'queue_full', 0],
      ['otel.sdk.exporter.span.inflight', 'done', 0],
      ['otel.sdk.exporter.span.exported', 'done', 1],
      ['otel.sdk.exporter.span.exported', 'rejected', 0],
    ]),
  );
  const port = Number(new URL(sink.url).port);
  expect([...provider.components].map((each) => JSON.parse(each) as unknown)).toEqual([
    {
      'otel.component.type': 'batching_span_processor',
      'otel.component.name': expect.stringMatching(/^batching_span_processor\/\d+$/) as string,
    },
    {
      'otel.component.type': 'otlp_http_span_exporter',
      'otel.component.name': expect.stringMatching(/^otlp_http_span_exporter\/\d+$/) as string,
      'server.address': '127.0.0.1',
      'server.port': port,
    },
  ]);
  live.end();
  await tracer.shutdown();
  expect(provider.read()).toEqual([]);
  await sink.close();
});

it('finds a meter provider that is registered long after the tracer, and looks for none once it is shut down', async () => {
  vi.useFakeTimers();
  const tracer = new Tracer({ register: false, flushOnExit: false, exporter: 'none', maxQueueSize: 77 });
  const other = new Tracer({ register: false, flushOnExit: false, exporter: 'none' });
  vi.advanceTimersByTime(3_600_000);
  await other.shutdown();
  const provider = new ReadableMeterProvider();
  metrics.setGlobalMeterProvider(provider);
  expect(provider.read()).toEqual([]);
  // Whoever has nothing to send has nothing to show.
  tracer.startSpan('x').end();
  await tracer.flush();
  expect(provider.read()).toContainEqual(['otel.sdk.processor.span.queue.capacity', 'done', 77]);
  expect(provider.read().filter((point) => String(point).startsWith('otel.sdk.span.live'))).toHaveLength(1);
  await tracer.shutdown();
  expect(provider.read()).toEqual([]);
});

it('lets the timers of a test end', async () => {
  vi.useFakeTimers();
  const tracer = new Tracer({ register: false, flushOnExit: false, exporter: 'none' });
  vi.runAllTimers();
  expect(vi.getTimerCount()).toBe(0);
  await tracer.shutdown();
});

/** Request metrics are also sent to the collector; nobody listens there. */
const NOWHERE = { exporter: 'none', endpoint: 'http://127.0.0.1:9', log: () => undefined } as const;

it('shows request metrics, sampled or not, where they are counted', async () => {
  const provider = new ReadableMeterProvider();
  metrics.setGlobalMeterProvider(provider);
  const tracer = new Tracer({ ...NOWHERE, register: false, sampling: 0, requestMetrics: 'collector' });
  for (const name of ['GET', 'POST']) tracer.startSpan(name, { kind: 1 }).updateName('any').end();
  tracer.startSpan('GET', { kind: 1 }).setStatus({ code: 2 }).end();
  const calls = provider.readWhole().filter(([name]) => name === 'traces.span.metrics.calls');
  const attributes = { 'span.name': 'any', 'span.kind': 'SPAN_KIND_SERVER', 'status.code': 'STATUS_CODE_UNSET' };
  expect(calls).toEqual([
    ['traces.span.metrics.calls', attributes, 2],
    ['traces.span.metrics.calls', { ...attributes, 'span.name': 'GET', 'status.code': 'STATUS_CODE_ERROR' }, 1],
  ]);
  await tracer.shutdown();
});
