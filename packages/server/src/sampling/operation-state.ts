import { ErrorWatch, type ErrorBaseline } from './error-watch.ts';
import type { ReportedOperation } from './exchange.ts';
import { FleetRate } from './fleet-rate.ts';
import type { OperationSettings, SamplingSettings } from './settings.ts';

/** What is kept of an operation over a restart. */
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
  /** Arrivals a second that are decided; null before anything was told. */
  readonly decidedPerSecond: number | null;
  readonly errorsPerSecond: number;
}

/** One operation of one service, over all its processes. */
export class OperationState {
  readonly service: string;
  readonly name: string;
  readonly kind: number;
  reportedMs: number;
  readonly #byInstance = new Map<string, { decidedPerSecond: number; atMs: number }>();
  readonly #rate: FleetRate;
  readonly #errors: ErrorWatch;
  readonly #savedPerSecond: number;
  readonly #trustSavedUntilMs: number;

  constructor(operation: { service: string; name: string; kind: number }, nowMs: number, saved?: SavedOperation) {
    this.service = operation.service;
    this.name = operation.name;
    this.kind = operation.kind;
    this.reportedMs = nowMs;
    this.#savedPerSecond = saved?.decidedPerSecond ?? 0;
    this.#trustSavedUntilMs = nowMs + TRUST_SAVED_MS;
    this.#rate = new FleetRate(saved?.decidedPerSecond);
    this.#errors = new ErrorWatch(saved?.baseline);
  }

  get saved(): SavedOperation {
    const { service, name, kind } = this;
    return { service, name, kind, decidedPerSecond: this.#rate.perSecond ?? 0, baseline: this.#errors.baseline };
  }

  /** Takes what a process told; `undefined` where it has nothing new. */
  report(instance: string, reported: ReportedOperation | undefined, windowMs: number, nowMs: number): void {
    if (reported !== undefined) this.reportedMs = nowMs;
    if (windowMs > 0) {
      this.#byInstance.set(instance, { decidedPerSecond: ((reported?.decided ?? 0) * 1000) / windowMs, atMs: nowMs });
      // Right after a restart most processes have not told yet.
      const least = nowMs < this.#trustSavedUntilMs ? this.#savedPerSecond : 0;
      this.#rate.update(Math.max(least, this.#sumOfLive(nowMs)), nowMs);
    }
    this.#errors.add(reported?.requests ?? 0, reported?.errors ?? 0, nowMs);
  }

  /** Processes that have told of it lately. */
  has(instance: string): boolean {
    return this.#byInstance.has(instance);
  }

  sampling(settings: SamplingSettings, nowMs: number): OperationSampling {
    this.#errors.advance(nowMs);
    const { service, name, kind } = this;
    const errorsPerSecond = this.#errors.errorsPerSecond;
    const decidedPerSecond = this.#rate.perSecond ?? null;
    const base = this.#base(settings);
    const boost = this.#errors.isUp && errorsPerSecond > 0 ? settings.errorTracesPerSecond / errorsPerSecond : 0;
    const isBoosted = boost > base.probability && base.reason !== 'fixed';
    const probability = isBoosted ? Math.min(settings.maxProbability, boost) : base.probability;
    return {
      service,
      name,
      kind,
      ...base,
      ...(isBoosted && { reason: 'errors' }),
      probability,
      decidedPerSecond,
      errorsPerSecond,
    };
  }

  #base(settings: SamplingSettings): { probability: number; reason: ProbabilityReason } {
    const own = settings.operations.find((each) => this.#isMeant(each));
    if (own?.probability !== undefined) return { probability: own.probability, reason: 'fixed' };
    const perSecond = this.#rate.perSecond;
    if (perSecond === undefined) return { probability: settings.defaultProbability, reason: 'default' };
    const target = own?.tracesPerSecond ?? settings.tracesPerSecond;
    const wanted = perSecond > target ? target / perSecond : 1;
    const probability = Math.min(settings.maxProbability, Math.max(settings.minProbability, wanted));
    return { probability, reason: 'target' };
  }

  #isMeant({ service, operation }: OperationSettings): boolean {
    return service === this.service && (operation === undefined || operation === this.name);
  }

  #sumOfLive(nowMs: number): number {
    let sum = 0;
    for (const [instance, { decidedPerSecond, atMs }] of this.#byInstance) {
      if (nowMs - atMs > INSTANCE_LIVE_MS) this.#byInstance.delete(instance);
      else sum += decidedPerSecond;
    }
    return sum;
  }
}

/** Longer than two messages of a process are apart. */
const TRUST_SAVED_MS = 10_000;
/** How long a process counts after its last message: three of them may be lost. */
export const INSTANCE_LIVE_MS = 20_000;
