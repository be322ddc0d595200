// The types of the client, packages/trace/src/client/api-types.ts, out of the OpenAPI description that a collector serves.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'oxfmt';
import { comment, declaration, nameIn, namesIn, typeText } from './schema-types.mjs';
import { root } from './workspace.mjs';

const HEAD = '// Written by `node scripts/api-types.mjs` out of the schemas in packages/server/src; do not edit.';
const CLIENT_PATHS = '/api/v1/';

/** Answers whose types `@throughline/trace` has itself. */
const HAND_WRITTEN = ['Story', 'TracesData'];

/** Types of the parameters of a route. */
const QUERIES = {
  TimeRange: '/api/v1/services',
  SeriesQuery: '/api/v1/series',
  AttributesQuery: '/api/v1/attributes',
  TracesQuery: '/api/v1/traces',
  SimilarTracesQuery: '/api/v1/traces/{traceId}/similar',
  ErrorsQuery: '/api/v1/errors',
  ChangesQuery: '/api/v1/changes',
  MapQuery: '/api/v1/map',
};

/** Routes whose bodies the client takes. */
const BODIES = ['/api/v1/incidents/explain', '/api/v1/attributes/apart'];

/** The types that answers of the API name, with their parts, and those of the parameters of queries. */
export async function openApiTypes({ info, paths, components: { schemas } }) {
  const answers = answersOf(paths);
  const named = [...answers.keys()].filter((name) => !HAND_WRITTEN.includes(name));
  const parameters = Object.values(QUERIES).map((path) => paths[path].get.parameters);
  const bodies = BODIES.map((path) => paths[path].post.requestBody.content['application/json'].schema);
  const types = namesIn([...named.map((name) => answers.get(name).schema), ...parameters, ...bodies], schemas);
  const text = [
    HEAD,
    comment(
      { description: `The query API under \`${CLIENT_PATHS}\`; docs/api.md lists its routes. ${info.description}` },
      '',
      '/*',
    ),
    ...[...types].map((name) => exported(name, schemas[name], answers.get(name)?.operations ?? [])),
    ...Object.entries(QUERIES).map(([name, path]) => query(name, path, paths[path].get)),
  ].join('\n\n');
  const options = JSON.parse(readFileSync(join(root, '.oxfmtrc.json'), 'utf8'));
  const { code, errors } = await format('api-types.ts', text, options);
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join('\n'));
  return code;
}

/** By the name of a type, the operations under the client's paths that return it; none of them where it is an error. */
function answersOf(paths) {
  const answers = new Map();
  for (const [path, operations] of Object.entries(paths).filter(([each]) => each.startsWith(CLIENT_PATHS))) {
    for (const [method, { parameters, responses }] of Object.entries(operations)) {
      for (const [status, { content }] of Object.entries(responses)) {
        const schema = content?.['application/json']?.schema ?? {};
        const name = nameIn(schema);
        if (name === undefined) continue;
        if (!answers.has(name)) answers.set(name, { schema, operations: [] });
        const operation = `\`${method.toUpperCase()} ${path}${queryOf(parameters)}\``;
        if (status === '200') answers.get(name).operations.push(operation);
      }
    }
  }
  return answers;
}

function queryOf(parameters) {
  const names = parameters.filter((parameter) => parameter.in === 'query').map(({ name }) => name);
  return names.length === 0 ? '' : `?${names.join('&')}`;
}

function exported(name, schema, operations) {
  const returned = operations.length === 0 ? [] : [`Returned by ${operations.join(' and ')}.`];
  const description = [...(schema.description === undefined ? [] : [schema.description]), ...returned].join('\n\n');
  return `${comment({ ...schema, description })}export ${declaration(name, schema, 'readonly ')}`;
}

function query(name, path, { parameters }) {
  const ofQuery = parameters.filter((parameter) => parameter.in === 'query');
  const members = ofQuery.map(({ name: parameter, required, description, schema }) => {
    // The client takes a list of what may be given several times.
    const member = schema.type === 'array' ? `${parameter}s` : parameter;
    const type = required ? typeText(schema, 'readonly ') : `${typeText(schema, 'readonly ')} | undefined`;
    const docs = comment({ description: [description, ...factsOf(schema)].join(' ') }, '  ');
    return `${docs}  readonly ${member}${required ? '' : '?'}: ${type};\n`;
  });
  const docs = comment({ description: `The parameters of \`GET ${path}\`.` });
  return `${docs}export interface ${name} {\n${members.join('')}}`;
}

function factsOf({ type, minimum, maximum, default: usual }) {
  return [
    ...(type === 'integer' ? [`${grouped(minimum)} to ${grouped(maximum)}.`] : []),
    ...(usual === undefined ? [] : [`Default ${grouped(usual)}.`]),
  ];
}

function grouped(count) {
  return count.toLocaleString('en-US');
}
