import type { Limits } from './limits.ts';

/**
 * Least and greatest value; help, a phrase that stands alone; and the metric that counts how often it is reached or
 * shows its effect. Without the last, the counter of all limits does.
 */
export type Bounds = readonly [min: number, max: number, help: string, counter?: string | null];

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** What the insert of a segment of 48 MiB takes: with 128 MiB it failed, and what was acknowledged waited for ever. */
const INSERT_MEMORY_BYTES = 192 * MIB;

const REJECTED_MESSAGES = 'throughline_sampling_exchanges_total{outcome="rejected"}';

/** The compiler holds that no limit of a module is forgotten here. */
export const LIMIT_BOUNDS: { readonly [G in keyof Limits]: { readonly [K in keyof Limits[G]]: Bounds } } = {
  receivers: {
    bytesInFlightMax: [
      MIB,
      64 * GIB,
      'Memory for request bodies, over all receivers; beyond it senders get 503 or RESOURCE_EXHAUSTED and retry',
    ],
    decompressionsMax: [1, 64, 'Concurrent decompressions of bodies above 1 MiB; others wait'],
    decompressionsWaitingMax: [
      0,
      100_000,
      'Bodies queued for decompression; beyond it senders get 503 or RESOURCE_EXHAUSTED and retry',
    ],
    zstdThreadIdleMs: [SECOND, 24 * HOUR, 'Idle time after which the thread for large zstd bodies ends', null],
    protobufInlineBytesMax: [
      0,
      GIB,
      'Size above which a protobuf body is decoded in the decoder thread, which large JSON bodies share',
      'throughline_body_decoder_bodies_total',
    ],
    protobufInlineMessagesMax: [
      0,
      1_000_000_000,
      'Number of spans, events, links and other messages above which a protobuf body is decoded in the decoder thread',
      'throughline_body_decoder_bodies_total',
    ],
    decoderThreadIdleMs: [SECOND, 24 * HOUR, 'Idle time after which the decoder thread ends', null],
    decoderHeapBytesMax: [
      64 * MIB,
      64 * GIB,
      'Memory of the decoder thread; a body that needs more is rejected with 413',
    ],
  },
  otlpHttp: {
    bodyBytesMax: [KIB, GIB, 'Size of a body as sent; a larger one is rejected with 413'],
    decompressedBytesMax: [KIB, GIB, 'Size of a body after decompression; a larger one is rejected with 413'],
    jsonObjectsMax: [100, 100_000_000, 'Objects and arrays in a JSON body; a body with more is rejected with 413'],
    jsonInlineBytesMax: [
      0,
      GIB,
      'Size above which a JSON body is decoded in the decoder thread',
      'throughline_body_decoder_bodies_total',
    ],
    requestTimeoutMs: [SECOND, HOUR, 'Time for a whole request; a slower sender gets 408 and is disconnected'],
    headersTimeoutMs: [SECOND, HOUR, 'Time for the headers of a request; a slower sender gets 408 and is disconnected'],
    headerBytesMax: [KIB, MIB, 'Size of the request line and headers; a larger request is rejected with 431'],
    keepAliveTimeoutMs: [SECOND, HOUR, 'Idle time after which a connection without a request is closed', null],
    connectionsMax: [1, 1_000_000, 'Concurrent connections; further ones are closed'],
    pipelinedRequestsMax: [
      0,
      10_000,
      'Requests over all connections that wait for an earlier response on their connection; a connection that adds another is closed',
    ],
    discardBytesMax: [0, 16 * GIB, 'Bytes read of a rejected body before its connection is closed'],
    discardTimeoutMs: [0, HOUR, 'Time for reading a rejected body before its connection is closed'],
    closeTimeoutMs: [0, MINUTE, 'Time at shutdown for requests that are still arriving', null],
    retryAfterMs: [SECOND, HOUR, 'Retry-After of a response with 503', 'throughline_otlp_http_requests_total'],
  },
  otlpGrpc: {
    messageBytesMax: [KIB, GIB, 'Size of a message as sent; a larger one is rejected with RESOURCE_EXHAUSTED'],
    decompressedBytesMax: [
      KIB,
      GIB,
      'Size of a message after decompression; a larger one is rejected with RESOURCE_EXHAUSTED',
    ],
    callsMax: [1, 1_000_000, 'Concurrent calls; further ones are rejected with RESOURCE_EXHAUSTED'],
    callsPerConnectionMax: [
      1,
      1_000_000,
      'Concurrent calls on one connection; the sender holds back further ones',
      null,
    ],
    connectionsMax: [1, 1_000_000, 'Concurrent connections; further ones are closed'],
    watchersMax: [0, 1_000_000, 'Concurrent health watchers; further ones are rejected with RESOURCE_EXHAUSTED'],
    headerBytesMax: [
      KIB,
      MIB,
      'Size of the headers of a call; larger ones are rejected by HTTP/2 or with RESOURCE_EXHAUSTED',
    ],
    streamWindowBytes: [64 * KIB, GIB, 'Flow-control window of a call: what it may send before it is read', null],
    connectionWindowBytes: [
      64 * KIB,
      GIB,
      'Flow-control window of a connection: what its calls may send before they are read',
      null,
    ],
    requestTimeoutMs: [
      SECOND,
      HOUR,
      'Time for a whole message, and for a new connection to start HTTP/2; a slower sender gets DEADLINE_EXCEEDED and is disconnected',
    ],
    idleTimeoutMs: [SECOND, 24 * HOUR, 'Time without any activity after which a connection is closed'],
    closeTimeoutMs: [0, MINUTE, 'Time at shutdown for calls that are still running', null],
    retryAfterMs: [0, HOUR, 'Retry delay in RetryInfo', 'throughline_otlp_grpc_requests_total'],
  },
  ingest: {
    requestBytesMax: [
      MIB,
      4 * GIB,
      'Memory for the spans of one request; a request that needs more is rejected with 413',
    ],
    spansPerRequestMax: [1, 10_000_000, 'Spans in one request; further ones are rejected'],
    attributesMax: [1, 1_000_000, 'Attributes of a span, event, link, resource or scope; further ones are dropped'],
    valueBytesMax: [128, GIB, 'Size of a name or value; a longer text is truncated, a larger array or map is dropped'],
    valueDepthMax: [1, 100, 'Nesting of arrays and maps in a value; an attribute with deeper nesting is dropped'],
    eventsPerSpanMax: [0, 1_000_000, 'Events of a span; further ones are dropped'],
    linksPerSpanMax: [0, 1_000_000, 'Links of a span; further ones are dropped'],
    itemAttributesPerSpanMax: [
      0,
      10_000_000,
      'Attributes of all events, or of all links, of a span; a span with more is rejected',
    ],
    daysPerRequestMax: [1, 36_500, 'Days on which the spans of one request start; spans of further days are rejected'],
    futureMsMax: [0, 24 * HOUR, 'Time by which a span may start ahead of the clock; a span further ahead is rejected'],
    pendingBytesMax: [
      MIB,
      4 * GIB,
      'Spans queued for the disk; beyond it senders get 503 or RESOURCE_EXHAUSTED and retry',
    ],
    retryAfterMs: [0, HOUR, 'Retry delay for senders while the queue for the disk is full', null],
    recentRequestsMax: [0, 10_000_000, 'Stored requests that are remembered so that a repeat is not stored again'],
    recentRequestMs: [
      SECOND,
      24 * HOUR,
      'Minimum time for which a stored request is remembered',
      'throughline_repeated_requests_total',
    ],
  },
  spool: {
    segmentBytesMax: [
      MIB,
      GIB,
      'Size at which a segment is sealed and handed to the store',
      'throughline_spool_sealed_segments_total',
    ],
    segmentRowsMax: [
      1_000,
      4_000_000,
      'Number of spans at which a segment is sealed and handed to the store',
      'throughline_spool_sealed_segments_total',
    ],
    segmentRowsIdle: [
      1_000,
      4_000_000,
      'Number of spans at which a segment is sealed while no other waits for the store; an insert needs memory in proportion to its spans',
      'throughline_spool_sealed_segments_total',
    ],
    segmentAgeMs: [
      0,
      MINUTE,
      'Age at which a segment is sealed and handed to the store; `fresh.publishMs` applies where spans cannot be queried before they are stored',
      'throughline_spool_sealed_segments_total',
    ],
    backlogBytesMax: [
      16 * MIB,
      1024 * GIB,
      'Size of the backlog (spans that are not stored yet); beyond it senders get 503 or RESOURCE_EXHAUSTED and retry',
    ],
    diskReserveBytes: [
      0,
      1024 * GIB,
      'Free disk space that is reserved for the store, at most a twentieth of the disk; with less free, senders get 503 or RESOURCE_EXHAUSTED and retry',
      'throughline_spool_blocked_total',
    ],
    holdMs: [
      0,
      10 * SECOND,
      'Longest delay of an acknowledgement while a busy store falls behind, which slows down senders that wait for their responses',
      'throughline_spool_held_commits_total',
    ],
    writeRetryMs: [10, MINUTE, 'Delay before the next write after a failed one', 'throughline_spool_blocked_total'],
    retryLookMs: [
      10,
      HOUR,
      'Interval at which a running collector looks for segments that `throughline spool retry` has released',
      null,
    ],
  },
  fresh: {
    publishMs: [
      0,
      10 * SECOND,
      'Time after which acknowledged spans can be queried, while queries come in',
      'throughline_fresh_inserts_total{outcome="done"}',
    ],
    rowsPerInsertMax: [
      0,
      1_000_000,
      'Spans within `fresh.publishMs` above which a segment is handed to the store instead of being published early',
      'throughline_spool_sealed_segments_total{because="age"}',
    ],
    watchedMs: [
      0,
      HOUR,
      'Time after a query during which new spans are published early; after that, the next query publishes them',
      'throughline_fresh_inserts_total{outcome="done"}',
    ],
    waitMs: [0, MINUTE, 'Longest wait of a query for spans that are being published'],
  },
  loader: {
    retryDelayMs: [
      1,
      MINUTE,
      'Delay before the first retry of a failed insert; it doubles with each further retry',
      'throughline_loader_inserts_total',
    ],
    retryDelayMsMax: [1, HOUR, 'Longest delay between retries of a failed insert', 'throughline_loader_inserts_total'],
    rejectionsMax: [
      1,
      1_000,
      'Rejections by the store after which a segment with bad data is quarantined, if others were stored meanwhile',
    ],
    passedSegmentsMax: [1, 1_000, 'Failing segments that later segments may overtake; with as many, all others wait'],
    drainTimeoutMs: [0, HOUR, 'Time at shutdown for storing the backlog; the rest is stored at the next start', null],
  },
  engine: {
    memoryBytesMax: [256 * MIB, 1024 * GIB, 'Memory of the engine', 'throughline_engine_errors_total{code="memory"}'],
    queryMemoryBytesMax: [
      INSERT_MEMORY_BYTES,
      1024 * GIB,
      'Memory of one query or insert; one that needs more fails',
      'throughline_engine_errors_total{code="memory"}',
    ],
    resultBytesMax: [
      MIB,
      4 * GIB,
      'Size of the result of one query; a query with a larger one fails',
      'throughline_engine_errors_total{code="result"}',
    ],
    resultRowsMax: [
      1,
      1_000_000_000,
      'Rows in the result of one query; a query with more fails',
      'throughline_engine_errors_total{code="result"}',
    ],
    markCacheBytesMax: [MIB, 64 * GIB, 'Size of each of the caches for marks and keys in the engine', null],
    concurrentQueries: [1, 64, 'Concurrent queries; further ones wait', 'throughline_engine_queued_queries'],
    queuedQueriesMax: [0, 100_000, 'Queries in the queue; further ones get 503'],
    queryThreads: [1, 256, 'Threads of one query', null],
    queryThreadMemoryBytes: [0, 64 * GIB, 'Engine memory that must be free for each thread of a query', null],
    mergeThreads: [1, 64, 'Threads that merge parts in the background', null],
    mergeLookIntervalMs: [
      10,
      10 * MINUTE,
      'Interval at which newly merged parts of spans and request metrics are checked',
      'throughline_engine_short_merges_total',
    ],
    replacedPartsMs: [
      SECOND,
      HOUR,
      'Minimum time for which merged parts keep the parts that they replaced, to fall back on after a failed write',
      'throughline_engine_short_merges_total',
    ],
    mergePauseMs: [
      10,
      HOUR,
      'Pause of merges after one that was not written completely; it doubles when that soon happens again',
      'throughline_engine_short_merges_total',
    ],
    mergePauseMsMax: [
      10,
      HOUR,
      'Longest pause of merges after one that was not written completely',
      'throughline_engine_short_merges_total',
    ],
    unmapIntervalMs: [
      0,
      HOUR,
      'Interval at which engine and collector release memory of program files that they do not use; 0 for never',
      'throughline_engine_unmapped_bytes_total',
    ],
    commandTimeoutMs: [
      SECOND,
      24 * HOUR,
      'Timeout of a statement that changes the schema or drops data',
      'throughline_engine_errors_total{code="timeout"}',
    ],
    insertTimeoutMs: [
      SECOND,
      24 * HOUR,
      'Timeout of an insert; then the engine is considered hung and restarted',
      'throughline_engine_restarts_total',
    ],
    pingIntervalMs: [50, HOUR, 'Interval of pings to the engine', null],
    unansweredPingsDown: [
      1,
      1_000,
      'Consecutive unanswered pings after which the engine is reported as down',
      'throughline_engine_up',
    ],
    unansweredPingsMax: [
      1,
      100_000,
      'Consecutive unanswered pings after which the engine is restarted',
      'throughline_engine_restarts_total',
    ],
    restartDelayMs: [
      1,
      MINUTE,
      'Delay before a dead engine is restarted; it doubles when the engine soon dies again',
      'throughline_engine_restarts_total',
    ],
    restartDelayMsMax: [
      1,
      HOUR,
      'Longest delay before a dead engine is restarted',
      'throughline_engine_restarts_total',
    ],
    closeTimeoutMs: [0, HOUR, 'Time at shutdown for a running insert and for the engine to exit', null],
  },
  damage: {
    detachedPartsMax: [0, 10_000, 'Damaged parts of the embedded store that are detached automatically'],
    lookIntervalMs: [10, 24 * HOUR, 'Interval of checks for damage', null],
    verifyTimeoutMs: [100, HOUR, 'Timeout for the engine to verify a part that a statement failed on', null],
  },
  cluster: {
    queryMemoryBytesMax: [
      INSERT_MEMORY_BYTES,
      1024 * GIB,
      'Memory of one query or insert on a ClickHouse server; one that needs more fails',
      'throughline_engine_errors_total{code="memory"}',
    ],
    resultBytesMax: [
      MIB,
      4 * GIB,
      'Size of the result of one query; a query with a larger one fails',
      'throughline_engine_errors_total{code="result"}',
    ],
    compressionLevel: [0, 9, 'Level of gzip for inserts and results; 0 sends them uncompressed', null],
    concurrentQueries: [1, 1_000, 'Concurrent queries; further ones wait', 'throughline_engine_queued_queries'],
    queuedQueriesMax: [0, 100_000, 'Queries in the queue; further ones get 503'],
    commandTimeoutMs: [SECOND, 24 * HOUR, 'Timeout of a statement that changes the schema or drops data', null],
    insertTimeoutMs: [SECOND, 24 * HOUR, 'Timeout of an insert; then it is retried', null],
    pingIntervalMs: [50, HOUR, 'Interval of pings to the servers', null],
    pingTimeoutMs: [50, HOUR, 'Timeout of a ping to a server', 'throughline_engine_up'],
    startRetryMs: [50, HOUR, 'Delay before the next attempt to start when no server responds', null],
    leaseMs: [
      3 * SECOND,
      HOUR,
      'Time since the last renewal after which the lease of a collector on the store expires',
      'throughline_store_lease_held',
    ],
    leaseRenewMs: [
      100,
      HOUR,
      'Interval at which a collector renews its lease on the store',
      'throughline_store_lease_held',
    ],
    shardConnectTimeoutMs: [
      10,
      MINUTE,
      'Timeout of a ClickHouse server that connects to another one of the cluster; then it takes it for unreachable',
      'throughline_cluster_shards_away',
    ],
    shardSilenceMs: [
      SECOND,
      HOUR,
      'Time without a sign of life after which a ClickHouse server gives up another one in the middle of a query',
      'throughline_cluster_shards_away',
    ],
    shardRecheckMs: [
      50,
      HOUR,
      'Interval at which a shard that queries go without is asked whether it answers again',
      'throughline_cluster_shards_away',
    ],
    closeTimeoutMs: [0, HOUR, 'Time at shutdown for a running insert', null],
  },
  retention: {
    daysAtOnceMax: [
      0,
      36_500,
      'Days that may expire at once; if more than this, or half of the stored ones, expire together, the clock may be wrong and they are held',
      'throughline_retention_held_days',
    ],
    holdMs: [
      0,
      720 * HOUR,
      'Time for which days must stay expired before they are dropped, if many expire at once, after a jump of the clock, or while the newest two days are separated by a gap from earlier days',
      'throughline_retention_held_days',
    ],
  },
  rollups: {
    servicesMax: [
      1,
      1_000_000,
      'Services that the derived tables count separately; the others are counted as one without a name',
      'throughline_rollup_other_spans_total',
    ],
    operationsPerServiceMax: [
      1,
      1_000_000,
      'Operations of one service that the derived tables count separately',
      'throughline_rollup_other_spans_total',
    ],
    operationsMax: [
      1,
      10_000_000,
      'Operations of all services that the derived tables count separately',
      'throughline_rollup_other_spans_total',
    ],
    intervalMs: [
      10,
      HOUR,
      'Delay after which stored spans are added to the derived tables, while queries come in',
      'throughline_rollup_batches_total{outcome="added"}',
    ],
    idleIntervalMs: [
      SECOND,
      HOUR,
      'Delay after which stored spans are added to the derived tables, while no query comes in',
      'throughline_rollup_batches_total',
    ],
    rowsMax: [
      1_000,
      100_000_000,
      'Number of waiting spans at which they are added to the derived tables without delay',
      'throughline_rollup_batches_total{outcome="added"}',
    ],
    batchRowsMax: [
      1_000,
      1_000_000_000,
      'Spans that one statement adds to the derived tables',
      'throughline_rollup_batches_total{outcome="added"}',
    ],
    retryMs: [
      10,
      HOUR,
      'Delay before a failed update of the derived tables is retried',
      'throughline_rollup_batches_total{outcome="failed"}',
    ],
  },
  sampling: {
    messageBytesMax: [KIB, GIB, 'Size of a message with request metrics; a larger one is rejected with 413'],
    messageOperationsMax: [1, 1_000_000, 'Operations in a message; a message with more is rejected', REJECTED_MESSAGES],
    messageTotalsMax: [1, 1_000_000, 'Totals in a message; a message with more is rejected', REJECTED_MESSAGES],
    nameCharactersMax: [
      16,
      65_536,
      'Length of a name in a message; a message with a longer one is rejected',
      REJECTED_MESSAGES,
    ],
    settingsBytesMax: [KIB, 64 * MIB, 'Size of sampling settings as sent; larger ones are rejected with 413'],
    operationsMax: [
      1,
      10_000_000,
      'Operations whose rates are tracked; others get the default probability',
      'throughline_sampling_untracked_total',
    ],
    instancesMax: [1, 10_000_000, 'Processes whose rates are tracked', 'throughline_sampling_untracked_total'],
    operationLiveMs: [MINUTE, 720 * HOUR, 'Time without a report after which an operation is forgotten', null],
    saveIntervalMs: [SECOND, HOUR, 'Interval at which rates are written to the data directory', null],
    forwardsMax: [1, 100_000, 'Messages in flight to other collectors; further ones are not forwarded'],
    forwardTimeoutMs: [
      100,
      MINUTE,
      'Timeout of a message to another collector',
      'throughline_sampling_forwards_total{outcome="failed"}',
    ],
  },
  counts: {
    totalsMax: [1, 100_000_000, 'Totals of operations and processes that are tracked; those of others are not stored'],
    processesMax: [1, 10_000_000, 'Processes whose totals are tracked; those of others are not stored'],
    processLiveMs: [MINUTE, 8_760 * HOUR, 'Time without a message after which a process is forgotten', null],
    waitingMessagesMax: [
      1,
      1_000_000,
      'Messages queued for the disk; a further one is deferred to the next message of its process',
    ],
    segmentAgeMs: [
      10,
      MINUTE,
      'Interval at which request metrics are handed to the store',
      'throughline_counts_spool_sealed_segments_total',
    ],
    settleMs: [
      SECOND,
      HOUR,
      'Time after the end of a minute, plus `counts.segmentAgeMs`, after which its statistics come from request metrics instead of spans',
      null,
    ],
    backlogBytesMax: [
      16 * MIB,
      1024 * GIB,
      'Size of the backlog of request metrics; beyond it messages are deferred to the next ones',
    ],
    journalBytesMax: [
      64 * KIB,
      64 * GIB,
      'Size of the differences kept beside the totals on disk; with more, the totals are rewritten',
      'throughline_counts_snapshots_total',
    ],
    journalSegmentsMax: [
      1,
      100_000,
      'Segments of the differences kept beside the totals; with more, the totals are rewritten',
      'throughline_counts_snapshots_total',
    ],
  },
  maintenance: {
    snapshotIdleMs: [SECOND, HOUR, 'Time without a request from its backup after which a snapshot is removed'],
  },
  query: {
    queryTimeoutMs: [
      100,
      HOUR,
      'Timeout of one statement; then it is cancelled and the query gets 504',
      'throughline_engine_errors_total{code="timeout"}',
    ],
    traceSpansMax: [100, 10_000_000, 'Spans that are read of one trace', 'throughline_api_truncated_traces_total'],
    traceBytesMax: [MIB, 16 * GIB, 'Bytes that are read of one trace', 'throughline_api_truncated_traces_total'],
    traceInlineBytesMax: [
      0,
      GIB,
      'Size above which a trace is processed in the trace thread, so that other queries do not wait',
      'throughline_large_trace_queries_total',
    ],
    traceHeapBytesMax: [
      64 * MIB,
      64 * GIB,
      'Memory of the trace thread; a trace that needs more gets 422',
      'throughline_large_trace_queries_total{outcome="too_large"}',
    ],
    traceThreadIdleMs: [SECOND, 24 * HOUR, 'Idle time after which the trace thread ends', null],
    largeResultsMax: [
      0,
      100_000,
      'Stories and sampling decisions of large traces that are remembered',
      'throughline_large_trace_queries_total{outcome="shared"}',
    ],
    searchWindowSpans: [1_000, 100_000_000, 'Number of newest spans that a search looks at first', null],
    searchFarTracesMax: [
      0,
      1_000_000,
      'Long traces from outside the time range that a search considers; the latest-ending ones win',
      null,
    ],
    headlinesMax: [0, 10_000_000, 'Headlines that are remembered', null],
    headlineConcurrency: [1, 64, 'Traces whose headlines are computed concurrently', null],
  },
  http: {
    concurrentQueries: [1, 64, 'Concurrent queries over the API; further ones wait', 'throughline_api_queries_waiting'],
    queuedQueriesMax: [
      0,
      100_000,
      'Queries over the API in the queue; when it is full, the newest query of the busiest route gets 503',
    ],
    responseTimeoutMs: [100, HOUR, 'Timeout of a response; then its statements are cancelled and it gets 504'],
    requestTimeoutMs: [SECOND, HOUR, 'Time for a whole request; a slower client gets 408 and is disconnected'],
    headerBytesMax: [KIB, MIB, 'Size of the request line and headers; a larger request is rejected with 431'],
    streamedResponsesMax: [1, 100_000, 'Large responses that are sent concurrently; further requests get 503'],
    sendTimeoutMs: [SECOND, HOUR, 'Time for a client to receive a large response; a slower one is disconnected'],
    connectionsMax: [1, 1_000_000, 'Concurrent connections; further ones are closed'],
    pipelinedRequestsMax: [
      0,
      10_000,
      'Requests over all connections that wait for an earlier response on their connection; a connection that adds another is closed',
    ],
    closeTimeoutMs: [0, HOUR, 'Time at shutdown for running queries', null],
    retryAfterMs: [SECOND, HOUR, 'Retry-After of a response with 503', 'throughline_api_requests_total'],
  },
};
