import type { ExportSettings } from '../export/export-settings.ts';
import type { Attributes } from '../span/attributes.ts';
import type { SpanLimits } from '../span/span-limits.ts';
import type { SamplingPolicy } from './policy.ts';
import type { SamplerOptions } from './sampler.ts';

/** How local roots are decided: by a policy where there is one, else by a fixed share. */
export interface SamplingConfig extends SamplerOptions {
  readonly policy?: SamplingPolicy | undefined;
}

/** Whether there are exact counters; `otlp` sends them as metrics. */
export type CountersMode = boolean | 'otlp';

/** What sampling and exact counts go by: a part of a tracer's configuration. */
export interface SamplingSettings extends ExportSettings {
  readonly enabled: boolean;
  readonly service: string;
  readonly sampler: Readonly<SamplingConfig>;
  readonly counters: CountersMode;
  readonly metricsUrl: string;
  readonly metricsHeaders: Readonly<Record<string, string>>;
  readonly metricExportIntervalMillis: number;
  readonly resource: Readonly<Attributes>;
  readonly limits: SpanLimits;
}
