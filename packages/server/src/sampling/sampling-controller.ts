import type { ExchangeMessage, ReportedOperation } from '../exchange/exchange-message.ts';
import { EXCHANGE_VERSION } from '../exchange/wire-message.ts';
import { SAMPLING_LIMITS, type SamplingLimits } from './limits.ts';
import {
  INSTANCE_LIVE_MS,
  OperationState,
  type OperationSampling,
  type ProbabilityReason,
  type SavedOperation,
} from './operation-state.ts';
import { DEFAULT_SAMPLING_SETTINGS, type RuleSettings, type SamplingSettings } from './sampling-settings.ts';

type ControllerLimits = Pick<SamplingLimits, 'operationsMax' | 'instancesMax' | 'operationLiveMs'>;

export interface OperationResponse {
  readonly name: string;
  readonly kind: number;
  readonly probability: number;
  /** This process' even part of what is wanted, for what it does in a surge; absent where the probability is fixed. */
  readonly tracesPerSecond?: number;
}

/** What a process is answered. */
export interface ExchangeResponse {
  readonly version: number;
  /** Of operations that are not named. */
  readonly probability: number;
  /** This process' part of the wanted error traces a second. */
  readonly errorTracesPerSecond: number;
  readonly operations: readonly OperationResponse[];
  readonly rules: readonly RuleSettings[];
  /** Where the totals of the message could not be made durable; its probabilities need the recent counts alone. */
  readonly totalsNoted?: false;
}

/**
 * Turns request metrics of all processes into probabilities: for each operation the one that samples as many traces a
 * second as are wanted, more while its errors are up. It depends on counts alone, never on what was sampled, and so is
 * right from the first message on.
 */
export class SamplingController {
  settings: SamplingSettings;
  /** Operations and processes that were not remembered because of a limit. */
  untracked = 0;
  readonly #limits: ControllerLimits;
  readonly #now: () => number;
  /** By service, then by kind and name. */
  readonly #services = new Map<string, Map<string, OperationState>>();
  /** When each process of a service reported last. */
  readonly #instances = new Map<string, Map<string, number>>();
  #operationCount = 0;
  #instanceCount = 0;

  /** `now` is in milliseconds and never goes back. */
  constructor(options: { settings?: SamplingSettings; limits?: Partial<ControllerLimits>; now?: () => number } = {}) {
    this.settings = options.settings ?? DEFAULT_SAMPLING_SETTINGS;
    this.#limits = { ...SAMPLING_LIMITS, ...options.limits };
    this.#now = options.now ?? (() => performance.now());
  }

  get operationCount(): number {
    return this.#operationCount;
  }

  /** Takes a process' message, and returns what it is to sample. */
  exchange(report: ExchangeMessage): ExchangeResponse {
    this.take(report);
    const nowMs = this.#now();
    const instances = Math.max(1, this.#liveInstances(report.service, nowMs));
    const operations: OperationResponse[] = [];
    for (const state of this.#services.get(report.service)?.values() ?? []) {
      if (!state.has(report.instance)) continue;
      const { name, kind, probability, tracesPerSecond } = state.sampling(this.settings, nowMs);
      const share = tracesPerSecond === null ? {} : { tracesPerSecond: tracesPerSecond / instances };
      operations.push({ name, kind, probability, ...share });
    }
    const { defaultProbability, errorTracesPerSecond, rules } = this.settings;
    return {
      version: EXCHANGE_VERSION,
      probability: defaultProbability,
      errorTracesPerSecond: errorTracesPerSecond / instances,
      operations,
      rules: rules.filter(({ service }) => service === undefined || service === report.service),
    };
  }

  /** Takes a message without an answer: another collector has given it. */
  take({ service, instance, windowMs, operations }: ExchangeMessage): void {
    const nowMs = this.#now();
    if (!this.#noteInstance(service, instance, nowMs)) return;
    const states = this.#services.get(service) ?? new Map<string, OperationState>();
    this.#services.set(service, states);
    const reported = new Map<string, ReportedOperation>();
    for (const operation of operations) {
      const key = keyOf(operation);
      reported.set(key, operation);
      if (!states.has(key)) this.#add(states, new OperationState({ service, ...operation }, nowMs));
    }
    for (const [key, state] of states) {
      const operation = reported.get(key);
      // What the process has reported before, and not now, had nothing new.
      if (operation !== undefined || state.has(instance)) state.report(instance, operation, windowMs, nowMs);
    }
  }

  /** What is sampled and why, of one service or all. */
  sampling(service?: string): readonly OperationSampling[] {
    const nowMs = this.#now();
    const services = service === undefined ? [...this.#services.values()] : [this.#services.get(service) ?? new Map()];
    return services.flatMap((states: Map<string, OperationState>) =>
      [...states.values()].map((state) => state.sampling(this.settings, nowMs)),
    );
  }

  /** Why the operation that such spans start as has its probability; null where it is not known. */
  reasonOf(service: string, name: string, kind: number): ProbabilityReason | null {
    const states = [...(this.#services.get(service)?.values() ?? [])];
    const state = states.find((each) => each.isOf(name, kind));
    return state === undefined ? null : state.sampling(this.settings, this.#now()).reason;
  }

  save(): readonly SavedOperation[] {
    const nowMs = this.#now();
    return [...this.#services.values()].flatMap((states) => [...states.values()].map((state) => state.save(nowMs)));
  }

  restore(saved: readonly SavedOperation[]): void {
    const nowMs = this.#now();
    for (const operation of saved) {
      const states = this.#services.get(operation.service) ?? new Map<string, OperationState>();
      this.#services.set(operation.service, states);
      this.#add(states, new OperationState(operation, nowMs, operation));
    }
  }

  #add(states: Map<string, OperationState>, state: OperationState): void {
    if (this.#operationCount >= this.#limits.operationsMax) {
      this.untracked++;
      return;
    }
    states.set(keyOf(state), state);
    this.#operationCount++;
  }

  #noteInstance(service: string, instance: string, nowMs: number): boolean {
    const instances = this.#instances.get(service) ?? new Map<string, number>();
    if (!instances.has(instance)) {
      if (this.#instanceCount >= this.#limits.instancesMax) {
        this.untracked++;
        return false;
      }
      this.#instanceCount++;
    }
    this.#instances.set(service, instances);
    instances.set(instance, nowMs);
    return true;
  }

  #liveInstances(service: string, nowMs: number): number {
    const instances = [...(this.#instances.get(service)?.values() ?? [])];
    return instances.filter((atMs) => nowMs - atMs <= INSTANCE_LIVE_MS).length;
  }

  /** Forgets who has been silent for long: processes, and operations. Rates follow the clock by themselves. */
  tick(): void {
    const nowMs = this.#now();
    for (const [service, instances] of this.#instances) {
      for (const [instance, atMs] of instances) {
        if (nowMs - atMs > INSTANCE_LIVE_MS && instances.delete(instance)) this.#instanceCount--;
      }
      if (instances.size === 0) this.#instances.delete(service);
    }
    for (const [service, states] of this.#services) {
      for (const [key, { reportedMs }] of states) {
        if (nowMs - reportedMs > this.#limits.operationLiveMs && states.delete(key)) this.#operationCount--;
      }
      if (states.size === 0) this.#services.delete(service);
    }
  }
}

function keyOf({ name, kind }: { readonly name: string; readonly kind: number }): string {
  return `${kind} ${name}`;
}
