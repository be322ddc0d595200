import type { TraceSamplingDecision, TraceSamplingResponse } from '@throughline/trace';
import { shortCountText } from '../../parts/count-text.ts';
import { keptText } from '../../parts/probability-text.ts';

/** Why the trace is there, in one line. */
export function traceKeptText({ estimate, weight, probability, decisions }: TraceSamplingResponse): string {
  if (weight === null || probability === null) return 'Kept · for how many it stands is unknown';
  if (weight > 1) return `Kept ${keptText(probability)} · stands for ≈${weightText(weight)} traces`;
  // Its root was kept for sure, and other spans of it do not say.
  if (estimate === 'biased') return 'Kept · some spans are of unknown weight';
  if (estimate === 'estimated') return 'Kept: every trace is, with a part of its spans';
  const isStated = decisions.every(({ threshold }) => threshold !== '');
  return isStated ? 'Kept: every trace is' : 'Kept, as every trace is taken to be';
}

function weightText(weight: number): string {
  return weight < 10 ? String(Number(weight.toPrecision(2))) : shortCountText(weight);
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
