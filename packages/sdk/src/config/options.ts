import type { Agent } from 'node:http';
import type { TextMapPropagator } from '@opentelemetry/api';
import type { Attributes } from '../span/attributes.ts';
import type { Clock } from '../span/clock.ts';
import type { ConfigSource } from './environment.ts';
import type { ExporterName, ExportSettings, OtlpProtocol } from '../export/export-settings.ts';
import type { DiagnosticLog, LogLevel } from '../runtime/diagnostics.ts';
import type { Compression } from '../export/transport/compression.ts';
import type { Exporter } from '../export/exporter-option.ts';
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

/**
 * All are optional. An option beats the environment, which beats the default; `tracer.config.sources` reports which it
 * was. Times are in milliseconds, sizes in bytes, and a limit of Infinity means none.
 * @example
 * new Tracer({
 *   service: 'checkout',
 *   endpoint: 'https://collector.example.com',
 *   headers: { authorization: `Bearer ${process.env['COLLECTOR_TOKEN']}` },
 *   sampling: 0.1,
 * });
 * @see https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
export interface TracerOptions {
  /**
   * The name under which this process' spans are shown: `service.name` of the resource. Set it in every service.
   * Default `unknown_service:node`.
   * @see https://opentelemetry.io/docs/specs/semconv/resource/#service
   */
  readonly service?: string | undefined;
  /**
   * Which new traces are sampled: a probability from 0 to 1, a policy, or a function. A caller's decision is followed.
   * Change it when a service makes more spans than you want to pay for. Default 1.
   * @example
   * new Tracer({ sampling: rateLimit({ spansPerSecond: 100 }) });
   * @see https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/
   */
  readonly sampling?: Sampling | undefined;
  /**
   * Whether requests, errors and durations are counted exactly, sampled or not, and who gets the counts: `'collector'`
   * (Throughline's) or `'otlp'` (as OTLP metrics, to whatever accepts them). Turn it on when you sample, and rates and
   * error ratios must be exact. It costs an unsampled first span two readings of the clock. Default false; `adaptive()`
   * and `remote()` count by themselves.
   */
  readonly requestMetrics?: RequestMetricsMode | undefined;
  /**
   * The collector's base URL; `/v1/traces` is appended once. `unix:///run/collector.sock` is a unix socket. Default
   * `http://127.0.0.1:4318`.
   * @see https://opentelemetry.io/docs/specs/otel/protocol/exporter/#endpoint-urls-for-otlphttp
   */
  readonly endpoint?: string | undefined;
  /**
   * The full URL for `requestMetrics: 'otlp'`; nothing is appended. Default: `/v1/metrics` beside `endpoint`'s
   * `/v1/traces`.
   */
  readonly metricsUrl?: string | undefined;
  /**
   * Time between two metric exports, 1 to 2³¹ − 1 ms. Raise it when metrics are billed by the data point. Default
   * 60,000.
   */
  readonly metricExportIntervalMillis?: number | undefined;
  /**
   * Where spans go: `'otlp'` (default), `'console'` (trees on stdout, to look at), `'none'` (recorded, so that logs
   * have ids, and not sent), or an exporter such as `zipkin()`.
   */
  readonly exporter?: ExporterName | Exporter | undefined;
  /**
   * How OTLP is written. Change it when your collector rejects protobuf (415). Default `http/protobuf`, which costs the
   * least CPU.
   * @see https://opentelemetry.io/docs/specs/otlp/#otlphttp-request
   */
  readonly protocol?: OtlpProtocol | undefined;
  /** Of request bodies. Turn it on when the network costs more than CPU; `zstd` needs Node 22.15. Default `none`. */
  readonly compression?: Compression | undefined;
  /**
   * PEM texts for an https endpoint with a private authority, or one that requires a client certificate. Default:
   * Node's authorities.
   */
  readonly tls?: TlsOptions | undefined;
  /**
   * The proxy for requests to the collector, such as `http://user:password@proxy:3128`; `false` for none. Default:
   * HTTPS_PROXY for https and HTTP_PROXY for http, unless NO_PROXY lists the host. Loopback addresses are always
   * reached directly.
   */
  readonly proxy?: string | false | undefined;
  /**
   * An agent of `node:http`, or of `node:https` for an https endpoint: it makes the connections, and no `proxy` is
   * used. Set it for a lookup, a local address or a proxy protocol of your own.
   */
  readonly agent?: Agent | undefined;
  /**
   * Carries requests to the collector in place of the SDK's own HTTP client; batches, retries and limits stay the
   * SDK's.
   */
  readonly transport?: Transport | undefined;
  /** Sent with every export, for instance an authorization. They are never logged. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /**
   * Attributes of everything that this process sends; they replace detected ones of the same key.
   * @example
   * new Tracer({
   *   service: 'checkout',
   *   resource: { 'service.version': '1.4.2', 'deployment.environment.name': 'production' },
   * });
   * @see https://opentelemetry.io/docs/specs/semconv/resource/
   */
  readonly resource?: Attributes | undefined;
  /** URL of the version of the semantic conventions that the resource's attributes follow. Default none. */
  readonly resourceSchemaUrl?: string | undefined;
  /**
   * Whether this tracer becomes OpenTelemetry's global tracer provider, context manager and propagator. Set false for a
   * second tracer of the process, or beside another SDK. Default true.
   */
  readonly register?: boolean | undefined;
  /**
   * Header formats to read and write, by name or as OpenTelemetry propagators, or `'none'`. All are written; where
   * several hold a span, the last one counts. Change it when callers or services that you call use another format.
   * Default `['tracecontext', 'baggage']`.
   * @example
   * new Tracer({ propagators: ['b3', 'tracecontext', 'baggage'] });
   * @see https://www.w3.org/TR/trace-context/
   */
  readonly propagators?: readonly (PropagatorName | TextMapPropagator)[] | 'none' | undefined;
  /**
   * What our own API returns under an unsampled parent: `'shared'`, the parent's own span, which costs nothing; or
   * `'own'`, a span with an id of its own, as OpenTelemetry's API always makes it. Choose `'own'` when logs show the
   * ids of unsampled spans. Default `'shared'`.
   */
  readonly unsampledChildren?: 'shared' | 'own' | undefined;
  /**
   * Whether spans that were never ended are logged, with where they were started. Costs a stack trace a span: for
   * development. Default: true where NODE_ENV is `development`.
   */
  readonly reportUnendedSpans?: boolean | undefined;
  /**
   * A sampler written for the standard SDK; it decides every span, in place of `sampling`.
   * @see https://opentelemetry.io/docs/specs/otel/trace/sdk/#sampler
   */
  readonly sampler?: OtelSampler | undefined;
  /**
   * Written for the standard SDK; they see every recorded span, in this order.
   * @see https://opentelemetry.io/docs/specs/otel/trace/sdk/#span-processor
   */
  readonly spanProcessors?: readonly SpanProcessor[] | undefined;
  /**
   * Written for the standard SDK; they get batches of 512 beside our own export, which `exporter: 'none'` turns off.
   * @see https://opentelemetry.io/docs/specs/otel/trace/sdk/#span-exporter
   */
  readonly spanExporters?: readonly SpanExporter[] | undefined;
  /**
   * Bounds of a span and of how many may live; omitted ones keep their defaults.
   * @see https://opentelemetry.io/docs/specs/otel/trace/sdk/#span-limits
   */
  readonly limits?: Partial<SpanLimits> | undefined;
  /**
   * The longest that an ended span waits to be sent, 1 to 2³¹ − 1 ms. Lower it to see spans sooner, for more requests.
   * Default 5000.
   */
  readonly scheduledDelayMillis?: number | undefined;
  /**
   * Spans in one request, at most; an integer ≥ 1. Set it where the collector limits spans. Default Infinity: bytes
   * alone decide.
   */
  readonly maxExportBatchSize?: number | undefined;
  /** Size at which a request is sent, 1 KiB to 128 MiB. Lower it when the collector responds 413. Default 256 KiB. */
  readonly maxExportBatchBytes?: number | undefined;
  /**
   * Encoded spans that wait or are under way; beyond it new ones are dropped and counted as `queue_full`. Raise it to
   * survive longer outages of the collector, at the price of memory. Default 32 MiB.
   */
  readonly maxQueueBytes?: number | undefined;
  /** The same in spans, beside `maxQueueBytes`; an integer ≥ 1. Default Infinity: bytes alone decide. */
  readonly maxQueueSize?: number | undefined;
  /**
   * Requests under way at once, 1 to 64. Raise it when the collector is far away and `queue_full` drops grow. Default
   * 2.
   */
  readonly exportConcurrency?: number | undefined;
  /** Timeout of one export request, 1 to 2³¹ − 1 ms. Default 10,000. */
  readonly exportTimeoutMillis?: number | undefined;
  /**
   * How often and when a failed request is sent again; omitted members keep their defaults.
   * @see https://opentelemetry.io/docs/specs/otlp/#otlphttp-throttling
   */
  readonly retry?: Partial<RetryOptions> | undefined;
  /**
   * Whether spans are sent when the process is about to end, at SIGTERM, SIGINT and `process.exit()` too. Set false
   * where the application calls `shutdown` itself. Default true.
   */
  readonly flushOnExit?: boolean | undefined;
  /**
   * How long the end of the process, `flush()` and `shutdown()` may wait for the collector, 0 to 2³¹ − 1 ms. Default
   * 5000.
   */
  readonly flushTimeoutMillis?: number | undefined;
  /**
   * For platforms that freeze the process when a response is done: it is given a promise of the export whenever a
   * request's first span here has ended, as Vercel's `waitUntil` wants it. It must not throw.
   */
  readonly waitUntil?: ((exported: Promise<unknown>) => void) | undefined;
  /**
   * Called once each at `shutdown`, after the processors, to close what you brought, such as a sampler; a promise is
   * awaited.
   */
  readonly onShutdown?: readonly (() => unknown)[] | undefined;
  /**
   * Gets the SDK's own warnings, one line each without a line break. Default: stderr, each with the prefix
   * `throughline: `.
   * @example
   * new Tracer({ log: (line) => console.warn(line) });
   */
  readonly log?: DiagnosticLog | undefined;
  /**
   * The least severe that is logged: `error` is lost spans, `warn` wrong settings, `info` recoveries; `none` is silent.
   * Default `info`.
   */
  readonly logLevel?: LogLevel | undefined;
  /** Where times come from; for tests. Default: the system's clocks. */
  readonly clock?: Clock | undefined;
  /**
   * Random bits, so that a test repeats, or the ids themselves from a generator written for the standard SDK. Default:
   * cryptographic randomness.
   * @see https://opentelemetry.io/docs/specs/otel/trace/sdk/#id-generators
   */
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

/**
 * What a tracer runs with, as `tracer.config` shows it: frozen, with headers, keys and passwords masked. Members are
 * explained at the options of the same names; times are in milliseconds, sizes in bytes.
 */
export interface Config extends ExportSettings {
  /** False with OTEL_SDK_DISABLED: nothing is recorded. */
  readonly enabled: boolean;
  readonly service: string;
  readonly sampling: Readonly<SamplingConfig>;
  readonly requestMetrics: RequestMetricsMode;
  readonly exporter: ExporterName | Exporter;
  readonly metricsUrl: string;
  readonly metricExportIntervalMillis: number;
  /** Sent with metrics: the option `headers`, or OTEL_EXPORTER_OTLP_METRICS_HEADERS before those of all signals. */
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
  /**
   * Where each setting came from (`option`, `default` or a variable's name), by its path, as in
   * `limits.eventCountLimit`.
   */
  readonly sources: Readonly<Record<string, ConfigSource>>;
  /** About environment variables that were ignored; they are logged at the start. */
  readonly warnings: readonly string[];
}
