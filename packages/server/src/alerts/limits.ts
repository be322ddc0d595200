/** What alerts may cost. */
export interface AlertLimits {
  /** Rules of a file; one with more is not accepted. */
  readonly rulesMax: number;
  /** How often the collector looks whether there is a window to evaluate, and whether the file has changed. */
  readonly intervalMs: number;
  /** So long after its end a window is evaluated: SDKs send spans every few seconds. */
  readonly delayMs: number;
  /** So much longer an evaluation waits for spans that are acknowledged and not stored yet. */
  readonly waitMs: number;
  /** Of one rule. */
  readonly evaluationTimeoutMs: number;
  /**
   * While a rule fires and a window decides nothing, all windows since the last bad one together are looked at, up to
   * so much.
   */
  readonly resolveWindowMs: number;
  /** Notifications that wait for their channels; a further one takes the place of the oldest. */
  readonly notificationsMax: number;
  /** How often one is tried. */
  readonly attemptsMax: number;
  /** From the first attempt to the second; twice as long each time, … */
  readonly retryDelayMs: number;
  /** … up to this. */
  readonly retryDelayMsMax: number;
  /** Of one attempt. */
  readonly sendTimeoutMs: number;
}

export const ALERT_LIMITS: AlertLimits = {
  rulesMax: 200,
  intervalMs: 10_000,
  delayMs: 30_000,
  waitMs: 300_000,
  evaluationTimeoutMs: 30_000,
  resolveWindowMs: 86_400_000,
  notificationsMax: 1_000,
  attemptsMax: 12,
  retryDelayMs: 2_000,
  retryDelayMsMax: 300_000,
  sendTimeoutMs: 10_000,
};
