import type { ConfigEnvironment } from './environment.ts';
import { wrongValue } from '../runtime/config-error.ts';
import { asPolicy } from '../sampling/policies/as-policy.ts';
import type { Sampling } from '../sampling/policy.ts';
import type { RequestMetricsMode, SamplingConfig } from '../sampling/sampling-settings.ts';

export function resolveSampling(sampling: Sampling | undefined, env: ConfigEnvironment): SamplingConfig {
  return Object.freeze(
    env.choose('sampling', optionOf(sampling), () => environmentSampling(env), { ratio: 1, parentBased: true }),
  );
}

const REQUEST_METRICS: readonly RequestMetricsMode[] = [false, 'collector', 'otlp'];
const MODES_ACCEPTED = "false, 'collector' or 'otlp'";

export function resolveRequestMetrics(
  given: RequestMetricsMode | undefined,
  env: ConfigEnvironment,
): RequestMetricsMode {
  if (given !== undefined && !REQUEST_METRICS.includes(given))
    throw wrongValue('requestMetrics', given, MODES_ACCEPTED);
  const fromEnv = (): RequestMetricsMode | undefined =>
    env.read('THROUGHLINE_REQUEST_METRICS', (text) => {
      const mode = REQUEST_METRICS.find((each) => String(each) === text.toLowerCase());
      return mode === undefined ? MODES_ACCEPTED : { mode };
    })?.mode;
  return env.choose<RequestMetricsMode>('requestMetrics', given, fromEnv, false);
}

function optionOf(sampling: Sampling | undefined): SamplingConfig | undefined {
  if (sampling === undefined) return undefined;
  const policy = asPolicy('sampling', sampling);
  // A fixed probability has a way of its own, which costs less.
  return typeof sampling === 'number'
    ? { ratio: sampling, parentBased: true }
    : { ratio: 1, parentBased: true, policy };
}

function environmentSampling(env: ConfigEnvironment): SamplingConfig | undefined {
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
        return name.endsWith('jaeger_remote')
          ? 'always_on, always_off or traceidratio (for rates from a Throughline collector, set the option sampling: remote())'
          : 'always_on, always_off or traceidratio, optionally with the prefix parentbased_';
    }
  });
}
