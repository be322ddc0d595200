import type { Trace } from '../tree/trace.ts';

/** Many clocks of spans tick by the millisecond, at their starts at least. */
const TICK_NS = 1_000_000;

/** Siblings that overlap by no more than this ran one after the other. */
export function handoverNs({ durationNs }: Trace, one: number, other: number): number {
  const shorter = Math.min(durationNs[one]!, durationNs[other]!);
  const longer = Math.max(durationNs[one]!, durationNs[other]!);
  return Math.max(0.01 * longer, Math.min(TICK_NS, 0.5 * shorter));
}
