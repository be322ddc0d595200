import type { TracesData } from '../otlp.ts';
import type { Story } from '../story/story.ts';
import type { PartialAnswer } from './api-types.ts';

/** `GET /api/v1/traces/{traceId}`, as the client returns it: OTLP JSON, without repeats of spans. */
export interface TraceResponse extends TracesData {
  /** The number of stored spans, where the trace is too large to be read whole and these are the first of them. */
  readonly spansInTrace?: number;
  /** Present where shards of the store that may have more of its spans did not answer. */
  readonly partial?: PartialAnswer;
}

/** `GET /api/v1/traces/{traceId}/story`, as the client returns it. */
export interface StoryResponse extends Story {
  /** Present where shards of the store that may have more of its spans did not answer. */
  readonly partial?: PartialAnswer;
}

/** The header that carries `TraceResponse.spansInTrace`: the body is OTLP and nothing else. */
export const SPANS_IN_TRACE_HEADER = 'Throughline-Spans-In-Trace';
