import { formatDuration } from '@throughline/trace';

/** A trace may be this much longer than its root without anything worth a word. */
const leastMoreNs = 1e6;
const leastMoreShare = 0.05;

/**
 * What to say beside the duration of a trace's root where the whole trace took clearly longer, such as `41 s total`:
 * work that went on after the root, or a root that is one of several. '' otherwise, and where the extent is not known
 * (NaN).
 */
export function totalText(durationNs: number, extentNs: number): string {
  const moreNs = extentNs - durationNs;
  return moreNs > leastMoreNs && moreNs > leastMoreShare * durationNs ? `${formatDuration(extentNs)} total` : '';
}
