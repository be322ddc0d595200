import type { TracesData } from '../otlp.ts';

/** `GET /api/v1/traces/{traceId}`, as the client returns it: OTLP JSON, without repeats of spans. */
export interface TraceResponse extends TracesData {
  /** The number of stored spans, where the trace is too large to be read whole and these are the first of them. */
  readonly spansInTrace?: number;
}

/** The header that carries `TraceResponse.spansInTrace`: the body is OTLP and nothing else. */
export const SPANS_IN_TRACE_HEADER = 'Throughline-Spans-In-Trace';
