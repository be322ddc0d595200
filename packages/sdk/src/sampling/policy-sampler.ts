import type { LocalTrace } from '../span/local-trace.ts';
import { nameOf } from '../span/span.ts';
import { kindOf } from '../span/span-kind.ts';
import { shownError } from '../runtime/shown.ts';
import { decideBy, followParent } from './consistent/threshold-decision.ts';
import type { PolicyContext, RunningPolicy, Policy, SpanToSample } from './policy.ts';
import type { LocalRootSampler } from './sampler.ts';
import type { Threshold } from './consistent/threshold.ts';

const NO_ATTRIBUTES: Readonly<Record<string, unknown>> = Object.freeze({});

/** The one object that policies see, filled for each decision. */
class ReusedSpan implements SpanToSample {
  readonly service: string;
  name = '';
  kind = 0;
  attributes: Readonly<Record<string, unknown>> = NO_ATTRIBUTES;
  declare trace: LocalTrace;
  hasParent = false;

  constructor(service: string) {
    this.service = service;
  }
}

/** Counts the traces that are sampled at local roots, for policies that depend on it. */
export class SampledTraces {
  count = 0;
}

/**
 * Decides local roots by a policy. What a policy does wrong is counted and drops the trace; it never reaches the
 * application.
 */
export class PolicySampler implements LocalRootSampler {
  readonly #policy: RunningPolicy;
  readonly #decidesUnderParent: boolean;
  readonly #sampled: SampledTraces;
  readonly #failed: PolicyContext['failed'];
  readonly #span: ReusedSpan;
  #isDeciding = false;

  constructor(policy: Policy, context: PolicyContext, sampled: SampledTraces) {
    this.#policy = policy.start(context);
    this.#decidesUnderParent = policy.decidesUnderParent;
    this.#sampled = sampled;
    this.#failed = context.failed;
    this.#span = new ReusedSpan(context.service);
  }

  decide(trace: LocalTrace, hasParent: boolean, name: string, kind: unknown, attributes: unknown): void {
    const isSampled =
      hasParent && !this.#decidesUnderParent
        ? followParent(trace)
        : decideBy(trace, this.#thresholdFor(trace, hasParent, name, kind, attributes));
    if (isSampled) this.#sampled.count++;
  }

  #thresholdFor(
    trace: LocalTrace,
    hasParent: boolean,
    name: string,
    kind: unknown,
    attributes: unknown,
  ): Threshold | undefined {
    if (this.#isDeciding) {
      this.#failed('sampling policy', 'a policy started a span while deciding; that span is not recorded');
      return undefined;
    }
    const span = this.#span;
    span.trace = trace;
    span.hasParent = hasParent;
    span.name = nameOf(name);
    span.kind = kindOf(kind);
    span.attributes =
      typeof attributes === 'object' && attributes !== null ? (attributes as typeof span.attributes) : NO_ATTRIBUTES;
    this.#isDeciding = true;
    try {
      return this.#policy(span);
    } catch (error) {
      this.#failed('sampling policy', `a policy threw, its traces are not sampled: ${shownError(error)}`);
      return undefined;
    } finally {
      this.#isDeciding = false;
      // The application's objects must not be kept alive.
      span.attributes = NO_ATTRIBUTES;
    }
  }
}
