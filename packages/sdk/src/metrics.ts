import { createNoopMeter, metrics, type ObservableResult } from '@opentelemetry/api';
import type { TracerStats } from './stats.ts';
import { VERSION } from './version.ts';

const COMPONENT = { 'otel.component.type': 'throughline_span_batch' };
const SPANS = { unit: '{span}' };
const SAMPLED = { 'otel.span.sampling_result': 'RECORD_AND_SAMPLE' };
const NOT_SAMPLED = { 'otel.span.sampling_result': 'DROP' };

/** Whether the application has registered a meter provider. */
export function hasMeterProvider(): boolean {
  // The API hands out one and the same meter where there is none.
  return metrics.getMeter('@throughline/sdk', VERSION) !== createNoopMeter();
}

/**
 * Shows a tracer's counters through OpenTelemetry's global meter provider, under its names for SDKs (`otel.sdk.*`); where none is
 * registered yet, nothing happens. Answers what takes them off again. Counters are read when metrics are collected, never on a span's way.
 */
export function observeStats(stats: () => TracerStats): () => void {
  const meter = metrics.getMeter('@throughline/sdk', VERSION);
  const exportResults = (result: ObservableResult, reasons: readonly (keyof TracerStats['dropped'])[]): void => {
    const { dropped, exported } = stats();
    result.observe(exported, COMPONENT);
    for (const reason of reasons) result.observe(dropped[reason], { ...COMPONENT, 'error.type': reason });
  };
  const removals = [
    observed(meter.createObservableCounter('otel.sdk.span.started', SPANS), (result) => {
      const { started, sampled } = stats();
      result.observe(sampled, SAMPLED);
      result.observe(started - sampled, NOT_SAMPLED);
    }),
    observed(meter.createObservableUpDownCounter('otel.sdk.span.live', SPANS), (result) => {
      result.observe(stats().live, SAMPLED);
    }),
    observed(meter.createObservableUpDownCounter('otel.sdk.processor.span.queue.size', SPANS), (result) => {
      result.observe(stats().pendingSpans, COMPONENT);
    }),
    observed(meter.createObservableCounter('otel.sdk.processor.span.processed', SPANS), (result) => {
      exportResults(result, ['queue_full', 'limit', 'export_failed', 'rejected', 'no_exporter', 'shutdown']);
    }),
    observed(meter.createObservableCounter('otel.sdk.exporter.span.exported', SPANS), (result) => {
      exportResults(result, ['export_failed', 'rejected']);
    }),
  ];
  return () => {
    for (const remove of removals) remove();
  };
}

type Callback = (result: ObservableResult) => void;

interface Instrument {
  addCallback(callback: Callback): void;
  removeCallback(callback: Callback): void;
}

function observed(instrument: Instrument, callback: Callback): () => void {
  instrument.addCallback(callback);
  return () => instrument.removeCallback(callback);
}
