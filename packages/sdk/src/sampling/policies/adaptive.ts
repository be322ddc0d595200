import { checkKnownNames, checkNumber } from '../../runtime/checks.ts';
import { asPolicy } from './as-policy.ts';
import type { ErrorBoostOptions } from './error-boost.ts';
import { samplingMore, OperationBoosts } from './operation-boosts.ts';
import { Policy, type SamplingPolicy, type PolicyContext, type RunningPolicy, type Sampling } from '../policy.ts';

/** All are optional. */
export interface AdaptiveOptions {
  /** What is sampled while errors are as usual: a probability or a policy. Default 0.1. */
  readonly sampling?: Sampling | undefined;
  /**
   * Target for traces with an error per second, of each operation whose errors have risen; 0.001 and more. Default 5.
   */
  readonly errorTracesPerSecond?: number | undefined;
  /** The greatest sampling probability of an operation for that, above 0 and up to 1. Default 1. */
  readonly maxProbability?: number | undefined;
}

const OPTION_NAMES: Readonly<Record<keyof AdaptiveOptions, true>> = {
  sampling: true,
  errorTracesPerSecond: true,
  maxProbability: true,
};
/** The smallest that OpenTelemetry's thresholds can say. */
const PROBABILITY_MIN = 2 ** -56;
const PROBABILITY_ACCEPTED = 'a number above 0, at least 2^-56 (1.4e-17), up to 1';

class AdaptivePolicy extends Policy {
  readonly #inner: Policy;
  readonly #options: ErrorBoostOptions;

  constructor(inner: Policy, options: ErrorBoostOptions) {
    super(`${inner.description}, more where errors rise`, inner);
    this.#inner = inner;
    this.#options = options;
  }

  override start(context: PolicyContext): RunningPolicy {
    const counts = context.counts();
    const inner = this.#inner.start(context);
    const boosts = new OperationBoosts(counts, this.#options, context);
    return (span) => samplingMore(inner(span), boosts.of(counts.operationOf(span.name, span.kind)));
  }
}

/**
 * Samples as `sampling` does, and more of an operation's traces while more of its requests fail than in the ten minutes
 * before: a response of 5xx or the status ERROR at the first span here. For services whose errors are rare and wanted.
 * Counts requests.
 * @example
 * new Tracer({ sampling: adaptive({ sampling: 0.05, errorTracesPerSecond: 2 }) });
 * @see docs/sampling.md#choose-a-policy
 * @throws ConfigError for a wrong option.
 */
export function adaptive(options: AdaptiveOptions = {}): SamplingPolicy {
  checkKnownNames('adaptive', options, OPTION_NAMES);
  return new AdaptivePolicy(asPolicy('adaptive.sampling', options.sampling ?? 0.1), {
    errorTracesPerSecond: checkNumber('adaptive.errorTracesPerSecond', options.errorTracesPerSecond, 0.001) ?? 5,
    maxProbability:
      checkNumber('adaptive.maxProbability', options.maxProbability, PROBABILITY_MIN, 1, PROBABILITY_ACCEPTED) ?? 1,
  });
}
