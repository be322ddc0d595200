export interface SpoolLimits {
  /** A segment is sealed when it has reached it. */
  readonly segmentBytesMax: number;
  readonly segmentRowsMax: number;
  /**
   * … or this, where no sealed segment waits: the memory of an insert goes by its rows, and larger ones pay for a busy
   * store alone.
   */
  readonly segmentRowsIdle: number;
  /** … or this long after its first block, where no sealed segment waits for the engine. */
  readonly segmentAgeMs: number;
  /** Bytes that the engine has not taken; beyond it the spool takes nothing. */
  readonly backlogBytesMax: number;
  /**
   * Of the disk that is left to the store: with less than this free the spool takes nothing. Of a small disk a
   * twentieth at most.
   */
  readonly diskReserveBytes: number;
  /**
   * So long an acknowledgement waits at most for a store that takes segments, and has more of them before it than it
   * needs.
   */
  readonly holdMs: number;
  /** After a failed write (a full disk) nothing is tried for this long. */
  readonly writeRetryMs: number;
  /** How often it looks for quarantined segments that are to be loaded again. */
  readonly retryLookMs: number;
}

export const SPOOL_LIMITS: SpoolLimits = {
  segmentBytesMax: 48 * 1024 * 1024,
  segmentRowsMax: 120_000,
  segmentRowsIdle: 35_000,
  segmentAgeMs: 10_000,
  backlogBytesMax: 2 * 1024 * 1024 * 1024,
  diskReserveBytes: 256 * 1024 * 1024,
  holdMs: 250,
  writeRetryMs: 500,
  retryLookMs: 2_000,
};

export interface LoaderLimits {
  /** The first repeat waits this long, each further one twice as long … */
  readonly retryDelayMs: number;
  /** … up to this. */
  readonly retryDelayMsMax: number;
  /**
   * A segment whose data the engine has rejected so often is quarantined, when others were stored meanwhile. One that
   * has failed so often for another reason is passed by others.
   */
  readonly rejectionsMax: number;
  /** So many segments that fail are passed by those behind them; with as many the others wait. */
  readonly passedSegmentsMax: number;
  /**
   * Where spans can be found only when they are stored, a backlog is loaded so fast at most, and what has just come in
   * between: the servers answer queries as well.
   */
  readonly backlogRowsPerSecondMax: number;
  /** How long loading may go on when the collector stops; what is left is loaded at the next start. */
  readonly drainTimeoutMs: number;
}

export const LOADER_LIMITS: LoaderLimits = {
  retryDelayMs: 50,
  retryDelayMsMax: 2_000,
  rejectionsMax: 5,
  passedSegmentsMax: 8,
  backlogRowsPerSecondMax: 250_000,
  drainTimeoutMs: 1_500,
};

export interface FreshLimits {
  /**
   * While queries come in, spans can be found this long after they were acknowledged, and what the engine needs for it.
   */
  readonly publishMs: number;
  /** Where more spans come in that time, they are stored at once instead. */
  readonly rowsPerInsertMax: number;
  /**
   * Queries are expected for so long after a query. Later nothing is published until the next query, which waits for it
   * …
   */
  readonly watchedMs: number;
  /** … so long at most. */
  readonly waitMs: number;
}

export const FRESH_LIMITS: FreshLimits = {
  publishMs: 400,
  rowsPerInsertMax: 40_000,
  watchedMs: 10_000,
  waitMs: 2_000,
};
