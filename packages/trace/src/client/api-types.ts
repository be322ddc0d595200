// Written by `node scripts/api-types.mjs` out of the schemas in packages/server/src; do not edit.

/*
 * The query API under `/api/v1/`; docs/api.md lists its routes. Queries over stored traces. Counts are numbers; members
 * that end in `Ns` or `UnixNano` are decimal strings of nanoseconds, which do not fit a double; probabilities and
 * shares are from 0 to 1. Every path that answers GET answers HEAD as well. Paths with a report send it as Markdown to
 * clients whose `Accept` names text/markdown and does not prefer JSON. An unknown path is answered 404 (`not_found`),
 * and a method that a path does not have 405 (`method_not_allowed`, with `Allow`).
 */

/**
 * Ports on which this collector accepts spans, on the host of this API.
 *
 * Returned by `GET /api/v1/endpoints`.
 */
export interface EndpointsResponse {
  /** Null where it does not listen. */
  readonly otlpGrpcPort: number | null;
  readonly otlpHttpPort: number;
}

/** The body of every response that is an error. */
export interface ApiError {
  readonly error: {
    /** Stable, lower case with underscores, e.g. `trace_not_found`. */
    readonly code: string;
    /** For people: the parameter that is wrong and what is accepted, or what failed. */
    readonly message: string;
  };
}

/** Returned by `GET /api/v1/services?from&to`. */
export interface ServicesResponse {
  /** By name. */
  readonly services: readonly ServiceSummary[];
  /** Present where shards of the store did not answer: whatever is on them is not counted or listed. */
  readonly partial?: PartialAnswer;
}

/** A service, as counted over the stored spans of a time range. */
export interface ServiceSummary {
  readonly name: string;
  /**
   * Whether it is all that are not counted by their names: too many in a day, or of more than 4,096 bytes. It cannot be
   * queried. Its name is `(other)`, which one of them may have as well.
   */
  readonly isOthers: boolean;
  /** Stored rows. */
  readonly spanCount: number;
  /** Stored rows with status ERROR. */
  readonly errorCount: number;
  /** Σ sampling weight of the stored rows, each of which counts 1 where its weight is not known. */
  readonly estimatedSpanCount: number;
  /** The same of the rows with status ERROR. */
  readonly estimatedErrorCount: number;
  /** Of `estimatedSpanCount`. */
  readonly estimate: Estimate;
  /** Of `estimatedErrorCount / estimatedSpanCount`; null where there are no spans. */
  readonly errorRateInterval: ErrorRateInterval | null;
  /** Distinct names of its spans. */
  readonly operationCount: number;
  readonly firstSeenUnixNano: string;
  readonly lastSeenUnixNano: string;
}

/** How accurate a count over stored spans is. */
export interface Estimate {
  /**
   * `exact`: everything was sampled, or the counts are the SDKs' request metrics and complete. `estimated`: from
   * sampling weights, or from request metrics of which more may arrive. `biased`: the weight of some spans is unknown,
   * and they count 1.
   */
  readonly basis: 'exact' | 'estimated' | 'biased';
  /**
   * Half the width of the 95% interval as a share of the estimated count: 0.04 is ±4%. 0 where it is exact, null where
   * it is unknown: of a biased count, and of request metrics of which more may arrive where no span is sampled; then
   * the count is a lower bound.
   */
  readonly relativeError: number | null;
}

/**
 * Shares of 0 to 1, the lower one first, between which the error rate lies in 95 of 100 cases (Wilson); the same twice
 * where it is exact.
 */
export type ErrorRateInterval = readonly [number, number];

/** An answer that lacks what is on shards of a ClickHouse cluster that did not answer. */
export interface PartialAnswer {
  /** Shards of the store that did not answer, from 1. */
  readonly missingShards: number;
  /** All shards of the store. */
  readonly shards: number;
}

/** Returned by `GET /api/v1/services/{service}/operations?from&to` and `GET /api/v1/operations?service&from&to`. */
export interface OperationsResponse {
  /** By name; none for an unknown service. */
  readonly operations: readonly OperationSummary[];
  /** Present where shards of the store did not answer: whatever is on them is not counted or listed. */
  readonly partial?: PartialAnswer;
}

/** An operation of a service: all its spans with one name. */
export interface OperationSummary {
  /** May be empty. */
  readonly name: string;
  /**
   * Whether it is all that are not counted by their names: too many in a day, or of more than 4,096 bytes. It cannot be
   * queried. Its name is `(other)`, which one of them may have as well.
   */
  readonly isOthers: boolean;
  /** Stored rows. */
  readonly spanCount: number;
  /** Stored rows with status ERROR. */
  readonly errorCount: number;
  /** Σ sampling weight of the stored rows, each of which counts 1 where its weight is not known. */
  readonly estimatedSpanCount: number;
  /** The same of the rows with status ERROR. */
  readonly estimatedErrorCount: number;
  /** Of `estimatedSpanCount`. */
  readonly estimate: Estimate;
  /** Of `estimatedErrorCount / estimatedSpanCount`; null where there are no spans. */
  readonly errorRateInterval: ErrorRateInterval | null;
}

/** Returned by `GET /api/v1/series?service&operation&groupBy&from&to&step&limit`. */
export interface SeriesResponse {
  /** Begin of the first step, which is a whole number of steps after the epoch. */
  readonly fromUnixNano: string;
  readonly stepSeconds: number;
  /** The number of steps. */
  readonly points: number;
  /** Most requests first. */
  readonly series: readonly RequestSeries[];
  /** True when there are more series than `limit`. */
  readonly truncated: boolean;
  /** Present where shards of the store did not answer: whatever is on them is not counted or listed. */
  readonly partial?: PartialAnswer;
}

/**
 * Requests over time of a service, or of one of its operations: SERVER and CONSUMER spans, and spans whose parent is
 * missing or remote. Each array has a value for each step.
 */
export interface RequestSeries {
  readonly service: string;
  /** Null in a series of a whole service. */
  readonly operation: string | null;
  /**
   * Whether it is that of all services, or of all operations of the service, that are not counted by their names; null
   * where it is of none.
   */
  readonly othersOf: 'services' | 'operations' | null;
  /**
   * Where rate, errors and durations come from: `requestMetrics` where one or more steps come from the SDKs' request
   * metrics, which count before anything is sampled. Steps that end in the last half minute or so, or later, come from
   * spans: more request metrics of them may arrive.
   */
  readonly source: 'spans' | 'requestMetrics';
  /** Of the requests of the whole range. */
  readonly estimate: Estimate;
  /** Of the whole range; null without a request. */
  readonly errorRateInterval: ErrorRateInterval | null;
  /** Stored rows; the rate is `estimatedRequestCount / stepSeconds`. */
  readonly requestCount: readonly number[];
  /** Stored rows with an error. */
  readonly errorCount: readonly number[];
  /** Σ sampling weight, or what request metrics report. */
  readonly estimatedRequestCount: readonly number[];
  /** The same of requests with an error. */
  readonly estimatedErrorCount: readonly number[];
  /** Off by at most 4.4%; null in a step without a request. */
  readonly p50Ns: readonly (string | null)[];
  /** As `p50Ns`. */
  readonly p90Ns: readonly (string | null)[];
  /**
   * As `p50Ns`. Null also in a step of estimated requests with fewer than 500 effective ones: it would be off by far.
   */
  readonly p99Ns: readonly (string | null)[];
}

/** Returned by `GET /api/v1/attributes?prefix&from&to&limit`. */
export interface AttributesResponse {
  /** Keys of spans and resources, the most frequent first. */
  readonly attributes: readonly AttributeKeySummary[];
  /** Present where shards of the store did not answer: whatever is on them is not counted or listed. */
  readonly partial?: PartialAnswer;
}

/** A key of attributes, for completion. */
export interface AttributeKeySummary {
  readonly key: string;
  /** Σ sampling weight of the spans that have it; an estimate: of many spans only a part is read. */
  readonly estimatedSpanCount: number;
}

/**
 * Returned by `GET /api/v1/attributes/{key}/values?prefix&from&to&limit` and
 * `GET /api/v1/attribute-values?key&prefix&from&to&limit`.
 */
export interface AttributeValuesResponse {
  /** The most frequent first. */
  readonly values: readonly AttributeValueSummary[];
  /** Present where shards of the store did not answer: whatever is on them is not counted or listed. */
  readonly partial?: PartialAnswer;
}

/** A value of one attribute, for completion. */
export interface AttributeValueSummary {
  /** As text, as in a search's tag. */
  readonly value: string;
  /** As of a key. */
  readonly estimatedSpanCount: number;
}

/**
 * A page of traces, newest first: by the start of the root, or of the earliest span whose parent has not arrived where
 * no root has. Service, operation, status and every tag match one and the same span; the trace overlaps the range,
 * wherever that span is.
 *
 * Returned by `GET /api/v1/traces?service&operation&status&minDurationMs&maxDurationMs&tag&from&to&limit&cursor`.
 */
export interface TracesResponse {
  readonly traces: readonly TraceSummary[];
  /** Null on the last page. */
  readonly nextCursor: string | null;
  /** Present where shards of the store did not answer: whatever is on them is not counted or listed. */
  readonly partial?: PartialAnswer;
}

/** A trace in the list of a search. */
export interface TraceSummary {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** Of the root span; where no root has arrived, of the earliest span whose parent has not either. */
  readonly rootService: string;
  /** The name of the same span. */
  readonly rootOperation: string;
  /** False while no span without a parent has arrived. */
  readonly hasRoot: boolean;
  /** Of the same span. */
  readonly startTimeUnixNano: string;
  /** The root span's duration; from the earliest start to the latest end where no root has arrived. */
  readonly durationNs: string;
  /**
   * From the earliest start to the latest end of all spans, by the clocks as they are; much more than `durationNs`
   * where work goes on after the root.
   */
  readonly extentNs: string;
  readonly spanCount: number;
  readonly errorCount: number;
  /** Most spans first. */
  readonly services: readonly TraceService[];
  /** Null until it has been computed; `GET /api/v1/headlines` computes it. See `Story.headline`. */
  readonly headline: string | null;
}

/** A service's part of one trace. */
export interface TraceService {
  readonly name: string;
  readonly spanCount: number;
  readonly errorCount: number;
}

/** Returned by `GET /api/v1/headlines?ids`. */
export interface HeadlinesResponse {
  /** A headline for each trace that is stored, by its id of 32 digits. See `Story.headline`. */
  readonly headlines: Readonly<Record<string, string>>;
  /** Present where shards of the store did not answer: whatever is on them is not counted or listed. */
  readonly partial?: PartialAnswer;
}

/**
 * Where the time of a trace went.
 *
 * Returned by `GET /api/v1/traces/{traceId}/critical-path`.
 */
export interface CriticalPathResponse {
  readonly traceId: string;
  /** The span that waited: the root, or the longest part where none is received; '' for an empty trace. */
  readonly rootSpanId: string;
  /** False if no span without a parent has been received. */
  readonly hasRoot: boolean;
  /** Its start, after the correction of clocks. */
  readonly startTimeUnixNano: string;
  readonly durationNs: string;
  /** In the order of time; without omissions the durations add up to `durationNs`. */
  readonly segments: readonly CriticalPathSegment[];
  /** How many segments `segments` lacks: the shortest. */
  readonly omittedSegments: number;
  /** The longest on the critical path first; at most 100. */
  readonly byService: readonly CriticalPathService[];
  /** The longest on the critical path first. */
  readonly byKind: readonly CriticalPathKind[];
  /** In display order. */
  readonly byPath: readonly CriticalPathPath[];
  /** How many paths `byPath` lacks: those with the least time, but for what is above others. */
  readonly omittedPaths: number;
  /** What it would save at most to halve the time of a service or of an operation; the most first, at most ten. */
  readonly whatIfHalved: readonly CriticalPathSaving[];
  /** How many spans this is made from, without repeats. */
  readonly spanCount: number;
  /** How many spans the trace has, as far as is known, with those that were not read. */
  readonly spansInTrace: number;
  /** Whether it is made from a part of the trace's spans only. */
  readonly truncated: boolean;
  /** Present where shards of the store did not answer: whatever is on them is not counted or listed. */
  readonly partial?: PartialAnswer;
}

/** Time on the critical path that a span took itself. */
export interface CriticalPathSegment {
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  readonly service: string;
  readonly operation: string;
  /** See `SpanKind`. */
  readonly kind: number;
  /** After the correction of clocks. */
  readonly startTimeUnixNano: string;
  /** Never 0. */
  readonly durationNs: string;
}

/** The time of a service. */
export interface CriticalPathService {
  readonly service: string;
  readonly spanCount: number;
  /** While none of their children was running. Spans that run at the same time count each. */
  readonly exclusiveNs: string;
  /** While the root waited for them and for none of their children. */
  readonly criticalNs: string;
}

/** The time of all spans of one kind. */
export interface CriticalPathKind {
  /** See `SpanKind`. */
  readonly kind: number;
  readonly spanCount: number;
  /** While none of their children was running. Spans that run at the same time count each. */
  readonly exclusiveNs: string;
  /** While the root waited for them and for none of their children. */
  readonly criticalNs: string;
}

/** The time of one service, name and kind below one path of their callers. */
export interface CriticalPathPath {
  readonly service: string;
  readonly operation: string;
  /** See `SpanKind`. */
  readonly kind: number;
  /** Its place in `byPath`; -1 at the top. */
  readonly parentIndex: number;
  /** 0 at the top. */
  readonly depth: number;
  /** The first of its spans. */
  readonly spanId: string;
  readonly spanCount: number;
  /** While none of their children was running. Spans that run at the same time count each. */
  readonly exclusiveNs: string;
  /** While the root waited for them and for none of their children. */
  readonly criticalNs: string;
}

/** A bound, and no forecast: freed resources that other requests would profit from are not in one trace. */
export interface CriticalPathSaving {
  readonly service: string;
  /** Null where it is of all operations of the service. */
  readonly operation: string | null;
  /** See `SpanKind`; null where `operation` is. */
  readonly kind: number | null;
  readonly savedNs: string;
  /** Its time on the critical path that would be gone; what ran beside it may leave less to save. */
  readonly removedNs: string;
}

/**
 * Why a trace was sampled, from its spans and from the current sampling probabilities.
 *
 * Returned by `GET /api/v1/traces/{traceId}/sampling`.
 */
export interface TraceSamplingResponse {
  readonly traceId: string;
  /** As `Estimate.basis`. */
  readonly estimate: 'exact' | 'estimated' | 'biased';
  /** How many traces like it this one represents; null where that is unknown. */
  readonly weight: number | null;
  /** 1 / weight. */
  readonly probability: number | null;
  /** One for each span that decided or raised the threshold, in the order of the trace. */
  readonly decisions: readonly TraceSamplingDecision[];
  /** Present where shards of the store did not answer: whatever is on them is not counted or listed. */
  readonly partial?: PartialAnswer;
}

/** How one span of a trace was sampled, and how its operation is sampled now. */
export interface TraceSamplingDecision {
  readonly service: string;
  readonly operation: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /**
   * `th` as sent: hex digits without trailing zeros; '' where the span has none.
   *
   * @see https://opentelemetry.io/docs/specs/otel/trace/tracestate-handling/#sampling-threshold-value-th
   */
  readonly threshold: string;
  /** The one that follows from the threshold; null without a valid one. */
  readonly probability: number | null;
  /** Why the operation has its current probability; null where no SDK has reported it to this collector. */
  readonly reason: SamplingReason | 'rule' | null;
  /** One sentence, such as `web sampled 1 in 20 traces of POST /buy`. */
  readonly text: string;
}

/**
 * Why an operation has its probability. `default`: its rate is unknown. `fixed`: it is set. `target`: it follows from a
 * target of traces per second. `errors`: it is boosted, because its errors have risen.
 */
export type SamplingReason = 'default' | 'fixed' | 'target' | 'errors';

/**
 * Two traces of one kind, path by path.
 *
 * Returned by `GET /api/v1/traces/{traceId}/compare?with&rows`.
 */
export interface ComparisonResponse {
  /** The trace that the other one is compared with. */
  readonly traceIdA: string;
  readonly traceIdB: string;
  readonly a: ComparedTrace;
  readonly b: ComparedTrace;
  /** In display order: depth first, siblings by the start of their first call. */
  readonly paths: readonly ComparedPath[];
  /** How many paths `paths` lacks: those that add the least to the difference, but for what is above others. */
  readonly omittedPaths: number;
  /** Null where the other trace was named. */
  readonly typical: TypicalTrace | null;
  /** Present where shards of the store did not answer: whatever is on them is not counted or listed. */
  readonly partial?: PartialAnswer;
}

/** One of two traces that are compared. */
export interface ComparedTrace {
  /** Of its root. */
  readonly durationNs: string;
  /** How many of its spans were compared. */
  readonly spanCount: number;
  /** How many spans it has, as far as is known, with those that were not read. */
  readonly spansInTrace: number;
}

/** All calls of one service, name and kind below one path of their callers, in two traces. */
export interface ComparedPath {
  readonly service: string;
  /** The name of the first span, which may hold a number in which the others differ. */
  readonly operation: string;
  /** See `SpanKind`. */
  readonly kind: number;
  /** Its place in `paths`; -1 at the top. */
  readonly parentIndex: number;
  /** 0 at the top. */
  readonly depth: number;
  /** Null where the first trace has no such call. */
  readonly a: ComparedCalls | null;
  /** Null where the second has none. */
  readonly b: ComparedCalls | null;
  /**
   * How much longer the second root waited for these calls, and for nothing below them: below 0 where it waited less.
   * Without omissions this adds up to the difference of the roots' durations.
   */
  readonly criticalDeltaNs: string;
  /**
   * What is different; empty where the calls are alike. `only-a`, `only-b`: one trace has no such call · `slower`,
   * `faster`: a call takes longer in the second, or shorter, by a millisecond and by a tenth at least · `more-calls`,
   * `fewer-calls`: the second has more of them, or fewer · `more-failures`, `fewer-failures`: the same of those that
   * failed.
   */
  readonly differences: readonly (
    | 'only-a'
    | 'only-b'
    | 'slower'
    | 'faster'
    | 'more-calls'
    | 'fewer-calls'
    | 'more-failures'
    | 'fewer-failures'
  )[];
}

/** The calls of one path in one trace. */
export interface ComparedCalls {
  /** 1 or more. */
  readonly calls: number;
  /** Those with status ERROR. */
  readonly failedCalls: number;
  /** Of all of them together, whether they ran at once or not. */
  readonly durationNs: string;
  /** How long the root waited for them, and for nothing below them. */
  readonly criticalNs: string;
  /** The longest call. */
  readonly longestSpanId: string;
}

/**
 * What the typical trace was chosen from: that whose duration, and whose calls and time on each path, are the nearest
 * to the medians of all.
 */
export interface TypicalTrace {
  /** Of the root. */
  readonly service: string;
  /** The name of the root. */
  readonly operation: string;
  /** Begin of the range in which other traces with such a root were looked for. */
  readonly fromUnixNano: string;
  /** Its end. */
  readonly toUnixNano: string;
  /** How many there are. */
  readonly foundCount: number;
  /** How many of them were compared: all, or a sample by trace ID. */
  readonly comparedCount: number;
}

/**
 * Traces whose root does the same, by how like they are to one of them.
 *
 * Returned by `GET /api/v1/traces/{traceId}/similar?from&to&limit`.
 */
export interface SimilarTracesResponse {
  readonly traceId: string;
  /** Of the root. */
  readonly service: string;
  /** The name of the root. */
  readonly operation: string;
  /** Begin of the range in which other traces with such a root were looked for. */
  readonly fromUnixNano: string;
  /** Its end. */
  readonly toUnixNano: string;
  /** How many there are. */
  readonly foundCount: number;
  /** How many of them were compared: all, or a sample by trace ID. */
  readonly comparedCount: number;
  /** The most similar first. */
  readonly traces: readonly SimilarTrace[];
  /** Present where shards of the store did not answer: whatever is on them is not counted or listed. */
  readonly partial?: PartialAnswer;
}

/** How like one trace is to another. */
export interface SimilarTrace {
  readonly traceId: string;
  /** Start of its root, after the correction of clocks. */
  readonly startTimeUnixNano: string;
  /** Of its root. */
  readonly durationNs: string;
  readonly spanCount: number;
  /** From 0 to 1: the mean of the two below. */
  readonly likeness: number;
  /** From 0 to 1: the share of all paths that both call, and fail in alike. */
  readonly pathLikeness: number;
  /** From 0 to 1: the share of the time that both spent on the same paths, whatever their durations. */
  readonly timeLikeness: number;
  /** Why, in a clause. */
  readonly text: string;
}

/**
 * Failures, by where and why they began.
 *
 * Returned by `GET /api/v1/errors?from&to&service&limit&cursor`.
 */
export interface ErrorsResponse {
  /** Begin of the range. */
  readonly fromUnixNano: string;
  /** Its end. */
  readonly toUnixNano: string;
  /**
   * From here on earlier failures were looked for: 24 hours before the range, or twice its length if that is longer, or
   * the first span that is stored. Later where there were too many earlier ones, or the store did not return them.
   */
  readonly lookedBackToUnixNano: string;
  /** Spans of the range with status ERROR, with those that others explain. */
  readonly failedSpanCount: number;
  /** Spans with status ERROR that were looked at, in the range, before it and shortly after it. */
  readonly readSpanCount: number;
  /** Share of the traces that were looked at, the same ones by ID in both ranges: 1 for all. */
  readonly share: number;
  /** The most frequent first. */
  readonly groups: readonly ErrorGroup[];
  /** How many groups there are, of all pages. */
  readonly groupCount: number;
  /** Null on the last page. */
  readonly nextCursor: string | null;
  /** Present where shards of the store did not answer: whatever is on them is not counted or listed. */
  readonly partial?: PartialAnswer;
}

/** Failures that began at the same place for the same reason. */
export interface ErrorGroup {
  /** The same for the same failure in every range: 14 hexadecimal digits. */
  readonly id: string;
  readonly service: string;
  /** The name of its newest span. */
  readonly operation: string;
  /** `error`: it failed by itself · `timeout`: its time was up · `cancelled`: its caller stopped it. */
  readonly kind: 'error' | 'timeout' | 'cancelled';
  /** The type of the error, or the status of the response; '' where no span says. */
  readonly type: string;
  /**
   * The message, or the status message, with `#` in place of numbers, IDs, addresses, URLs and what is in quotes; at
   * most 200 characters; '' where no span says.
   */
  readonly message: string;
  /** The message of its newest span, as it is; at most 500 characters. */
  readonly example: string;
  /**
   * `new`: it was not seen from `lookedBackToUnixNano` on · `ongoing`: it was there in the range before, which is as
   * long, too · `back`: it was not, but earlier · `gone`: it was there in the range before, and is not now.
   */
  readonly state: 'new' | 'ongoing' | 'back' | 'gone';
  /** Failures in the range that were looked at. */
  readonly count: number;
  /** How many failures in the range they represent. */
  readonly estimatedCount: number;
  /** The same of the range before. */
  readonly estimatedCountBefore: number;
  /** Start of the first that was seen: in both ranges, and for one that is back before them. */
  readonly firstUnixNano: string;
  /** Start of the last one. */
  readonly lastUnixNano: string;
  /** How many failures each 24th of the range represents, from its begin on. */
  readonly trend: readonly number[];
  /** Those with the most failures first; at most five. */
  readonly versions: readonly ErrorGroupVersion[];
  /** The newest ones, each of another trace; at most three. */
  readonly samples: readonly ErrorGroupSample[];
}

/** How many of the failures are of one `service.version`. */
export interface ErrorGroupVersion {
  readonly version: string;
  readonly count: number;
}

/** A span in which the failure began. */
export interface ErrorGroupSample {
  readonly traceId: string;
  readonly spanId: string;
  readonly startTimeUnixNano: string;
}

/**
 * Which attributes set a selection apart.
 *
 * Returned by `POST /api/v1/attributes/apart`.
 */
export interface ApartResponse {
  /** Begin of the window. */
  readonly fromUnixNano: string;
  /** Its end. */
  readonly toUnixNano: string;
  /** What was selected. */
  readonly selected: ComparedSelection;
  /** What it was held against. */
  readonly others: ComparedSelection;
  /** One sentence. */
  readonly text: string;
  /**
   * What selected spans, their resources and the roots of their traces have more often, the clearest first. Associated
   * with them, which need not be the cause. IDs are left out, and how a request ended.
   */
  readonly attributes: readonly ApartAttribute[];
  /** Present where shards of the store did not answer: whatever is on them is not counted or listed. */
  readonly partial?: PartialAnswer;
}

/** How much of a selection was looked at. */
export interface ComparedSelection {
  /** Spans of the window. */
  readonly spanCount: number;
  /** Traces of which a span was looked at: each counts once, of many a sample by ID. */
  readonly readCount: number;
}

/** An attribute that sets affected requests apart. */
export interface ApartAttribute {
  /** Of the root span, or of a span of the suspect. */
  readonly key: string;
  /** As text. */
  readonly value: string;
  /** Share of the affected requests that have it. */
  readonly share: number;
  /** Share of the others. */
  readonly otherShare: number;
  /** Share of all requests with it that are affected. */
  readonly selectedShare: number;
}

/** Returned by `GET /api/v1/alerts`. */
export interface AlertsResponse {
  /** The path of the file of alerts; null where there is none. */
  readonly file: string | null;
  /** Why the file as it is now is not used; the rules are those from before then. Null where it is used. */
  readonly problem: string | null;
  /** In the order of the file. */
  readonly rules: readonly AlertRuleStatus[];
  /** Without their addresses. */
  readonly channels: readonly {
    readonly name: string;
    readonly type: 'webhook' | 'slack' | 'email';
  }[];
}

/** A rule of the file of alerts, and how it is. */
export interface AlertRuleStatus {
  readonly name: string;
  readonly watch: 'rate' | 'errors' | 'latency' | 'unusual';
  readonly severity: 'info' | 'warning' | 'critical';
  /** Null for every service. */
  readonly service: string | null;
  readonly operation: string | null;
  /** A kind of spans; null for requests. */
  readonly kind: string | null;
  readonly attributes: Readonly<Record<string, string>>;
  /** In `unit`; null where the rule watches for what is unusual. */
  readonly limit: {
    readonly direction: 'above' | 'below';
    readonly value: number;
  } | null;
  /** Of the limit, the value and the interval; a share is from 0 to 1. */
  readonly unit: 'requestsPerSecond' | 'share' | 'ns' | 'score';
  /** Of a latency, such as 0.95; null for others. */
  readonly quantile: number | null;
  readonly windowSeconds: number;
  /** How long the limit has to be passed before the rule fires. */
  readonly forSeconds: number;
  /** Of the interval. */
  readonly confidence: number;
  /** Names of channels. */
  readonly notify: readonly string[];
  /** Until then nobody is notified; null where the rule is not silenced. */
  readonly silencedUntil: string | null;
  /** `pending`: the limit is passed, and not for long enough yet. */
  readonly state: 'ok' | 'pending' | 'firing';
  /** The end of the window with which the state began; null before the first. */
  readonly since: string | null;
  readonly evaluatedAt: string | null;
  /**
   * Of the last window: the interval lies beyond the limit or within it, or the limit is in the interval (`undecided`),
   * or there are too few requests (`few`) or none. Null before the first, and where a window could not be looked at.
   */
  readonly verdict: 'beyond' | 'within' | 'undecided' | 'few' | 'none' | null;
  /** Why the last window could not be looked at; null where it could. */
  readonly problem: string | null;
  /** What was measured last; null where there was nothing. */
  readonly value: number | null;
  /** The interval of the value. */
  readonly lower: number | null;
  /** Null where nothing bounds it as well. */
  readonly upper: number | null;
  /** In the last window, as an estimate of all that there were. */
  readonly requests: number;
  /** Of the incident; null unless the rule fires. */
  readonly dedupKey: string | null;
  /** When people were notified of it last; null where they were not. */
  readonly notifiedAt: string | null;
}

/**
 * What has changed, and which service is the likeliest cause.
 *
 * Returned by `GET /api/v1/changes?from&to&baselineFrom&baselineTo&service&limit`.
 */
export interface ChangesResponse {
  /** Begin of the range. */
  readonly fromUnixNano: string;
  /** Its end. */
  readonly toUnixNano: string;
  /** Begin of the time that it is compared with. */
  readonly baselineFromUnixNano: string;
  /** Its end. */
  readonly baselineToUnixNano: string;
  /** What matters most first. */
  readonly changes: readonly Change[];
  /** Whether there are more. */
  readonly truncated: boolean;
  /**
   * `found`: the first suspect stands out · `not-enough-evidence`: something differs, and too little speaks for one
   * cause · `nothing-unusual`: the windows are alike.
   */
  readonly conclusion: 'found' | 'not-enough-evidence' | 'nothing-unusual';
  /** One sentence. */
  readonly text: string;
  /** The likeliest first; at most five. */
  readonly suspects: readonly Suspect[];
  /** What makes the comparison less certain. */
  readonly warnings: readonly string[];
  readonly baseline: ComparedWindow;
  readonly incident: ComparedWindow;
  /** Present where shards of the store did not answer: whatever is on them is not counted or listed. */
  readonly partial?: PartialAnswer;
}

/** Something that differs between a range of time and what was before. */
export interface Change {
  /** `failures`, `fewer-failures`: more or fewer of the requests fail. */
  readonly kind:
    | 'slower'
    | 'faster'
    | 'failures'
    | 'fewer-failures'
    | 'more-requests'
    | 'fewer-requests'
    | 'new-operation'
    | 'gone-operation'
    | 'new-version';
  readonly service: string;
  /** Null for what the whole service has in common, such as its version. */
  readonly operation: string | null;
  /** How much speaks for it, and how much it matters; comparable within one response. */
  readonly score: number;
  /** The measure in the baseline; null where it has none. */
  readonly before: number | null;
  /** The same in the range. */
  readonly after: number | null;
  /**
   * `ns`: the median duration, or of the slow requests where they are fewer than half · `share`: of the requests that
   * fail, from 0 to 1 · `perMinute`: requests.
   */
  readonly unit: 'ns' | 'share' | 'perMinute' | null;
  /** Requests of the range that were looked at. */
  readonly count: number;
  /** Requests of the baseline. */
  readonly baselineCount: number;
  /** One line. */
  readonly text: string;
  /** Traces of the range that show it; at most three. */
  readonly traceIds: readonly string[];
  /** The span in each of these traces. */
  readonly spanIds: readonly string[];
}

/** A service that may be the cause. */
export interface Suspect {
  /** A service; or a database, queue or host that sends no spans. */
  readonly service: string;
  /** The name of the spans that stand out; null where the whole service does. */
  readonly operation: string | null;
  /** What sets the affected part of the service apart, such as `service.instance.id`; null where all is affected. */
  readonly resource: Readonly<Record<string, string>> | null;
  /**
   * `slow`: its own work takes longer · `operation`: that of one operation · `network`: calls take longer on the way to
   * it or from it · `queue`: messages wait longer · `failures`: it fails, or does not answer · `calls`: it leaves out
   * calls, or makes new ones · `more-calls`: it calls others more often · `serial`: its calls wait for each other.
   */
  readonly kind: 'slow' | 'operation' | 'network' | 'queue' | 'failures' | 'calls' | 'more-calls' | 'serial';
  /** How much speaks for it; comparable within one response. */
  readonly score: number;
  /** One sentence. */
  readonly text: string;
  /** The strongest first. */
  readonly evidence: readonly SuspectEvidence[];
  /**
   * What the affected requests have more often than others of the same operation, the clearest first; of the first
   * suspect, where not all requests are affected. Associated with them, which need not be the cause.
   */
  readonly attributes: readonly ApartAttribute[];
}

/** What was counted at one place. */
export interface SuspectEvidence {
  /** One line, such as `payment POST /pay: 12 ms → 480 ms in 78%`. */
  readonly text: string;
  /** Traces of the incident that show it; at most three. */
  readonly traceIds: readonly string[];
  /** The span in each of these traces. */
  readonly spanIds: readonly string[];
  /** Calls of the incident that were looked at. */
  readonly count: number;
  /** Calls of the baseline. */
  readonly baselineCount: number;
  /** Share of the calls of the incident that are unusual. */
  readonly share: number;
  /** The same of the baseline, or what must be reckoned with after so few calls. */
  readonly baselineShare: number;
}

/** How much of a window was looked at: all of it, or a sample by trace ID. */
export interface ComparedWindow {
  /** Spans that start in it. */
  readonly spanCount: number;
  /** Traces that were compared. */
  readonly readTraceCount: number;
  /** Their spans. */
  readonly readSpanCount: number;
}

/**
 * What differs between two windows of traces, and which service is the likeliest cause. A comparison of counts and
 * durations; no language model.
 *
 * Returned by `POST /api/v1/incidents/explain`.
 */
export interface ExplainResponse {
  /**
   * `found`: the first suspect stands out · `not-enough-evidence`: something differs, and too little speaks for one
   * cause · `nothing-unusual`: the windows are alike.
   */
  readonly conclusion: 'found' | 'not-enough-evidence' | 'nothing-unusual';
  /** One sentence. */
  readonly text: string;
  /** The likeliest first; at most five. */
  readonly suspects: readonly Suspect[];
  /** What makes the comparison less certain. */
  readonly warnings: readonly string[];
  readonly baseline: ComparedWindow;
  readonly incident: ComparedWindow;
  /** Present where shards of the store did not answer: whatever is on them is not counted or listed. */
  readonly partial?: PartialAnswer;
}

/**
 * Who calls whom, how often, with what success and how fast.
 *
 * Returned by `GET /api/v1/map?from&to&service&depth&limit`.
 */
export interface MapResponse {
  /** Begin of the ten minutes in which the range begins. */
  readonly fromUnixNano: string;
  /** End of the ten minutes in which it ends. */
  readonly toUnixNano: string;
  /** How much of that time has been measured; rates are calls by this. */
  readonly measuredSeconds: number;
  /** Up to when; null where nothing of it has been measured. */
  readonly measuredUntilUnixNano: string | null;
  /** Spans of that time. */
  readonly storedSpanCount: number;
  /**
   * Spans that were measured: those of the traces that began in that time, of all of them or of a sample by trace ID.
   */
  readonly readSpanCount: number;
  /** The least share of the traces that a minute was measured from; 1 where no sample was taken. */
  readonly share: number;
  readonly nodes: readonly MapNode[];
  /** The most frequent first. */
  readonly edges: readonly MapEdge[];
  /** Whether there are more edges. */
  readonly truncated: boolean;
  /** Present where shards of the store did not answer: whatever is on them is not counted or listed. */
  readonly partial?: PartialAnswer;
}

/** A service, or what services call. */
export interface MapNode {
  /** Of its kind and name; edges lead from one to another. */
  readonly id: string;
  /**
   * `service`: sends spans · `silent`: a service that sends none, named by its callers · `database` · `queue` ·
   * `external`: known by its address only · `clients`: whoever sends requests and no spans.
   */
  readonly kind: 'service' | 'silent' | 'database' | 'queue' | 'external' | 'clients';
  /** "" for `clients`, and for calls that do not say where they go. */
  readonly name: string;
  /** Requests that it gets, of all callers; null for `clients`. */
  readonly requestsPerSecond: number | null;
  /** Share of these with an error, of the caller or of itself; null where there are none. */
  readonly errorRate: number | null;
}

/** Calls from one node to another. */
export interface MapEdge {
  /** ID of the node that calls. */
  readonly from: string;
  /** ID of the node that is called. */
  readonly to: string;
  readonly callsPerSecond: number;
  readonly errorRate: number;
  /**
   * How long half of the calls keep their caller waiting, in nanoseconds; of messages from a queue, how long they wait
   * there. Off by 2% at most.
   */
  readonly p50Ns: number | null;
  /** Of 95% of the calls; null where fewer than 40 were measured. */
  readonly p95Ns: number | null;
  /** Of 99%; null where fewer than 200 were measured. */
  readonly p99Ns: number | null;
  /** Calls that were measured. */
  readonly sampledCalls: number;
  readonly estimate: Estimate;
}

/** Returned by `GET /api/v1/sampling?service`. */
export interface SamplingResponse {
  /** Of one service, or of all. */
  readonly operations: readonly SampledOperation[];
  readonly settings: SamplingSettingsView;
}

/** The current sampling of one operation, for applications with remote sampling. */
export interface SampledOperation {
  readonly service: string;
  /** What its spans start with. */
  readonly name: string;
  /** 0 internal, 1 server, 2 client, 3 producer, 4 consumer. */
  readonly kind: number;
  readonly probability: number;
  readonly reason: SamplingReason;
  /** Its target, over all processes; null where its probability is fixed. */
  readonly tracesPerSecond: number | null;
  /** Sampling decisions per second, over all processes; null where unknown. */
  readonly decidedPerSecond: number | null;
  readonly errorsPerSecond: number;
  /** When the boost ends if its errors go back to what is usual; null where it has none. */
  readonly boostedUntilUnixNano: string | null;
  /** In words, such as `10 traces a second`. */
  readonly policy: string;
}

/**
 * What is set in `sampling/settings.json`, or by `PUT /api/v1/sampling/settings`.
 *
 * Returned by `GET /api/v1/sampling/settings` and `PUT /api/v1/sampling/settings`.
 */
export interface SamplingSettingsView {
  /** Target of sampled traces per second for each operation, over all processes of its service. */
  readonly tracesPerSecond: number;
  /** Target of sampled traces with an error per second, for each operation whose errors have risen. */
  readonly errorTracesPerSecond: number;
  /** Lower bound of the probabilities that follow from these. */
  readonly minProbability: number;
  /** Upper bound of them. */
  readonly maxProbability: number;
  /** Of operations whose rate is unknown, and of services whose SDK reports no counts. */
  readonly defaultProbability: number;
  /** What differs by service or operation; the first one that matches counts. */
  readonly operations: readonly SampledOperationSettings[];
  /** Evaluated by the SDK before the operations. */
  readonly rules: readonly SamplingRule[];
}

/** A target or a fixed probability of one operation, or of a whole service. */
export interface SampledOperationSettings {
  readonly service: string;
  /** The name that spans start with; every operation of the service where it is absent. */
  readonly operation?: string;
  readonly tracesPerSecond?: number;
  /** A fixed probability, instead of a target. */
  readonly probability?: number;
}

/**
 * The probability of the traces whose first span in an application meets all the conditions that are given: its
 * service, name, kind, HTTP method, route and path.
 */
export interface SamplingRule {
  readonly service?: string;
  readonly name?: string;
  readonly kind?: 'internal' | 'server' | 'client' | 'producer' | 'consumer';
  readonly method?: string;
  readonly route?: string;
  readonly path?: string;
  readonly probability: number;
}

/**
 * State of the collector. Counts are since it started.
 *
 * Returned by `GET /api/v1/system`.
 */
export interface SystemResponse {
  readonly version: string;
  readonly uptimeSeconds: number;
  readonly store: SystemStore;
  readonly ingest: SystemIngest;
  readonly retention: {
    /** Days that spans are kept. */
    readonly maxAgeDays: number;
    /** The share of the disk above which the oldest days are deleted. */
    readonly maxDiskShare: number;
  };
  /** How often each limit was hit, by the key of its setting; those that never were are omitted. */
  readonly limitsReached: readonly {
    readonly limit: string;
    readonly times: number;
  }[];
  /** What keeps the collector from working, or needs attention; a sentence each, as at `/readyz`. */
  readonly problems: readonly string[];
}

/** Where the collector stores spans: its embedded ClickHouse, or servers. */
export interface SystemStore {
  readonly kind: 'embedded' | 'clickhouse';
  readonly state: 'starting' | 'ready' | 'down' | 'closed';
  /** Of ClickHouse; null while the store is unavailable, as for the others. */
  readonly engineVersion: string | null;
  /** Stored spans. */
  readonly spanCount: number | null;
  /** Of all tables. */
  readonly diskBytes: number | null;
  /** The first UTC day of which spans are stored, such as `2026-11-23`; null while there are none. */
  readonly firstDay: string | null;
  /** The last one. */
  readonly lastDay: string | null;
  /** Present where shards of the store did not answer: whatever is on them is not counted or listed. */
  readonly partial?: PartialAnswer;
  /** The servers; none where the store is embedded. */
  readonly nodes: readonly StoreNode[];
  /**
   * The collectors of the last day, as of the last sign of life of this one, with this one first; none without
   * `--store-cluster`.
   */
  readonly collectors: readonly StoreCollector[];
}

/** A ClickHouse server of `--store`. One that is not `up` is asked behind all others. */
export interface StoreNode {
  /** `host:port`, as in `--store`. */
  readonly node: string;
  /** Its number in the cluster; null without one, or before the server has said it. */
  readonly shard: number | null;
  /** Its macro `replica`; null without a cluster, or before the server has said it. */
  readonly replica: string | null;
  /** Of ClickHouse, as the server has said it last; null before. */
  readonly version: string | null;
  readonly state: 'unknown' | 'up' | 'down';
  /** When it came into this state, such as `2026-11-30T16:04:05.678Z`. */
  readonly since: string;
  readonly troubles: readonly {
    /** Stable, as at `/readyz`. */
    readonly code: string;
    /** The last error, or what is wrong. */
    readonly message: string;
    /** When it began. */
    readonly since: string;
  }[];
}

/** A collector that stores into the same cluster. */
export interface StoreCollector {
  /** Its id, which stays that of its data directory. */
  readonly collector: string;
  /** Host, version, process and data directory. */
  readonly description: string;
  /** Whether it may be storing now. */
  readonly isUp: boolean;
  /**
   * Its last sign of life, such as `2026-11-30T16:04:05.000Z`. Of one that is not up: when it left, or
   * `cluster.leaseMs` after it was last heard of.
   */
  readonly seen: string;
  /** Whether it runs the jobs of the store for all collectors. */
  readonly isLeader: boolean;
  /** Whether it is the one that answers. */
  readonly isSelf: boolean;
}

/** What the collector receives. */
export interface SystemIngest {
  /** Over the last minute. */
  readonly spansPerSecond: number;
  readonly acceptedSpans: number;
  /** Spans that were rejected, by reason, the most frequent one first; reasons without any are omitted. */
  readonly rejectedSpans: readonly {
    readonly reason: string;
    readonly spans: number;
  }[];
  /** The backlog: acknowledged, and not in the store yet. */
  readonly spoolBytes: number;
  /** Age of the oldest in the backlog. */
  readonly spoolAgeSeconds: number;
}

/**
 * How far a check of the store is.
 *
 * Returned by `GET /api/v1/check?run` and `PUT /api/v1/check?run`.
 */
export type CheckProgress =
  | {
      readonly state: 'running';
    }
  | {
      readonly state: 'done';
      readonly report: CheckReport;
    }
  | {
      readonly state: 'failed';
      readonly reason: string;
    };

/** What a check of the store has found. */
export interface CheckReport {
  /** Nothing is damaged, lost or wrong. */
  readonly ok: boolean;
  /** Parts that were verified. */
  readonly parts: number;
  /** Those that are still in use. */
  readonly damagedParts: readonly DamagedPart[];
  /** Parts that were damaged, and are in use again, if that was requested. */
  readonly repairedParts: readonly DamagedPart[];
  /** Parts that the disk fails to read: whether they are damaged is not known. */
  readonly unreadableParts: readonly DamagedPart[];
  /** Parts that are in `detached/` already. */
  readonly lostParts: readonly {
    readonly table: string;
    /** In `detached/`. */
    readonly name: string;
    /** The UTC day of its rows, such as `2026-11-23`; null for tables without days. */
    readonly day: string | null;
    /** Null where even their number cannot be read. */
    readonly rows: number | null;
    readonly bytes: number;
    /** Why, in a word of ClickHouse; empty for a part that the collector, or a person, has detached. */
    readonly reason: string;
  }[];
  /** Days of derived tables that do not hold what the spans say. */
  readonly wrongDays: readonly {
    /** A UTC day, such as `2026-11-23`. */
    readonly day: string;
    readonly table: string;
    /** What of it is wrong, such as `spans` or `errors`; the first of more. */
    readonly of: string;
    /** What the table holds. */
    readonly found: number;
    /** What it should hold. */
    readonly expected: number;
  }[];
  /** Days whose derived tables were wrong and have been rebuilt, if that was requested. */
  readonly rebuiltDays: readonly string[];
  /** Days that could not be compared, and why. */
  readonly notCompared: readonly {
    /** A UTC day, such as `2026-11-23`. */
    readonly day: string;
    readonly reason: string;
  }[];
  readonly spool: {
    /** Blocks that wait for the store. */
    readonly blocks: number;
    readonly damagedSegments: readonly {
      readonly segment: string;
      readonly damagedBlocks: number;
    }[];
  };
  /** Definitions of tables that are not what ClickHouse has written; its next start restores them. */
  readonly damagedDefinitions: readonly string[];
}

/** A part of a table that a check has found damaged, or could not read. */
export interface DamagedPart {
  readonly table: string;
  readonly part: string;
  /** The UTC day of its rows, such as `2026-11-23`; null for tables without days. */
  readonly day: string | null;
  readonly reason: string;
}

/**
 * A moment in a query string: a count since 1970 (up to 11 digits are seconds, up to 14 milliseconds, up to 17
 * microseconds, up to 19 nanoseconds) or an ISO 8601 date-time such as 2026-11-23T05:00:00.5Z (UTC where no offset is
 * given).
 */
export type TimeParameter = string;

/** Two windows of time to compare. A trace belongs to the window in which its root starts. */
export interface ExplainRequest {
  /** When all was well: an hour or a day before, better long than short. */
  readonly baseline: {
    /** Nanoseconds since 1970, as decimal digits or as a number. */
    readonly fromUnixNano: string | number;
    /** Nanoseconds since 1970, as decimal digits or as a number. */
    readonly toUnixNano: string | number;
  };
  /** When it was not; it does not overlap the baseline. */
  readonly incident: {
    /** Nanoseconds since 1970, as decimal digits or as a number. */
    readonly fromUnixNano: string | number;
    /** Nanoseconds since 1970, as decimal digits or as a number. */
    readonly toUnixNano: string | number;
  };
}

/** A selection of spans, and what it is held against. */
export interface ApartRequest {
  /** In which the spans start. */
  readonly window: {
    /** Nanoseconds since 1970, as decimal digits or as a number. */
    readonly fromUnixNano: string | number;
    /** Nanoseconds since 1970, as decimal digits or as a number. */
    readonly toUnixNano: string | number;
  };
  /** The spans in question, such as those with the status `error`. */
  readonly selection: SpanSelection;
  /** What they are held against: all other spans of the same service and operation when it is not given. */
  readonly others?: SpanSelection;
  /** Maximum number of attributes in the response; 10 when it is not given. */
  readonly limit?: number;
}

/** Spans: all of it holds for one and the same span. */
export interface SpanSelection {
  /** `service.name`; without it only spans without a parent are meant: whole requests. */
  readonly service?: string;
  /** The name of the span. */
  readonly operation?: string;
  readonly status?: 'error' | 'ok' | 'unset';
  /** The span took at least this long. */
  readonly minDurationMs?: number;
  /** It took at most this long. */
  readonly maxDurationMs?: number;
  /** Attributes as `key=value`, as the parameter `tag` of the search has them. */
  readonly tags?: readonly string[];
}

/** The parameters of `GET /api/v1/services`. */
export interface TimeRange {
  /** Spans that start then or later; without it from the first one on. */
  readonly from?: TimeParameter | undefined;
  /** Spans that start then or earlier; without it up to the last one. */
  readonly to?: TimeParameter | undefined;
}

/** The parameters of `GET /api/v1/series`. */
export interface SeriesQuery {
  /** Only this service. */
  readonly service?: string | undefined;
  /** Only this operation. Accepted: a name, which may be empty. */
  readonly operation?: string | undefined;
  /** One series for each of them; service when it is not given. */
  readonly groupBy?: 'service' | 'operation' | undefined;
  /** In the first step; an hour before `to` when it is not given. */
  readonly from?: TimeParameter | undefined;
  /** In the last step; now when it is not given. */
  readonly to?: TimeParameter | undefined;
  /**
   * Length of a step in whole seconds; it begins at a whole number of steps after the epoch. By default the shortest
   * usual one that makes at most 120 steps; 1500 steps at most, fewer with many series. 1 to 604,800.
   */
  readonly step?: number | undefined;
  /** Maximum number of series in the response. 1 to 1,000. Default 100. */
  readonly limit?: number | undefined;
}

/** The parameters of `GET /api/v1/attributes`. */
export interface AttributesQuery {
  /** Prefix of the keys or values. */
  readonly prefix?: string | undefined;
  /** From this UTC day on. */
  readonly from?: TimeParameter | undefined;
  /** Up to this UTC day. */
  readonly to?: TimeParameter | undefined;
  /** Maximum number in the response. 1 to 10,000. Default 100. */
  readonly limit?: number | undefined;
}

/** The parameters of `GET /api/v1/traces`. */
export interface TracesQuery {
  /** service.name of the span. */
  readonly service?: string | undefined;
  /** Name of the span. Accepted: a name, which may be empty. */
  readonly operation?: string | undefined;
  /** Status of the span. */
  readonly status?: 'error' | 'ok' | 'unset' | undefined;
  /**
   * The trace took at least this long, from its first start to its last end. Accepted: milliseconds in decimal with at
   * most 6 decimal places, such as 250 or 0.5.
   */
  readonly minDurationMs?: number | undefined;
  /**
   * The root took at most this long; without a root, the whole trace. Accepted: milliseconds in decimal with at most 6
   * decimal places, such as 250 or 0.5.
   */
  readonly maxDurationMs?: number | undefined;
  /**
   * An attribute of the span, of its resource, of its scope or of one of its events, whose value, or an element of it,
   * is this as text; all must match. The key ends at the first = without a backslash before it: a\=b=c searches for c
   * of a=b. Accepted: key=value, where \= stands for an equals sign of the key and \\ for its backslash before one of
   * these, at most 20 times.
   */
  readonly tags?: readonly string[] | undefined;
  /** The trace overlaps the range that begins here: a span of it ends then or later. */
  readonly from?: TimeParameter | undefined;
  /** The trace overlaps the range that ends here: a span of it starts then or earlier. */
  readonly to?: TimeParameter | undefined;
  /** Maximum number of traces in a page. 1 to 1,000. Default 20. */
  readonly limit?: number | undefined;
  /** Continues after an earlier page. Accepted: the nextCursor of an earlier page, unchanged. */
  readonly cursor?: string | undefined;
}

/** The parameters of `GET /api/v1/traces/{traceId}/similar`. */
export interface SimilarTracesQuery {
  /** Begin of the range in which they start; 24 hours before the trace when it is not given. */
  readonly from?: TimeParameter | undefined;
  /** End of the range; 24 hours after the trace when it is not given. */
  readonly to?: TimeParameter | undefined;
  /** Maximum number of traces in the response. 1 to 100. Default 10. */
  readonly limit?: number | undefined;
}

/** The parameters of `GET /api/v1/errors`. */
export interface ErrorsQuery {
  /** Begin of the range; an hour before `to` when it is not given. */
  readonly from?: TimeParameter | undefined;
  /** End of the range; now when it is not given. */
  readonly to?: TimeParameter | undefined;
  /** Only failures that began in this service. */
  readonly service?: string | undefined;
  /** Maximum number of groups in a page. 1 to 500. Default 50. */
  readonly limit?: number | undefined;
  /** Continues after an earlier page, in the same range. Accepted: the nextCursor of an earlier page, unchanged. */
  readonly cursor?: string | undefined;
}

/** The parameters of `GET /api/v1/changes`. */
export interface ChangesQuery {
  /** Begin of the range; an hour before `to` when it is not given. */
  readonly from?: TimeParameter | undefined;
  /** End of the range; now when it is not given. */
  readonly to?: TimeParameter | undefined;
  /** Begin of the baseline; 24 hours before its end when it is not given. */
  readonly baselineFrom?: TimeParameter | undefined;
  /** End of the baseline; the begin of the range when it is not given. */
  readonly baselineTo?: TimeParameter | undefined;
  /** Only changes of this service. */
  readonly service?: string | undefined;
  /** Maximum number of changes in the response. 1 to 1,000. Default 50. */
  readonly limit?: number | undefined;
}

/** The parameters of `GET /api/v1/map`. */
export interface MapQuery {
  /** Begin of the range; an hour before `to` when it is not given. */
  readonly from?: TimeParameter | undefined;
  /** End of the range, at most 31 days later; now when it is not given. */
  readonly to?: TimeParameter | undefined;
  /** Only what this service calls, directly or not, and what calls it. */
  readonly service?: string | undefined;
  /** With `service`: calls that follow each other, in each direction, up to so many. 1 to 32. Default 2. */
  readonly depth?: number | undefined;
  /** Maximum number of edges in the response, the most frequent ones. 1 to 5,000. Default 500. */
  readonly limit?: number | undefined;
}
