import type { ExportSettings } from '../export/export-settings.ts';
import type { Attributes } from '../span/attributes.ts';
import type { SpanLimits } from '../span/span-limits.ts';
import type { SamplingPolicy } from './policy.ts';
import type { SamplerOptions } from './sampler.ts';

/** How local roots are decided: by a policy where there is one, else by a fixed probability. */
export interface SamplingConfig extends SamplerOptions {
  readonly policy?: SamplingPolicy | undefined;
}

/**
 * Who gets the exact numbers of requests, errors and durations: nobody, Throughline's collector, or whatever takes OTLP
 * metrics.
 */
export type RequestMetricsMode = false | 'collector' | 'otlp';

/** What sampling and request metrics go by: a part of a tracer's configuration. */
export interface SamplingSettings extends ExportSettings {
  readonly enabled: boolean;
  readonly service: string;
  readonly sampling: Readonly<SamplingConfig>;
  readonly requestMetrics: RequestMetricsMode;
  readonly metricsUrl: string;
  readonly metricsHeaders: Readonly<Record<string, string>>;
  readonly metricExportIntervalMillis: number;
  readonly resource: Readonly<Attributes>;
  readonly limits: SpanLimits;
}
