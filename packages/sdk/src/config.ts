import { hostname } from 'node:os';
import type { Attributes } from './attributes.ts';
import type { Clock } from './clock.ts';
import { ConfigEnvironment, parseKeyValues, type Environment } from './config-environment.ts';
import type { DiagnosticLog } from './diagnostics.ts';
import { ConfigError } from './errors.ts';
import type { SpanExporter } from './export/span-exporter-processor.ts';
import type { RetryOptions } from './export/otlp-exporter.ts';
import type { IdGenerator } from './ids.ts';
import { DEFAULT_SPAN_LIMITS, type SpanLimits } from './limits.ts';
import { property } from './property.ts';
import type { OtelSampler } from './sampling/foreign-sampler.ts';
import type { SamplerOptions } from './sampling/sampler.ts';
import type { SpanProcessor } from './span-processor.ts';
import { VERSION } from './version.ts';

/** All are optional. An option beats the environment, which beats the default. */
export interface TracerOptions {
  /** `service.name`. */
  readonly service?: string | undefined;
  /** The share of new traces to keep, 0 to 1; a caller's decision is followed. Default 1. */
  readonly sampling?: number | undefined;
  /** The collector's base URL; `/v1/traces` is appended once. Default `http://127.0.0.1:4318`. */
  readonly endpoint?: string | undefined;
  /** Sent with every export, for instance an authorization. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** More attributes of the resource, and others than the detected ones. */
  readonly resource?: Attributes | undefined;
  /** Whether OpenTelemetry's global API is served by this tracer. Default true. */
  readonly register?: boolean | undefined;
  /**
   * What becomes of a child of an unsampled span that our own API starts: `lite`, it is its parent's span and costs nothing; `strict`, it
   * has an id of its own, as through OpenTelemetry's API. Default `lite`.
   */
  readonly children?: 'lite' | 'strict' | undefined;
  /** Whether spans that are forgotten without `end()` are reported with where they started; costs much. Default: in development. */
  readonly reportUnendedSpans?: boolean | undefined;
  /** A sampler written for the standard SDK, asked for every span instead of `sampling`. */
  readonly sampler?: OtelSampler | undefined;
  /** Written for the standard SDK; they see every recorded span. */
  readonly spanProcessors?: readonly SpanProcessor[] | undefined;
  /** Written for the standard SDK; they get batches of 512 besides our own export. */
  readonly spanExporters?: readonly SpanExporter[] | undefined;
  readonly limits?: Partial<SpanLimits> | undefined;
  /** The longest that an ended span waits to be sent. Default 5000. */
  readonly scheduledDelayMillis?: number | undefined;
  /** Spans in one request; by default the size alone decides. */
  readonly maxExportBatchSize?: number | undefined;
  /** The size of a request in bytes at which it is sent. Default 256 KiB. */
  readonly maxExportBatchBytes?: number | undefined;
  /** Encoded spans that wait or are under way; beyond it new ones are dropped and counted. Default 32 MiB. */
  readonly maxQueueBytes?: number | undefined;
  /** For one export request. Default 10,000. */
  readonly exportTimeoutMillis?: number | undefined;
  readonly retry?: Partial<RetryOptions> | undefined;
  /** Whether spans are sent when the process is about to end, SIGTERM and SIGINT included. Default true. */
  readonly flushOnExit?: boolean | undefined;
  /** How long the end of the process, `flush()` and `shutdown()` may wait for the collector. Default 5000. */
  readonly flushTimeoutMillis?: number | undefined;
  /** Where warnings go. Default stderr. */
  readonly log?: DiagnosticLog | undefined;
  readonly clock?: Clock | undefined;
  readonly ids?: IdGenerator | undefined;
}

/** Where a value came from: `option`, `default`, or the name of an environment variable. */
export type ConfigSource = string;

/** What a tracer runs with. */
export interface Config {
  readonly enabled: boolean;
  readonly service: string;
  readonly sampler: Readonly<SamplerOptions>;
  /** The whole address that is posted to. */
  readonly tracesUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly resource: Readonly<Attributes>;
  readonly register: boolean;
  readonly children: 'lite' | 'strict';
  readonly reportUnendedSpans: boolean;
  readonly limits: SpanLimits;
  readonly scheduledDelayMillis: number;
  readonly maxExportBatchSize: number;
  readonly maxExportBatchBytes: number;
  readonly maxQueueBytes: number;
  readonly exportTimeoutMillis: number;
  readonly retry: RetryOptions;
  readonly flushOnExit: boolean;
  readonly flushTimeoutMillis: number;
  /** By setting; limits and retry by path, as in `limits.eventCountLimit`. */
  readonly sources: Readonly<Record<string, ConfigSource>>;
  /** About environment variables that were ignored. */
  readonly warnings: readonly string[];
}

const DEFAULT_ENDPOINT = 'http://127.0.0.1:4318';
const TRACES_PATH = '/v1/traces';

/** Settings that are a number: default, smallest value, variable. Limits may also be Infinity. */
const NUMBERS = {
  scheduledDelayMillis: [5000, 1, 'OTEL_BSP_SCHEDULE_DELAY'],
  maxExportBatchSize: [Infinity, 1, 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE'],
  maxExportBatchBytes: [256 * 1024, 1024, 'THROUGHLINE_MAX_EXPORT_BATCH_BYTES'],
  maxQueueBytes: [32 * 1024 * 1024, 1, 'THROUGHLINE_MAX_QUEUE_BYTES'],
  flushTimeoutMillis: [5000, 0, 'THROUGHLINE_FLUSH_TIMEOUT'],
} as const;

const LIMIT_VARIABLES: Readonly<Partial<Record<keyof SpanLimits, readonly string[]>>> = {
  attributeCountLimit: ['OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT', 'OTEL_ATTRIBUTE_COUNT_LIMIT'],
  attributeValueLengthLimit: ['OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT', 'OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT'],
  eventCountLimit: ['OTEL_SPAN_EVENT_COUNT_LIMIT'],
  linkCountLimit: ['OTEL_SPAN_LINK_COUNT_LIMIT'],
  attributePerEventCountLimit: ['OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT'],
  attributePerLinkCountLimit: ['OTEL_LINK_ATTRIBUTE_COUNT_LIMIT'],
};

const DEFAULT_RETRY: RetryOptions = { maxAttempts: 10, initialDelayMillis: 1000, maxDelayMillis: 30_000 };

/**
 * Everything that a tracer is told, in one place. A wrong option throws a `ConfigError`; a wrong variable is ignored with a warning, as
 * OpenTelemetry wants it: an operator's typing error must not stop the application.
 */
export function resolveConfig(options: TracerOptions, environment: Environment): Config {
  const env = new ConfigEnvironment(environment);
  const set = <T>(name: string, option: T | undefined, fromEnv: () => T | undefined, fallback: T): T =>
    env.choose(name, option, fromEnv, fallback);
  const boolean = (name: 'register' | 'flushOnExit', variable: string): boolean =>
    set(name, checkBoolean(name, options[name]), () => env.boolean(variable), true);
  const number = (name: keyof typeof NUMBERS): number => {
    const [fallback, min, variable] = NUMBERS[name];
    return set(name, checkNumber(name, options[name], min), () => env.number(variable, min), fallback);
  };
  const resource = resolveResource(options, env);
  checkMethods('sampler', options.sampler === undefined ? [] : [options.sampler], ['shouldSample']);
  checkMethods('spanProcessors', options.spanProcessors, ['onStart', 'onEnd', 'forceFlush', 'shutdown']);
  checkMethods('spanExporters', options.spanExporters, ['export', 'shutdown']);
  const config: Config = {
    enabled: set('enabled', undefined, () => invert(env.boolean('OTEL_SDK_DISABLED')), true),
    service: resource['service.name'],
    sampler: resolveSampler(options.sampling, env),
    tracesUrl: resolveTracesUrl(options.endpoint, env),
    headers: Object.freeze(set('headers', checkHeaders(options.headers), () => environmentHeaders(env), {})),
    resource,
    register: boolean('register', 'THROUGHLINE_REGISTER'),
    children: set('children', checkChildren(options.children), () => undefined, 'lite'),
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
    exportTimeoutMillis: set(
      'exportTimeoutMillis',
      checkNumber('exportTimeoutMillis', options.exportTimeoutMillis, 1),
      () => env.number('OTEL_EXPORTER_OTLP_TRACES_TIMEOUT', 1) ?? env.number('OTEL_EXPORTER_OTLP_TIMEOUT', 1),
      10_000,
    ),
    retry: resolveRetry(options.retry),
    flushOnExit: boolean('flushOnExit', 'THROUGHLINE_FLUSH_ON_EXIT'),
    flushTimeoutMillis: number('flushTimeoutMillis'),
    sources: env.sources,
    warnings: env.warnings,
  };
  return Object.freeze(config);
}

function resolveResource(
  options: TracerOptions,
  env: ConfigEnvironment,
): Readonly<Attributes & { 'service.name': string }> {
  const given = options.resource ?? {};
  if (typeof given !== 'object' || Array.isArray(given)) {
    throw new ConfigError('resource', given, 'an object of attributes');
  }
  const fromEnv = env.read('OTEL_RESOURCE_ATTRIBUTES', parseKeyValues) ?? {};
  const name =
    checkString('service', options.service) ?? checkString('resource["service.name"]', given['service.name']);
  const service = env.choose(
    'service',
    name,
    () => env.string('OTEL_SERVICE_NAME') ?? env.named('OTEL_RESOURCE_ATTRIBUTES', fromEnv['service.name']),
    'unknown_service:node',
  );
  return Object.freeze({
    'telemetry.sdk.name': 'throughline',
    'telemetry.sdk.language': 'nodejs',
    'telemetry.sdk.version': VERSION,
    'process.pid': process.pid,
    'process.runtime.name': 'nodejs',
    'process.runtime.version': process.versions.node,
    'host.name': hostname(),
    ...fromEnv,
    ...given,
    'service.name': service,
  });
}

function resolveSampler(sampling: number | undefined, env: ConfigEnvironment): SamplerOptions {
  const ratio = checkNumber('sampling', sampling, 0, 1);
  const option = ratio === undefined ? undefined : { ratio, parentBased: true };
  return Object.freeze(
    env.choose<SamplerOptions>('sampling', option, () => environmentSampler(env), { ratio: 1, parentBased: true }),
  );
}

function environmentSampler(env: ConfigEnvironment): SamplerOptions | undefined {
  const ratioOf = (): number => env.number('OTEL_TRACES_SAMPLER_ARG', 0, 1) ?? 1;
  return env.read('OTEL_TRACES_SAMPLER', (name) => {
    const parentBased = name.startsWith('parentbased_');
    switch (name.replace('parentbased_', '')) {
      case 'always_on':
        return { ratio: 1, parentBased };
      case 'always_off':
        return { ratio: 0, parentBased };
      case 'traceidratio':
        return { ratio: ratioOf(), parentBased };
      default:
        return 'always_on, always_off or traceidratio, each with or without parentbased_ before it';
    }
  });
}

function resolveTracesUrl(endpoint: string | undefined, env: ConfigEnvironment): string {
  const option = checkUrl('endpoint', endpoint);
  return env.choose(
    'endpoint',
    option === undefined ? undefined : withTracesPath(option),
    () => {
      const whole = env.url('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT');
      if (whole !== undefined) return whole.href;
      const base = env.url('OTEL_EXPORTER_OTLP_ENDPOINT');
      return base === undefined ? undefined : withTracesPath(base);
    },
    DEFAULT_ENDPOINT + TRACES_PATH,
  );
}

function withTracesPath(base: URL): string {
  const url = new URL(base);
  const path = url.pathname.replace(/\/+$/, '');
  url.pathname = path.endsWith(TRACES_PATH) ? path : path + TRACES_PATH;
  return url.href;
}

function environmentHeaders(env: ConfigEnvironment): Record<string, string> | undefined {
  const general = env.read('OTEL_EXPORTER_OTLP_HEADERS', parseKeyValues);
  const forTraces = env.read('OTEL_EXPORTER_OTLP_TRACES_HEADERS', parseKeyValues);
  return general === undefined && forTraces === undefined ? undefined : { ...general, ...forTraces };
}

function resolveLimits(given: Partial<SpanLimits> | undefined, env: ConfigEnvironment): SpanLimits {
  checkKnownNames('limits', given, DEFAULT_SPAN_LIMITS);
  const limits: Record<string, number> = {};
  for (const [name, fallback] of Object.entries(DEFAULT_SPAN_LIMITS)) {
    const key = name as keyof SpanLimits;
    const option = checkNumber(`limits.${name}`, given?.[key], 0);
    const fromEnv = (): number | undefined => {
      for (const variable of LIMIT_VARIABLES[key] ?? []) {
        const value = env.number(variable, 0);
        if (value !== undefined) return value;
      }
      return undefined;
    };
    limits[name] = env.choose(`limits.${name}`, option, fromEnv, fallback as number);
  }
  return Object.freeze(limits) as unknown as SpanLimits;
}

function resolveRetry(given: Partial<RetryOptions> | undefined): RetryOptions {
  checkKnownNames('retry', given, DEFAULT_RETRY);
  return Object.freeze({
    maxAttempts: checkNumber('retry.maxAttempts', given?.maxAttempts, 1) ?? DEFAULT_RETRY.maxAttempts,
    initialDelayMillis:
      checkNumber('retry.initialDelayMillis', given?.initialDelayMillis, 0) ?? DEFAULT_RETRY.initialDelayMillis,
    maxDelayMillis: checkNumber('retry.maxDelayMillis', given?.maxDelayMillis, 0) ?? DEFAULT_RETRY.maxDelayMillis,
  });
}

function checkKnownNames(setting: string, given: object | undefined, known: object): void {
  if (given === undefined) return;
  const accepted = `an object with any of ${Object.keys(known).join(', ')}`;
  if (typeof given !== 'object' || given === null) throw new ConfigError(setting, given, accepted);
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(known, name)) throw new ConfigError(`${setting}.${name}`, 'an unknown name', accepted);
  }
}

function checkNumber(setting: string, value: unknown, min: number, max = Infinity): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw new ConfigError(setting, value, max === Infinity ? `a number from ${min}` : `a number from ${min} to ${max}`);
}

function checkBoolean(setting: string, value: unknown): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value;
  throw new ConfigError(setting, value, 'true or false');
}

function checkChildren(value: unknown): 'lite' | 'strict' | undefined {
  if (value === undefined || value === 'lite' || value === 'strict') return value;
  throw new ConfigError('children', value, "'lite' or 'strict'");
}

/** Whether each has the methods of the interface that it is said to be. */
function checkMethods(setting: string, values: unknown, methods: readonly string[]): void {
  if (values === undefined) return;
  const isOne = (value: unknown): boolean => methods.every((name) => typeof property(value, name) === 'function');
  if (Array.isArray(values) && values.every(isOne)) return;
  throw new ConfigError(setting, values, `objects with the methods ${methods.join(', ')}`);
}

function checkString(setting: string, value: unknown): string | undefined {
  if (value === undefined || (typeof value === 'string' && value !== '')) return value;
  throw new ConfigError(setting, value, 'a text that is not empty');
}

function checkUrl(setting: string, value: unknown): URL | undefined {
  if (value === undefined) return undefined;
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw new ConfigError(setting, value, 'a URL that starts with http:// or https://');
}

function checkHeaders(value: unknown): Record<string, string> | undefined {
  if (value === undefined) return undefined;
  const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (isRecord && Object.values(value).every((header) => typeof header === 'string')) {
    return { ...(value as Record<string, string>) };
  }
  throw new ConfigError('headers', value, 'an object whose values are text');
}

function invert(value: boolean | undefined): boolean | undefined {
  return value === undefined ? undefined : !value;
}
