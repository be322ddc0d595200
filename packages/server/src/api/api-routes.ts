import { type Story, type TracesData, withUsual } from '@throughline/trace';
import { parseTag, SPANS_IN_TRACE_HEADER, uiPath } from '@throughline/trace/client';
import type {
  EndpointsResponse,
  HeadlinesResponse,
  OperationsResponse,
  PartialAnswer,
  ServicesResponse,
  TracesResponse,
  TraceSummary,
} from '@throughline/trace/client';
import type { IncomingHttpHeaders } from 'node:http';
import { Counter, type Registry } from 'prom-client';
import { usualDurations } from '../normals/usual-durations.ts';
import type { Headlines } from '../query/headlines.ts';
import { EngineError } from '../query/rows.ts';
import type { PlacedStory } from '../query/story-of.ts';
import { searchTraces } from '../query/search-traces.ts';
import type { QueryContext } from '../query/rows.ts';
import type { CountedUntil } from '../query/find-series.ts';
import { findOperations, findServices } from '../query/services.ts';
import type { TraceReader } from '../query/trace-reader.ts';
import { withReasons, type ReasonOf } from '../query/trace-sampling.ts';
import type { OfTrace, TraceResults, TraceQuery } from '../query/trace-query.ts';
import { json, markdown, writtenJson, type JsonResponse } from '../http/response.ts';
import { ownAddress } from '../http/own-address.ts';
import { partialWarnings } from '../terminal/partial-warnings.ts';
import { searchMarkdown } from '../terminal/write-search.ts';
import { endMarkdown, whyMarkdown } from '../terminal/write-trace.ts';
import { attributeRoutes } from './attribute-routes.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import {
  anyText,
  integer,
  milliseconds,
  oneOf,
  optional,
  repeated,
  requiredName,
  spanName,
  time,
  traceIds,
  type ParameterValues,
} from '../http/parameters.ts';
import type { Route } from '../http/route.ts';
import { route } from '../http/route.ts';
import { seriesRoute } from './series-route.ts';
import { PARTIAL_HEADERS, type StoreAnswers } from './store-answers.ts';
import { operationsSchema, servicesSchema } from './service-schemas.ts';
import { storySchema } from './story-schema.ts';
import { endpointsSchema } from './system-schemas.ts';
import { criticalPathSchema } from './trace-analysis-schemas.ts';
import { readTraceId, traceNotFound, tracePath, traceProblems } from './trace-path.ts';
import { headlinesSchema, traceSamplingSchema, traceSchema, tracesSchema } from './trace-schemas.ts';

export interface ApiRoutesOptions {
  readonly answers: StoreAnswers;
  readonly traceReader: TraceReader;
  readonly headlines: Headlines;
  readonly endpoints: EndpointsResponse;
  /** Why a span's operation has its current probability. */
  readonly samplingReasonOf: ReasonOf;
  /** Called for each query, before the store is queried. */
  readonly countedUntil: () => CountedUntil;
  readonly registry: Registry;
  /** The prefix that browsers see; '' for none. */
  readonly basePath?: string;
}

const TRACES_DEFAULT = 20;
const TRACES_MAX = 1_000;
const TAGS_MAX = 20;
const HEADLINE_IDS_MAX = 100;
/** As `throughline why` shows. */
const STORY_SPANS_DEFAULT = 4;
const STORY_SPANS_MAX = 1_000;

/** The queries under `/api/v1/`. */
export function apiRoutes({
  answers,
  traceReader,
  headlines,
  endpoints,
  samplingReasonOf,
  countedUntil,
  registry,
  basePath = '',
}: ApiRoutesOptions): Route[] {
  const truncatedTraces = new Counter({
    name: 'throughline_api_truncated_traces_total',
    help: 'Traces that were returned in part because they have more spans or bytes than are read',
    registers: [registry],
  });
  const ask = async <Q extends TraceQuery>(
    asked: Q,
    signal: AbortSignal,
    given: string | undefined,
  ): Promise<
    OfTrace<TraceResults[Q]> & {
      readonly headers: Readonly<Record<string, string>>;
      readonly partial: PartialAnswer | undefined;
    }
  > => {
    const traceId = readTraceId(given);
    const {
      found: trace,
      partial,
      headers,
    } = await answers.find(signal, (context) => traceReader.ask(context, traceId, asked));
    if (trace === null) throw traceNotFound(traceId);
    if (trace.truncated) truncatedTraces.inc();
    return { ...trace, partial, headers: { ...truncatedHeader(trace), ...headers } };
  };
  const urlOf = (headers: IncomingHttpHeaders, traceId: string): string | null => {
    const address = ownAddress(headers, basePath);
    return address === null ? null : address + uiPath('trace', { traceId });
  };
  /** What is usual is an addition: a story stands without it. */
  const withNormals = async ({ story, places }: PlacedStory, signal: AbortSignal): Promise<Story> => {
    try {
      const { found } = await answers.find(signal, (context) => usualDurations(context, places));
      return withUsual(story, places, ({ spanIndex }) => found.get(spanIndex) ?? null);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof EngineError)) throw error;
      return story;
    }
  };
  const operationsOf = (
    service: string,
    { from, to }: ParameterValues<typeof spanRange>,
    signal: AbortSignal,
  ): Promise<JsonResponse<OperationsResponse>> => {
    const range = { fromUnixNano: from, toUnixNano: to };
    return answers.json(signal, async (context): Promise<OperationsResponse> => ({
      operations: await findOperations(context, service, range),
    }));
  };
  const withHeadlines = async (
    context: QueryContext,
    traces: readonly TraceSummary[],
  ): Promise<readonly TraceSummary[]> => {
    const missing = traces.filter(({ headline }) => headline === null).map(({ traceId }) => traceId);
    if (missing.length === 0) return traces;
    const computed = await headlines.compute(context, missing.slice(0, HEADLINE_IDS_MAX));
    return traces.map((trace) => ({ ...trace, headline: trace.headline ?? computed[trace.traceId] ?? null }));
  };
  return [
    route({
      path: '/api/v1/endpoints',
      operationId: 'getEndpoints',
      summary: 'Ports on which this collector accepts spans, on the host of this API',
      answers: { description: 'The ports; null where it does not listen', schema: endpointsSchema },
      usesStore: false,
      answer: () => json(endpoints),
    }),
    route({
      path: '/api/v1/services',
      operationId: 'listServices',
      summary:
        'All services, with counts of their stored spans, of all or of those that start in a range; services and ' +
        'operations beyond the limits of rollups, and those of more than 4096 bytes, are counted as one, with isOthers set',
      parameters: spanRange,
      answers: { description: 'The services, sorted by name', schema: servicesSchema, headers: PARTIAL_HEADERS },
      usesStore: true,
      answer: ({ query: { from, to }, signal }) =>
        answers.json(signal, async (context): Promise<ServicesResponse> => ({
          services: await findServices(context, { fromUnixNano: from, toUnixNano: to }),
        })),
    }),
    route({
      path: '/api/v1/services/{service}/operations',
      operationId: 'listOperationsOfService',
      summary: 'The operations of one service; none for an unknown service',
      parameters: spanRange,
      pathParameters: { service: 'The name of the service, percent-encoded' },
      problems: { 404: 'not_found: the path names no service' },
      answers: { description: 'The operations, sorted by name', schema: operationsSchema, headers: PARTIAL_HEADERS },
      usesStore: true,
      answer: ({ path: { service = '' }, query: range, signal }) => operationsOf(service, range, signal),
    }),
    route({
      path: '/api/v1/operations',
      operationId: 'listOperations',
      summary: 'The same, for service names that cannot be a path segment, such as `..`',
      parameters: { service: requiredName('The name of the service'), ...spanRange },
      answers: { description: 'The operations, sorted by name', schema: operationsSchema, headers: PARTIAL_HEADERS },
      usesStore: true,
      answer: ({ query: { service, ...range }, signal }) => operationsOf(service, range, signal),
    }),
    seriesRoute(answers, Date.now, countedUntil),
    ...attributeRoutes(answers),
    route({
      path: '/api/v1/traces',
      operationId: 'searchTraces',
      summary:
        'Searches traces, newest first. Service, operation, status and all tags must match one and the same span; ' +
        'durations and times apply to the trace',
      parameters: {
        service: anyText('service.name of the span'),
        operation: spanName('Name of the span'),
        status: oneOf(['error', 'ok', 'unset'], 'Status of the span'),
        minDurationMs: milliseconds('The trace took at least this long, from its first start to its last end'),
        maxDurationMs: milliseconds('The root took at most this long; without a root, the whole trace'),
        tag: repeated(
          {
            accepted: String.raw`key=value, where \= stands for an equals sign of the key and \\ for its backslash before one of these`,
            description:
              'An attribute of the span, of its resource, of its scope or of one of its events, whose value, or an element of it, is this as text; all must match. The key ends at the first ' +
              String.raw`= without a backslash before it: a\=b=c searches for c of a=b`,
            schema: { type: 'string' },
          },
          TAGS_MAX,
          (given) => parseTag(given) ?? undefined,
        ),
        from: time('The trace overlaps the range that begins here: a span of it ends then or later'),
        to: time('The trace overlaps the range that ends here: a span of it starts then or earlier'),
        limit: integer(
          { least: 1, most: TRACES_MAX, defaultValue: TRACES_DEFAULT },
          'Maximum number of traces in a page',
        ),
        cursor: optional(
          {
            accepted: 'the nextCursor of an earlier page, unchanged',
            description: 'Continues after an earlier page',
            schema: { type: 'string' },
          },
          decodeCursor,
        ),
      },
      answers: {
        description: 'A page of traces, newest first; nextCursor is null on the last one',
        schema: tracesSchema,
        headers: PARTIAL_HEADERS,
      },
      report:
        `The same as \`throughline search --md\` prints it; the headlines of the first ${HEADLINE_IDS_MAX} traces are ` +
        'computed where needed',
      usesStore: true,
      answer: ({ query: { tag, from, to, minDurationMs, maxDurationMs, limit, cursor, ...filter }, form, signal }) => {
        const find = async (context: QueryContext): Promise<TracesResponse> => {
          const { traces, next } = await searchTraces(context, {
            filter: { ...filter, tags: tag },
            range: { fromUnixNano: from, toUnixNano: to },
            minDurationNs: minDurationMs,
            maxDurationNs: maxDurationMs,
            limit,
            after: cursor,
          });
          const known = traces.map((trace) => ({
            ...trace,
            headline: headlines.get(trace.traceId, trace.spanCount),
          }));
          return {
            // A page fills them in as they come; a text is read once.
            traces: form === 'markdown' ? await withHeadlines(context, known) : known,
            nextCursor: next === null ? null : encodeCursor(next),
          };
        };
        return answers.report(form, signal, find, (found, warnings) => searchMarkdown(found, warnings, Date.now()));
      },
    }),
    route({
      path: '/api/v1/headlines',
      operationId: 'getHeadlines',
      summary: 'Headlines of traces, computed where needed',
      parameters: { ids: traceIds(HEADLINE_IDS_MAX, 'Trace IDs, separated by commas') },
      answers: {
        description: 'The headlines by trace ID of 32 digits; a trace that is not stored has none',
        schema: headlinesSchema,
        headers: PARTIAL_HEADERS,
      },
      usesStore: true,
      answer: ({ query: { ids }, signal }) =>
        answers.json(signal, async (context): Promise<HeadlinesResponse> => ({
          headlines: await headlines.compute(context, ids),
        })),
    }),
    route({
      path: '/api/v1/traces/{traceId}',
      operationId: 'getTrace',
      summary: 'One trace as OTLP JSON',
      pathParameters: tracePath,
      answers: { description: 'The trace, as OTLP JSON', schema: traceSchema, headers: headersOfTrace },
      problems: traceProblems,
      report: 'The story and the spans as a waterfall, as `throughline trace --md` prints them',
      usesStore: true,
      answer: async ({ path, headers, form, signal }) => {
        if (form === 'markdown') {
          const { answer, partial, headers: said } = await ask('markdown', signal, path['traceId']);
          const url = urlOf(headers, answer.traceId);
          return markdown(endMarkdown(answer.body, answer, url, partialWarnings(partial)), said);
        }
        const trace = await ask('otlp', signal, path['traceId']);
        return writtenJson<TracesData>(trace.answer, trace.headers);
      },
    }),
    route({
      path: '/api/v1/traces/{traceId}/story',
      operationId: 'getStory',
      summary: 'The story of a trace: a headline and clauses with the spans that are their evidence',
      pathParameters: tracePath,
      parameters: {
        spans: integer(
          { least: 0, most: STORY_SPANS_MAX, defaultValue: STORY_SPANS_DEFAULT },
          'IDs of spans for each sentence in Markdown; JSON has them all',
        ),
      },
      answers: { description: 'The story, with its evidence', schema: storySchema, headers: headersOfTrace },
      problems: traceProblems,
      report: 'The same as `throughline why --md` prints it',
      usesStore: true,
      answer: async ({ path, query: { spans }, headers, form, signal }) => {
        const { answer, partial, headers: said } = await ask('placedStory', signal, path['traceId']);
        const story = await withNormals(answer, signal);
        if (form === 'json') return { ...json(story), headers: said };
        const report = { story, url: urlOf(headers, story.traceId), warnings: partialWarnings(partial) };
        return markdown(whyMarkdown(report, spans), said);
      },
    }),
    route({
      path: '/api/v1/traces/{traceId}/critical-path',
      operationId: 'getCriticalPath',
      summary:
        'Where the time of a trace went: its critical path with who took each part of it, the same by service, kind and ' +
        'path, and what it would save to halve a part',
      pathParameters: tracePath,
      answers: {
        description: 'The critical path, and what it adds up to',
        schema: criticalPathSchema,
        headers: headersOfTrace,
      },
      problems: traceProblems,
      usesStore: true,
      answer: async ({ path, signal }) => {
        const { answer, partial, headers } = await ask('critical-path', signal, path['traceId']);
        return { ...json({ ...answer, ...(partial !== undefined && { partial }) }), headers };
      },
    }),
    route({
      path: '/api/v1/traces/{traceId}/sampling',
      operationId: 'getTraceSampling',
      summary:
        'Why a trace was sampled, and how many traces it represents: from its spans, and from the current sampling probabilities',
      pathParameters: tracePath,
      answers: {
        description: 'What the trace represents, and the decisions behind it',
        schema: traceSamplingSchema,
        headers: headersOfTrace,
      },
      problems: traceProblems,
      usesStore: true,
      answer: async ({ path, signal }) => {
        const trace = await ask('sampling', signal, path['traceId']);
        const { answer, partial, headers } = trace;
        const body = { ...withReasons(answer, samplingReasonOf), ...(partial !== undefined && { partial }) };
        return { ...json(body), headers };
      },
    }),
  ];
}

const spanRange = {
  from: time('Spans that start then or later; without it from the first one on'),
  to: time('Spans that start then or earlier; without it up to the last one'),
};

const headersOfTrace = {
  ...PARTIAL_HEADERS,
  [SPANS_IN_TRACE_HEADER]: 'How many spans the trace has; sent where only the first of them were read',
};

function truncatedHeader({ truncated, storedSpanCount }: OfTrace<unknown>): Record<string, string> {
  return truncated ? { [SPANS_IN_TRACE_HEADER]: String(storedSpanCount) } : {};
}
