import { checkKnownNames, checkNumber, checkOneOf } from '../../runtime/checks.ts';
import { wrongValue } from '../../runtime/config-error.ts';
import { asPolicy } from './as-policy.ts';
import { HardLimit } from './hard-limit.ts';
import { Policy, type SamplingPolicy, type PolicyContext, type RunningPolicy, type Sampling } from '../policy.ts';
import { SpanBudget } from './span-budget.ts';
import { ThresholdCache } from '../consistent/threshold-cache.ts';
import type { Threshold } from '../consistent/threshold.ts';
import { countOf } from '../../runtime/count-of.ts';

/** How much one process records at most. */
export interface RateLimitOptions {
  /**
   * Spans that this process may record per second, 0.01 and more. Those of traces that callers sampled count too, but
   * are never cut.
   */
  readonly spansPerSecond: number;
  /**
   * `smooth` (default) keeps to the limit on average, and about twice it in the worst second of a sudden surge, with
   * weights that keep counts right. `strict` adds a hard limit: no second holds more, and the weights are unknown.
   */
  readonly mode?: 'smooth' | 'strict' | undefined;
  /** What is sampled below the limit: a probability or a policy. Default 1. */
  readonly sampling?: Sampling | undefined;
}

const OPTION_NAMES: Readonly<Record<keyof RateLimitOptions, true>> = {
  spansPerSecond: true,
  mode: true,
  sampling: true,
};
const SPANS_PER_SECOND_MIN = 0.01;

class RateLimitPolicy extends Policy {
  readonly #spansPerSecond: number;
  readonly #isStrict: boolean;
  readonly #inner: Policy;

  constructor(spansPerSecond: number, isStrict: boolean, inner: Policy) {
    super(
      `${inner.description}, at most ${countOf(spansPerSecond, 'span')} a second${isStrict ? ' (strict)' : ''}`,
      inner,
    );
    this.#spansPerSecond = spansPerSecond;
    this.#isStrict = isStrict;
    this.#inner = inner;
  }

  override start(context: PolicyContext): RunningPolicy {
    const inner = this.#inner.start(context);
    const limited = new LimitedThresholds(this.#spansPerSecond, this.#isStrict, context);
    return (span) => limited.of(inner(span));
  }
}

/** Raises thresholds as far as a limit of spans a second demands. */
export class LimitedThresholds {
  readonly #budget: SpanBudget;
  readonly #hardLimit: HardLimit | undefined;
  readonly #thresholds = new ThresholdCache();

  constructor(spansPerSecond: number, isStrict: boolean, context: PolicyContext) {
    this.#budget = new SpanBudget(spansPerSecond, context);
    this.#hardLimit = isStrict ? new HardLimit(spansPerSecond, context) : undefined;
  }

  of(wanted: Threshold | undefined): Threshold | undefined {
    if (wanted === undefined) return undefined;
    const { probability } = wanted;
    const ratio = this.#budget.ratioOf(probability);
    const threshold = ratio === 1 ? wanted : this.#thresholds.of(ratio * probability);
    const hardLimit = this.#hardLimit;
    if (hardLimit === undefined) return wanted.isWeightKnown ? threshold : threshold?.withoutWeight();
    return hardLimit.hasRoom(this.#budget.spansPerTrace) ? threshold?.withoutWeight() : undefined;
  }
}

/**
 * Samples as `sampling` does, up to a number of spans per second; a whole trace is sampled or not, and counts with all
 * its spans. For traffic that may surge where a bill or a disk must not.
 * @example
 * new Tracer({ sampling: rateLimit({ spansPerSecond: 100, sampling: 0.5 }) });
 * @see docs/sampling.md#choose-a-policy
 * @throws ConfigError for a wrong option.
 */
export function rateLimit(options: RateLimitOptions): SamplingPolicy {
  if (options === undefined) throw wrongValue('rateLimit', options, 'an object with spansPerSecond');
  checkKnownNames('rateLimit', options, OPTION_NAMES);
  const spansPerSecond = checkNumber('rateLimit.spansPerSecond', options.spansPerSecond, SPANS_PER_SECOND_MIN);
  if (spansPerSecond === undefined || !Number.isFinite(spansPerSecond)) {
    throw wrongValue('rateLimit.spansPerSecond', spansPerSecond, `a finite number ≥ ${SPANS_PER_SECOND_MIN}`);
  }
  const mode = checkOneOf('rateLimit.mode', options.mode, ['smooth', 'strict']);
  const inner = asPolicy('rateLimit.sampling', options.sampling ?? 1);
  return new RateLimitPolicy(spansPerSecond, mode === 'strict', inner);
}
