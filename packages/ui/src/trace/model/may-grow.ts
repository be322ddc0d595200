/** A trace whose last span ended longer ago than this is taken to be complete. */
const settledAfterMs = 30_000;

/**
 * Clocks differ by less: an end that is further ahead is a sender's fault, and says nothing of what is still to come.
 */
const clocksDifferByMs = 3_600_000;

/** Whether more of a trace may arrive whose last span ended at `endMs`. */
export function mayGrow(endMs: number, nowMs: number): boolean {
  const agoMs = nowMs - endMs;
  return agoMs <= settledAfterMs && agoMs >= -clocksDifferByMs;
}
