import { resolveZipkin, type ZipkinOptions } from './config/zipkin.ts';
import type { ExporterFactory } from './export/exporter.ts';

export type { ZipkinOptions } from './config/zipkin.ts';
export type { ExporterFactory } from './export/exporter.ts';

/**
 * Sends spans to Zipkin's v2 API: `new Tracer({ exporter: zipkin() })`. Batching, retries and limits are the tracer's.
 * @throws ConfigError for a wrong option.
 */
export function zipkin(options: ZipkinOptions = {}): ExporterFactory {
  return resolveZipkin(options, process.env);
}
