import { checkKnownNames, checkNumber } from '../../runtime/checks.ts';
import { ConfigError, wrongValue } from '../../runtime/config-error.ts';
import { asPolicy } from './as-policy.ts';
import { Policy, type SamplingPolicy, type PolicyContext, type RunningPolicy, type Sampling } from '../policy.ts';
import { CompiledConditions, CONDITIONS, isHealthCheck, type Conditions } from './rule-conditions.ts';
import { ThresholdCache } from '../consistent/threshold-cache.ts';
import { countOf } from '../../runtime/count-of.ts';

/** Spans that meet all its conditions are decided by `sampling`; a rule without conditions matches every span. */
export interface SamplingRule extends Conditions {
  /** A probability from 0 to 1, a policy, or a function. */
  readonly sampling: Sampling;
}

/** What happens to spans that no rule matches. */
export interface RulesOptions {
  /** For spans that no rule matches. Default 1. */
  readonly otherwise?: Sampling | undefined;
  /**
   * Sampling probability of health checks that no rule matches (`/healthz`, `/readyz` and their like, by GET
   * or HEAD). Default 0.
   */
  readonly healthChecks?: number | undefined;
}

interface CompiledRule {
  readonly conditions: CompiledConditions;
  readonly policy: Policy;
}

class RulesPolicy extends Policy {
  readonly #rules: readonly CompiledRule[];
  readonly #otherwise: Policy;
  readonly #healthChecks: number;

  constructor(compiled: readonly CompiledRule[], otherwise: Policy, healthChecks: number) {
    super(
      `${countOf(compiled.length, 'rule')}, else ${otherwise.description}`,
      otherwise,
      ...compiled.map(({ policy }) => policy),
    );
    this.#rules = compiled;
    this.#otherwise = otherwise;
    this.#healthChecks = healthChecks;
  }

  override get readsAttributes(): boolean {
    return true;
  }

  override start(context: PolicyContext): RunningPolicy {
    const running = this.#rules.map(({ conditions, policy }) => ({ conditions, policy: policy.start(context) }));
    const otherwise = this.#otherwise.start(context);
    const healthCheckThreshold = new ThresholdCache().of(this.#healthChecks);
    return (span) => {
      for (const rule of running) if (rule.conditions.areMetBy(span)) return rule.policy(span);
      return isHealthCheck(span) ? healthCheckThreshold : otherwise(span);
    };
  }
}

const RULE_NAMES = { ...CONDITIONS, sampling: true };
const OPTION_NAMES: Readonly<Record<keyof RulesOptions, true>> = { otherwise: true, healthChecks: true };

/**
 * Decides by the first rule that matches the first span of a trace here, by its name, kind, service and attributes at
 * its start.
 * @example
 * new Tracer({
 *   sampling: rules(
 *     [
 *       { path: /^\/internal\//, sampling: 0 },
 *       { kind: 'server', method: 'POST', path: '/checkout', sampling: 1 },
 *     ],
 *     { otherwise: 0.05 },
 *   ),
 * });
 * @see https://opentelemetry.io/docs/specs/otel/trace/sdk/#composablerulebased
 * @throws ConfigError for a condition that is not known or that nothing can meet, and for a rule after one that all
 * spans meet.
 */
export function rules(list: readonly SamplingRule[], options: RulesOptions = {}): SamplingPolicy {
  if (!Array.isArray(list)) throw wrongValue('rules', list, 'an array of rules');
  checkKnownNames('rules', options, OPTION_NAMES);
  const compiled = (list as readonly SamplingRule[]).map((rule, i) => {
    const setting = `rules[${i}]`;
    checkKnownNames(setting, rule, RULE_NAMES);
    const { sampling, ...conditions } = rule;
    const isForAll = Object.values(conditions).every((condition) => condition === undefined);
    if (isForAll && i < list.length - 1) {
      throw new ConfigError(
        setting,
        `${setting}: matches every span, so that the rules after it are never reached; add a condition, or move it to the end`,
      );
    }
    return {
      conditions: new CompiledConditions(setting, conditions),
      policy: asPolicy(`${setting}.sampling`, sampling),
    };
  });
  const healthChecks = checkNumber('rules.healthChecks', options.healthChecks, 0, 1) ?? 0;
  return new RulesPolicy(compiled, asPolicy('rules.otherwise', options.otherwise ?? 1), healthChecks);
}
