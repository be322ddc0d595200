import type {
  ApartRequest,
  ApartResponse,
  AlertsResponse,
  ApiError,
  AttributesQuery,
  AttributesResponse,
  AttributeValuesResponse,
  ChangesQuery,
  ChangesResponse,
  ComparisonResponse,
  CriticalPathResponse,
  EndpointsResponse,
  ErrorsQuery,
  ErrorsResponse,
  ExplainRequest,
  ExplainResponse,
  HeadlinesResponse,
  MapQuery,
  MapResponse,
  OperationsResponse,
  PartialAnswer,
  SamplingResponse,
  SeriesQuery,
  SeriesResponse,
  ServicesResponse,
  SimilarTracesQuery,
  SimilarTracesResponse,
  SystemResponse,
  TimeRange,
  TracesQuery,
  TracesResponse,
  TraceSamplingResponse,
} from './api-types.ts';
import type { TracesData } from '../otlp.ts';
import { MISSING_SHARDS_HEADER, SHARDS_HEADER } from './partial-answer.ts';
import { SPANS_IN_TRACE_HEADER, type StoryResponse, type TraceResponse } from './trace-response.ts';

/** How an `ApiClient` sends its requests. */
export interface ApiClientOptions {
  /**
   * Sends the requests in place of the global `fetch`: for credentials, an agent, or tests. It may reject; the client
   * then rejects with `unreachable`.
   *
   * @example
   * const credentials = { authorization: `Bearer ${process.env['TOKEN']}` };
   * const client = new ApiClient('https://tools.example/tracing', {
   *   fetch: (url, init) => fetch(url, { ...init, headers: { ...init?.headers, ...credentials } }),
   * });
   */
  readonly fetch?: typeof fetch;
}

/** Options of one request. Without a signal a request has no timeout. */
export interface RequestOptions {
  /** Cancels the request, here and in the collector; the method then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * A request without a usable response. An aborted request rejects with the signal's reason instead.
 *
 * @example
 * const client = new ApiClient('http://127.0.0.1:4319');
 * const found = await client.story('5b8efff798038103d269b633813fc60c').catch((error: unknown) => {
 *   if (error instanceof ApiClientError && error.code === 'trace_not_found') return null;
 *   throw error;
 * });
 */
export class ApiClientError extends Error {
  override readonly name = 'ApiClientError';
  /**
   * Stable. The API's own (`trace_not_found`, `invalid_parameter`, …), `unreachable` if nothing responded,
   * `invalid_response` if the response is not the API's, or `request_too_long` for a URL that the collector or a proxy
   * does not accept.
   */
  readonly code: string;
  /** The HTTP status; 0 where there is none. */
  readonly status: number;

  constructor(code: string, status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.status = status;
  }
}

/**
 * The query API under `/api/v1/`, typed. Every method rejects with `ApiClientError`, or with the signal's reason.
 *
 * @example
 * const client = new ApiClient('http://127.0.0.1:4319');
 * const { traces } = await client.traces(
 *   { service: 'checkout', minDurationMs: 1_000 },
 *   { signal: AbortSignal.timeout(5_000) },
 * );
 * for (const { traceId } of traces) console.log((await client.story(traceId)).headline);
 */
export class ApiClient {
  readonly #baseUrl: string;
  readonly #fetch: typeof fetch;

  /**
   * @param baseUrl such as `http://127.0.0.1:4319`, or `https://tools.example/tracing` behind a prefix; in a page that
   * the server itself has served the prefix alone, or ''.
   */
  constructor(baseUrl: string, options: ApiClientOptions = {}) {
    this.#baseUrl = baseUrl.replace(/\/+$/, '');
    // A browser's fetch works as a method of the window only.
    this.#fetch = options.fetch ?? ((...request) => globalThis.fetch(...request));
  }

  /** All services by name, with counts over all stored spans or over those that start in a range. */
  services(range: TimeRange = {}, options?: RequestOptions): Promise<ServicesResponse> {
    return this.#get('/services', { from: range.from, to: range.to }, options);
  }

  /** The operations of one service by name; none for an unknown one. */
  operations(service: string, range: TimeRange = {}, options?: RequestOptions): Promise<OperationsResponse> {
    // A browser takes a service called `..` for a step up in the path, however it is encoded.
    return this.#get('/operations', { service, from: range.from, to: range.to }, options);
  }

  /**
   * Searches traces, newest first, a page at a time. `writeTag` writes a tag.
   *
   * @example
   * const client = new ApiClient('http://127.0.0.1:4319');
   * for (let cursor: string | null | undefined; cursor !== null; ) {
   *   const page = await client.traces({ status: 'error', cursor });
   *   for (const { traceId, rootOperation } of page.traces) console.log(traceId, rootOperation);
   *   cursor = page.nextCursor;
   * }
   */
  traces(query: TracesQuery = {}, options?: RequestOptions): Promise<TracesResponse> {
    const { tags, ...parameters } = query;
    return this.#get('/traces', { ...parameters, tag: tags }, options);
  }

  /** Requests, errors and durations over time, of every service or of the operations of one. */
  series(query: SeriesQuery = {}, options?: RequestOptions): Promise<SeriesResponse> {
    return this.#get('/series', { ...query }, options);
  }

  /** Keys of the attributes of spans and resources, the most frequent first, for completion. */
  attributes(query: AttributesQuery = {}, options?: RequestOptions): Promise<AttributesResponse> {
    return this.#get('/attributes', { ...query }, options);
  }

  /** Values of one attribute, the most frequent first, for completion; none for an unknown key. */
  attributeValues(
    key: string,
    query: AttributesQuery = {},
    options?: RequestOptions,
  ): Promise<AttributeValuesResponse> {
    return this.#get('/attribute-values', { key, ...query }, options);
  }

  /** Headlines of 1 to 100 traces, computed where needed; a trace that is not stored has none. */
  headlines(traceIds: readonly string[], options?: RequestOptions): Promise<HeadlinesResponse> {
    return this.#get('/headlines', { ids: traceIds.join(',') }, options);
  }

  /**
   * One trace as OTLP JSON, for `traceFromOtlp`. Rejects with `trace_not_found` if no span of it is stored, and with
   * `shard_unavailable` if it may be on a shard of the store that does not answer. If the trace is too large to be read
   * whole, `spansInTrace` is the number of its spans.
   */
  async trace(traceId: string, options?: RequestOptions): Promise<TraceResponse> {
    const path = `/traces/${encodeURIComponent(traceId)}`;
    const { body, headers } = await this.#request<TracesData>(path, {}, options);
    const stored = headers.get(SPANS_IN_TRACE_HEADER);
    return { ...body, ...(stored !== null && { spansInTrace: Number(stored) }), ...partialOf(headers) };
  }

  /** What `tellStory` writes of a trace. Rejects as `trace` does. */
  async story(traceId: string, options?: RequestOptions): Promise<StoryResponse> {
    const path = `/traces/${encodeURIComponent(traceId)}/story`;
    const { body, headers } = await this.#request<StoryResponse>(path, {}, options);
    return { ...body, ...partialOf(headers) };
  }

  /** Where the time of a trace went. Rejects as `trace` does. */
  criticalPath(traceId: string, options?: RequestOptions): Promise<CriticalPathResponse> {
    return this.#get(`/traces/${encodeURIComponent(traceId)}/critical-path`, {}, options);
  }

  /**
   * Compares a trace with another one, or with the `typical` one of the same root in the 24 hours before it: `a` is
   * that one, `b` the trace. Rejects as `trace` does, and with `root_not_found` or `too_few_traces` where nothing is
   * typical.
   *
   * @example
   * const client = new ApiClient('http://127.0.0.1:4319');
   * const { paths } = await client.compare('5b8efff798038103d269b633813fc60c', 'typical');
   * for (const { service, operation, criticalDeltaNs } of paths) console.log(service, operation, criticalDeltaNs);
   */
  compare(traceId: string, other: string, options?: RequestOptions): Promise<ComparisonResponse> {
    return this.#get(`/traces/${encodeURIComponent(traceId)}/compare`, { with: other }, options);
  }

  /** Traces whose root does the same, the most similar first. Rejects as `trace` does, and with `root_not_found`. */
  similar(traceId: string, query: SimilarTracesQuery = {}, options?: RequestOptions): Promise<SimilarTracesResponse> {
    return this.#get(`/traces/${encodeURIComponent(traceId)}/similar`, { ...query }, options);
  }

  /** Why a trace was sampled, and how many it represents. Rejects as `trace` does. */
  traceSampling(traceId: string, options?: RequestOptions): Promise<TraceSamplingResponse> {
    return this.#get(`/traces/${encodeURIComponent(traceId)}/sampling`, {}, options);
  }

  /** Failures by where and why they began, the most frequent first, a page at a time. */
  errors(query: ErrorsQuery = {}, options?: RequestOptions): Promise<ErrorsResponse> {
    return this.#get('/errors', { ...query }, options);
  }

  /** What has changed in a range of time, what matters most first, and the likeliest cause. */
  changes(query: ChangesQuery = {}, options?: RequestOptions): Promise<ChangesResponse> {
    return this.#get('/changes', { ...query }, options);
  }

  /** Which services call which, and which databases, queues and hosts, in a range of time. */
  map(query: MapQuery = {}, options?: RequestOptions): Promise<MapResponse> {
    return this.#get('/map', { ...query }, options);
  }

  /**
   * Compares an incident with a time when all was well. Rejects with `invalid_windows` if the windows overlap.
   *
   * @example
   * const client = new ApiClient('http://127.0.0.1:4319');
   * const { conclusion, text, suspects } = await client.explainIncident({
   *   baseline: { fromUnixNano: '1796000000000000000', toUnixNano: '1796040000000000000' },
   *   incident: { fromUnixNano: '1796040000000000000', toUnixNano: '1796040180000000000' },
   * });
   * if (conclusion === 'found') console.log(suspects[0]?.service, text);
   */
  async explainIncident(request: ExplainRequest, options?: RequestOptions): Promise<ExplainResponse> {
    return (await this.#request<ExplainResponse>('/incidents/explain', {}, options, request)).body;
  }

  /**
   * Which attributes set a selection of spans apart from others. Rejects with `invalid_selection` if there is nothing
   * to hold it against.
   *
   * @example
   * const client = new ApiClient('http://127.0.0.1:4319');
   * const { text } = await client.attributesApart({
   *   window: { fromUnixNano: '1796000000000000000', toUnixNano: '1796003600000000000' },
   *   selection: { service: 'payment', status: 'error' },
   * });
   * console.log(text);
   */
  async attributesApart(request: ApartRequest, options?: RequestOptions): Promise<ApartResponse> {
    return (await this.#request<ApartResponse>('/attributes/apart', {}, options, request)).body;
  }

  /** Current sampling probabilities of the operations of one service, or of all, and the settings behind them. */
  sampling(service?: string, options?: RequestOptions): Promise<SamplingResponse> {
    return this.#get('/sampling', { service }, options);
  }

  /** The rules of the collector's file of alerts, with their states and what was measured last. */
  alerts(options?: RequestOptions): Promise<AlertsResponse> {
    return this.#get('/alerts', {}, options);
  }

  /** State of the collector. */
  system(options?: RequestOptions): Promise<SystemResponse> {
    return this.#get('/system', {}, options);
  }

  /** Ports on which the collector accepts spans. */
  endpoints(options?: RequestOptions): Promise<EndpointsResponse> {
    return this.#get('/endpoints', {}, options);
  }

  async #get<T>(path: string, parameters: Parameters, options?: RequestOptions): Promise<T> {
    return (await this.#request<T>(path, parameters, options)).body;
  }

  async #request<T>(
    path: string,
    parameters: Parameters,
    options: RequestOptions = {},
    body?: object,
  ): Promise<Received<T>> {
    const url = `${this.#baseUrl}/api/v1${path}${queryString(parameters)}`;
    const signal = options.signal;
    let status = 0;
    try {
      const response = await this.#fetch(url, {
        headers: { accept: 'application/json', ...(body !== undefined && { 'content-type': 'application/json' }) },
        ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
        ...(signal && { signal }),
      });
      status = response.status;
      // The response is not checked against its type: for 100,000 spans that would cost time.
      const answer: T & Partial<ApiError> = await response.json();
      if (response.ok) return { body: answer, headers: response.headers };
      if (answer.error?.code) throw new ApiClientError(answer.error.code, status, answer.error.message);
      throw new ApiClientError('invalid_response', status, `${url} responded ${status} without a reason`);
    } catch (error) {
      if (error instanceof ApiClientError) throw error;
      signal?.throwIfAborted();
      // Such a request is rejected before a route sees it, here or by a proxy, and in whatever form.
      if (status === 414 || status === 431)
        throw new ApiClientError('request_too_long', status, TOO_LONG, { cause: error });
      if (status === 0) throw new ApiClientError('unreachable', 0, `${url} cannot be reached`, { cause: error });
      throw new ApiClientError('invalid_response', status, `${url} responded ${status}, but not in JSON`, {
        cause: error,
      });
    }
  }
}

interface Received<T> {
  readonly body: T;
  readonly headers: Headers;
}

/** What no member of the body says: that of a trace is OTLP's, that of a story the story's. */
function partialOf(headers: Headers): { readonly partial?: PartialAnswer } {
  const missing = headers.get(MISSING_SHARDS_HEADER);
  if (missing === null) return {};
  return { partial: { missingShards: Number(missing), shards: Number(headers.get(SHARDS_HEADER)) } };
}

const TOO_LONG = 'the collector, or a proxy before it, rejected the query as too long; use fewer or shorter filters';

type Parameters = Readonly<Record<string, string | number | readonly string[] | undefined>>;

function queryString(parameters: Parameters): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) search.append(name, String(one));
  }
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}
