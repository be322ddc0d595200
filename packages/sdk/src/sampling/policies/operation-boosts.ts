import { ErrorBoost, type ErrorBoostOptions } from './error-boost.ts';
import type { OperationCounts, StartedOperation } from '../../request-metrics/operation-counts.ts';
import type { PolicyContext } from '../policy.ts';
import type { Threshold } from '../consistent/threshold.ts';

const SECOND_MS = 1000;

interface Watched {
  readonly boost: ErrorBoost;
  requests: number;
  errors: number;
}

/** Watches the errors of every operation of this process, once a second, and boosts those whose errors rise. */
export class OperationBoosts {
  readonly #counts: OperationCounts;
  readonly #context: Pick<PolicyContext, 'schedule' | 'atEnd'>;
  readonly #watched = new Map<StartedOperation, Watched>();
  readonly #boosted = new Map<StartedOperation, Threshold>();
  #options: ErrorBoostOptions;
  #cancel: () => void;

  constructor(counts: OperationCounts, options: ErrorBoostOptions, context: Pick<PolicyContext, 'schedule' | 'atEnd'>) {
    this.#counts = counts;
    this.#options = options;
    this.#context = context;
    this.#cancel = context.schedule(() => this.#tick(), SECOND_MS);
    context.atEnd(() => this.#cancel());
  }

  set options(options: ErrorBoostOptions) {
    this.#options = options;
  }

  /** What to sample at least of an operation's traces. */
  of(operation: StartedOperation): Threshold | undefined {
    return this.#boosted.size === 0 ? undefined : this.#boosted.get(operation);
  }

  #tick(): void {
    this.#cancel = this.#context.schedule(() => this.#tick(), SECOND_MS);
    for (const operation of this.#counts.operations()) {
      const { requests, errors } = operation;
      const watched = this.#watchedOf(operation);
      const boost = watched.boost.afterSecond(requests - watched.requests, errors - watched.errors, this.#options);
      watched.requests = requests;
      watched.errors = errors;
      if (boost === undefined) this.#boosted.delete(operation);
      else this.#boosted.set(operation, boost);
    }
  }

  #watchedOf(operation: StartedOperation): Watched {
    let watched = this.#watched.get(operation);
    if (watched === undefined) {
      watched = { boost: new ErrorBoost(), requests: 0, errors: 0 };
      this.#watched.set(operation, watched);
    }
    return watched;
  }
}

/** The one of two that samples more. */
export function samplingMore(a: Threshold | undefined, b: Threshold | undefined): Threshold | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a.high28 < b.high28 || (a.high28 === b.high28 && a.low28 <= b.low28) ? a : b;
}
