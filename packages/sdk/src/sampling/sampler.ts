import { RANDOM_FLAG, SAMPLED_FLAG, type LocalTrace } from '../local-trace.ts';
import { otValue, withOtValue } from './ot-trace-state.ts';
import { parseThreshold, reaches, thresholdOf, type Threshold } from './threshold.ts';

export interface SamplerOptions {
  /** The share of traces to keep, 0 to 1. */
  readonly ratio: number;
  /** Whether a remote parent's decision is followed; otherwise every local root decides anew. */
  readonly parentBased: boolean;
}

/** Decides once a local root whether its trace is recorded here; the spans below follow it. */
export class Sampler {
  readonly #threshold: Threshold | undefined;
  readonly #parentBased: boolean;
  /** The tracestate of a new trace that is kept. */
  readonly #newTraceState: string;

  constructor({ ratio, parentBased }: SamplerOptions) {
    this.#threshold = ratio > 0 ? thresholdOf(ratio) : undefined;
    this.#parentBased = parentBased;
    this.#newTraceState = withOtValue('', 'th', this.#threshold?.th);
  }

  /** Sets the sampled flag of a local root's trace, and `th` in its tracestate. */
  decide(trace: LocalTrace, hasParent: boolean): void {
    if (hasParent && this.#parentBased) this.#followParent(trace);
    else this.#decideAnew(trace);
  }

  #followParent(trace: LocalTrace): void {
    const th = otValue(trace.traceState, 'th');
    if (th === undefined) return;
    const threshold = parseThreshold(th);
    // A threshold that the decision contradicts would give this span a weight that nothing backs.
    if (!trace.sampled || threshold === undefined || !isKept(trace, threshold)) {
      trace.traceState = withOtValue(trace.traceState, 'th', undefined);
    }
  }

  #decideAnew(trace: LocalTrace): void {
    const threshold = this.#threshold;
    const kept = threshold !== undefined && isKept(trace, threshold);
    trace.flags = (trace.flags & RANDOM_FLAG) | (kept ? SAMPLED_FLAG : 0);
    if (trace.traceState === '') trace.traceState = kept ? this.#newTraceState : '';
    else trace.traceState = withOtValue(trace.traceState, 'th', kept ? threshold.th : undefined);
  }
}

/** An explicit `rv` in the tracestate stands in for the id's own random bits. */
function isKept(trace: LocalTrace, threshold: Threshold): boolean {
  if (trace.traceState !== '') {
    const rv = otValue(trace.traceState, 'rv');
    if (rv !== undefined && /^[0-9a-f]{14}$/.test(rv)) {
      return reaches(parseInt(rv.slice(0, 7), 16), parseInt(rv.slice(7), 16), threshold);
    }
  }
  return reaches(trace.randomHigh28, trace.randomLow28, threshold);
}
