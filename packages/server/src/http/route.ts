import type { IncomingHttpHeaders } from 'node:http';
import type { Static, TSchema } from '@sinclair/typebox';
import type { Plain } from '../schema/response-schema.ts';
import { preferredForm, type ReportForm } from './accept.ts';
import type { Access } from './access.ts';
import type { JsonBody } from './json-body.ts';
import { readParameters, type Parameters, type ParameterValues } from './parameters.ts';
import { Problem } from './problem.ts';
import type { ApiResponse, JsonResponse, MarkdownResponse } from './response.ts';
import type { RoutePath } from './router.ts';

/**
 * A path with its parameters and its answer, on the port of the API or beside spans; a server dispatches to it, OpenAPI
 * is written from it.
 */
export interface Route extends RoutePath {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** How generated clients call it, such as `searchTraces`; of no other route, and for ever. */
  readonly operationId: string;
  readonly summary: string;
  readonly parameters: Parameters;
  /** The path's parameters by name, for OpenAPI. */
  readonly pathParameters: Readonly<Record<string, string>>;
  /** Of the answer with status 200: its schema where it is JSON, or else its content type. Null where it has none. */
  readonly answers: Answers<TSchema> | null;
  /** What it answers as Markdown to clients that prefer it; null where it has JSON alone. */
  readonly report: string | null;
  /**
   * Status codes of the errors that it may answer, besides those of every route, and what they mean; with a schema
   * where the body is no `Problem`.
   */
  readonly problems: Readonly<Record<number, string | ProblemMeaning>>;
  /** Whether it queries the store: a bounded number of such requests run at a time, the others wait in a queue. */
  readonly usesStore: boolean;
  /** Answers under whatever name the collector is asked: probes and scrapers use any, and learn no secret. */
  readonly isForProbes: boolean;
  /** The JSON that it takes; null where no body is read. */
  readonly body: Omit<JsonBody, 'read'> | null;
  /** Rejects with a `Problem` for whatever the client could do better. */
  handle(request: RouteQuery): Promise<ApiResponse>;
}

interface Answers<S extends TSchema> {
  readonly description: string;
  readonly schema?: S;
  readonly contentType?: string;
  /** Whole numbers in its head, and what they mean. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ProblemMeaning {
  readonly description: string;
  readonly schema?: TSchema;
  /** Whether `Retry-After` says when to ask again. */
  readonly hasRetryAfter?: boolean;
}

/** A request as it reached the route. */
interface RouteQuery {
  /** Percent-encoded, as they came. */
  readonly path: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
  readonly access: Access;
  readonly signal: AbortSignal;
}

interface RouteRequest<P extends Parameters, B> {
  readonly path: Readonly<Record<string, string>>;
  readonly query: ParameterValues<P>;
  readonly headers: IncomingHttpHeaders;
  /** What the body says; undefined where the route takes none. */
  readonly body: B;
  /** As it came. */
  readonly bodyBytes: Uint8Array;
  readonly access: Access;
  /** What the client prefers; `json` for a route without a report. */
  readonly form: ReportForm;
  /** Aborted when the client has left or the time is up. */
  readonly signal: AbortSignal;
}

/** What a handler may answer where its answers have this schema, or none. */
type AnswerOf<S extends TSchema> = TSchema extends S ? ApiResponse : JsonResponse<Plain<Static<S>>> | MarkdownResponse;

interface RouteDefinition<P extends Parameters, B, S extends TSchema> extends Omit<
  Route,
  'handle' | 'method' | 'parameters' | 'pathParameters' | 'answers' | 'problems' | 'isForProbes' | 'body' | 'report'
> {
  readonly method?: Route['method'];
  readonly isForProbes?: boolean;
  readonly body?: JsonBody<B>;
  readonly parameters?: P;
  /** Lets parameters pass that it does not know: those of newer clients, or of a protocol that is not ours. */
  readonly ignoresUnknown?: boolean;
  readonly pathParameters?: Route['pathParameters'];
  readonly answers: Answers<S> | null;
  readonly problems?: Route['problems'];
  readonly report?: string;
  readonly answer: (request: RouteRequest<P, B>) => Promise<AnswerOf<S>> | AnswerOf<S>;
}

/** Ties the handler's parameters, what the body says, and its answer to the types that their schemas name. */
export function route<P extends Parameters = Parameters, B = undefined, S extends TSchema = TSchema>(
  definition: RouteDefinition<P, B, S>,
): Route {
  const {
    answer,
    parameters = {} as P,
    ignoresUnknown = false,
    pathParameters = {},
    problems = {},
    report = null,
    body: taken,
    ...rest
  } = definition;
  return {
    method: 'GET',
    isForProbes: false,
    ...rest,
    body: taken ?? null,
    parameters,
    pathParameters,
    report,
    problems,
    handle: async ({ path, query, body: bodyBytes, ...others }) => {
      const form = report === null ? 'json' : formFor(others.headers.accept);
      const response = await answer({
        ...others,
        form,
        path: decodePath(path),
        query: readParameters(parameters, query, ignoresUnknown),
        bodyBytes,
        body: taken?.read(bodyBytes) as B,
      });
      return report === null ? response : { ...response, headers: { ...VARIES, ...response.headers } };
    },
  };
}

const VARIES = { Vary: 'Accept' };

function formFor(accept: string | undefined): ReportForm {
  const form = preferredForm(accept);
  if (form !== null) return form;
  throw new Problem(
    406,
    'not_acceptable',
    `Accept: got ${JSON.stringify(accept?.slice(0, 100))}; accept application/json or text/markdown, which this path has`,
    VARIES,
  );
}

function decodePath(path: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(path).map(([name, segment]) => [name, decodeSegment(segment)]));
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new Problem(400, 'invalid_path', `${JSON.stringify(segment)} in the path is not valid percent-encoding`);
  }
}
