import { metrics, type Attributes, type Meter, type MeterProvider } from '@opentelemetry/api';
import { afterEach, expect, it } from 'vitest';
import { startSink } from './test-support/sink.ts';
import { Tracer } from './index.ts';

type Callback = (result: { observe(value: number, attributes?: Attributes): void }) => void;

/** A meter provider that keeps observable instruments' callbacks and reads them when it is asked. */
class ReadableMeterProvider implements MeterProvider {
  readonly #callbacks = new Map<Callback, string>();

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
        observe: (value, attributes = {}) =>
          points.push([name, attributes['error.type'] ?? attributes['otel.span.sampling_result'] ?? 'done', value]),
      });
    }
    return points;
  }
}

afterEach(() => metrics.disable());

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
      ['otel.sdk.exporter.span.exported', 'done', 1],
    ]),
  );
  live.end();
  await tracer.shutdown();
  expect(provider.read()).toEqual([]);
  await sink.close();
});
