import type { Limits } from './limits.ts';

/** Least and greatest value, what it is, and what counts it; without the last, the counter of all limits does. */
export type Bounds = readonly [min: number, max: number, help: string, counter?: string | null];

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const REFUSED_MESSAGES = 'throughline_sampling_exchanges_total{outcome="refused"}';

/** The compiler holds that no limit of a room is forgotten here. */
export const BOUNDS: { readonly [G in keyof Limits]: { readonly [K in keyof Limits[G]]: Bounds } } = {
  receivers: {
    bytesInFlightMax: [MIB, 64 * GIB, 'Bodies in memory, over all receivers; beyond it senders are told to come again'],
  },
  otlpHttp: {
    bodyBytesMax: [KIB, GIB, 'A body as sent; a larger one is answered 413'],
    decompressedBytesMax: [KIB, GIB, 'A body decompressed; a larger one is answered 413'],
    jsonObjectsMax: [100, 100_000_000, 'Objects and arrays in a JSON body; more are answered 413'],
    jsonInlineBytesMax: [
      0,
      GIB,
      'A larger JSON body is decoded in a thread of its own',
      'throughline_json_decoder_bodies_total',
    ],
    jsonThreadIdleMs: [SECOND, 24 * HOUR, 'That thread ends when it has had nothing to do for so long', null],
    jsonHeapBytesMax: [64 * MIB, 64 * GIB, 'Memory of that thread; a body that needs more is answered 413'],
    requestTimeoutMs: [SECOND, HOUR, 'For a whole request; a slower sender is answered 408 and cut off'],
    headersTimeoutMs: [SECOND, HOUR, 'For the headers of a request; a slower sender is answered 408 and cut off'],
    headerBytesMax: [KIB, MIB, "A request's line and headers; more are answered 431"],
    keepAliveTimeoutMs: [SECOND, HOUR, 'A connection without a request is closed after it', null],
    connectionsMax: [1, 1_000_000, 'Connections at once; one more is closed'],
    discardBytesMax: [0, 16 * GIB, 'What is read of a refused body before its connection is cut'],
    discardTimeoutMs: [0, HOUR, '… and for how long'],
    closeTimeoutMs: [0, MINUTE, 'For requests that are still arriving when the collector stops', null],
    retryAfterMs: [SECOND, HOUR, 'What Retry-After tells a sender', 'throughline_otlp_http_requests_total'],
  },
  otlpGrpc: {
    messageBytesMax: [KIB, GIB, 'A message as sent; a larger one is answered RESOURCE_EXHAUSTED'],
    decompressedBytesMax: [KIB, GIB, 'A message decompressed; a larger one is answered RESOURCE_EXHAUSTED'],
    callsMax: [1, 1_000_000, 'Calls at once; one more is answered RESOURCE_EXHAUSTED'],
    callsPerConnectionMax: [1, 1_000_000, 'Calls at once on a connection; the sender waits by itself', null],
    connectionsMax: [1, 1_000_000, 'Connections at once; one more is closed'],
    watchersMax: [0, 1_000_000, 'Health watchers at once; one more is answered RESOURCE_EXHAUSTED'],
    headerBytesMax: [KIB, MIB, 'Headers of a call; HTTP/2 refuses larger ones', null],
    streamWindowBytes: [64 * KIB, GIB, 'What a call may send before it is read', null],
    connectionWindowBytes: [64 * KIB, GIB, 'What the calls of a connection may send before they are read', null],
    requestTimeoutMs: [SECOND, HOUR, 'For a whole message; a slower sender is answered DEADLINE_EXCEEDED and cut off'],
    idleTimeoutMs: [SECOND, 24 * HOUR, 'A connection on which nothing happens is closed after it'],
    closeTimeoutMs: [0, MINUTE, 'For calls that are still running when the collector stops', null],
    retryAfterMs: [0, HOUR, 'What RetryInfo tells a sender', 'throughline_otlp_grpc_requests_total'],
  },
  ingest: {
    requestBytesMax: [MIB, 4 * GIB, 'Memory that the spans of one request may take; more are answered 413'],
    spansPerRequestMax: [1, 10_000_000, 'Spans of a request; those behind are refused'],
    attributesMax: [1, 1_000_000, 'Attributes of a span, event, link, resource or scope; the rest is dropped'],
    valueBytesMax: [128, GIB, 'A name or value; a longer text is cut, a larger array or map dropped'],
    valueDepthMax: [1, 100, 'Levels of arrays and maps in a value; an attribute with more is dropped'],
    eventsPerSpanMax: [0, 1_000_000, 'Events of a span; the rest is dropped'],
    linksPerSpanMax: [0, 1_000_000, 'Links of a span; the rest is dropped'],
    itemAttributesPerSpanMax: [
      0,
      10_000_000,
      'Attributes of all events, or all links, of a span; one with more is refused',
    ],
    daysPerRequestMax: [1, 36_500, 'Days on which the spans of one request start; spans of more are refused'],
    futureMsMax: [0, 24 * HOUR, 'A span that starts further ahead of the clock is refused'],
    pendingBytesMax: [MIB, 4 * GIB, 'Spans that wait for the disk; beyond it senders are told to come again'],
    retryAfterMs: [0, HOUR, 'What a sender is told to wait where spans wait for the disk', null],
  },
  spool: {
    segmentBytesMax: [
      MIB,
      GIB,
      'A segment is handed to the store when it is so large',
      'throughline_spool_sealed_segments_total',
    ],
    segmentRowsMax: [1_000, 4_000_000, '… or has so many spans', 'throughline_spool_sealed_segments_total'],
    segmentAgeMs: [0, MINUTE, '… or is so old', 'throughline_spool_sealed_segments_total'],
    backlogBytesMax: [16 * MIB, 1024 * GIB, 'What the store has not taken; beyond it senders are told to come again'],
    writeRetryMs: [10, MINUTE, 'After a failed write nothing is tried for so long', 'throughline_spool_blocked_total'],
  },
  loader: {
    retryDelayMs: [
      1,
      MINUTE,
      'The first repeat of a failed insert waits so long, each further one twice as long',
      'throughline_loader_inserts_total',
    ],
    retryDelayMsMax: [1, HOUR, '… up to this', 'throughline_loader_inserts_total'],
    refusalsMax: [1, 1_000, 'A segment that the store has refused so often is set aside'],
    drainTimeoutMs: [0, HOUR, 'For loading when the collector stops; the rest is loaded at the next start', null],
  },
  engine: {
    memoryBytesMax: [256 * MIB, 1024 * GIB, "The engine's memory", 'throughline_engine_errors_total{code="memory"}'],
    queryMemoryBytesMax: [
      16 * MIB,
      1024 * GIB,
      'Memory of one query; one that needs more fails',
      'throughline_engine_errors_total{code="memory"}',
    ],
    resultBytesMax: [
      MIB,
      4 * GIB,
      'The answer of one query; a larger one fails',
      'throughline_engine_errors_total{code="result"}',
    ],
    resultRowsMax: [
      1,
      1_000_000_000,
      'Rows that one query answers; one with more fails',
      'throughline_engine_errors_total{code="result"}',
    ],
    markCacheBytesMax: [MIB, 64 * GIB, "Each of the engine's caches for marks and keys", null],
    concurrentQueries: [1, 64, 'Queries at once; more wait', 'throughline_engine_queued_queries'],
    queuedQueriesMax: [0, 100_000, 'Queries that wait; one more is answered 503'],
    queryThreads: [1, 256, 'Threads of one query', null],
    mergeThreads: [1, 64, 'Threads that merge in the background', null],
    commandTimeoutMs: [
      SECOND,
      24 * HOUR,
      'For a statement that changes the schema or drops data',
      'throughline_engine_errors_total{code="timeout"}',
    ],
    insertTimeoutMs: [
      SECOND,
      24 * HOUR,
      'For an insert; then the engine is taken for stuck and started again',
      'throughline_engine_restarts_total',
    ],
    pingIntervalMs: [50, HOUR, 'How often the engine is asked whether it lives', null],
    unansweredPingsDown: [
      1,
      1_000,
      'It is called down after so many questions without an answer',
      'throughline_engine_up',
    ],
    unansweredPingsMax: [1, 100_000, '… and started again after so many', 'throughline_engine_restarts_total'],
    restartDelayMs: [
      1,
      MINUTE,
      'Before a dead engine is started again; twice as long whenever it dies soon again',
      'throughline_engine_restarts_total',
    ],
    restartDelayMsMax: [1, HOUR, '… up to this', 'throughline_engine_restarts_total'],
    closeTimeoutMs: [0, HOUR, "For a running insert and the engine's end when the collector stops", null],
  },
  cluster: {
    queryMemoryBytesMax: [
      16 * MIB,
      1024 * GIB,
      'Memory of one query on a ClickHouse server; one that needs more fails',
      'throughline_engine_errors_total{code="memory"}',
    ],
    resultBytesMax: [
      MIB,
      4 * GIB,
      'The answer of one query; a larger one fails',
      'throughline_engine_errors_total{code="result"}',
    ],
    concurrentQueries: [1, 1_000, 'Queries at once; more wait', 'throughline_engine_queued_queries'],
    queuedQueriesMax: [0, 100_000, 'Queries that wait; one more is answered 503'],
    commandTimeoutMs: [SECOND, 24 * HOUR, 'For a statement that changes the schema or drops data', null],
    insertTimeoutMs: [SECOND, 24 * HOUR, 'For an insert; then it is tried again', null],
    pingIntervalMs: [50, HOUR, 'How often the servers are asked whether they answer', null],
    pingTimeoutMs: [50, HOUR, '… and how long they have for it', 'throughline_engine_up'],
    startRetryMs: [50, HOUR, 'A start at which no server answers tries again after it', null],
    closeTimeoutMs: [0, HOUR, 'For a running insert when the collector stops', null],
  },
  rollups: {
    servicesMax: [
      1,
      1_000_000,
      'Services that the rollups keep apart; the others are counted as (other)',
      'throughline_rollup_other_spans_total',
    ],
    operationsPerServiceMax: [
      1,
      1_000_000,
      'Operations of a service that they keep apart',
      'throughline_rollup_other_spans_total',
    ],
    operationsMax: [
      1,
      10_000_000,
      'Operations of all services that they keep apart',
      'throughline_rollup_other_spans_total',
    ],
  },
  sampling: {
    messageBytesMax: [
      KIB,
      GIB,
      'A message with exact counts; a larger one is answered 413',
      'throughline_otlp_http_requests_total{outcome="413"}',
    ],
    messageOperationsMax: [1, 1_000_000, 'Operations of a message; one with more is refused', REFUSED_MESSAGES],
    messageTotalsMax: [1, 1_000_000, 'Totals of a message; one with more is refused', REFUSED_MESSAGES],
    nameCharactersMax: [16, 65_536, 'A name in a message; one with a longer one is refused', REFUSED_MESSAGES],
    settingsBytesMax: [
      KIB,
      64 * MIB,
      'Sampling settings as sent; larger ones are answered 413',
      'throughline_otlp_http_requests_total{outcome="413"}',
    ],
    operationsMax: [
      1,
      10_000_000,
      'Operations whose rates are known; others get the default probability',
      'throughline_sampling_refused_total',
    ],
    instancesMax: [1, 10_000_000, 'Processes whose rates are known', 'throughline_sampling_refused_total'],
    operationLiveMs: [MINUTE, 720 * HOUR, 'An operation that nobody tells of for so long is forgotten', null],
    saveIntervalMs: [SECOND, HOUR, 'How often rates are written to the data directory', null],
    forwardsMax: [1, 100_000, 'Messages on their way to other collectors; one more is not handed on'],
    forwardTimeoutMs: [100, MINUTE, 'For one of them', 'throughline_sampling_forwards_total{outcome="failed"}'],
  },
  counts: {
    totalsMax: [1, 100_000_000, 'Totals of operations and processes that are known; those of others are not stored'],
    processesMax: [1, 10_000_000, 'Processes whose totals are known; those of others are not stored'],
    processLiveMs: [MINUTE, 8_760 * HOUR, 'A process that is silent for so long is forgotten', null],
    waitingMessagesMax: [1, 1_000_000, 'Messages that wait for the disk; one more is left to the next of its process'],
    segmentAgeMs: [
      10,
      MINUTE,
      'Exact counts are handed to the store so often',
      'throughline_counts_spool_sealed_segments_total',
    ],
    backlogBytesMax: [
      16 * MIB,
      1024 * GIB,
      'What the store has not taken; beyond it messages are left to the next ones',
    ],
  },
  query: {
    queryTimeoutMs: [
      100,
      HOUR,
      'For one statement; then it is cancelled and the question answered 504',
      'throughline_engine_errors_total{code="timeout"}',
    ],
    traceSpansMax: [100, 10_000_000, 'Spans of one trace that are read', 'throughline_api_truncated_traces_total'],
    traceBytesMax: [MIB, 16 * GIB, 'Bytes of one trace that are read', 'throughline_api_truncated_traces_total'],
    searchWindowSpans: [1_000, 100_000_000, 'Search looks at so many of the newest spans first', null],
    headlinesMax: [0, 10_000_000, 'Headlines that are remembered', null],
    headlineConcurrency: [1, 64, 'Traces whose headline is computed at once', null],
  },
  http: {
    concurrentQuestions: [1, 64, 'Questions at once; more wait', 'throughline_api_questions_waiting'],
    waitingQuestionsMax: [0, 100_000, 'Questions that wait; one more is answered 503'],
    answerTimeoutMs: [100, HOUR, 'For an answer; then its statements are cancelled and it is answered 504'],
    requestTimeoutMs: [SECOND, HOUR, 'For a whole request; a slower client is answered 408 and cut off'],
    headerBytesMax: [KIB, MIB, "A request's line and headers; more are answered 431"],
    streamedAnswersMax: [1, 100_000, 'Large answers that are sent at once; one more is answered 503'],
    sendTimeoutMs: [SECOND, HOUR, 'For a client to take a large answer; a slower one is cut off'],
    connectionsMax: [1, 1_000_000, 'Connections at once; one more is closed'],
    closeTimeoutMs: [0, HOUR, 'For running questions when the collector stops', null],
    retryAfterMs: [
      SECOND,
      HOUR,
      'What Retry-After tells where a question is answered 503',
      'throughline_api_requests_total',
    ],
  },
};
