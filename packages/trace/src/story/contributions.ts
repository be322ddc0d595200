import { Numbers } from '../analysis/numbers.ts';
import type { Trace } from '../tree/trace.ts';
import { calleeSpan } from '../analysis/callee.ts';
import { inferredOf } from './labels.ts';

/** A share of the critical path: the time of like spans (same service, name, kind and callee). */
export interface Contribution {
  readonly place: 'service' | 'network' | 'dependency';
  /** In display order; the first one gives the names. */
  readonly spans: number[];
  durationNs: number;
}

/**
 * The critical path by like spans, in display order of their first ones. Time in a service's own spans has the place
 * `service`; time that a call spent outside of its callee is the `network` (and every queue on it); a call whose callee
 * has sent no span is the `dependency`.
 */
export function contributions(trace: Trace, critical: Float64Array): Contribution[] {
  // By numbers: a text for each span costs more than all that is looked up here.
  const groups = new Map<number, Contribution>();
  const names = new Numbers();
  const targets = new Numbers();
  const calls = new Numbers();
  const likes = new Numbers();
  for (let span = 0; span < trace.spanCount; span++) {
    const durationNs = critical[span]!;
    if (durationNs === 0) continue;
    const callee = calleeSpan(trace, span);
    const dependency = callee >= 0 ? undefined : inferredOf(trace, span);
    const place = callee >= 0 ? 'network' : dependency === undefined ? 'service' : 'dependency';
    const target = callee >= 0 ? trace.serviceIndex[callee]! : dependency === undefined ? -1 : targets.of(dependency);
    const who = trace.serviceIndex[span]! * KINDS + trace.kind[span]!;
    const whom = (target + 1) * PLACES.length + PLACES.indexOf(place);
    const key = likes.ofPair(calls.ofPair(who, whom), names.of(trace.names[span]!));
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { place, spans: [span], durationNs });
    else {
      group.spans.push(span);
      group.durationNs += durationNs;
    }
  }
  return [...groups.values()];
}

const PLACES: readonly Contribution['place'][] = ['service', 'network', 'dependency'];

/** A byte holds the kind. */
const KINDS = 256;

/**
 * The contributions as the steps of a request: what one service did itself is one step, the ways between the same two
 * services are one, and each call of a dependency is its own.
 */
export function rollUpSteps(trace: Trace, parts: readonly Contribution[]): Contribution[] {
  const steps = new Map<string, Contribution>();
  parts.forEach((part, index) => {
    const first = part.spans[0]!;
    const callee = calleeSpan(trace, first);
    const key =
      part.place === 'dependency'
        ? `dependency ${index}`
        : `${trace.serviceIndex[first]} ${part.place === 'network' ? trace.serviceIndex[callee] : ''}`;
    const step = steps.get(key);
    if (step === undefined) steps.set(key, { ...part, spans: [...part.spans] });
    else {
      for (const span of part.spans) step.spans.push(span);
      step.durationNs += part.durationNs;
    }
  });
  return [...steps.values()];
}

/** The time of the critical path that lies in the subtree of a span, from the time of each span. */
export function criticalNsBelow(trace: Trace, critical: Float64Array): (span: number) => number {
  const upTo = new Float64Array(trace.spanCount + 1);
  for (let span = 0; span < trace.spanCount; span++) upTo[span + 1] = upTo[span]! + critical[span]!;
  return (span) => upTo[span + trace.subtreeSize[span]!]! - upTo[span]!;
}
