/** Notices when an operation fails more often than in the ten minutes before, over all processes. */
export class ErrorWatch {
  /** What was reported since the last tick. */
  #requests = 0;
  #errors = 0;
  readonly #recent: { requests: number; errors: number }[] = [];
  #baselineRequests: number;
  #baselineErrors: number;
  #tickedMs: number | undefined;
  #heldUntilMs = 0;
  #quietUntilMs = 0;
  #isUp = false;
  #unusualPerSecond = 0;

  constructor(baseline: ErrorBaseline = PRIOR) {
    this.#baselineRequests = baseline.requests;
    this.#baselineErrors = baseline.errors;
  }

  get baseline(): ErrorBaseline {
    return { requests: this.#baselineRequests, errors: this.#baselineErrors };
  }

  /** Whether the operation's traces are to be sampled more than usual. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** How long it stays up if nothing unusual comes any more. */
  heldForMs(nowMs: number): number {
    return this.#isUp ? Math.max(0, this.#heldUntilMs - nowMs) : 0;
  }

  get errorsPerSecond(): number {
    const recent = this.#sum();
    return recent.errors / ((Math.max(1, this.#recent.length) * TICK_MS) / 1000);
  }

  /** The same when it was unusual last: what a boost is held by. */
  get unusualErrorsPerSecond(): number {
    return this.#unusualPerSecond;
  }

  add(requests: number, errors: number, nowMs: number): void {
    this.#tickedMs ??= nowMs;
    this.#requests += requests;
    this.#errors += errors;
    this.advance(nowMs);
  }

  /** Lets time pass. */
  advance(nowMs: number): void {
    if (this.#tickedMs === undefined) return;
    while (nowMs - this.#tickedMs >= TICK_MS) {
      this.#tickedMs = nowMs - this.#tickedMs > FORGET_MS ? nowMs : this.#tickedMs + TICK_MS;
      this.#tick(this.#tickedMs);
    }
  }

  #tick(nowMs: number): void {
    this.#recent.push({ requests: this.#requests, errors: this.#errors });
    this.#requests = 0;
    this.#errors = 0;
    const leaving = this.#recent.length > RECENT_TICKS ? this.#recent.shift() : undefined;
    const retained = 1 - TICK_MS / BASELINE_MS;
    this.#baselineRequests = this.#baselineRequests * retained + (leaving?.requests ?? 0);
    this.#baselineErrors = this.#baselineErrors * retained + (leaving?.errors ?? 0);
    if (this.#isUnusual() && (this.#isUp || nowMs >= this.#quietUntilMs)) {
      this.#isUp = true;
      this.#unusualPerSecond = this.errorsPerSecond;
      this.#heldUntilMs = nowMs + HOLD_MS;
    }
    if (this.#isUp && nowMs >= this.#heldUntilMs) {
      this.#isUp = false;
      this.#quietUntilMs = nowMs + COOLDOWN_MS;
    }
  }

  /** More errors than chance explains at the usual share of them; the roots make few errors comparable (Anscombe). */
  #isUnusual(): boolean {
    const { requests, errors } = this.#sum();
    if (errors < ERRORS_MIN) return false;
    const usual = (this.#baselineErrors + PRIOR.errors) / (this.#baselineRequests + PRIOR.requests);
    const expected = requests * usual;
    return 2 * (Math.sqrt(errors + 0.375) - Math.sqrt(expected + 0.375)) > Z_MIN * Math.sqrt(1 - usual);
  }

  #sum(): { requests: number; errors: number } {
    let requests = 0;
    let errors = 0;
    for (const tick of this.#recent) {
      requests += tick.requests;
      errors += tick.errors;
    }
    return { requests, errors };
  }
}

export interface ErrorBaseline {
  readonly requests: number;
  readonly errors: number;
}

/** What is assumed before anything was reported. */
const PRIOR: ErrorBaseline = { requests: 100, errors: 1 };
/** As often as processes report. */
const TICK_MS = 5000;
const RECENT_TICKS = 2;
const BASELINE_MS = 600_000;
/** A pause after which ticks are not made up for. */
const FORGET_MS = 3_600_000;
const ERRORS_MIN = 5;
const Z_MIN = 3.5;
const HOLD_MS = 60_000;
const COOLDOWN_MS = 300_000;
