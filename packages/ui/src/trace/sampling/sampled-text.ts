import type { TraceSamplingDecision, TraceSamplingResponse } from '@throughline/trace/client';
import { shortCountText } from '../../parts/count-text.ts';
import { ratioText } from '../../parts/probability-text.ts';

/** Why the trace is there, in one line. */
export function traceSampledText({ estimate, weight, probability, decisions }: TraceSamplingResponse): string {
  if (weight === null || probability === null) return 'Sampled · probability unknown';
  if (weight > 1) return `Sampled ${ratioText(probability)} · represents ≈${weightText(weight)}`;
  // Its root was sampled for sure, and other spans of it report no probability.
  if (estimate === 'biased') return 'Sampled · some weights unknown';
  if (estimate === 'estimated') return 'Sampled at 100% · some spans dropped';
  const isStated = decisions.every(({ threshold }) => threshold !== '');
  return isStated ? 'Sampled at 100%' : 'Sampling not reported (assumed 100%)';
}

function weightText(weight: number): string {
  const text = weight < 10 ? String(Number(weight.toPrecision(2))) : shortCountText(weight);
  return `${text} ${text === '1' ? 'trace' : 'traces'}`;
}

const reasons: Readonly<Record<NonNullable<TraceSamplingDecision['reason']>, string>> = {
  default: 'no traffic reported yet',
  fixed: 'fixed probability',
  target: 'target rate',
  errors: 'error boost',
  rule: 'matched a rule',
};

/** Why applications have this probability for the operation now; '' where it was never reported. */
export function reasonText({ reason }: TraceSamplingDecision): string {
  return reason === null ? '' : reasons[reason];
}
