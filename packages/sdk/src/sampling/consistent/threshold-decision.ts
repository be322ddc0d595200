import { RANDOM_FLAG, SAMPLED_FLAG, type LocalTrace } from '../../span/local-trace.ts';
import { otMember, withOtValue } from './ot-trace-state.ts';
import { reaches, Threshold, thresholdOf } from './threshold.ts';

/** Samples every trace, and states it. */
export const SAMPLE_ALL = thresholdOf(1);
/** Samples every trace that comes to it, with a probability that nobody knows. */
export const SAMPLE_UNWEIGHTED = new Threshold(0, 0, false);

/**
 * The only place that compares a trace's randomness with a threshold. Sets the sampled flag, and `th` in the
 * tracestate: that of the threshold where the trace is sampled, none where it is dropped or the threshold's probability
 * is unknown. Returns whether it is sampled.
 */
export function decideBy(trace: LocalTrace, threshold: Threshold | undefined): boolean {
  const isSampled = threshold !== undefined && reachesThreshold(trace, threshold);
  trace.flags = (trace.flags & RANDOM_FLAG) | (isSampled ? SAMPLED_FLAG : 0);
  if (trace.traceState !== '') {
    const th = isSampled && threshold.isWeightKnown ? threshold.th : undefined;
    trace.traceState = withOtValue(trace.traceState, 'th', th);
  } else if (isSampled) trace.traceState = threshold.traceState;
  return isSampled;
}

/** Does as the caller did, whose flags and tracestate these are. Returns whether the trace is sampled. */
export function followParent(trace: LocalTrace): boolean {
  // A threshold that the decision contradicts would give this span a weight that nothing backs.
  if (trace.traceState !== '' && otMember(trace.traceState).hasThreshold && parentWeight(trace) === undefined) {
    trace.traceState = withOtValue(trace.traceState, 'th', undefined);
  }
  return trace.sampled;
}

/**
 * What the caller decided, as a threshold: its own where flag and randomness agree with it, one without a weight where
 * it sampled the trace and says no more (or contradicts itself), `undefined` where it dropped it.
 */
export function parentThresholdOf(trace: LocalTrace): Threshold | undefined {
  if (!trace.sampled) return undefined;
  return parentWeight(trace) ?? SAMPLE_UNWEIGHTED;
}

/** The threshold that the caller states and its decision agrees with. */
function parentWeight(trace: LocalTrace): Threshold | undefined {
  if (!trace.sampled || trace.traceState === '') return undefined;
  const { threshold } = otMember(trace.traceState);
  return threshold !== undefined && reachesThreshold(trace, threshold) ? threshold : undefined;
}

/** An explicit `rv` in the tracestate replaces the id's own random bits. */
function reachesThreshold(trace: LocalTrace, threshold: Threshold): boolean {
  const randomness = trace.traceState === '' ? undefined : otMember(trace.traceState).randomness;
  return randomness === undefined
    ? reaches(trace.randomHigh28, trace.randomLow28, threshold)
    : reaches(randomness.high28, randomness.low28, threshold);
}
