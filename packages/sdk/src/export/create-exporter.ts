import { shownUrl } from '../runtime/checks.ts';
import type { ExporterName, ExportSettings } from './export-settings.ts';
import { OTLP_JSON, OTLP_PROTOBUF, type BodyFormat } from './format/body-format.ts';
import { compressorOf } from './transport/compression.ts';
import { newConsoleExporter } from './console-exporter.ts';
import { createHttpTransport } from './create-http-transport.ts';
import { NoExporter, type ChunkExporter, type ExporterContext } from './exporter.ts';
import { FOR_TRACER, type Exporter } from './exporter-option.ts';
import { HttpExporter } from './http-exporter.ts';

/** What delivers for a tracer: by the name of an exporter, or by itself. */
export function createExporter(exporter: ExporterName | Exporter, context: ExporterContext): ChunkExporter {
  const { tracesUrl, protocol } = context.config;
  if (typeof exporter === 'object') {
    const forTracer = exporter[FOR_TRACER] as (context: ExporterContext) => ChunkExporter;
    return forTracer.call(exporter, context);
  }
  if (exporter === 'console') return newConsoleExporter(context);
  if (exporter === 'none') return new NoExporter(context);
  return newHttpExporter(context, tracesUrl, protocol === 'http/json' ? OTLP_JSON : OTLP_PROTOBUF);
}

/** Posts to `url` in `format`, with all else as the tracer's configuration says. */
export function newHttpExporter(
  context: ExporterContext,
  url: string,
  format: BodyFormat,
  given: Partial<Pick<ExportSettings, 'headers' | 'exportTimeoutMillis'>> = {},
): HttpExporter {
  const { config, counters, diagnostics } = context;
  return new HttpExporter({
    transport: createHttpTransport(config, {
      url,
      headers: given.headers ?? config.headers,
      contentType: format.contentType,
      compressor: compressorOf(config.compression),
      timeoutMillis: given.exportTimeoutMillis ?? config.exportTimeoutMillis,
      connections: config.exportConcurrency,
    }),
    format,
    // Without credentials and query: it is going to be logged.
    url: shownUrl(new URL(url)),
    maxQueueBytes: config.maxQueueBytes,
    maxQueueSize: config.maxQueueSize,
    concurrency: config.exportConcurrency,
    retry: config.retry,
    counters,
    diagnostics,
    random: Math.random,
  });
}
