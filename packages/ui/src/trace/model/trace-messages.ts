import type { SpanSource } from '@throughline/trace';
import type { TraceModel } from './trace-model.ts';

/** What the page requests from its worker. The worker holds the one trace that it was opened with. */
export type TraceRequest =
  | { readonly kind: 'open'; readonly traceId: string }
  | { readonly kind: 'find'; readonly text: string }
  | { readonly kind: 'source'; readonly index: number };

export type TraceWorkerResponse =
  | { readonly kind: 'opened'; readonly model: TraceModel }
  | { readonly kind: 'found'; readonly spans: Int32Array }
  | { readonly kind: 'source'; readonly source: SpanSource }
  | { readonly kind: 'failed'; readonly failure: TraceFailure };

export interface TraceFailure {
  /** The API's code, `unreachable` or `invalid_response` as `ApiClientError` has them, or `analysis_failed`. */
  readonly code: string;
  /** The HTTP status; 0 where there is none. */
  readonly status: number;
  readonly message: string;
}

/** Requests and responses travel with a number that pairs them. */
export interface Numbered<T> {
  readonly id: number;
  readonly message: T;
}
