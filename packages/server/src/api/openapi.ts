import { json } from './response.ts';
import type { Route } from './route.ts';
import { route } from './route.ts';

const OPENAPI_PATH = '/api/v1/openapi.json';

/** The route that describes all the others and itself, written from the very definitions that answer. */
export function openApiRoute(others: readonly Route[], version: string, basePath = ''): Route {
  const self: Route = route({
    path: OPENAPI_PATH,
    summary: 'This OpenAPI description',
    answers: { description: 'OpenAPI 3.1' },
    usesStore: false,
    answer: () => json(openApi([...others, self], version, basePath)),
  });
  return self;
}

function openApi(routes: readonly Route[], version: string, basePath: string) {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Throughline',
      version,
      description:
        'Queries over stored traces. Counts are numbers; members that end in Ns or UnixNano are decimal strings. ' +
        'Every path that answers GET answers HEAD as well.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: basePath === '' ? '/' : basePath }],
    paths: pathsOf(routes),
    components: {
      schemas: {
        Error: {
          type: 'object',
          required: ['error'],
          properties: {
            error: {
              type: 'object',
              required: ['code', 'message'],
              properties: {
                code: { type: 'string', description: 'Stable, for programs' },
                message: { type: 'string', description: 'For people' },
              },
            },
          },
        },
      },
    },
  };
}

function pathsOf(routes: readonly Route[]) {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const described of routes) (paths[described.path] ??= {})[described.method.toLowerCase()] = operation(described);
  return paths;
}

function operation({ summary, pathParameters, parameters, answers, problems, usesStore, body }: Route) {
  const { contentType = 'application/json', description, schema } = answers;
  return {
    summary,
    parameters: [
      ...Object.entries(pathParameters).map(([name, meaning]) => ({
        name,
        in: 'path',
        required: true,
        description: meaning,
        schema: { type: 'string' },
      })),
      ...Object.entries(parameters).map(([name, parameter]) => ({
        name,
        in: 'query',
        required: parameter.required,
        description: `${parameter.description}. Accepted: ${parameter.accepted}.`,
        schema: parameter.repeatable ? { type: 'array', items: parameter.schema } : parameter.schema,
        ...(parameter.repeatable && { style: 'form', explode: true }),
      })),
    ],
    ...(body !== null && {
      requestBody: { required: true, content: { 'application/json': { schema: body.schema } } },
    }),
    responses: {
      200: { description, content: { [contentType]: schema === undefined ? {} : { schema } } },
      400: problem('Unknown or invalid parameter'),
      ...Object.fromEntries(Object.entries(problems).map(([status, meaning]) => [status, problem(meaning)])),
      ...(usesStore && {
        503: problem('The store is unavailable or overloaded; retry after Retry-After seconds'),
        504: problem('The store did not answer in time'),
      }),
    },
  };
}

function problem(description: string) {
  return { description, content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } } };
}
