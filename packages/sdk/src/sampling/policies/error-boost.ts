import { thresholdOf, type Threshold } from '../consistent/threshold.ts';

export interface ErrorBoostOptions {
  /** How many traces with an error a second are wanted while errors are up. */
  readonly errorTracesPerSecond: number;
  /** The greatest sampling probability of a boost, above 0 and up to 1. */
  readonly maxProbability: number;
}

/** What errors of the last seconds are held against what was usual before them. */
const RECENT_SECONDS = 10;
const BASELINE_SECONDS = 600;
const ERRORS_MIN = 5;
/** In standard deviations: operations are looked at every second all day, and a false alarm has to be rare. */
const Z_MIN = 3.5;
/** Seconds that a boost goes on after errors were last up, and those after it in which none begins. */
const HOLD_SECONDS = 60;
const COOLDOWN_SECONDS = 300;
/** What is assumed before anything has been seen: one error in a hundred requests. */
const PRIOR_REQUESTS = 100;
const PRIOR_ERRORS = 1;

/**
 * Notices, second by second, that an operation fails more often than it used to, and then states the sampling
 * probability of its traces.
 */
export class ErrorBoost {
  readonly #requests = new Float64Array(RECENT_SECONDS);
  readonly #errors = new Float64Array(RECENT_SECONDS);
  #recentRequests = 0;
  #recentErrors = 0;
  #baselineRequests = PRIOR_REQUESTS;
  #baselineErrors = PRIOR_ERRORS;
  #second = 0;
  #heldUntil = 0;
  #quietUntil = 0;
  #isBoosting = false;

  /**
   * What to sample at least of the operation's traces after a second with these requests and errors; `undefined` while
   * nothing is unusual.
   */
  afterSecond(requests: number, errors: number, options: ErrorBoostOptions): Threshold | undefined {
    this.#add(requests, errors);
    const isUp = this.#errorsAreUp();
    if (isUp && (this.#isBoosting || this.#second >= this.#quietUntil)) {
      this.#isBoosting = true;
      this.#heldUntil = this.#second + HOLD_SECONDS;
    }
    if (this.#isBoosting && this.#second >= this.#heldUntil) {
      this.#isBoosting = false;
      this.#quietUntil = this.#second + COOLDOWN_SECONDS;
    }
    return this.#isBoosting ? thresholdOf(this.#probability(options)) : undefined;
  }

  #add(requests: number, errors: number): void {
    const place = this.#second % RECENT_SECONDS;
    // What leaves the recent seconds joins the baseline, which forgets over ten minutes.
    const leavingRequests = this.#requests[place] ?? 0;
    const leavingErrors = this.#errors[place] ?? 0;
    const kept = 1 - 1 / BASELINE_SECONDS;
    this.#baselineRequests = this.#baselineRequests * kept + leavingRequests;
    this.#baselineErrors = this.#baselineErrors * kept + leavingErrors;
    this.#recentRequests += requests - leavingRequests;
    this.#recentErrors += errors - leavingErrors;
    this.#requests[place] = requests;
    this.#errors[place] = errors;
    this.#second++;
  }

  /**
   * More errors than chance explains at the usual share of them. The roots are what makes few errors comparable
   * (Anscombe): by the plain binomial deviation, 8 where 2.5 are usual would count, which chance brings every few
   * minutes.
   */
  #errorsAreUp(): boolean {
    if (this.#recentErrors < ERRORS_MIN) return false;
    const usual = (this.#baselineErrors + PRIOR_ERRORS) / (this.#baselineRequests + PRIOR_REQUESTS);
    const expected = this.#recentRequests * usual;
    const deviation = 2 * (Math.sqrt(this.#recentErrors + 0.375) - Math.sqrt(expected + 0.375));
    return deviation > Z_MIN * Math.sqrt(1 - usual);
  }

  #probability({ errorTracesPerSecond, maxProbability }: ErrorBoostOptions): number {
    const seconds = Math.min(this.#second, RECENT_SECONDS);
    const errorsPerSecond = this.#recentErrors / seconds;
    // While a boost is held over quiet seconds, there is nothing to divide by.
    return Math.min(maxProbability, errorsPerSecond > 0 ? errorTracesPerSecond / errorsPerSecond : maxProbability);
  }
}
