import { createNoopMeter, metrics, type Attributes, type ObservableResult } from '@opentelemetry/api';
import type { ExportSettings } from '../export/export-settings.ts';
import type { OperationCounts } from '../request-metrics/operation-counts.ts';
import { spanMetrics } from '../request-metrics/span-metrics.ts';
import type { TracerStats } from '../runtime/tracer-stats.ts';
import { VERSION } from '../runtime/version.ts';

const SPANS = { unit: '{span}' };
const SAMPLED = { 'otel.span.sampling_result': 'RECORD_AND_SAMPLE' };
const NOT_SAMPLED = { 'otel.span.sampling_result': 'DROP' };

const FIRST_LOOK_MS = 1000;
const LOOKS_MAX = 12;

/** What a tracer shows of itself. */
export interface StatsSource {
  readonly config: Pick<ExportSettings, 'protocol' | 'tracesUrl' | 'maxQueueSize'> & { readonly exporter: unknown };
  readonly stats: () => TracerStats;
  /** Spans that an exporter is sending right now. */
  readonly inFlightSpans: () => number;
  /** Shown as `traces.span.metrics.calls`. */
  readonly counts: OperationCounts | undefined;
}

/** Tracers so far: a component's name is its type and a number, as the conventions recommend. */
let observed = 0;

export interface ObservedStats {
  /** Looks for a meter provider, unless one was found. */
  look(): void;
  /** Shows nothing any more. */
  stop(): void;
}

/**
 * Shows a tracer's counters through OpenTelemetry's global meter provider, under the names that the semantic
 * conventions have for SDKs (`otel.sdk.*`). OpenTelemetry has no event for the registration of a provider: as long as
 * there is none one is looked for after a second, ever less often for an hour, and whenever spans are handed over to be
 * sent, which `look` is called for. The counters are read when metrics are collected, never when a span is recorded.
 */
export function observeStats(source: StatsSource): ObservedStats {
  let remove: (() => void) | undefined;
  let timer: NodeJS.Timeout | undefined;
  let hasStopped = false;
  const look = (): void => {
    if (remove === undefined && !hasStopped && hasMeterProvider()) remove = observe(source);
  };
  // A number of timers: one that sets itself again for ever would never let a test's `runAllTimers` end.
  const lookLater = (looks: number): void => {
    look();
    if (remove !== undefined || looks === LOOKS_MAX) return;
    timer = setTimeout(() => lookLater(looks + 1), FIRST_LOOK_MS * 2 ** looks).unref();
  };
  lookLater(0);
  return {
    look,
    stop: () => {
      hasStopped = true;
      clearTimeout(timer);
      remove?.();
      remove = undefined;
    },
  };
}

function hasMeterProvider(): boolean {
  // The API hands out one and the same meter where there is none.
  return metrics.getMeter('@throughline/sdk', VERSION) !== createNoopMeter();
}

function observe({ config, stats, inFlightSpans, counts }: StatsSource): () => void {
  const meter = metrics.getMeter('@throughline/sdk', VERSION);
  const instance = observed++;
  const processor = componentOf('batching_span_processor', instance);
  const exporter = { ...componentOf(exporterType(config), instance), ...serverOf(config) };
  const failed = (result: ObservableResult, component: Attributes, reasons: readonly DropReason[]): void => {
    const { dropped } = stats();
    for (const reason of reasons) result.observe(dropped[reason], { ...component, 'error.type': reason });
  };
  const removals = [
    watched(meter.createObservableCounter('otel.sdk.span.started', SPANS), (result) => {
      const { started, sampled } = stats();
      result.observe(sampled, SAMPLED);
      result.observe(started - sampled, NOT_SAMPLED);
    }),
    watched(meter.createObservableUpDownCounter('otel.sdk.span.live', SPANS), (result) => {
      result.observe(stats().live, SAMPLED);
    }),
    watched(meter.createObservableUpDownCounter('otel.sdk.processor.span.queue.size', SPANS), (result) => {
      result.observe(stats().pendingSpans - inFlightSpans(), processor);
    }),
    watched(meter.createObservableUpDownCounter('otel.sdk.processor.span.queue.capacity', SPANS), (result) => {
      // By default bytes are the limit, and the number of spans has none.
      if (Number.isFinite(config.maxQueueSize)) result.observe(config.maxQueueSize, processor);
    }),
    watched(meter.createObservableCounter('otel.sdk.processor.span.processed', SPANS), (result) => {
      // What was handed over to be sent is processed, whatever becomes of it.
      const { exported, dropped } = stats();
      result.observe(exported + dropped.export_failed + dropped.rejected, processor);
      failed(result, processor, ['queue_full', 'no_exporter', 'shutdown']);
    }),
    watched(meter.createObservableUpDownCounter('otel.sdk.exporter.span.inflight', SPANS), (result) => {
      result.observe(inFlightSpans(), exporter);
    }),
    watched(meter.createObservableCounter('otel.sdk.exporter.span.exported', SPANS), (result) => {
      result.observe(stats().exported, exporter);
      failed(result, exporter, ['export_failed', 'rejected']);
    }),
  ];
  if (counts !== undefined) {
    const calls = meter.createObservableCounter('traces.span.metrics.calls', { unit: '{call}' });
    const observeCalls = (result: ObservableResult): void => {
      for (const { attributes, requests } of spanMetrics(counts)) result.observe(requests, attributes);
    };
    removals.push(watched(calls, observeCalls));
  }
  return () => {
    for (const remove of removals) remove();
  };
}

type DropReason = keyof TracerStats['dropped'];

function componentOf(type: string, instance: number): Attributes {
  return { 'otel.component.type': type, 'otel.component.name': `${type}/${instance}` };
}

function exporterType({ exporter, protocol }: StatsSource['config']): string {
  if (typeof exporter === 'function') return 'throughline_span_exporter';
  if (exporter !== 'otlp') return `${String(exporter)}_span_exporter`;
  return protocol === 'http/json' ? 'otlp_http_json_span_exporter' : 'otlp_http_span_exporter';
}

function serverOf({ exporter, tracesUrl }: StatsSource['config']): Attributes {
  if (exporter !== 'otlp') return {};
  const { hostname, port, protocol } = new URL(tracesUrl);
  const defaultPort = protocol === 'https:' ? 443 : 80;
  return {
    'server.address': hostname.replace(/^\[|\]$/g, ''),
    'server.port': port === '' ? defaultPort : Number(port),
  };
}

type Callback = (result: ObservableResult) => void;

interface Instrument {
  addCallback(callback: Callback): void;
  removeCallback(callback: Callback): void;
}

function watched(instrument: Instrument, callback: Callback): () => void {
  instrument.addCallback(callback);
  return () => instrument.removeCallback(callback);
}
