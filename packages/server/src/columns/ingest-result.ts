/** What became of a request's spans. Nothing here is exceptional, so nothing throws. */
export type IngestResult =
  | {
      /** Durable: it survives the death of any process. */
      readonly kind: 'stored';
      readonly acceptedSpans: number;
      readonly rejectedSpans: number;
      /** Why the rejected spans were rejected, and what was dropped of the others; '' where there was neither. */
      readonly message: string;
    }
  /** The request is no OTLP. Nothing of it was kept. */
  | { readonly kind: 'malformed'; readonly message: string }
  /** The request is well formed and beyond a limit, named by its setting's key. Nothing of it was kept. */
  | { readonly kind: 'tooLarge'; readonly limit: string; readonly message: string }
  /** Nothing of it was kept; the same request may be sent again. */
  | { readonly kind: 'busy'; readonly retryAfterMs: number; readonly message: string }
  /** We failed, and would fail again at the same request. Nothing of it was kept. */
  | { readonly kind: 'failed'; readonly message: string };

/** Thrown by a decoder: the payload is no OTLP. The message says where and why. */
export class MalformedRequestError extends Error {
  override readonly name = 'MalformedRequestError';
}

/** Thrown while a request is decoded: it is well formed and beyond a limit. */
export class RequestTooLargeError extends Error {
  override readonly name = 'RequestTooLargeError';
  /** The key of the limit's setting. */
  readonly limit: string;

  constructor(limit: string, message: string) {
    super(message);
    this.limit = limit;
  }
}

/** Thrown by a decoder: the request takes so long that it is to be decoded elsewhere. */
export class TooLongHereError extends Error {
  override readonly name = 'TooLongHereError';
}

/** Reasons to reject one span; labels of a metric. */
export const REJECTION_CODES = ['trace_id', 'span_id', 'start_time', 'too_old', 'in_future', 'limit'] as const;

/** Why one span of an otherwise good request is not stored. */
export interface SpanRejection {
  readonly code: (typeof REJECTION_CODES)[number];
  /** The key of the limit that it is beyond. */
  readonly limit?: string;
  readonly message: string;
}
