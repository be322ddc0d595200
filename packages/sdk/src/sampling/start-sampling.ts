import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import type { Diagnostics } from '../diagnostics.ts';
import { Poster } from '../export/http-post.ts';
import type { Counters } from '../stats.ts';
import { asPolicy } from './as-policy.ts';
import { OperationCounts } from './operation-counts.ts';
import { KeptTraces, PolicySampler } from './policy-sampler.ts';
import type { PolicyContext } from './policy.ts';
import { Exchange, EXCHANGE_INTERVAL_MS, type ExchangePost } from './remote-exchange.ts';
import { RootCounter } from './root-counter.ts';
import { Sampler, type LocalRootSampler } from './sampler.ts';

export interface SamplingOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly diagnostics: Diagnostics;
  /** For tests: how a message reaches the collector. */
  readonly post?: ExchangePost | undefined;
}

/** What a tracer's recorder needs of its sampling. */
export interface StartedSampling {
  readonly sampler: LocalRootSampler;
  /** Where exact counts are wanted. */
  readonly rootCounter: RootCounter | undefined;
  /** The exact counts so far. */
  readonly counts: OperationCounts | undefined;
  /** Tells the collector the last counts, and stops. Never rejects. */
  stop(): Promise<void>;
}

const TRACES_PATH = /\/v1\/traces$/;
const SAMPLING_PATH = '/v1/sampling';

/** Puts a tracer's policy to work. */
export function startSampling(options: SamplingOptions): StartedSampling {
  const { config, clock } = options;
  const { policy: given, ...fixed } = config.sampler;
  const policy = given === undefined ? undefined : asPolicy('sampling', given);
  if (!config.enabled || (policy === undefined && !config.counters)) {
    return { sampler: new Sampler(fixed), rootCounter: undefined, counts: undefined, stop: () => Promise.resolve() };
  }
  const kept = new KeptTraces();
  const exchange = lazyPoster(config);
  let counts: OperationCounts | undefined;
  const atEnd: (() => Promise<void> | void)[] = [];
  const context: PolicyContext = {
    ...newContext(options, kept, exchange.post),
    counts: () => (counts ??= new OperationCounts()),
    atEnd: (fn) => void atEnd.push(fn),
  };
  const sampler = policy === undefined ? new Sampler(fixed) : new PolicySampler(policy, context, kept);
  if (config.counters && policy?.exchangesCounts !== true) reportCounts(context);
  return {
    sampler,
    rootCounter: counts && new RootCounter(counts, clock),
    counts,
    async stop() {
      await Promise.all(atEnd.map(async (fn) => await fn()));
      exchange.close();
    },
  };
}

/** Exact counts reach the collector as they do with `remote`; what it answers is of no interest. */
function reportCounts(context: PolicyContext): void {
  new Exchange(context.counts(), EXCHANGE_INTERVAL_MS, context, {
    taken: () => undefined,
    failed: (problem) =>
      context.failed('exact counts', `the collector did not take them, counting goes on: ${problem}`),
  }).start();
}

function newContext(
  { config, clock, counters, diagnostics, post }: SamplingOptions,
  kept: KeptTraces,
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
      get keptTraces() {
        return kept.count;
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
      diagnostics.state(topic, 'failing', `${topic}: ${message} (said once; stats().samplingFailures counts)`);
    },
  };
}

/** Connects on first use: most policies never ask. */
function lazyPoster(config: Config): { readonly post: ExchangePost; close(): void } {
  let poster: Poster | undefined;
  return {
    post(body) {
      poster ??= new Poster({
        url: samplingUrl(config.tracesUrl),
        headers: config.headers,
        contentType: 'application/json',
        compressor: undefined,
        tls: config.tls,
        timeoutMillis: config.exportTimeoutMillis,
        connections: 1,
      });
      return poster.post(Buffer.from(body));
    },
    close: () => poster?.close(),
  };
}

/** Beside the address that spans are sent to. */
function samplingUrl(tracesUrl: string): URL {
  const url = new URL(tracesUrl);
  url.pathname = TRACES_PATH.test(url.pathname) ? url.pathname.replace(TRACES_PATH, SAMPLING_PATH) : SAMPLING_PATH;
  return url;
}
