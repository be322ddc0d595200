/** How far the retention trusts a clock. */
export interface RetentionLimits {
  /** More days than this, or half of the stored ones or more, that are too old at once: the clock may have jumped. */
  readonly daysAtOnceMax: number;
  /**
   * They are dropped when they have been too old for so long without a break, and so is every day after a jump of the
   * clock, or while the newest two days stand apart from those before.
   */
  readonly holdMs: number;
}

export const RETENTION_LIMITS: RetentionLimits = {
  daysAtOnceMax: 3,
  holdMs: 3_600_000,
};
