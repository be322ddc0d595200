import type { TSchema } from '@sinclair/typebox';
import type { RoutePath } from '../http/router.ts';
import type { ApiResponse } from './response.ts';
import type { Parameters, ParameterValues } from './parameters.ts';
import { readParameters } from './parameters.ts';
import { Problem } from './problem.ts';

/** A path with its parameters and its answer; the server dispatches to it, OpenAPI is written from it. */
export interface Route extends RoutePath {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  readonly summary: string;
  readonly parameters: Parameters;
  /** The path's parameters by name, for OpenAPI. */
  readonly pathParameters: Readonly<Record<string, string>>;
  /** Of the answer with status 200: its schema where it is JSON, or else its content type. */
  readonly answers: {
    readonly description: string;
    readonly schema?: TSchema;
    readonly contentType?: string;
  };
  /** Status codes of the errors that it may answer, besides 400 for parameters, and what they mean. */
  readonly problems: Readonly<Record<number, string>>;
  /** Whether it queries the store: a bounded number of such requests run at a time, the others wait in a queue. */
  readonly usesStore: boolean;
  /** Answers under whatever name the collector is asked: probes and scrapers use any, and learn no secret. */
  readonly isForProbes: boolean;
  /** The JSON that it takes; null where no body is read. */
  readonly body: RouteBody | null;
  handle(request: RouteQuery): Promise<ApiResponse> | ApiResponse;
}

export interface RouteBody {
  readonly schema: TSchema;
  /** A larger one is answered 413. */
  readonly bytesMax: number;
  /** The key of that limit's setting. */
  readonly limit: string;
}

/** A request as it reached the route. */
interface RouteQuery {
  /** Percent-encoded, as they came. */
  readonly path: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: Uint8Array;
  readonly signal: AbortSignal;
}

interface RouteRequest<P extends Parameters> {
  readonly path: Readonly<Record<string, string>>;
  readonly query: ParameterValues<P>;
  /** Empty where the route takes none. */
  readonly body: Uint8Array;
  /** Aborted when the client has left or the time is up. */
  readonly signal: AbortSignal;
}

export interface RouteDefinition<P extends Parameters> extends Omit<
  Route,
  'handle' | 'method' | 'parameters' | 'pathParameters' | 'problems' | 'isForProbes' | 'body'
> {
  readonly method?: Route['method'];
  readonly isForProbes?: boolean;
  readonly body?: RouteBody;
  readonly parameters?: P;
  readonly pathParameters?: Route['pathParameters'];
  readonly problems?: Route['problems'];
  readonly answer: (request: RouteRequest<P>) => Promise<ApiResponse> | ApiResponse;
}

/** Ties the handler's parameters to their types. */
export function route<P extends Parameters = Parameters>(definition: RouteDefinition<P>): Route {
  const { answer, parameters = {} as P, pathParameters = {}, problems = {}, ...rest } = definition;
  return {
    method: 'GET',
    isForProbes: false,
    body: null,
    ...rest,
    parameters,
    pathParameters,
    problems,
    handle: ({ path, query, ...others }) =>
      answer({ ...others, path: decodePath(path), query: readParameters(parameters, query) }),
  };
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
