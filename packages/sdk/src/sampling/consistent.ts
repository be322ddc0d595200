import { RANDOM_FLAG, SAMPLED_FLAG, type LocalTrace } from '../local-trace.ts';
import { otValue, withOtValue } from './ot-trace-state.ts';
import { parseThreshold, reaches, Threshold, thresholdOf } from './threshold.ts';

/** Keeps every trace, and says so. */
export const KEEP_ALL = thresholdOf(1);
/** Keeps every trace that comes to it, where nobody knows what share of all that is. */
export const KEEP_UNWEIGHTED = new Threshold(0, 0, false);

/**
 * The only place that compares a trace's randomness with a threshold. Sets the sampled flag, and `th` in the tracestate: that of the
 * threshold where the trace is kept, none where it is dropped or the threshold's share is unknown. Answers whether it is kept.
 */
export function decideBy(trace: LocalTrace, threshold: Threshold | undefined): boolean {
  const isKept = threshold !== undefined && reachesThreshold(trace, threshold);
  trace.flags = (trace.flags & RANDOM_FLAG) | (isKept ? SAMPLED_FLAG : 0);
  if (trace.traceState !== '') {
    const th = isKept && threshold.isWeightKnown ? threshold.th : undefined;
    trace.traceState = withOtValue(trace.traceState, 'th', th);
  } else if (isKept) trace.traceState = threshold.traceState;
  return isKept;
}

/** Does as the caller did, whose flags and tracestate these are. Answers whether the trace is kept. */
export function followParent(trace: LocalTrace): boolean {
  if (trace.traceState !== '' && otValue(trace.traceState, 'th') !== undefined && !hasParentWeight(trace)) {
    // A threshold that the decision contradicts would give this span a weight that nothing backs.
    trace.traceState = withOtValue(trace.traceState, 'th', undefined);
  }
  return trace.sampled;
}

/**
 * What the caller decided, as a threshold: its own where flag and randomness agree with it, one without a weight where it kept the trace
 * and says no more (or contradicts itself), `undefined` where it dropped it.
 */
export function parentThresholdOf(trace: LocalTrace): Threshold | undefined {
  if (!trace.sampled) return undefined;
  return (trace.traceState === '' ? undefined : parentWeight(trace)) ?? KEEP_UNWEIGHTED;
}

function hasParentWeight(trace: LocalTrace): boolean {
  return trace.sampled && parentWeight(trace) !== undefined;
}

function parentWeight(trace: LocalTrace): Threshold | undefined {
  const th = otValue(trace.traceState, 'th');
  const threshold = th === undefined ? undefined : parseThreshold(th);
  return threshold !== undefined && reachesThreshold(trace, threshold) ? threshold : undefined;
}

/** An explicit `rv` in the tracestate stands in for the id's own random bits. */
function reachesThreshold(trace: LocalTrace, threshold: Threshold): boolean {
  if (trace.traceState !== '') {
    const rv = otValue(trace.traceState, 'rv');
    if (rv !== undefined && /^[0-9a-f]{14}$/.test(rv)) {
      return reaches(parseInt(rv.slice(0, 7), 16), parseInt(rv.slice(7), 16), threshold);
    }
  }
  return reaches(trace.randomHigh28, trace.randomLow28, threshold);
}
