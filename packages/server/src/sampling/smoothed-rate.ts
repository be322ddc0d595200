/** Arrivals a second at one process, as it reports them: smoothed, and quick where they really change. */
export class SmoothedRate {
  #perSecond: number;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  get perSecond(): number {
    return this.#perSecond;
  }

  /** Takes how many there were in a time. */
  update(arrivals: number, windowMs: number): void {
    const before = this.#perSecond;
    const now = (arrivals * 1000) / windowMs;
    if (hasJumped((before * windowMs) / 1000, arrivals)) this.#perSecond = now;
    else this.#perSecond = before + (now - before) * (1 - (1 - SMOOTHING) ** (windowMs / INTERVAL_MS));
  }
}

/**
 * The part of a new figure that counts after an interval, so that one that is off by chance does not count for much.
 */
const SMOOTHING = 0.3;
const INTERVAL_MS = 5000;
/** A change by more is taken at once, unless chance explains it. */
const JUMP = 1.5;
const JUMP_SIGMAS = 3;

function hasJumped(expected: number, arrivals: number): boolean {
  if (arrivals <= expected * JUMP && arrivals >= expected / JUMP) return false;
  return Math.abs(arrivals - expected) > JUMP_SIGMAS * Math.sqrt(Math.max(expected, arrivals));
}
