import { checkNumber } from '../../runtime/checks.ts';
import { SAMPLE_ALL } from '../consistent/threshold-decision.ts';
import { Policy, type SamplingPolicy, type RunningPolicy } from '../policy.ts';
import { thresholdOf, type Threshold } from '../consistent/threshold.ts';

export class RatioPolicy extends Policy {
  readonly #threshold: Threshold | undefined;

  constructor(probability: number) {
    super(`ratio ${probability}`);
    this.#threshold = probability > 0 ? thresholdOf(probability) : undefined;
  }

  override start(): RunningPolicy {
    const threshold = this.#threshold;
    return () => threshold;
  }
}

/**
 * Samples with a fixed probability, 0 to 1; the same as the number alone. Services with the same one sample the same
 * traces.
 * @throws ConfigError for anything else.
 * @example
 * new Tracer({ sampling: ratio(0.1) });
 * @see https://opentelemetry.io/docs/specs/otel/trace/sdk/#traceidratiobased
 */
export function ratio(probability: number): SamplingPolicy {
  return new RatioPolicy(checkNumber('ratio', probability, 0, 1) ?? 1);
}

/**
 * Samples every trace.
 * @example
 * new Tracer({ sampling: alwaysOn() });
 * @see https://opentelemetry.io/docs/specs/otel/trace/sdk/#alwayson
 */
export function alwaysOn(): SamplingPolicy {
  return ratio(SAMPLE_ALL.probability);
}

/**
 * Samples no trace; those that a caller sampled are recorded all the same.
 * @example
 * new Tracer({ sampling: alwaysOff() });
 * @see https://opentelemetry.io/docs/specs/otel/trace/sdk/#alwaysoff
 */
export function alwaysOff(): SamplingPolicy {
  return ratio(0);
}
