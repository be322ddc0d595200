import { asPolicy } from './as-policy.ts';
import { parentThresholdOf } from '../consistent/threshold-decision.ts';
import { Policy, type SamplingPolicy, type PolicyContext, type RunningPolicy, type Sampling } from '../policy.ts';

class ParentThresholdPolicy extends Policy {
  readonly #root: Policy;

  constructor(root: Policy) {
    super(`the caller's decision, else ${root.description}`, root);
    this.#root = root;
  }

  override get decidesUnderParent(): boolean {
    return true;
  }

  override start(context: PolicyContext): RunningPolicy {
    const root = this.#root.start(context);
    return (span) => (span.hasParent ? parentThresholdOf(span.trace) : root(span));
  }
}

/**
 * Decides as the caller did, with its threshold where it stated one that agrees with its decision; `root` decides where
 * there is no caller. A policy that is used alone does so by itself; this is for `anyOf` and `rules`, which decide
 * under a caller where they contain it.
 * @example
 * new Tracer({ sampling: anyOf(parentThreshold(0.1), rateLimit({ spansPerSecond: 5 })) });
 * @see https://opentelemetry.io/docs/specs/otel/trace/sdk/#composableparentthreshold
 * @throws ConfigError where `root` is no policy.
 */
export function parentThreshold(root: Sampling = 1): SamplingPolicy {
  return new ParentThresholdPolicy(asPolicy('parentThreshold', root));
}
