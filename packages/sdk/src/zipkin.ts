import { resolveZipkin } from './config/resolve-zipkin.ts';
import type { ZipkinOptions } from './config/zipkin-options.ts';
import type { Exporter } from './export/exporter-option.ts';

export type { ZipkinOptions } from './config/zipkin-options.ts';
export type { Exporter } from './export/exporter-option.ts';

/**
 * Sends spans as JSON to Zipkin's v2 API. Batches, retries and limits are the tracer's.
 * @example
 * new Tracer({ exporter: zipkin({ endpoint: 'http://zipkin:9411/api/v2/spans' }) });
 * @see https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/zipkin/
 * @throws ConfigError for a wrong option.
 */
export function zipkin(options: ZipkinOptions = {}): Exporter {
  return resolveZipkin(options, process.env);
}
