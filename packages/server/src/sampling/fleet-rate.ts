/** Arrivals a second over all processes, as they are told; smoothed, and quick where they really change. */
export class FleetRate {
  #perSecond: number | undefined;
  #atMs = 0;

  constructor(perSecond?: number) {
    this.#perSecond = perSecond;
  }

  /** `undefined` before anything was told. */
  get perSecond(): number | undefined {
    return this.#perSecond;
  }

  /** Takes what the last messages of all processes add up to. */
  update(perSecond: number, nowMs: number): void {
    const before = this.#perSecond;
    const elapsedMs = nowMs - this.#atMs;
    this.#atMs = nowMs;
    if (before === undefined || hasJumped(before, perSecond)) this.#perSecond = perSecond;
    else this.#perSecond = before + (perSecond - before) * (1 - (1 - SMOOTHING) ** (elapsedMs / INTERVAL_MS));
  }
}

/** Of a new figure in an interval, so that one that is off by chance does not count for much. */
const SMOOTHING = 0.3;
const INTERVAL_MS = 5000;
/** A change by more is taken at once, unless chance explains it. */
const JUMP = 1.5;
const JUMP_SIGMAS = 3;

function hasJumped(before: number, now: number): boolean {
  if (now <= before * JUMP && now >= before / JUMP) return false;
  const arrivals = (Math.max(before, now) * INTERVAL_MS) / 1000;
  const difference = (Math.abs(now - before) * INTERVAL_MS) / 1000;
  return difference > JUMP_SIGMAS * Math.sqrt(arrivals);
}
