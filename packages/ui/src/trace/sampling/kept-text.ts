import type { TraceSamplingDecision, TraceSamplingResponse } from '@throughline/trace';
import { shortCountText } from '../../parts/count-text.ts';
import { keptText } from '../../parts/probability-text.ts';

/** Why the trace is there, in one line. */
export function traceKeptText({ estimate, weight, probability }: TraceSamplingResponse): string {
  if (weight === null || probability === null) return 'Kept, of an unknown number';
  if (weight <= 1 && estimate === 'exact') return 'Kept: every trace is';
  // Its spans may know their weights, while others' of the same trace do not.
  if (weight <= 1) return 'Kept, with spans of unknown weight';
  return `Kept ${keptText(probability)} · stands for ≈${weight < 10 ? Number(weight.toPrecision(2)) : shortCountText(weight)} traces`;
}

const reasons: Readonly<Record<NonNullable<TraceSamplingDecision['reason']>, string>> = {
  default: 'its traffic is not known to this collector yet',
  fixed: 'a fixed share is set for it in this collector',
  target: 'this collector aims at a number of traces a second',
  errors: 'this collector keeps more of it now, because its errors have risen',
  rule: 'a rule of this collector decides it',
};

/** Why the collector tells applications what it tells of that operation now; '' where it was never asked. */
export function reasonText({ reason }: TraceSamplingDecision): string {
  return reason === null ? '' : reasons[reason];
}
