import { checkKnownNames, checkNumber } from '../../runtime/checks.ts';
import { wrongValue } from '../../runtime/config-error.ts';
import { OperationBoosts, samplingMore } from '../policies/operation-boosts.ts';
import type { OperationCounts, StartedOperation } from '../../request-metrics/operation-counts.ts';
import { OperationSurges } from './operation-surges.ts';
import { Policy, type SamplingPolicy, type PolicyContext, type RunningPolicy, type SpanToSample } from '../policy.ts';
import { LimitedThresholds } from '../policies/rate-limit.ts';
import { Exchange, EXCHANGE_INTERVAL_MS } from './exchange.ts';
import type { RemoteSettings } from './remote-settings.ts';
import { CompiledConditions } from '../policies/rule-conditions.ts';
import { thresholdOf, type Threshold } from '../consistent/threshold.ts';
import { countOf } from '../../runtime/count-of.ts';

/** All are optional. */
export interface RemoteOptions {
  /**
   * The sampling probability until the collector has responded, and when it has been unreachable for long, 0 to 1.
   * Default 0.1.
   */
  readonly sampling?: number | undefined;
  /** Spans per second that this process may record, whatever the collector wants; 0.01 and more. Default 1000. */
  readonly spansPerSecond?: number | undefined;
  /**
   * Mean time between two exchanges in milliseconds, 1000 to 600,000; each is up to a fifth shorter or longer. Default
   * 5000.
   */
  readonly intervalMillis?: number | undefined;
}

const OPTION_NAMES: Readonly<Record<keyof RemoteOptions, true>> = {
  sampling: true,
  spansPerSecond: true,
  intervalMillis: true,
};
const INTERVAL_MS_MAX = 600_000;
/**
 * How long the last response holds while the collector is unreachable, and the time in which its distance to the
 * default then halves.
 */
const HOLD_MS = 60_000;
const DECAY_HALF_MS = 30_000;
/** Until the collector has said how many error traces it wants of this process. */
const ERROR_TRACES_PER_SECOND = 1;
const BOOST_PROBABILITY_MAX = 1;

class RemotePolicy extends Policy {
  readonly #sampling: number;
  readonly #spansPerSecond: number;
  readonly #intervalMs: number;

  constructor(sampling: number, spansPerSecond: number, intervalMs: number) {
    super(`rates from the collector, else ratio ${sampling}, at most ${countOf(spansPerSecond, 'span')} a second`);
    this.#sampling = sampling;
    this.#spansPerSecond = spansPerSecond;
    this.#intervalMs = intervalMs;
  }

  override get readsAttributes(): boolean {
    // The collector may send rules on them.
    return true;
  }

  override get exchangesCounts(): boolean {
    return true;
  }

  override start(context: PolicyContext): RunningPolicy {
    const limited = new LimitedThresholds(this.#spansPerSecond, false, context);
    const running = new RunningRemote(this.#sampling, this.#intervalMs, limited, context);
    return (span) => running.thresholdFor(span);
  }
}

type CompiledRule = readonly [conditions: CompiledConditions, threshold: Threshold | undefined];

class RunningRemote {
  readonly #context: PolicyContext;
  readonly #counts: OperationCounts;
  readonly #boosts: OperationBoosts;
  readonly #surges: OperationSurges;
  readonly #limited: LimitedThresholds;
  readonly #localProbability: number;
  #settings: RemoteSettings | undefined;
  #answeredMs = 0;
  #default: Threshold | undefined;
  #operations = new Map<StartedOperation, Threshold | undefined>();
  #rules: readonly CompiledRule[] = [];

  constructor(localProbability: number, intervalMs: number, limited: LimitedThresholds, context: PolicyContext) {
    this.#context = context;
    this.#counts = context.counts();
    this.#localProbability = localProbability;
    this.#limited = limited;
    this.#default = thresholdOrDrop(localProbability);
    this.#boosts = new OperationBoosts(this.#counts, boostOptions(ERROR_TRACES_PER_SECOND), context);
    const exchange = new Exchange(this.#counts, intervalMs, context, {
      accepted: (settings, reported) => this.#accept(settings, reported),
      failed: (problem) => this.#failed(problem),
    });
    this.#surges = new OperationSurges(context, () => exchange.hurry());
    exchange.start();
  }

  thresholdFor(span: SpanToSample): Threshold | undefined {
    const operation = this.#counts.operationOf(span.name, span.kind);
    operation.decided++;
    return this.#limited.of(samplingMore(this.#wantedFor(span, operation), this.#boosts.of(operation)));
  }

  #wantedFor(span: SpanToSample, operation: StartedOperation): Threshold | undefined {
    for (const [met, threshold] of this.#rules) if (met.areMetBy(span)) return threshold;
    const surging = this.#surges.of(operation);
    if (surging !== undefined) return surging;
    return this.#operations.has(operation) ? this.#operations.get(operation) : this.#default;
  }

  #failed(problem: string): void {
    const line = `collector sent no sampling rates: ${problem}; the last ones stay in force`;
    this.#context.failed('sampling exchange', line);
    this.#decay(this.#context.clock.monotonicMs());
  }

  #accept(settings: RemoteSettings, reported: (operation: StartedOperation) => number): void {
    this.#settings = settings;
    this.#answeredMs = this.#context.clock.monotonicMs();
    const perSecond = settings.errorTracesPerSecond;
    if (perSecond > 0) this.#boosts.options = boostOptions(perSecond);
    this.#apply(settings, (probability) => probability);
    for (const { name, kind, probability, tracesPerSecond } of settings.operations) {
      const operation = this.#counts.find(name, kind);
      if (operation === undefined) continue;
      const decidedPerSecond = reported(operation);
      const sampledPerSecond = Math.max(probability * decidedPerSecond, tracesPerSecond);
      this.#surges.allow(operation, { probability, tracesPerSecond: sampledPerSecond, decidedPerSecond });
    }
  }

  #apply(settings: RemoteSettings, adjusted: (probability: number) => number): void {
    this.#default = thresholdOrDrop(adjusted(settings.probability));
    // The kinds of conditions that the collector sends are texts, but a kind may not exist.
    const rules: CompiledRule[] = [];
    let unknown = 0;
    for (const { conditions, probability } of settings.rules) {
      try {
        rules.push([new CompiledConditions('rule', conditions), thresholdOrDrop(adjusted(probability))]);
      } catch {
        unknown++;
      }
    }
    this.#rules = rules;
    this.#operations = new Map();
    for (const { name, kind, probability } of settings.operations) {
      const operation = this.#counts.find(name, kind);
      if (operation === undefined) unknown++;
      else this.#operations.set(operation, thresholdOrDrop(adjusted(probability)));
    }
    if (unknown > 0) {
      this.#context.failed(
        'sampling rates',
        `${countOf(unknown, 'operation or rule from the collector is', 'operations or rules from the collector are')} unknown here and ignored`,
      );
    }
  }

  /** After a while without a response, rates go back to what is set here. */
  #decay(nowMs: number): void {
    const unreachableMs = nowMs - this.#answeredMs - HOLD_MS;
    if (this.#settings === undefined || unreachableMs <= 0) return;
    const weight = 2 ** (-unreachableMs / DECAY_HALF_MS);
    const local = this.#localProbability;
    this.#apply(this.#settings, (probability) => local + (probability - local) * weight);
  }
}

function boostOptions(errorTracesPerSecond: number): { errorTracesPerSecond: number; maxProbability: number } {
  return { errorTracesPerSecond, maxProbability: BOOST_PROBABILITY_MAX };
}

function thresholdOrDrop(probability: number): Threshold | undefined {
  return probability > 0 ? thresholdOf(probability) : undefined;
}

/**
 * Gets sampling probabilities from Throughline's collector every few seconds, and reports how many requests and errors
 * there were. `sampling` holds until it has responded, and again when it has been unreachable for more than a minute.
 * For services whose processes share one budget, or whose rates are set without a deployment. Counts requests.
 * @example
 * new Tracer({ sampling: remote({ sampling: 0.05, spansPerSecond: 500 }) });
 * @see docs/sampling.md#rates-from-the-collector
 * @throws ConfigError for a wrong option.
 */
export function remote(options: RemoteOptions = {}): SamplingPolicy {
  checkKnownNames('remote', options, OPTION_NAMES);
  const sampling = checkNumber('remote.sampling', options.sampling, 0, 1) ?? 0.1;
  const spansPerSecond = checkNumber('remote.spansPerSecond', options.spansPerSecond, 0.01) ?? 1000;
  const intervalMs = checkNumber('remote.intervalMillis', options.intervalMillis, 1000, INTERVAL_MS_MAX);
  if (!Number.isFinite(spansPerSecond)) throw wrongValue('remote.spansPerSecond', spansPerSecond, 'a finite number');
  return new RemotePolicy(sampling, spansPerSecond, intervalMs ?? EXCHANGE_INTERVAL_MS);
}
