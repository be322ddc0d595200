import { catchRejection } from '../../runtime/catch-rejection.ts';
import { shown } from '../../runtime/shown.ts';
import { Policy, type PolicyContext, type RunningPolicy, type SamplingFunction } from '../policy.ts';
import { ThresholdCache } from '../consistent/threshold-cache.ts';

/** A policy that the application wrote. */
export class FunctionPolicy extends Policy {
  readonly #fn: SamplingFunction;

  constructor(fn: SamplingFunction) {
    super(fn.name === '' ? 'a function' : `function ${fn.name}`);
    this.#fn = fn;
  }

  override get readsAttributes(): boolean {
    return true;
  }

  override start({ failed }: PolicyContext): RunningPolicy {
    const thresholds = new ThresholdCache();
    const fn = this.#fn;
    return (span) => {
      const probability: unknown = fn(span);
      if (typeof probability === 'number' && probability >= 0 && probability <= 1) return thresholds.of(probability);
      catchRejection(probability);
      failed(
        'sampling function',
        `returned ${shown(probability)}, expected a number from 0 to 1; its traces are not sampled`,
      );
      return undefined;
    };
  }
}
