import type { TracesData } from './otlp.ts';

/**
 * What the query API under `/api/v1/` answers. Counts are numbers; `…Ns` and `…UnixNano` are decimal strings
 * (they do not fit a double); times given as parameters are explained at `TimeParameter`.
 */

/**
 * A moment in a query string: a decimal count since the epoch, whose unit follows from its size (up to 11 digits
 * seconds, 14 milliseconds, 17 microseconds, else nanoseconds), or an ISO 8601 date-time.
 */
export type TimeParameter = string;

export interface ServiceSummary {
  readonly name: string;
  /** Stored rows. */
  readonly spanCount: number;
  /** Stored rows with status ERROR. */
  readonly errorCount: number;
  /** Σ sampling weight of the stored rows, each of which counts 1 where its weight is not known. */
  readonly estimatedSpanCount: number;
  readonly estimatedErrorCount: number;
  readonly operationCount: number;
  readonly firstSeenUnixNano: string;
  readonly lastSeenUnixNano: string;
}

/** `GET /api/v1/services?from&to` */
export interface ServicesResponse {
  readonly services: readonly ServiceSummary[];
}

export interface OperationSummary {
  readonly name: string;
  readonly spanCount: number;
  readonly errorCount: number;
  /** Σ sampling weight, as of a service. */
  readonly estimatedSpanCount: number;
  readonly estimatedErrorCount: number;
}

/** `GET /api/v1/services/{service}/operations?from&to` */
export interface OperationsResponse {
  readonly operations: readonly OperationSummary[];
}

/**
 * Requests over time of a service, or of one of its operations: SERVER and CONSUMER spans, and spans whose parent is missing
 * or remote. Each array has a value for each step.
 */
export interface RequestSeries {
  readonly service: string;
  /** Null in a series of a whole service. */
  readonly operation: string | null;
  /** Stored rows; the rate is `estimatedRequestCount / stepSeconds`. */
  readonly requestCount: readonly number[];
  readonly errorCount: readonly number[];
  /** Σ sampling weight. */
  readonly estimatedRequestCount: readonly number[];
  readonly estimatedErrorCount: readonly number[];
  /** Off by at most 4.4 %; null in a step without a request. */
  readonly p50Ns: readonly (string | null)[];
  readonly p90Ns: readonly (string | null)[];
  readonly p99Ns: readonly (string | null)[];
}

/** `GET /api/v1/series?service&operation&groupBy&from&to&step&limit` */
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
}

export interface SeriesQuery extends TimeRange {
  readonly service?: string | undefined;
  readonly operation?: string | undefined;
  readonly groupBy?: 'service' | 'operation' | undefined;
  /** Seconds. */
  readonly step?: number | undefined;
  readonly limit?: number | undefined;
}

export interface AttributeKeySummary {
  readonly key: string;
  /** About how many spans have it; of many spans at once only some are looked at. */
  readonly estimatedSpanCount: number;
}

/** `GET /api/v1/attributes?prefix&from&to&limit`: keys of spans and resources, the most frequent first. */
export interface AttributesResponse {
  readonly attributes: readonly AttributeKeySummary[];
}

export interface AttributeValueSummary {
  /** As text, as in a search's tag. */
  readonly value: string;
  readonly estimatedSpanCount: number;
}

/** `GET /api/v1/attributes/{key}/values?prefix&from&to&limit`: the most frequent first. */
export interface AttributeValuesResponse {
  readonly values: readonly AttributeValueSummary[];
}

export interface AttributesQuery extends TimeRange {
  /** What the key, or the value, begins with. */
  readonly prefix?: string | undefined;
  readonly limit?: number | undefined;
}

export interface TraceService {
  readonly name: string;
  readonly spanCount: number;
  readonly errorCount: number;
}

export interface TraceSummary {
  readonly traceId: string;
  /** Service and name of the root span; of the earliest span where no root has arrived. */
  readonly rootService: string;
  readonly rootOperation: string;
  /** False while no span without a parent has arrived. */
  readonly hasRoot: boolean;
  readonly startTimeUnixNano: string;
  /** The root span's duration; from the earliest start to the latest end where no root has arrived. */
  readonly durationNs: string;
  readonly spanCount: number;
  readonly errorCount: number;
  /** Most spans first. */
  readonly services: readonly TraceService[];
  /** Null until it has been computed; `GET /api/v1/headlines` computes it. */
  readonly headline: string | null;
}

/**
 * `GET /api/v1/traces?service&operation&status&minDurationMs&maxDurationMs&tag=key=value&from&to&limit&cursor`:
 * newest start first. Service, operation, status and every tag hold for one and the same span; the durations and
 * the times for the trace.
 */
export interface TracesResponse {
  readonly traces: readonly TraceSummary[];
  /** Null on the last page. */
  readonly nextCursor: string | null;
}

/** `GET /api/v1/headlines?ids=a,b,…`: one member for each id that is stored; unknown ids have none. */
export interface HeadlinesResponse {
  readonly headlines: Readonly<Record<string, string>>;
}

/** `GET /api/v1/traces/{traceId}`, as the client gives it. */
export interface TraceResponse extends TracesData {
  /** The spans that are stored, where the trace is too large to be read whole and these are the first of them. */
  readonly spansInTrace?: number;
}

/** The header that carries `TraceResponse.spansInTrace`: the body is OTLP and nothing else. */
export const SPANS_IN_TRACE_HEADER = 'Throughline-Spans-In-Trace';

/** `GET /api/v1/endpoints`: where this collector takes spans, on the host that answers. */
export interface EndpointsResponse {
  /** Null where it does not listen. */
  readonly otlpGrpcPort: number | null;
  readonly otlpHttpPort: number;
}

export interface ApiError {
  readonly error: {
    /** Stable, lower case with underscores, e.g. `trace_not_found`. */
    readonly code: string;
    readonly message: string;
  };
}

/** The parameters of `GET /api/v1/traces`; each one that is given narrows the search. */
export interface TracesQuery extends TimeRange {
  readonly service?: string | undefined;
  readonly operation?: string | undefined;
  readonly status?: 'error' | 'ok' | 'unset' | undefined;
  readonly minDurationMs?: number | undefined;
  readonly maxDurationMs?: number | undefined;
  /** Each `key=value`: an attribute of the span or of its resource. */
  readonly tags?: readonly string[] | undefined;
  readonly limit?: number | undefined;
  /** The `nextCursor` of the page before. */
  readonly cursor?: string | undefined;
}

export interface TimeRange {
  readonly from?: TimeParameter | undefined;
  readonly to?: TimeParameter | undefined;
}
