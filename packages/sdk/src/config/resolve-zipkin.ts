import { checkKnownNames, checkNumber, checkUrl, MILLIS_MAX } from '../runtime/checks.ts';
import { ConfigEnvironment, type Environment } from './environment.ts';
import { checkHeaders } from './export.ts';
import { newHttpExporter } from '../export/create-exporter.ts';
import type { ChunkExporter, ExporterContext } from '../export/exporter.ts';
import { FOR_TRACER, type Exporter } from '../export/exporter-option.ts';
import type { ZipkinOptions } from './zipkin-options.ts';
import { ZIPKIN_JSON } from '../export/format/zipkin-json.ts';

const OPTION_NAMES: Readonly<Record<keyof ZipkinOptions, true>> = {
  endpoint: true,
  timeoutMillis: true,
  headers: true,
};
const DEFAULT_ENDPOINT = 'http://127.0.0.1:9411/api/v2/spans';
const DEFAULT_TIMEOUT_MILLIS = 10_000;

/** @throws ConfigError for a wrong option. */
export function resolveZipkin(options: ZipkinOptions, environment: Environment): Exporter {
  checkKnownNames('zipkin', options, OPTION_NAMES);
  const env = new ConfigEnvironment(environment);
  const headers = checkHeaders(options.headers) ?? {};
  const endpoint = checkUrl('zipkin.endpoint', options.endpoint) ?? env.url('OTEL_EXPORTER_ZIPKIN_ENDPOINT');
  const exportTimeoutMillis =
    checkNumber('zipkin.timeoutMillis', options.timeoutMillis, 1, MILLIS_MAX) ??
    env.number('OTEL_EXPORTER_ZIPKIN_TIMEOUT', 1, MILLIS_MAX) ??
    DEFAULT_TIMEOUT_MILLIS;
  const forTracer = (context: ExporterContext): ChunkExporter => {
    for (const warning of env.warnings) context.diagnostics.warn(warning);
    return newHttpExporter(context, endpoint?.href ?? DEFAULT_ENDPOINT, ZIPKIN_JSON, { headers, exportTimeoutMillis });
  };
  return { [FOR_TRACER]: forTracer };
}
