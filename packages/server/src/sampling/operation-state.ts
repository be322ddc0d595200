import { ErrorWatch, type ErrorBaseline } from './error-watch.ts';
import type { ReportedOperation } from '../exchange/exchange-message.ts';
import type { OperationSettings, SamplingSettings } from './sampling-settings.ts';
import { SmoothedRate } from './smoothed-rate.ts';

/** What is saved of an operation over a restart. */
export interface SavedOperation {
  readonly service: string;
  readonly name: string;
  readonly kind: number;
  readonly decidedPerSecond: number;
  readonly baseline: ErrorBaseline;
}

/** Why an operation has its probability. */
export type ProbabilityReason = 'default' | 'fixed' | 'target' | 'errors';

export interface OperationSampling {
  readonly service: string;
  readonly name: string;
  readonly kind: number;
  readonly probability: number;
  readonly reason: ProbabilityReason;
  /** Arrivals a second that are decided, over all processes. */
  readonly decidedPerSecond: number | null;
  readonly errorsPerSecond: number;
  /** What is wanted of it, over all processes; null where its probability is fixed. */
  readonly tracesPerSecond: number | null;
  /** For how long the boost goes on if its errors go back to what is usual; null where it has none. */
  readonly boostedForMs: number | null;
}

/** One operation of one service, over all its processes. */
export class OperationState {
  readonly service: string;
  readonly name: string;
  readonly kind: number;
  reportedMs: number;
  readonly #byInstance = new Map<string, { readonly rate: SmoothedRate; atMs: number }>();
  /** Names that its spans have ended with. */
  readonly #endNames = new Set<string>();
  readonly #errors: ErrorWatch;
  readonly #savedPerSecond: number | undefined;
  readonly #trustSavedUntilMs: number;

  constructor(operation: { service: string; name: string; kind: number }, nowMs: number, saved?: SavedOperation) {
    this.service = operation.service;
    this.name = operation.name;
    this.kind = operation.kind;
    this.reportedMs = nowMs;
    this.#savedPerSecond = saved?.decidedPerSecond;
    this.#trustSavedUntilMs = nowMs + TRUST_SAVED_MS;
    this.#errors = new ErrorWatch(saved?.baseline);
  }

  /** To be saved over a restart. */
  save(nowMs: number): SavedOperation {
    const { service, name, kind } = this;
    return { service, name, kind, decidedPerSecond: this.#perSecond(nowMs) ?? 0, baseline: this.#errors.baseline };
  }

  /** Takes the report of a process; `undefined` where it has nothing new. */
  report(instance: string, reported: ReportedOperation | undefined, windowMs: number, nowMs: number): void {
    if (reported !== undefined) this.reportedMs = nowMs;
    for (const name of reported?.endNames ?? []) if (this.#endNames.size < END_NAMES_MAX) this.#endNames.add(name);
    if (windowMs > 0) {
      const decided = reported?.decided ?? 0;
      const known = this.#byInstance.get(instance);
      known?.rate.update(decided, windowMs);
      const rate = known?.rate ?? new SmoothedRate((decided * 1000) / windowMs);
      this.#byInstance.set(instance, { rate, atMs: nowMs });
    }
    this.#errors.add(reported?.requests ?? 0, reported?.errors ?? 0, nowMs);
  }

  /** Whether spans of this name and kind started as this operation, as far as it is known. */
  isOf(name: string, kind: number): boolean {
    return kind === this.kind && (name === this.name || this.#endNames.has(name));
  }

  /** Processes that have reported it lately. */
  has(instance: string): boolean {
    return this.#byInstance.has(instance);
  }

  sampling(settings: SamplingSettings, nowMs: number): OperationSampling {
    this.#errors.advance(nowMs);
    const { service, name, kind } = this;
    const errorsPerSecond = this.#errors.errorsPerSecond;
    const decidedPerSecond = this.#perSecond(nowMs);
    const base = this.#base(settings, decidedPerSecond);
    const boost = this.#errors.isUp ? settings.errorTracesPerSecond / this.#errors.unusualErrorsPerSecond : 0;
    const isBoosted = boost > base.probability && base.reason !== 'fixed';
    const probability = isBoosted ? Math.min(settings.maxProbability, boost) : base.probability;
    return {
      service,
      name,
      kind,
      ...base,
      ...(isBoosted && { reason: 'errors' }),
      probability,
      boostedForMs: isBoosted ? this.#errors.heldForMs(nowMs) : null,
      decidedPerSecond: decidedPerSecond ?? null,
      errorsPerSecond,
    };
  }

  #base(
    settings: SamplingSettings,
    perSecond: number | undefined,
  ): Pick<OperationSampling, 'probability' | 'reason' | 'tracesPerSecond'> {
    const own = settings.operations.find((each) => this.#isMeant(each));
    if (own?.probability !== undefined) return { probability: own.probability, reason: 'fixed', tracesPerSecond: null };
    const target = own?.tracesPerSecond ?? settings.tracesPerSecond;
    if (perSecond === undefined) {
      return { probability: settings.defaultProbability, reason: 'default', tracesPerSecond: target };
    }
    const wanted = perSecond > target ? target / perSecond : 1;
    const probability = Math.min(settings.maxProbability, Math.max(settings.minProbability, wanted));
    return { probability, reason: 'target', tracesPerSecond: target };
  }

  #isMeant({ service, operation }: OperationSettings): boolean {
    return service === this.service && (operation === undefined || operation === this.name);
  }

  /**
   * Over all processes that have reported lately; what was saved where there are none, `undefined` where nothing was.
   */
  #perSecond(nowMs: number): number | undefined {
    let sum = 0;
    for (const [instance, { rate, atMs }] of this.#byInstance) {
      if (nowMs - atMs > INSTANCE_LIVE_MS) this.#byInstance.delete(instance);
      else sum += rate.perSecond;
    }
    if (this.#byInstance.size === 0) return this.#savedPerSecond;
    // Right after a restart most processes have not reported yet.
    return nowMs < this.#trustSavedUntilMs ? Math.max(this.#savedPerSecond ?? 0, sum) : sum;
  }
}

/** Spans may end with more names; for them it is not known what they started as. */
const END_NAMES_MAX = 1_000;
/** Longer than two messages of a process are apart. */
const TRUST_SAVED_MS = 10_000;
/** How long a process counts after its last message: three of them may be lost. */
export const INSTANCE_LIVE_MS = 20_000;
