import {
  checkBoolean,
  checkCount,
  checkFunction,
  checkFunctions,
  checkKnownNames,
  checkMethods,
  checkObjectWith,
  checkNumber,
  checkOneOf,
  checkUrl,
  MILLIS_MAX,
} from '../runtime/checks.ts';
import { OPTION_NAMES, type Config, type TracerOptions } from './options.ts';
import { ConfigEnvironment, type Environment } from './environment.ts';
import { resolveExport } from './export.ts';
import { firstNumber, resolveLimits, resolveRetry } from './limits.ts';
import { resolvePropagators } from './resolve-propagators.ts';
import { resolveResource } from './resolve-resource.ts';
import { LOG_LEVELS } from '../runtime/diagnostics.ts';
import { ConfigError } from '../runtime/config-error.ts';
import { property } from '../runtime/property.ts';
import { resolveRequestMetrics, resolveSampling } from './sampling.ts';
import { resolveZipkin } from './resolve-zipkin.ts';

const UNSAMPLED_CHILDREN = ['shared', 'own'] as const;

/** Longer than any that a collector would take, and within what a chunk's lengths can say. */
const BATCH_BYTES_MAX = 128 * 1024 * 1024;

/** Settings that are a number: default, smallest and greatest value, variable. */
const NUMBERS = {
  metricExportIntervalMillis: [60_000, 1, MILLIS_MAX, 'OTEL_METRIC_EXPORT_INTERVAL'],
  scheduledDelayMillis: [5000, 1, MILLIS_MAX, 'OTEL_BSP_SCHEDULE_DELAY'],
  maxExportBatchSize: [Infinity, 1, Infinity, 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE'],
  maxExportBatchBytes: [256 * 1024, 1024, BATCH_BYTES_MAX, 'THROUGHLINE_MAX_EXPORT_BATCH_BYTES'],
  maxQueueBytes: [32 * 1024 * 1024, 1, Infinity, 'THROUGHLINE_MAX_QUEUE_BYTES'],
  maxQueueSize: [Infinity, 1, Infinity, 'OTEL_BSP_MAX_QUEUE_SIZE'],
  exportConcurrency: [2, 1, 64, 'THROUGHLINE_EXPORT_CONCURRENCY'],
  flushTimeoutMillis: [5000, 0, MILLIS_MAX, 'THROUGHLINE_FLUSH_TIMEOUT'],
} as const;

const TIMEOUT_VARIABLES = [
  'OTEL_EXPORTER_OTLP_TRACES_TIMEOUT',
  'OTEL_EXPORTER_OTLP_TIMEOUT',
  'OTEL_BSP_EXPORT_TIMEOUT',
] as const;

/**
 * All settings of a tracer, in one place. A wrong option throws a `ConfigError`; a wrong variable is ignored
 * with a warning, as OpenTelemetry wants it: an operator's typing error must not stop the application.
 */
export function resolveConfig(options: TracerOptions, environment: Environment): Config {
  try {
    return resolve(options, environment);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    // A getter or a proxy among them.
    throw new ConfigError('options', 'options: reading them threw an error, expected plain objects and values', error);
  }
}

function resolve(options: TracerOptions, environment: Environment): Config {
  const env = new ConfigEnvironment(environment);
  checkKnownNames('', options, OPTION_NAMES);
  checkFunction('log', options.log, 'a function that takes a line of text');
  checkFunction('waitUntil', options.waitUntil, 'a function that takes a promise');
  checkFunctions('onShutdown', options.onShutdown);
  const set = <T>(name: string, option: T | undefined, fromEnv: () => T | undefined, fallback: T): T =>
    env.choose(name, option, fromEnv, fallback);
  const boolean = (name: 'register' | 'flushOnExit', variable: string): boolean =>
    set(name, checkBoolean(name, options[name]), () => env.boolean(variable), true);
  const number = (name: keyof typeof NUMBERS): number => {
    const [fallback, min, max, variable] = NUMBERS[name];
    const isCount = !name.endsWith('Millis');
    const option = (isCount ? checkCount : checkNumber)(name, options[name], min, max);
    return set(name, option, () => env.number(variable, min, max, isCount), fallback);
  };
  checkObjectWith('clock', options.clock, ['monotonicMs', 'wallMs']);
  checkNumber('clock.timeOriginUnixMs', options.clock === undefined ? 0 : (options.clock.timeOriginUnixMs ?? null), 0);
  const givesIds = typeof property(options.ids, 'generateTraceId') === 'function';
  checkObjectWith('ids', options.ids, givesIds ? ['generateTraceId', 'generateSpanId'] : ['int32']);
  const resource = resolveResource(options, env);
  checkMethods('sampler', options.sampler === undefined ? [] : [options.sampler], ['shouldSample']);
  checkMethods('spanProcessors', options.spanProcessors, ['onStart', 'onEnd', 'forceFlush', 'shutdown']);
  checkMethods('spanExporters', options.spanExporters, ['export', 'shutdown']);
  const config: Config = {
    enabled: set('enabled', undefined, () => invert(env.boolean('OTEL_SDK_DISABLED')), true),
    service: resource['service.name'],
    sampling: resolveSampling(options.sampling, env),
    requestMetrics: resolveRequestMetrics(options.requestMetrics, env),
    ...resolveExport(options, env, () => resolveZipkin({}, environment)),
    metricExportIntervalMillis: number('metricExportIntervalMillis'),
    resource,
    resourceSchemaUrl:
      checkUrl('resourceSchemaUrl', options.resourceSchemaUrl) === undefined ? '' : (options.resourceSchemaUrl ?? ''),
    register: boolean('register', 'THROUGHLINE_REGISTER'),
    propagators: resolvePropagators(options.propagators, env),
    unsampledChildren: set(
      'unsampledChildren',
      checkOneOf('unsampledChildren', options.unsampledChildren, UNSAMPLED_CHILDREN),
      () => undefined,
      'shared',
    ),
    reportUnendedSpans: set(
      'reportUnendedSpans',
      checkBoolean('reportUnendedSpans', options.reportUnendedSpans),
      () => env.boolean('THROUGHLINE_REPORT_UNENDED_SPANS'),
      environment['NODE_ENV'] === 'development',
    ),
    limits: resolveLimits(options.limits, env),
    scheduledDelayMillis: number('scheduledDelayMillis'),
    maxExportBatchSize: number('maxExportBatchSize'),
    maxExportBatchBytes: number('maxExportBatchBytes'),
    maxQueueBytes: number('maxQueueBytes'),
    maxQueueSize: number('maxQueueSize'),
    exportConcurrency: number('exportConcurrency'),
    exportTimeoutMillis: set(
      'exportTimeoutMillis',
      checkNumber('exportTimeoutMillis', options.exportTimeoutMillis, 1, MILLIS_MAX),
      () => firstNumber(env, TIMEOUT_VARIABLES, 1, MILLIS_MAX),
      10_000,
    ),
    retry: resolveRetry(options.retry),
    flushOnExit: boolean('flushOnExit', 'THROUGHLINE_FLUSH_ON_EXIT'),
    flushTimeoutMillis: number('flushTimeoutMillis'),
    logLevel: set(
      'logLevel',
      checkOneOf('logLevel', options.logLevel, LOG_LEVELS),
      () => env.oneOf('OTEL_LOG_LEVEL', LOG_LEVELS),
      'info',
    ),
    sources: env.sources,
    warnings: env.warnings,
  };
  return Object.freeze(config);
}

/**
 * As it may be shown: it ends in logs. What a header says, the private key, and the user and query of a URL are masked,
 * also of a proxy's.
 */
export function withoutCredentials(config: Config): Config {
  const masked = (headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
    Object.freeze(Object.fromEntries(Object.keys(headers).map((name) => [name, MASK])));
  const { proxies, tls } = config;
  const proxy = (url: string | undefined): string | undefined => url && urlWithoutCredentials(url);
  return Object.freeze({
    ...config,
    tracesUrl: urlWithoutCredentials(config.tracesUrl),
    metricsUrl: urlWithoutCredentials(config.metricsUrl),
    headers: masked(config.headers),
    metricsHeaders: masked(config.metricsHeaders),
    proxies: Object.freeze({ ...proxies, https: proxy(proxies.https), http: proxy(proxies.http) }),
    tls: tls.key === undefined ? tls : Object.freeze({ ...tls, key: MASK }),
  });
}

const MASK = '…';

function urlWithoutCredentials(text: string): string {
  const url = new URL(text);
  if (url.username !== '') url.username = 'REDACTED';
  if (url.password !== '') url.password = 'REDACTED';
  for (const name of new Set(url.searchParams.keys())) url.searchParams.set(name, 'REDACTED');
  return url.href;
}

function invert(value: boolean | undefined): boolean | undefined {
  return value === undefined ? undefined : !value;
}
