import { checkNumber } from '../../runtime/checks.ts';
import { KEEP_ALL } from '../consistent/consistent.ts';
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
 * Keeps a share of traces, 0 to 1.
 * @throws ConfigError for anything else.
 */
export function ratio(probability: number): SamplingPolicy {
  return new RatioPolicy(checkNumber('ratio', probability, 0, 1) ?? 1);
}

export function alwaysOn(): SamplingPolicy {
  return ratio(KEEP_ALL.probability);
}

export function alwaysOff(): SamplingPolicy {
  return ratio(0);
}
