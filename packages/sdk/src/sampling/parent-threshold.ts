import { asPolicy } from './as-policy.ts';
import { parentThresholdOf } from './consistent.ts';
import { Policy, type SamplingPolicy, type PolicyContext, type RunningPolicy, type Sampling } from './policy.ts';

class ParentThresholdPolicy extends Policy {
  readonly description: string;
  readonly #root: Policy;

  constructor(root: Policy) {
    super();
    this.#root = root;
    this.description = `the caller's decision, else ${root.description}`;
  }

  override get decidesUnderParent(): boolean {
    return true;
  }

  override get readsAttributes(): boolean {
    return this.#root.readsAttributes;
  }

  override get exchangesCounts(): boolean {
    return this.#root.exchangesCounts;
  }

  override start(context: PolicyContext): RunningPolicy {
    const root = this.#root.start(context);
    return {
      thresholdFor: (span) => (span.hasParent ? parentThresholdOf(span.trace) : root.thresholdFor(span)),
      close: () => root.close?.(),
    };
  }
}

/**
 * Decides as the caller did, with its threshold where it stated one that agrees with its decision; `root` decides where there is no caller.
 * A policy that is used alone does so by itself; this is for `anyOf` and `rules`, which decide under a caller where it stands in them.
 * (OpenTelemetry: ComposableParentThreshold.)
 * @throws ConfigError where `root` is no policy.
 */
export function parentThreshold(root: Sampling = 1): SamplingPolicy {
  return new ParentThresholdPolicy(asPolicy('parentThreshold', root));
}
