import type { Clock } from '../span/clock.ts';
import type { SamplingSettings } from './sampling-settings.ts';
import type { Diagnostics } from '../runtime/diagnostics.ts';
import { nodeModules } from '../runtime/node-modules.ts';
import { attributeSet } from '../span/attributes.ts';
import { shownUrl } from '../runtime/checks.ts';
import { siblingUrl } from '../export/sibling-url.ts';
import { compressorOf, type Compressor } from '../export/transport/compression.ts';
import { createHttpTransport } from '../export/create-http-transport.ts';
import type { HttpTransport } from '../export/transport/http-transport.ts';
import { jsonAttributes } from '../export/format/otlp-decoder.ts';
import type { TracerCounters } from '../runtime/tracer-stats.ts';
import { asPolicy } from './policies/as-policy.ts';
import { MetricExport } from '../request-metrics/metric-export.ts';
import { OperationCounts } from '../request-metrics/operation-counts.ts';
import { SampledTraces, PolicySampler } from './policy-sampler.ts';
import type { PolicyContext } from './policy.ts';
import { Exchange, EXCHANGE_INTERVAL_MS } from './remote/exchange.ts';
import type { ExchangePost } from './ports.ts';
import { RootCounter } from '../request-metrics/root-counter.ts';
import { Sampler, type LocalRootSampler } from './sampler.ts';

export interface SamplingOptions {
  readonly config: SamplingSettings;
  readonly clock: Clock;
  readonly counters: TracerCounters;
  readonly diagnostics: Diagnostics;
  /** For tests: how a message reaches the collector. */
  readonly post?: ExchangePost | undefined;
}

/** What a tracer's recorder needs of its sampling. */
export interface StartedSampling {
  readonly sampler: LocalRootSampler;
  /** Where request metrics are wanted. */
  readonly rootCounter: RootCounter | undefined;
  /** The request metrics so far. */
  readonly counts: OperationCounts | undefined;
  /** Where request metrics are sent as OTLP metrics. */
  readonly metrics: MetricExport | undefined;
  /** Reports the last counts to the collector, and stops. Never rejects. */
  stop(): Promise<void>;
}

/** Puts a tracer's policy to work. */
export function startSampling(options: SamplingOptions): StartedSampling {
  const { config, clock } = options;
  const { policy: given, ...fixed } = config.sampling;
  const policy = given === undefined ? undefined : asPolicy('sampling', given);
  if (!config.enabled || (policy === undefined && config.requestMetrics === false)) {
    const off = { rootCounter: undefined, counts: undefined, metrics: undefined };
    return { ...off, sampler: new Sampler(fixed), stop: () => Promise.resolve() };
  }
  const inSeconds = config.requestMetrics === 'otlp';
  const sampled = new SampledTraces();
  const exchange = lazyTransport(config, siblingUrl(config.tracesUrl, '/v1/sampling'), config.headers);
  let counts: OperationCounts | undefined;
  const atEnd: (() => Promise<void> | void)[] = [];
  const context: PolicyContext = {
    ...newContext(options, sampled, exchange.post),
    counts: () => (counts ??= new OperationCounts({ inSeconds })),
    atEnd: (fn) => void atEnd.push(fn),
  };
  const sampler = policy === undefined ? new Sampler(fixed) : new PolicySampler(policy, context, sampled);
  const metrics = inSeconds ? startMetrics(options, context) : undefined;
  if (config.requestMetrics === 'collector' && policy?.exchangesCounts !== true) reportCounts(context);
  return {
    sampler,
    metrics,
    rootCounter: counts && new RootCounter(counts, clock),
    counts,
    async stop() {
      await Promise.all(atEnd.map(async (fn) => await fn()));
      exchange.close();
    },
  };
}

/** Request metrics reach the collector as they do with `remote`; its response is of no interest. */
function reportCounts(context: PolicyContext): void {
  new Exchange(context.counts(), EXCHANGE_INTERVAL_MS, context, {
    accepted: () => undefined,
    failed: (problem) =>
      context.failed('request metrics', `report to the collector failed: ${problem}; the next one includes its counts`),
  }).start();
}

function newContext(
  { config, clock, counters, diagnostics, post }: SamplingOptions,
  sampled: SampledTraces,
  postToCollector: ExchangePost,
): Omit<PolicyContext, 'counts' | 'atEnd'> {
  return {
    service: config.service,
    clock,
    random: Math.random,
    schedule(fn, delayMs) {
      const timer = setTimeout(fn, delayMs).unref();
      return () => clearTimeout(timer);
    },
    recorded: {
      get sampledTraces() {
        return sampled.count;
      },
      get sampledSpans() {
        return counters.sampled;
      },
    },
    post: post ?? postToCollector,
    exceeded(spans) {
      counters.samplingExcessSpans += spans;
    },
    failed(topic, message) {
      counters.samplingFailures++;
      diagnostics.state(topic, 'failing', `${topic}: ${message} (logged once; counted in stats().samplingFailures)`);
    },
  };
}

/** Request metrics as OTLP metrics, for whatever accepts them. */
function startMetrics(options: SamplingOptions, context: PolicyContext): MetricExport {
  const { config, clock, diagnostics } = options;
  const { metricsUrl, resource, limits } = config;
  const transport = lazyTransport(config, metricsUrl, config.metricsHeaders, compressorOf(config.compression));
  const shown = shownUrl(new URL(metricsUrl));
  const metrics = new MetricExport({
    counts: context.counts(),
    clock,
    // Metrics of two processes must not be one and the same.
    resource: jsonAttributes(
      attributeSet({ 'service.instance.id': nodeModules.crypto.randomUUID(), ...resource }, Infinity, limits),
    ),
    intervalMs: config.metricExportIntervalMillis,
    post: options.post ?? transport.post,
    schedule: context.schedule,
    sent: () => diagnostics.state('metrics', 'ok', `metrics export to ${shown} recovered`),
    failed: (problem) => {
      options.counters.samplingFailures++;
      const line = `metrics export to ${shown} failed: ${problem}; they will be in the next export`;
      diagnostics.state('metrics', 'failing', line);
    },
  });
  context.atEnd(() => {
    metrics.close();
    transport.close();
  });
  return metrics;
}

/** Connects on first use: most policies never do. */
function lazyTransport(
  config: SamplingSettings,
  url: string,
  headers: SamplingSettings['headers'],
  compressor?: Compressor,
): { readonly post: ExchangePost; close(): void } {
  let transport: HttpTransport | undefined;
  return {
    post(body) {
      transport ??= createHttpTransport(config, {
        url,
        headers,
        contentType: 'application/json',
        compressor,
        timeoutMillis: config.exportTimeoutMillis,
        connections: 1,
      });
      return transport.post(Buffer.from(body));
    },
    close: () => transport?.close(),
  };
}
