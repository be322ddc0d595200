import { wrongValue } from '../../runtime/config-error.ts';
import { asPolicy } from './as-policy.ts';
import {
  Policy,
  type SamplingPolicy,
  type PolicyContext,
  type RunningPolicy,
  type Sampling,
  type SpanToSample,
} from '../policy.ts';
import type { Threshold } from '../consistent/threshold.ts';

class AnyOfPolicy extends Policy {
  readonly #policies: readonly Policy[];

  constructor(policies: readonly Policy[]) {
    super(`any of (${policies.map(({ description }) => description).join('; ')})`, ...policies);
    this.#policies = policies;
  }

  override start(context: PolicyContext): RunningPolicy {
    const running = this.#policies.map((policy) => policy.start(context));
    return (span) => smallestThreshold(running, span);
  }
}

/** Each policy decides, so that those that count arrivals see all of them. */
function smallestThreshold(policies: readonly RunningPolicy[], span: SpanToSample): Threshold | undefined {
  let smallest: Threshold | undefined;
  for (const policy of policies) {
    const threshold = policy(span);
    if (threshold !== undefined && (smallest === undefined || isBefore(threshold, smallest))) smallest = threshold;
  }
  return smallest;
}

/** Of two that sample the same, the one that states its probability. */
function isBefore(a: Threshold, b: Threshold): boolean {
  if (a.high28 !== b.high28) return a.high28 < b.high28;
  return a.low28 === b.low28 ? a.isWeightKnown && !b.isWeightKnown : a.low28 < b.low28;
}

/**
 * Samples a trace that any of the policies samples: the one with the highest probability decides.
 * @example
 * new Tracer({ sampling: anyOf(0.01, rules([{ path: '/checkout', sampling: 1 }], { otherwise: 0 })) });
 * @see docs/sampling.md#choose-a-policy
 * @throws ConfigError for no policies, or anything that is none.
 */
export function anyOf(...policies: readonly Sampling[]): SamplingPolicy {
  if (policies.length === 0) throw wrongValue('anyOf', policies, 'one or more policies');
  return new AnyOfPolicy(policies.map((policy, i) => asPolicy(`anyOf[${i}]`, policy)));
}
