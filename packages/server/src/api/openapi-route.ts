import { json } from '../http/response.ts';
import { route, type Route } from '../http/route.ts';
import { ANY_TEXT, type Parameter } from '../http/parameters.ts';
import { typeOf } from '../schema/named-schema.ts';
import { errorSchema } from './error-schema.ts';
import { withReferences } from './with-references.ts';

const OPENAPI_PATH = '/api/v1/openapi.json';

export interface OpenApiOptions {
  /** All that the API answers, but for this route itself. */
  readonly routes: readonly Route[];
  readonly version: string;
  /** The prefix that browsers see; '' for none. */
  readonly basePath?: string;
  /** The port for OTLP/HTTP. */
  readonly receiver?: ReceiverDescription;
}

interface ReceiverDescription {
  readonly port: number;
  /** Where spans, or other signals, are sent to, and as what. */
  readonly formats: readonly {
    readonly path: string;
    readonly operationId: string;
    readonly isStored: boolean;
    readonly forms: readonly { readonly mediaTypes: readonly string[] }[];
  }[];
  /** What is beside them. */
  readonly routes: readonly Route[];
}

/** The route that describes all the others and itself, written from the very definitions that answer. */
export function openApiRoute(options: OpenApiOptions): Route {
  const self: Route = route({
    path: OPENAPI_PATH,
    operationId: 'getOpenApi',
    summary: 'This OpenAPI description',
    answers: { description: 'A document of OpenAPI 3.1' },
    usesStore: false,
    answer: () => json(openApi({ ...options, routes: [...options.routes, self] })),
  });
  return self;
}

function openApi({ routes, version, basePath = '', receiver }: OpenApiOptions) {
  const { document, types } = withReferences({
    openapi: '3.1.0',
    info: {
      title: 'Throughline',
      version,
      description:
        'Queries over stored traces. Counts are numbers; members that end in `Ns` or `UnixNano` are decimal strings of ' +
        'nanoseconds, which do not fit a double; probabilities and shares are from 0 to 1. Every path that answers ' +
        'GET answers HEAD as well. Paths with a report send it as Markdown to clients whose `Accept` names text/markdown and does not prefer JSON. An unknown path is answered 404 (`not_found`), and a method that a path does not have ' +
        '405 (`method_not_allowed`, with `Allow`).',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: basePath === '' ? '/' : basePath }],
    paths: { ...pathsOf(routes), ...(receiver !== undefined && pathsOfReceiver(receiver)) },
    components: {
      responses: {
        Stranger: problem('host_not_allowed, origin_not_allowed: asked under a foreign name, or by a foreign web page'),
        NotAcceptable: problem(
          'not_acceptable: `Accept` refuses application/json, as by `q=0`, and does not allow text/markdown',
        ),
        TooLong: problem('request_too_long: the address and the headers are too long; use fewer or shorter filters'),
        TooSlow: problem('not_http: the request did not arrive whole in time'),
        Failed: problem('internal: the collector failed, and its log says why'),
        QueryTooLarge: problem('query_too_large, response_too_large: query less, such as a shorter time range'),
        QueryRefused: problem({
          description:
            'store_unavailable, too_many_queries, too_many_responses: the store is unavailable, or the collector overloaded; ' +
            'shard_unavailable: the trace may be on a shard of the store that does not answer; ' +
            'retry after Retry-After seconds',
          hasRetryAfter: true,
        }),
        QueryTimeout: problem('timeout: the store did not answer in time; query less, such as a shorter time range'),
      },
    },
  });
  return { ...document, components: { ...document.components, schemas: types } };
}

function pathsOf(routes: readonly Route[]) {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const described of routes) (paths[described.path] ??= {})[described.method.toLowerCase()] = operation(described);
  return paths;
}

/** They are on another port, by whatever name the collector has for who sends spans to it. */
function pathsOfReceiver({ port, formats, routes }: ReceiverDescription) {
  const server = {
    url: 'http://{host}:{port}',
    description: 'The port that accepts spans over HTTP',
    variables: { host: { default: '127.0.0.1' }, port: { default: String(port) } },
  };
  const sent = formats.map((format): [string, object] => [format.path, { post: ingestion(format) }]);
  const paths = [...sent, ...Object.entries(pathsOf(routes))];
  return Object.fromEntries(paths.map(([path, methods]) => [path, { servers: [server], ...methods }]));
}

/** As OTLP has it, which describes its messages better than a schema could. */
function ingestion({ operationId, isStored, forms }: ReceiverDescription['formats'][number]) {
  const types = forms.flatMap(({ mediaTypes }) => mediaTypes);
  const content = Object.fromEntries(types.map((type) => [type, {}]));
  return {
    operationId,
    summary: isStored
      ? 'Accepts spans by OTLP/HTTP, and acknowledges them when they are on disk'
      : 'Accepts records by OTLP/HTTP, counts them, and stores none, which a partial success says',
    externalDocs: { url: 'https://opentelemetry.io/docs/specs/otlp/#otlphttp' },
    parameters: [],
    requestBody: { required: true, content },
    responses: {
      200: { description: 'The response of OTLP, in the encoding of the request', content },
      ...Object.fromEntries(
        Object.entries({
          400: 'The body is malformed; do not retry',
          403: 'The request comes from a web page that may not send, or names a host that is not ours',
          408: 'The request did not arrive whole in time',
          413: 'The body is too large; send fewer spans in a request',
          415: 'The content type or the encoding is not supported',
          431: 'The address and the headers are too long',
          500: 'The collector failed, and its log says why',
          503: 'The collector is overloaded, or its disk is full; retry after Retry-After seconds',
        }).map(([status, description]) => [
          status,
          { description: `${description} (google.rpc.Status)`, ...(status === '503' && RETRIED), content },
        ]),
      ),
    },
  };
}

function operation(described: Route) {
  const { operationId, summary, pathParameters, parameters, answers, report, problems, usesStore, body } = described;
  return {
    operationId,
    summary,
    parameters: [
      ...Object.entries(pathParameters).map(([name, meaning]) => ({
        name,
        in: 'path',
        required: true,
        description: `${meaning}.`,
        schema: { type: 'string' },
      })),
      ...Object.entries(parameters).map(([name, parameter]) => ({
        name,
        in: 'query',
        required: parameter.required,
        description: meaningOf(parameter),
        schema: parameter.repeatable ? { type: 'array', items: parameter.schema } : parameter.schema,
        ...(parameter.repeatable && { style: 'form', explode: true }),
      })),
    ],
    ...(body !== null && {
      requestBody: { required: true, content: { 'application/json': { schema: body.schema } } },
    }),
    responses: {
      ...(answers !== null && { 200: success(answers, report) }),
      400: problem('Unknown or invalid parameter'),
      403: { $ref: '#/components/responses/Stranger' },
      ...(report !== null && { 406: { $ref: '#/components/responses/NotAcceptable' } }),
      408: { $ref: '#/components/responses/TooSlow' },
      431: { $ref: '#/components/responses/TooLong' },
      500: { $ref: '#/components/responses/Failed' },
      ...Object.fromEntries(Object.entries(problems).map(([status, meaning]) => [status, problem(meaning)])),
      ...(usesStore && {
        422: { $ref: '#/components/responses/QueryTooLarge' },
        503: { $ref: '#/components/responses/QueryRefused' },
        504: { $ref: '#/components/responses/QueryTimeout' },
      }),
    },
  };
}

/** With what is accepted, unless the schema says all of it. */
function meaningOf({ description, accepted, schema }: Parameter<unknown>): string {
  const isRange = schema['minimum'] !== undefined && schema['maximum'] !== undefined;
  const isInSchema = accepted === ANY_TEXT || isRange || schema['enum'] !== undefined || typeOf(schema) !== undefined;
  return isInSchema ? `${description}.` : `${description}. Accepted: ${accepted}.`;
}

function success(
  { description, contentType = 'application/json', schema, headers }: NonNullable<Route['answers']>,
  report: Route['report'],
): object {
  return {
    description,
    ...(headers !== undefined && { headers: headersOf(headers) }),
    content: {
      [contentType]: schema === undefined ? {} : { schema },
      ...(report !== null && { 'text/markdown': { schema: { type: 'string', description: `${report}.` } } }),
    },
  };
}

function problem(meaning: Route['problems'][number]): object {
  const {
    description,
    schema = errorSchema,
    hasRetryAfter = false,
  } = typeof meaning === 'string' ? { description: meaning } : meaning;
  return { description, ...(hasRetryAfter && RETRIED), content: { 'application/json': { schema } } };
}

function headersOf(headers: Readonly<Record<string, string>>): object {
  return Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [
      name,
      { description, schema: { type: 'integer', minimum: 0 } },
    ]),
  );
}

const RETRIED = { headers: headersOf({ 'Retry-After': 'Seconds after which to send the request again' }) };
