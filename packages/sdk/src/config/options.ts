import type { Agent } from 'node:http';
import type { TextMapPropagator } from '@opentelemetry/api';
import type { Attributes } from '../span/attributes.ts';
import type { Clock } from '../span/clock.ts';
import type { ConfigSource } from './environment.ts';
import type { ExporterName, ExportSettings, OtlpProtocol } from '../export/export-settings.ts';
import type { DiagnosticLog, LogLevel } from '../runtime/diagnostics.ts';
import type { Compression } from '../export/transport/compression.ts';
import type { ExporterFactory } from '../export/exporter.ts';
import type { RetryOptions } from '../export/transport/retry.ts';
import type { TlsOptions } from '../export/transport/route.ts';
import type { Transport } from '../export/transport/transport.ts';
import type { SpanExporter } from '../opentelemetry/span-exporter-processor.ts';
import type { IdGenerator, OtelIdGenerator } from '../span/random-batch.ts';
import type { SpanLimits } from '../span/span-limits.ts';
import type { PropagatorName } from '../propagation/propagators.ts';
import type { RequestMetricsMode, SamplingConfig } from '../sampling/sampling-settings.ts';
import type { OtelSampler } from '../sampling/foreign-sampler.ts';
import type { Sampling } from '../sampling/policy.ts';
import type { SpanProcessor } from '../opentelemetry/span-processor.ts';

/** All are optional. An option beats the environment, which beats the default. */
export interface TracerOptions {
  /** `service.name`. */
  readonly service?: string | undefined;
  /** Which new traces to keep: a share from 0 to 1, a policy, or a function; a caller's decision is followed. Default 1. */
  readonly sampling?: Sampling | undefined;
  /** Whether requests, errors and durations are counted exactly, sampled or not; `'otlp'` sends them as metrics. Default false. */
  readonly requestMetrics?: RequestMetricsMode | undefined;
  /**
   * The collector's base URL; `/v1/traces` is appended once. `unix:///run/collector.sock` is a unix socket. Default `http://127.0.0.1:4318`.
   */
  readonly endpoint?: string | undefined;
  /** The whole address for `requestMetrics: 'otlp'`. Default: `/v1/metrics` of `endpoint`. */
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
  readonly unsampledChildren?: 'shared' | 'own' | undefined;
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
  requestMetrics: true,
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
  unsampledChildren: true,
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

/** What a tracer runs with. */
export interface Config extends ExportSettings {
  readonly enabled: boolean;
  readonly service: string;
  readonly sampling: Readonly<SamplingConfig>;
  readonly requestMetrics: RequestMetricsMode;
  readonly exporter: ExporterName | ExporterFactory;
  readonly metricsUrl: string;
  readonly metricExportIntervalMillis: number;
  readonly metricsHeaders: Readonly<Record<string, string>>;
  readonly resource: Readonly<Attributes>;
  /** '' for none. */
  readonly resourceSchemaUrl: string;
  readonly register: boolean;
  readonly propagators: readonly (PropagatorName | TextMapPropagator)[];
  readonly unsampledChildren: 'shared' | 'own';
  readonly reportUnendedSpans: boolean;
  readonly limits: SpanLimits;
  readonly scheduledDelayMillis: number;
  readonly maxExportBatchSize: number;
  readonly maxExportBatchBytes: number;
  readonly flushOnExit: boolean;
  readonly flushTimeoutMillis: number;
  readonly logLevel: LogLevel;
  /** By setting; limits and retry by path, as in `limits.eventCountLimit`. */
  readonly sources: Readonly<Record<string, ConfigSource>>;
  /** About environment variables that were ignored. */
  readonly warnings: readonly string[];
}
