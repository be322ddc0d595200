import type { Agent } from 'node:http';
import type { TextMapPropagator } from '@opentelemetry/api';
import type { Attributes } from './attributes.ts';
import type { Clock } from './clock.ts';
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
} from './config-checks.ts';
import { ConfigEnvironment, type Environment } from './config-environment.ts';
import { resolveExport, type ExporterName, type OtlpProtocol } from './config-export.ts';
import { firstNumber, resolveLimits, resolveRetry } from './config-limits.ts';
import { resolvePropagators } from './config-propagators.ts';
import { resolveResource } from './config-resource.ts';
import { LOG_LEVELS, type DiagnosticLog, type LogLevel } from './diagnostics.ts';
import { ConfigError } from './errors.ts';
import type { Compression } from './export/transport/compression.ts';
import type { ExporterFactory } from './export/exporter.ts';
import type { RetryOptions } from './export/transport/retry.ts';
import type { ProxySettings } from './export/transport/proxy.ts';
import type { TlsOptions } from './export/transport/route.ts';
import type { Transport } from './export/transport/transport.ts';
import type { SpanExporter } from './export/span-exporter-processor.ts';
import type { IdGenerator, OtelIdGenerator } from './ids.ts';
import type { SpanLimits } from './limits.ts';
import { property } from './property.ts';
import type { PropagatorName } from './propagation/propagators.ts';
import { resolveCounters, resolveSampling, type CountersMode, type SamplingConfig } from './config-sampling.ts';
import type { OtelSampler } from './sampling/foreign-sampler.ts';
import type { Sampling } from './sampling/policy.ts';
import type { SpanProcessor } from './span-processor.ts';
import { zipkin } from './zipkin.ts';

/** All are optional. An option beats the environment, which beats the default. */
export interface TracerOptions {
  /** `service.name`. */
  readonly service?: string | undefined;
  /** Which new traces to keep: a share from 0 to 1, a policy, or a function; a caller's decision is followed. Default 1. */
  readonly sampling?: Sampling | undefined;
  /** Whether requests, errors and durations are counted exactly, sampled or not; `'otlp'` sends them as metrics. Default false. */
  readonly counters?: CountersMode | undefined;
  /**
   * The collector's base URL; `/v1/traces` is appended once. `unix:///run/collector.sock` is a unix socket. Default `http://127.0.0.1:4318`.
   */
  readonly endpoint?: string | undefined;
  /** The whole address for `counters: 'otlp'`. Default: `/v1/metrics` of `endpoint`. */
  readonly metricsUrl?: string | undefined;
  /** The time between two exports of metrics. Default 60,000. */
  readonly metricExportIntervalMillis?: number | undefined;
  /** Where spans go: `'otlp'` (default), `'console'`, `'none'`, or what an exporter's module makes, such as `zipkin()`. */
  readonly exporter?: ExporterName | ExporterFactory | undefined;
  /** Default `http/protobuf`, which costs the least. */
  readonly protocol?: OtlpProtocol | undefined;
  /** Default `none`; `zstd` where Node has it. */
  readonly compression?: Compression | undefined;
  /** For an endpoint with https. */
  readonly tls?: TlsOptions | undefined;
  /**
   * The proxy that requests to the collector go through, as `http://user:password@proxy:3128`; `false` for none. Default: HTTPS_PROXY for
   * https and HTTP_PROXY for http, but for hosts in NO_PROXY. Loopback is always spoken to directly.
   */
  readonly proxy?: string | false | undefined;
  /** An agent of `node:http`, or of `node:https` for an endpoint with https: it makes the connections, and no `proxy` is used. */
  readonly agent?: Agent | undefined;
  /** Carries requests to the collector in place of the SDK's own HTTP client. */
  readonly transport?: Transport | undefined;
  /** Sent with every export, for instance an authorization. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** More attributes of the resource, and others than the detected ones. */
  readonly resource?: Attributes | undefined;
  /** The version of the conventions that the resource's attributes follow. */
  readonly resourceSchemaUrl?: string | undefined;
  /** Whether OpenTelemetry's global API is served by this tracer. Default true. */
  readonly register?: boolean | undefined;
  /** Header formats, by name or as OpenTelemetry propagators, or `'none'`. Default `['tracecontext', 'baggage']`. */
  readonly propagators?: readonly (PropagatorName | TextMapPropagator)[] | 'none' | undefined;
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
  /** Ended spans that wait or are under way, beside `maxQueueBytes`; by default bytes alone decide. */
  readonly maxQueueSize?: number | undefined;
  /** Requests under way at once. Default 2. */
  readonly exportConcurrency?: number | undefined;
  /** For one export request. Default 10,000. */
  readonly exportTimeoutMillis?: number | undefined;
  readonly retry?: Partial<RetryOptions> | undefined;
  /** Whether spans are sent when the process is about to end, SIGTERM and SIGINT included. Default true. */
  readonly flushOnExit?: boolean | undefined;
  /** How long the end of the process, `flush()` and `shutdown()` may wait for the collector. Default 5000. */
  readonly flushTimeoutMillis?: number | undefined;
  /**
   * For platforms that freeze the process when a response is done: is given a promise of the export whenever a request's last span has
   * ended, as Vercel's `waitUntil` wants it. It must not throw.
   */
  readonly waitUntil?: ((exported: Promise<unknown>) => void) | undefined;
  /** What is to be closed behind the processors at `shutdown`, such as a sampler of your own: each is called once, and a promise is awaited. */
  readonly onShutdown?: readonly (() => unknown)[] | undefined;
  /** Where warnings go. Default stderr. */
  readonly log?: DiagnosticLog | undefined;
  /** The least that is logged: `error` is lost spans, `warn` wrong settings, `info` that trouble is over. Default `info`. */
  readonly logLevel?: LogLevel | undefined;
  readonly clock?: Clock | undefined;
  /** Random bits, so that a test repeats, or the ids themselves from a generator written for the standard SDK. */
  readonly ids?: IdGenerator | OtelIdGenerator | undefined;
}

/** Every option's name; the compiler sees to it that none is forgotten. */
export const OPTION_NAMES: Readonly<Record<keyof TracerOptions, true>> = {
  service: true,
  sampling: true,
  counters: true,
  endpoint: true,
  metricsUrl: true,
  metricExportIntervalMillis: true,
  exporter: true,
  protocol: true,
  compression: true,
  tls: true,
  proxy: true,
  agent: true,
  transport: true,
  headers: true,
  resource: true,
  resourceSchemaUrl: true,
  register: true,
  propagators: true,
  children: true,
  reportUnendedSpans: true,
  sampler: true,
  spanProcessors: true,
  spanExporters: true,
  limits: true,
  scheduledDelayMillis: true,
  maxExportBatchSize: true,
  maxExportBatchBytes: true,
  maxQueueBytes: true,
  maxQueueSize: true,
  exportConcurrency: true,
  exportTimeoutMillis: true,
  retry: true,
  flushOnExit: true,
  flushTimeoutMillis: true,
  waitUntil: true,
  onShutdown: true,
  log: true,
  logLevel: true,
  clock: true,
  ids: true,
};

/** Where a value came from: `option`, `default`, or the name of an environment variable. */
export type ConfigSource = string;

/** What a tracer runs with. */
export interface Config {
  readonly enabled: boolean;
  readonly service: string;
  readonly sampler: Readonly<SamplingConfig>;
  readonly counters: CountersMode;
  readonly exporter: ExporterName | ExporterFactory;
  /** The whole address that is posted to. */
  readonly tracesUrl: string;
  readonly metricsUrl: string;
  readonly metricExportIntervalMillis: number;
  readonly protocol: OtlpProtocol;
  readonly compression: Compression;
  readonly tls: TlsOptions;
  readonly proxies: ProxySettings;
  readonly agent: Agent | undefined;
  readonly transport: Transport | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly metricsHeaders: Readonly<Record<string, string>>;
  readonly resource: Readonly<Attributes>;
  /** '' for none. */
  readonly resourceSchemaUrl: string;
  readonly register: boolean;
  readonly propagators: readonly (PropagatorName | TextMapPropagator)[];
  readonly children: 'lite' | 'strict';
  readonly reportUnendedSpans: boolean;
  readonly limits: SpanLimits;
  readonly scheduledDelayMillis: number;
  readonly maxExportBatchSize: number;
  readonly maxExportBatchBytes: number;
  readonly maxQueueBytes: number;
  readonly maxQueueSize: number;
  readonly exportConcurrency: number;
  readonly exportTimeoutMillis: number;
  readonly retry: RetryOptions;
  readonly flushOnExit: boolean;
  readonly flushTimeoutMillis: number;
  readonly logLevel: LogLevel;
  /** By setting; limits and retry by path, as in `limits.eventCountLimit`. */
  readonly sources: Readonly<Record<string, ConfigSource>>;
  /** About environment variables that were ignored. */
  readonly warnings: readonly string[];
}

const CHILDREN = ['lite', 'strict'] as const;

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
 * Everything that a tracer is told, in one place. A wrong option throws a `ConfigError`; a wrong variable is ignored with a warning, as
 * OpenTelemetry wants it: an operator's typing error must not stop the application.
 */
export function resolveConfig(options: TracerOptions, environment: Environment): Config {
  try {
    return resolve(options, environment);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    // A getter or a proxy among them.
    throw new ConfigError('options', 'what throws when it is read', 'plain objects and values', error);
  }
}

function resolve(options: TracerOptions, environment: Environment): Config {
  const env = new ConfigEnvironment(environment);
  checkKnownNames('options', options, OPTION_NAMES);
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
    sampler: resolveSampling(options.sampling, env),
    counters: resolveCounters(options.counters, env),
    ...resolveExport(options, env, zipkin),
    metricExportIntervalMillis: number('metricExportIntervalMillis'),
    resource,
    resourceSchemaUrl:
      checkUrl('resourceSchemaUrl', options.resourceSchemaUrl) === undefined ? '' : (options.resourceSchemaUrl ?? ''),
    register: boolean('register', 'THROUGHLINE_REGISTER'),
    propagators: resolvePropagators(options.propagators, env),
    children: set('children', checkOneOf('children', options.children, CHILDREN), () => undefined, 'lite'),
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

/** As it may be shown: it ends in logs. What a header says, the private key, and the user and query of a URL are masked, also of a proxy's. */
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
