import { createNoopMeter, metrics, type ObservableResult } from '@opentelemetry/api';
import type { OperationCounts } from './sampling/operation-counts.ts';
import type { TracerStats } from './stats.ts';
import { VERSION } from './version.ts';

const COMPONENT = { 'otel.component.type': 'throughline_span_batch' };
const SPANS = { unit: '{span}' };
const SAMPLED = { 'otel.span.sampling_result': 'RECORD_AND_SAMPLE' };
const NOT_SAMPLED = { 'otel.span.sampling_result': 'DROP' };

/** In the order of `SpanKind` and `SpanStatusCode` of OpenTelemetry's API; named as its span metrics connector names them. */
const KINDS = ['INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'];
const STATUSES = ['UNSET', 'OK', 'ERROR'];

/** Whether the application has registered a meter provider. */
export function hasMeterProvider(): boolean {
  // The API hands out one and the same meter where there is none.
  return metrics.getMeter('@throughline/sdk', VERSION) !== createNoopMeter();
}

/**
 * Shows a tracer's counters through OpenTelemetry's global meter provider, under its names for SDKs (`otel.sdk.*`); where none is
 * registered yet, nothing happens. `counts` are shown as `traces.span.metrics.calls`. Answers what takes them off again. Counters are read when metrics are collected, never on a span's way.
 */
export function observeStats(stats: () => TracerStats, counts?: OperationCounts): () => void {
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
  if (counts !== undefined) {
    const calls = meter.createObservableCounter('traces.span.metrics.calls', { unit: '{call}' });
    removals.push(observed(calls, (result) => observeCalls(result, counts)));
  }
  return () => {
    for (const remove of removals) remove();
  };
}

function observeCalls(result: ObservableResult, counts: OperationCounts): void {
  // Spans of one name may have started under several.
  const calls = new Map<string, { requests: number; readonly attributes: Record<string, string> }>();
  for (const { kind, named } of counts.operations()) {
    for (const { name, statuses } of named.values()) {
      for (const [status, counted] of statuses.entries()) {
        if (counted === undefined) continue;
        const key = `${kind} ${status} ${name}`;
        const call = calls.get(key) ?? { requests: 0, attributes: attributesOf(name, kind, status) };
        call.requests += counted.requests;
        calls.set(key, call);
      }
    }
  }
  for (const { requests, attributes } of calls.values()) result.observe(requests, attributes);
}

function attributesOf(name: string, kind: number, status: number): Record<string, string> {
  return {
    'span.name': name,
    'span.kind': `SPAN_KIND_${KINDS[kind]}`,
    'status.code': `STATUS_CODE_${STATUSES[status]}`,
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
