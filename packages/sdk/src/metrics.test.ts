import { metrics } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { afterEach, expect, it } from 'vitest';
import { startSink } from './test-support/sink.ts';
import { Tracer } from './index.ts';

afterEach(() => metrics.disable());

it("shows a tracer's counters as otel.sdk metrics where a meter provider is registered", async () => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 1e6 });
  const provider = new MeterProvider({ readers: [reader] });
  metrics.setGlobalMeterProvider(provider);
  const sink = await startSink();
  const tracer = new Tracer({ register: false, endpoint: sink.url });
  tracer.startSpan('a').end();
  const live = tracer.startSpan('b');
  await tracer.flush();
  await reader.forceFlush();
  const points = exporter
    .getMetrics()
    .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
    .flatMap(({ descriptor, dataPoints }) =>
      dataPoints.map(({ value, attributes }) => [
        descriptor.name,
        attributes['error.type'] ?? attributes['otel.span.sampling_result'] ?? 'done',
        value,
      ]),
    );
  expect(points).toEqual(
    expect.arrayContaining([
      ['otel.sdk.span.started', 'RECORD_AND_SAMPLE', 2],
      ['otel.sdk.span.live', 'RECORD_AND_SAMPLE', 1],
      ['otel.sdk.processor.span.queue.size', 'done', 0],
      ['otel.sdk.processor.span.processed', 'done', 1],
      ['otel.sdk.processor.span.processed', 'queue_full', 0],
      ['otel.sdk.exporter.span.exported', 'done', 1],
    ]),
  );
  live.end();
  await tracer.shutdown();
  await provider.shutdown();
  await sink.close();
});
