import { resolveConfig } from './config/resolve.ts';
import type { Config, TracerOptions } from './config/options.ts';
import { SpanBatch, type SpanBatchOptions } from './export/span-batch.ts';
import { createExporter } from './export/create-exporter.ts';
import type { ChunkExporter } from './export/exporter.ts';
import { OtlpEncoder } from './export/encode/otlp-encoder.ts';
import { ownSpan } from './opentelemetry/adapters.ts';
import { SpanExporterProcessor } from './opentelemetry/span-exporter-processor.ts';
import { SpanProcessors } from './opentelemetry/span-processor.ts';
import { CompositePropagator } from './propagation/composite-propagator.ts';
import { formatOf } from './propagation/propagators.ts';
import { LiveSpans } from './recording/live-spans.ts';
import { SpanRecorder } from './recording/span-recorder.ts';
import { Diagnostics, logToStderr } from './runtime/diagnostics.ts';
import { TracerCounters } from './runtime/tracer-stats.ts';
import { startSampling, type StartedSampling } from './sampling/start-sampling.ts';
import { attributeSet } from './span/attributes.ts';
import { systemClock } from './span/clock.ts';
import { countOf } from './runtime/count-of.ts';

/** The parts of a tracer, in the order of a span's life. */
export interface TracerParts {
  readonly config: Config;
  readonly diagnostics: Diagnostics;
  readonly counters: TracerCounters;
  readonly propagator: CompositePropagator;
  readonly sampling: StartedSampling;
  readonly recorder: SpanRecorder;
  readonly processors: SpanProcessors | undefined;
  readonly batch: SpanBatch;
  readonly exporter: ChunkExporter;
}

/**
 * Makes the parts of a tracer and wires them: the recorder calls the sampler, and hands ended spans to the batch, which
 * encodes them for the exporter.
 * @throws ConfigError for a wrong option.
 */
export function assemble(
  options: TracerOptions,
  hooks: Pick<SpanBatchOptions, 'onSealed' | 'onLocalRootEnd'>,
): TracerParts {
  const config = resolveConfig(options, process.env);
  const { limits, resourceSchemaUrl } = config;
  const diagnostics = new Diagnostics(options.log ?? logToStderr, config.logLevel);
  for (const warning of config.warnings) diagnostics.warn(warning);
  const counters = new TracerCounters();
  const clock = options.clock ?? systemClock;
  const resource = attributeSet(config.resource, Infinity, limits);
  const exporter = createExporter(config.exporter, { config, counters, diagnostics });
  const batch = new SpanBatch({
    encoder: new OtlpEncoder({
      resource,
      resourceSchemaUrl,
      chunkBytes: config.maxExportBatchBytes,
      spanBytesLimit: limits.spanBytesLimit,
    }),
    exporter,
    counters,
    scheduledDelayMillis: config.scheduledDelayMillis,
    maxExportBatchSize: config.maxExportBatchSize,
    ...hooks,
  });
  const processors = newProcessors(options, config, counters, diagnostics);
  const sampling = startSampling({ config, clock, counters, diagnostics });
  const recorder = new SpanRecorder({
    ids: options.ids,
    clock,
    sampler: sampling.sampler,
    rootCounter: sampling.rootCounter,
    limits,
    counters,
    sink: batch,
    liveSpans: new LiveSpans({
      liveSpanLimit: limits.liveSpanLimit,
      reportUnended: config.reportUnendedSpans,
      counters,
      diagnostics,
    }),
    foreignSampler: config.enabled ? options.sampler : undefined,
    processors,
    resource,
    resourceSchemaUrl,
    enabled: config.enabled,
  });
  const propagator = new CompositePropagator(config.propagators.map(formatOf), (span) => ownSpan(recorder, span));
  return { config, diagnostics, counters, propagator, sampling, recorder, processors, batch, exporter };
}

function newProcessors(
  options: TracerOptions,
  config: Config,
  counters: TracerCounters,
  diagnostics: Diagnostics,
): SpanProcessors | undefined {
  const exporting = (options.spanExporters ?? []).map(
    (exporter) =>
      new SpanExporterProcessor({
        exporter,
        scheduledDelayMillis: config.scheduledDelayMillis,
        exportTimeoutMillis: config.exportTimeoutMillis,
        onDrop(spans, _reason, message) {
          counters.processorDropped += spans;
          diagnostics.state('span exporter', 'failing', `span exporter dropped ${countOf(spans, 'span')}: ${message}`);
        },
      }),
  );
  const processors = [...(options.spanProcessors ?? []), ...exporting];
  if (processors.length === 0) return undefined;
  return new SpanProcessors(processors, diagnostics);
}
