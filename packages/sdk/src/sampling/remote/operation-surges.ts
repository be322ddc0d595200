import type { StartedOperation } from '../../request-metrics/operation-counts.ts';
import type { PolicyContext } from '../policy.ts';
import { thresholdOf, type Threshold } from '../consistent/threshold.ts';

const TICK_MS = 250;
const TICKS = 4;
/** How much more than is wanted may be sampled before it is cut, unless chance explains it. */
const EXCESS = 1.5;
const SIGMAS = 3;

/** What is right to sample of an operation, as long as its traffic stays as it was. */
export interface Allowance {
  readonly probability: number;
  /** Traces a second that may be sampled here. */
  readonly tracesPerSecond: number;
  /** The traffic that this was found for. */
  readonly decidedPerSecond: number;
}

interface Watched extends Allowance {
  /** Whether an exchange was hurried for this allowance. */
  isHurried: boolean;
  decided: number;
  /** Decisions of the last ticks, the newest first. */
  recent: number[];
}

/**
 * Lowers the sampling probability of an operation whose traffic surges, within a quarter of a second, until the
 * collector knows of it.
 */
export class OperationSurges {
  readonly #context: Pick<PolicyContext, 'schedule' | 'atEnd'>;
  readonly #onChange: () => void;
  readonly #watched = new Map<StartedOperation, Watched>();
  readonly #lowered = new Map<StartedOperation, Threshold>();
  #cancel: () => void;

  constructor(context: Pick<PolicyContext, 'schedule' | 'atEnd'>, onChange: () => void) {
    this.#context = context;
    this.#onChange = onChange;
    this.#cancel = context.schedule(() => this.#tick(), TICK_MS);
    context.atEnd(() => this.#cancel());
  }

  /** What to sample at most of an operation's traces, where it surges. */
  of(operation: StartedOperation): Threshold | undefined {
    return this.#lowered.size === 0 ? undefined : this.#lowered.get(operation);
  }

  /** From now on this is right. */
  allow(operation: StartedOperation, allowance: Allowance): void {
    const { decided } = operation;
    const recent = this.#watched.get(operation)?.recent ?? [];
    this.#watched.set(operation, { ...allowance, decided, recent, isHurried: false });
    this.#lowered.delete(operation);
  }

  /** The collector is to hear of it, once. */
  #hurry(watched: Watched): void {
    if (watched.isHurried) return;
    watched.isHurried = true;
    this.#onChange();
  }

  #tick(): void {
    this.#cancel = this.#context.schedule(() => this.#tick(), TICK_MS);
    for (const [operation, watched] of this.#watched) {
      watched.recent.unshift(operation.decided - watched.decided);
      watched.recent.length = Math.min(watched.recent.length, TICKS);
      watched.decided = operation.decided;
      const perSecond = arrivalsPerSecond(watched.recent);
      const excess = perSecond * watched.probability - EXCESS * watched.tracesPerSecond;
      // As traces sampled in a second: below that, it may be chance.
      if (excess > SIGMAS * Math.sqrt(EXCESS * watched.tracesPerSecond)) {
        this.#lowered.set(operation, thresholdOf(watched.tracesPerSecond / perSecond));
        this.#hurry(watched);
      } else {
        this.#lowered.delete(operation);
        if (watched.recent.length === TICKS && hasFallen(watched.decidedPerSecond, perSecond)) this.#hurry(watched);
      }
    }
  }
}

/** Whether there is so much less that more could be sampled. */
function hasFallen(before: number, now: number): boolean {
  return now < before / EXCESS && before - now > SIGMAS * Math.sqrt(before);
}

/** That of the last second, or more where the newest tick shows more than chance explains. */
function arrivalsPerSecond(recent: readonly number[]): number {
  const ticksPerSecond = 1000 / TICK_MS;
  const newest = recent[0] ?? 0;
  const average = (recent.reduce((sum, one) => sum + one, 0) / recent.length) * ticksPerSecond;
  return Math.max(average, (newest - SIGMAS * Math.sqrt(newest)) * ticksPerSecond);
}
