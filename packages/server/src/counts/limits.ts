/** Of the request metrics that applications report. */
export interface CountsLimits {
  /** Totals that are remembered: one for each process, operation and status. Those of further ones are not stored. */
  readonly totalsMax: number;
  /** Processes that are remembered. */
  readonly processesMax: number;
  /** A process that has been silent for so long is forgotten; should it come back, it is counted from then on. */
  readonly processLiveMs: number;
  /** Messages that wait for the disk; what one more reports is deferred to the next message of its process. */
  readonly waitingMessagesMax: number;
  /** Reports of so long become one insert. */
  readonly segmentAgeMs: number;
  /**
   * A minute is answered by counts when they have had this time to be reported since it ended, and then `segmentAgeMs`
   * to be stored. Of the default, an application that reports every 5 s needs 6 s, and 16 s more where a message ran
   * into its timeout.
   */
  readonly settleMs: number;
  /** What the store has not taken; beyond it nothing is noted, and the next messages repeat it. */
  readonly backlogBytesMax: number;
  /** Records that are stored and not among the totals on the disk: with more of them the totals are rewritten, … */
  readonly journalBytesMax: number;
  /** … and with more segments of them. */
  readonly journalSegmentsMax: number;
}

export const COUNTS_LIMITS: CountsLimits = {
  totalsMax: 50_000,
  processesMax: 10_000,
  processLiveMs: 24 * 3_600_000,
  waitingMessagesMax: 1_000,
  segmentAgeMs: 5_000,
  settleMs: 25_000,
  backlogBytesMax: 256 * 1024 * 1024,
  journalBytesMax: 32 * 1024 * 1024,
  journalSegmentsMax: 60,
};
