/**
 * Traces as the query API of Jaeger has them (`GET /api/traces/{traceID}`), and as the JSON download of its UI. Times
 * are microseconds.
 *
 * @see https://www.jaegertracing.io/docs/latest/apis/
 */
export interface JaegerTraces {
  data: JaegerTrace[];
}

/** A trace, with the processes that its spans name. */
export interface JaegerTrace {
  traceID: string;
  spans: JaegerSpan[];
  processes: Record<string, JaegerProcess>;
  warnings?: string[] | null;
}

/** An operation. */
export interface JaegerSpan {
  traceID: string;
  spanID: string;
  /** 1 for sampled. */
  flags?: number;
  operationName: string;
  /** The parent first, then the links. */
  references: JaegerReference[];
  /** Since the epoch. */
  startTime: number;
  duration: number;
  tags: JaegerTag[];
  logs: JaegerLog[];
  processID: string;
  warnings: string[] | null;
}

/** Another span that a span is the child of, or follows. */
export interface JaegerReference {
  refType: 'CHILD_OF' | 'FOLLOWS_FROM';
  traceID: string;
  spanID: string;
}

/** An attribute. */
export interface JaegerTag {
  key: string;
  type: 'string' | 'bool' | 'int64' | 'float64' | 'binary';
  /** Base64 for `binary`; in quotes for an integer beyond 2⁵³. */
  value: string | boolean | number;
}

/** An event. */
export interface JaegerLog {
  timestamp: number;
  fields: JaegerTag[];
}

/** What spans come from. */
export interface JaegerProcess {
  serviceName: string;
  tags: JaegerTag[];
}

/** The tag that Jaeger keeps its warnings about a span in, where a span has no member for them. */
export const WARNINGS_TAG = '@jaeger@warnings';

/** The type of reference by OpenTracing; without it a link is one that the span follows from. */
export const REFERENCE_TAG = 'opentracing.ref_type';

/** The field of a log that names it. */
export const EVENT_FIELD = 'event';
