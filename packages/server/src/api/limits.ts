export interface ApiLimits {
  /** Queries that run at the same time. */
  readonly concurrentQueries: number;
  /** Queries that wait; one more is answered 503. */
  readonly queuedQueriesMax: number;
  /** A query that is not answered by then is answered 504, and its statements are cancelled. */
  readonly responseTimeoutMs: number;
  /** A request that has not arrived whole by then is cut off. */
  readonly requestTimeoutMs: number;
  readonly connectionsMax: number;
  /**
   * Requests that wait for the answer to the one before on their connection, over all connections; that of one more is
   * closed.
   */
  readonly pipelinedRequestsMax: number;
  /** A request's line and headers; more are answered 431. */
  readonly headerBytesMax: number;
  /** Answers in pieces, which hold a whole trace, that are sent at the same time; one more is answered 503. */
  readonly streamedResponsesMax: number;
  /** A client that has not taken such an answer by then is cut off. */
  readonly sendTimeoutMs: number;
  /** How long running queries may go on when the collector stops. */
  readonly closeTimeoutMs: number;
  /** What `Retry-After` says where a query is answered 503. */
  readonly retryAfterMs: number;
}

export const API_LIMITS: ApiLimits = {
  concurrentQueries: 4,
  queuedQueriesMax: 64,
  responseTimeoutMs: 30_000,
  requestTimeoutMs: 15_000,
  connectionsMax: 512,
  pipelinedRequestsMax: 64,
  headerBytesMax: 64 * 1024,
  streamedResponsesMax: 16,
  sendTimeoutMs: 60_000,
  closeTimeoutMs: 1_000,
  retryAfterMs: 1_000,
};
