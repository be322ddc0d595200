/** What all receivers share. */
export interface ReceiverLimits {
  /** Bodies, over all receivers, that are read or wait for their acknowledgement; beyond it the answer is "busy". */
  readonly bytesInFlightMax: number;
  /** Compressed bodies that are decompressed at once, of those that become larger than 1 MiB. */
  readonly decompressionsMax: number;
  /** Those that wait for it; beyond it the answer is "busy". */
  readonly decompressionsWaitingMax: number;
  /** The thread that decompresses such bodies of zstd ends when it has had nothing to do for so long. */
  readonly zstdThreadIdleMs: number;
  /** A protobuf body that is larger is decoded beside the event loop, so that others need not wait for it … */
  readonly protobufInlineBytesMax: number;
  /** … and so is one with more messages: spans, events, links, attributes that are no short ones, what is in arrays. */
  readonly protobufInlineMessagesMax: number;
  /** The thread that decodes such bodies, and large ones of JSON, ends when it has had nothing to do for so long. */
  readonly decoderThreadIdleMs: number;
  /** Memory that decoding such a body may take; beyond it the request is refused. */
  readonly decoderHeapBytesMax: number;
}

export const RECEIVER_LIMITS: ReceiverLimits = {
  bytesInFlightMax: 64 * 1024 * 1024,
  decompressionsMax: 2,
  decompressionsWaitingMax: 256,
  zstdThreadIdleMs: 30_000,
  protobufInlineBytesMax: 4 * 1024 * 1024,
  protobufInlineMessagesMax: 100_000,
  decoderThreadIdleMs: 30_000,
  decoderHeapBytesMax: 512 * 1024 * 1024,
};

/** Of a port for spans over HTTP, whatever they are written in. */
export interface HttpReceiverLimits {
  /** A request's body as sent. */
  readonly bodyBytesMax: number;
  /** … and decompressed. */
  readonly decompressedBytesMax: number;
  /** A request that has not arrived whole by then is answered 408 and cut off. */
  readonly requestTimeoutMs: number;
  readonly headersTimeoutMs: number;
  /** A request's line and headers; more are answered 431. */
  readonly headerBytesMax: number;
  /** A connection without a request is closed after it. */
  readonly keepAliveTimeoutMs: number;
  readonly connectionsMax: number;
  /**
   * Requests that wait for the answer to the one before on their connection, over all connections; that of one more is
   * closed.
   */
  readonly pipelinedRequestsMax: number;
  /** What is read of a refused body, so that its sender sees the answer, before the connection is cut. */
  readonly discardBytesMax: number;
  readonly discardTimeoutMs: number;
  /** How long `close` waits for requests that are still arriving. */
  readonly closeTimeoutMs: number;
  /** What `Retry-After` says where the answer is 503 before anything has been read. */
  readonly retryAfterMs: number;
}

export interface OtlpHttpLimits extends HttpReceiverLimits {
  /**
   * Objects and arrays in a JSON body. An empty one takes 3 bytes of the body and twenty times as much memory when it
   * is parsed, so the body's size alone does not bound it. A span with ten attributes has about 25.
   */
  readonly jsonObjectsMax: number;
  /** A JSON body that is larger is decoded beside the event loop, so that others need not wait for it. */
  readonly jsonInlineBytesMax: number;
}

export const HTTP_RECEIVER_LIMITS: HttpReceiverLimits = {
  bodyBytesMax: 16 * 1024 * 1024,
  decompressedBytesMax: 16 * 1024 * 1024,
  requestTimeoutMs: 30_000,
  headersTimeoutMs: 10_000,
  headerBytesMax: 16 * 1024,
  keepAliveTimeoutMs: 65_000,
  connectionsMax: 4_096,
  pipelinedRequestsMax: 64,
  discardBytesMax: 32 * 1024 * 1024,
  discardTimeoutMs: 5_000,
  closeTimeoutMs: 1_500,
  retryAfterMs: 1_000,
};

export const OTLP_HTTP_LIMITS: OtlpHttpLimits = {
  ...HTTP_RECEIVER_LIMITS,
  jsonObjectsMax: 1_000_000,
  jsonInlineBytesMax: 64 * 1024,
};

export interface OtlpGrpcLimits {
  /** A call's message as sent. */
  readonly messageBytesMax: number;
  /** … and decompressed. */
  readonly decompressedBytesMax: number;
  /** Calls at once, over all connections; beyond it a call is answered RESOURCE_EXHAUSTED. */
  readonly callsMax: number;
  /** Calls at once on one connection; HTTP/2 announces it, and senders wait by themselves. */
  readonly callsPerConnectionMax: number;
  readonly connectionsMax: number;
  /** Health watchers at once. */
  readonly watchersMax: number;
  /** As HTTP/2 counts them; gRPC's own libraries take as many. */
  readonly headerBytesMax: number;
  /** What a call may send before we have read it … */
  readonly streamWindowBytes: number;
  /** … and all calls of a connection together: usual batches without a round trip. */
  readonly connectionWindowBytes: number;
  /** A message that has not arrived whole by then is answered DEADLINE_EXCEEDED and cut off. */
  readonly requestTimeoutMs: number;
  /** A connection on which nothing happens so long is closed in order; senders connect again by themselves. */
  readonly idleTimeoutMs: number;
  /** How long `close` waits for calls that are still running. */
  readonly closeTimeoutMs: number;
  /** What `RetryInfo` says where the answer is given before anything has been read. */
  readonly retryAfterMs: number;
}

export const OTLP_GRPC_LIMITS: OtlpGrpcLimits = {
  messageBytesMax: 16 * 1024 * 1024,
  decompressedBytesMax: 16 * 1024 * 1024,
  callsMax: 4_096,
  callsPerConnectionMax: 100,
  connectionsMax: 4_096,
  watchersMax: 256,
  headerBytesMax: 8 * 1024,
  streamWindowBytes: 1024 * 1024,
  connectionWindowBytes: 4 * 1024 * 1024,
  requestTimeoutMs: 30_000,
  idleTimeoutMs: 300_000,
  closeTimeoutMs: 1_500,
  retryAfterMs: 1_000,
};
