import type { Agent } from 'node:http';
import type { Compression } from './transport/compression.ts';
import type { ProxySettings } from './transport/proxy.ts';
import type { RetryOptions } from './transport/retry.ts';
import type { TlsOptions } from './transport/route.ts';
import type { Transport } from './transport/transport.ts';

/** Exporters that the option `exporter` takes by name; it explains each. */
export type ExporterName = 'otlp' | 'console' | 'none';

/**
 * How OTLP over HTTP is written.
 * @see https://opentelemetry.io/docs/specs/otlp/#otlphttp-request
 */
export type OtlpProtocol = 'http/protobuf' | 'http/json';

/** What exporters go by: a part of a tracer's configuration. */
export interface ExportSettings {
  /** The whole address that is posted to. */
  readonly tracesUrl: string;
  readonly protocol: OtlpProtocol;
  readonly compression: Compression;
  readonly tls: TlsOptions;
  readonly proxies: ProxySettings;
  readonly agent: Agent | undefined;
  readonly transport: Transport | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly maxQueueBytes: number;
  readonly maxQueueSize: number;
  readonly exportConcurrency: number;
  readonly exportTimeoutMillis: number;
  readonly retry: RetryOptions;
}
