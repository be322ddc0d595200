/** What one request and one span may hold. Nothing is a reason to refuse more than what is beyond the limit. */
export interface BlockLimits {
  /** Memory that one request may take as columns. A resource counts for each of its spans. */
  readonly requestBytesMax: number;
  /** Spans of one request; those behind are refused. */
  readonly spansPerRequestMax: number;
  /** Attributes of a span, and of each event, link, resource and scope; those behind are dropped and counted in it. */
  readonly attributesMax: number;
  /** Bytes of a value, a key, a name or a trace state: a text and bytes are cut, an array or a map is dropped and counted. */
  readonly valueBytesMax: number;
  /** Levels of arrays and maps in a value; an attribute with more is dropped and counted. */
  readonly valueDepthMax: number;
  /** Events of a span; those behind are dropped and counted in it. */
  readonly eventsPerSpanMax: number;
  /** Links of a span; those behind are dropped and counted in it. */
  readonly linksPerSpanMax: number;
  /** Attributes of all events, or of all links, of a span together. A span with more is refused. */
  readonly itemAttributesPerSpanMax: number;
  /** Distinct UTC days in one request: each becomes a part in the store. */
  readonly daysPerRequestMax: number;
}

export const BLOCK_LIMITS: BlockLimits = {
  requestBytesMax: 64 * 1024 * 1024,
  spansPerRequestMax: 250_000,
  attributesMax: 4_096,
  valueBytesMax: 1024 * 1024,
  valueDepthMax: 32,
  eventsPerSpanMax: 8_192,
  linksPerSpanMax: 8_192,
  itemAttributesPerSpanMax: 65_536,
  daysPerRequestMax: 366,
};

export interface IngestLimits extends BlockLimits {
  /** A span that starts later than this after the collector's clock is refused. */
  readonly futureMsMax: number;
  /** Columns that wait for the disk; beyond it a request is answered `busy`. */
  readonly pendingBytesMax: number;
  readonly retryAfterMs: number;
  /** Stored requests that are remembered, so that a repeat is not stored again; 0 remembers none. At least half as many are. */
  readonly recentRequestsMax: number;
  /** Each is remembered for so long at least, and twice as long at most. */
  readonly recentRequestMs: number;
}

export const INGEST_LIMITS: IngestLimits = {
  ...BLOCK_LIMITS,
  futureMsMax: 3_600_000,
  pendingBytesMax: 32 * 1024 * 1024,
  retryAfterMs: 1_000,
  recentRequestsMax: 50_000,
  recentRequestMs: 600_000,
};

export interface SpoolLimits {
  /** A segment is sealed when it has reached it. */
  readonly segmentBytesMax: number;
  readonly segmentRowsMax: number;
  /** … or this, where no sealed segment waits: the memory of an insert goes by its rows, and larger ones pay for a busy store alone. */
  readonly segmentRowsCalm: number;
  /** … or this long after its first block, where no sealed segment waits for the engine. */
  readonly segmentAgeMs: number;
  /** Bytes that the engine has not taken; beyond it the spool takes nothing. */
  readonly backlogBytesMax: number;
  /** Of the disk that is left to the store: with less than this free the spool takes nothing. Of a small disk a twentieth at most. */
  readonly diskReserveBytes: number;
  /** So long an acknowledgement waits at most for a store that takes segments, and has more of them before it than it needs. */
  readonly holdMs: number;
  /** After a failed write (a full disk) nothing is tried for this long. */
  readonly writeRetryMs: number;
  /** How often it looks for rejected segments that are to be loaded again. */
  readonly retryLookMs: number;
}

export const SPOOL_LIMITS: SpoolLimits = {
  segmentBytesMax: 48 * 1024 * 1024,
  segmentRowsMax: 120_000,
  segmentRowsCalm: 35_000,
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
   * A segment whose data the engine has rejected so often is set aside, when others were stored meanwhile. One that has failed so
   * often for another reason is passed by others.
   */
  readonly refusalsMax: number;
  /** So many segments that fail are passed by those behind them; with as many the others wait. */
  readonly passedSegmentsMax: number;
  /** How long loading may go on when the collector stops; what is left is loaded at the next start. */
  readonly drainTimeoutMs: number;
}

export const LOADER_LIMITS: LoaderLimits = {
  retryDelayMs: 50,
  retryDelayMsMax: 2_000,
  refusalsMax: 5,
  passedSegmentsMax: 8,
  drainTimeoutMs: 1_500,
};

export interface FreshLimits {
  /** While somebody asks, spans can be found this long after they were acknowledged, and what the engine needs for it. */
  readonly publishMs: number;
  /** Where more spans come in that time, they are stored at once instead. */
  readonly rowsPerInsertMax: number;
  /** Somebody is taken to ask for so long after a question. Later nothing is published until the next question, which waits for it … */
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
