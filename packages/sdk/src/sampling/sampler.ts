import type { LocalTrace } from '../span/local-trace.ts';
import { decideBy, followParent } from './consistent/threshold-decision.ts';
import { thresholdOf, type Threshold } from './consistent/threshold.ts';

/** A fixed sampling probability, as `tracer.config.sampling` shows it. */
export interface SamplerOptions {
  /** The sampling probability, 0 to 1. */
  readonly ratio: number;
  /** Whether a remote parent's decision is followed; otherwise every local root is decided from scratch. */
  readonly parentBased: boolean;
}

/** Decides once a local root whether its trace is recorded here; the spans below follow it. */
export interface LocalRootSampler {
  /**
   * Sets the sampled flag of a local root's trace, and `th` in its tracestate. `attributes` are the application's,
   * unchecked.
   */
  decide(trace: LocalTrace, hasParent: boolean, name: string, kind: unknown, attributes: unknown): void;
}

/** Samples traces with a fixed probability. */
export class Sampler implements LocalRootSampler {
  readonly #threshold: Threshold | undefined;
  readonly #parentBased: boolean;

  constructor({ ratio, parentBased }: SamplerOptions) {
    this.#threshold = ratio > 0 ? thresholdOf(ratio) : undefined;
    this.#parentBased = parentBased;
  }

  decide(trace: LocalTrace, hasParent: boolean): void {
    if (hasParent && this.#parentBased) followParent(trace);
    else decideBy(trace, this.#threshold);
  }
}
