/**
 * What happened in a trace, in words, with the spans that are the evidence of every word. All of it is plain JSON:
 * `…Ns` and `…UnixNano` are decimal strings of nanoseconds. `tellStory` makes it, and `GET
 * /api/v1/traces/{traceId}/story` returns it.
 */
export interface Story {
  readonly traceId: string;
  /**
   * One sentence of at most 90 characters; '' where there is nothing to say that the name of the operation does not.
   */
  readonly headline: string;
  /** What the headline says, in parts. */
  readonly summary: StorySummary;
  /** In the order in which they are to be read. */
  readonly clauses: readonly StoryClause[];
  /** The span that the story is about: the root, or the longest part where none is received; '' for an empty trace. */
  readonly rootSpanId: string;
  /**
   * Its place in the columns of the `Trace` that the story was made from, as every `…Index` here: spans that share an
   * id have different places. -1 for an empty trace.
   */
  readonly rootIndex: number;
  /** False if no span without a parent has been received. */
  readonly hasRoot: boolean;
  /** The duration of that span. */
  readonly durationNs: string;
  /** In the order of time; without omissions the durations add up to `durationNs`. */
  readonly criticalPath: readonly StorySegment[];
  /** How many segments `criticalPath` lacks because of `criticalSegmentsMax`, the shortest ones. */
  readonly omittedCriticalSegments: number;
  /** In display order, as in `Trace`. */
  readonly errorOrigins: readonly StoryErrorOrigin[];
  /** How many `errorOrigins` lacks because of `errorOriginsMax`. */
  readonly omittedErrorOrigins: number;
  /** How many spans the story is made from, without repeats. */
  readonly spanCount: number;
  /** How many spans the trace has, as far as is known, with those that were not read. */
  readonly spansInTrace: number;
  /** Whether the story is made from a part of the trace's spans only; then headline and clauses state it. */
  readonly truncated: boolean;
  /** Repeats of a span that were received and count once. */
  readonly duplicateSpans: number;
}

/**
 * `failed`, `timed-out`, `cancelled`: what became of the root · `recovered`: something failed, and the root did not ·
 * `slow`: nothing failed, and the root took a second or more · `ok`: the others.
 */
export type StoryOutcome = 'failed' | 'timed-out' | 'cancelled' | 'recovered' | 'slow' | 'ok';

/** The headline's facts for programs: what became of the root, and what decided it. */
export interface StorySummary {
  readonly outcome: StoryOutcome;
  /**
   * The operation that the trace is about, with its route: that of the first server where the root is a client span.
   */
  readonly operation: string;
  /** What decided the outcome; null for `ok`, and where nothing took most of the time of a slow one. */
  readonly cause: StoryCause | null;
  /**
   * From 0 to 1: the share of the root's duration that the cause took on the critical path, or what took the most of an
   * `ok` one. Null where nothing did, and for a truncated trace.
   */
  readonly shareOfTime: number | null;
  /** Those that took the most time first; at most 10. */
  readonly patterns: readonly StoryPattern[];
}

/** The one span that decided the outcome: where a failure began, or what took most of the time. */
export interface StoryCause {
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** As `Story.rootIndex`. */
  readonly spanIndex: number;
  /** The span's service. For a callee that sends no spans it is the caller. */
  readonly service: string;
  /** The span's name. */
  readonly operation: string;
  /** As of an `ErrorOrigin`; `time`: it did not fail, and took most of the time. */
  readonly kind: 'error' | 'timeout' | 'cancelled' | 'time';
  /** `stated`: a span says so. `inferred`: it follows from times or from the shape of the trace. */
  readonly confidence: 'stated' | 'inferred';
  /** In the words of the nearest span that has any, else the type or the status; '' where nothing is said. */
  readonly reason: string;
}

/**
 * A shape that three or more like spans have together, or two attempts of a retry.
 *
 * `retry`: attempts at the same thing, of which all but maybe the last failed · `n+1`: ten like calls or more, one
 * after another · `sequential`: fewer of them, or work that is no call · `polling`: like calls with longer pauses
 * between · `fan-out`: like calls at the same time · `recursion`: spans that hold their like, ten deep or more.
 */
export interface StoryPattern {
  readonly kind: 'retry' | 'n+1' | 'sequential' | 'polling' | 'fan-out' | 'recursion';
  readonly service: string;
  /** Of the first span. */
  readonly operation: string;
  readonly spanCount: number;
  readonly failedSpans: number;
  /** How many ran at once at most. */
  readonly width: number;
  /** Of the spans together; of the outermost one in a recursion. */
  readonly durationNs: string;
  /** Between the spans, together. */
  readonly pauseNs: string;
  readonly firstSpanId: string;
  readonly firstSpanIndex: number;
  /** The one that ended last: in a fan-out, the straggler. */
  readonly lastSpanId: string;
  readonly lastSpanIndex: number;
}

/** One sentence of a story, with the spans that it is about. */
export interface StoryClause {
  /** What the sentence is about; see `ClauseKind`. */
  readonly kind: ClauseKind;
  /** The whole sentence: `704 ms in transit web → files`. */
  readonly text: string;
  /**
   * The sentence without the time that it begins with: `in transit web → files`; the same as `text` where it begins
   * with none.
   */
  readonly label: string;
  /** The spans that are the evidence, in the order in which the text names them; at most `clauseSpanIdsMax`. */
  readonly spanIds: readonly string[];
  /** The places of the same spans in the trace. */
  readonly spanIndexes: readonly number[];
  /** How many spans are the evidence. */
  readonly spanCount: number;
  /** The time that the clause is about, in nanoseconds, as a decimal string. */
  readonly durationNs: string;
}

/**
 * `total`: how long it took · `usual`: how long a span like it usually takes, where that is known · `step`: a share of
 * the critical path (all steps add up to the total; a truncated trace has none) · `stopped-waiting`, `kept-running`:
 * the two sides of a timeout, or of a cancellation · `error`: where a failure began · `handled`, `surfaced`: where it
 * ended · `cancelled`: what was cancelled because of others · `repeated`: a pattern of many spans · `gap`: time without
 * a child · `other-root`: a span without a parent beside the root · `clock`, `missing`: how far the trace can be
 * trusted.
 */
export type ClauseKind =
  | 'total'
  | 'usual'
  | 'step'
  | 'stopped-waiting'
  | 'kept-running'
  | 'error'
  | 'handled'
  | 'surfaced'
  | 'cancelled'
  | 'repeated'
  | 'gap'
  | 'other-root'
  | 'clock'
  | 'missing';

/** Time on the critical path that a span took itself: `CriticalSegment` as JSON. */
export interface StorySegment {
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** As `Story.rootIndex`. */
  readonly spanIndex: number;
  /** After the correction of clocks. */
  readonly startTimeUnixNano: string;
  /** Never 0. */
  readonly durationNs: string;
}

/** Where a failure began: `ErrorOrigin` as JSON, with the ids of its spans. */
export interface StoryErrorOrigin {
  readonly spanId: string;
  readonly spanIndex: number;
  readonly kind: 'error' | 'timeout' | 'cancelled';
  /** `stated`: a span says so. `inferred`: it follows from times alone, or the span that failed names no reason. */
  readonly confidence: 'stated' | 'inferred';
  /** For a timeout or a cancellation: the span that stopped waiting, maybe the origin itself. */
  readonly waiterSpanId?: string;
  readonly waiterIndex?: number;
  /** For a timeout: how long the origin went on after that. */
  readonly overflowNs?: string;
  readonly handled: boolean;
  /** Whether it happened in work that nobody waited for; then nobody handled it, and it reached nobody. */
  readonly inBackground: boolean;
  readonly handledBySpanId?: string;
  readonly handledByIndex?: number;
  readonly surfacedSpanId: string;
  readonly surfacedIndex: number;
  /** '' where the span does not say. */
  readonly type: string;
  readonly message: string;
}

/** What the trace itself does not show, and bounds of a story's size; the story counts what they omit. */
export interface StoryOptions {
  /** How many spans the trace has where not all of them were read; those of the trace by default, repeats included. */
  readonly spansInTrace?: number;
  /** Most segments in `criticalPath`; the longest ones stay. Default 10,000. */
  readonly criticalSegmentsMax?: number;
  /** Most members of `errorOrigins`; the first ones stay. Default 100. */
  readonly errorOriginsMax?: number;
  /** Most spans listed in one clause; `spanCount` counts all. Default 1,000. */
  readonly clauseSpanIdsMax?: number;
  /** How long spans at a place usually take; null where that is not known. By default it is not told. */
  readonly usual?: (place: StoryPlace) => UsualDuration | null;
}

/** A span of a story, and where it is in the call tree of all traces. */
export interface StoryPlace {
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** As `Story.rootIndex`. */
  readonly spanIndex: number;
  readonly service: string;
  /** The span's name. */
  readonly operation: string;
  /** OTLP's SpanKind. */
  readonly kind: number;
  /** The chain of services, names and kinds from the root to the span, as an ID; null for one that is too deep. */
  readonly path: string | null;
  /** What a clause calls the span. */
  readonly label: string;
  readonly startTimeUnixNano: string;
}

/** How long spans of a kind usually take, in nanoseconds. */
export interface UsualDuration {
  /** Spans that this is known from. */
  readonly count: number;
  readonly p50Ns: number;
  readonly p90Ns: number;
}
