// The API reference, docs/api.md, out of the OpenAPI description that a collector serves.
import { declaration, namesIn, typeText } from './schema-types.mjs';

const INTRODUCTION = `# API reference

Made by \`node scripts/api-reference.mjs\` from the description that every collector serves at \`/api/v1/openapi.json\`. The API listens
on port 4319 (\`--http-port\`), beside the UI. Every path that answers \`GET\` answers \`HEAD\`, too.

- Members and parameters whose names end in \`Ns\` or \`UnixNano\` are whole numbers of nanoseconds, written as decimal strings in JSON. Counts are numbers.
- An error is \`{"error": {"code": "…", "message": "…"}}\` ([\`ApiError\`](#apierror)): \`code\` is stable and for programs, \`message\` is for people.
- A status of 400 names the parameter that is unknown or not accepted, and what is. Every path may answer 403 (\`host_not_allowed\`, \`origin_not_allowed\`:
  asked under a foreign name, or by a foreign web page), 408 (\`not_http\`: the request did not arrive whole in time), 431 (\`request_too_long\`: use fewer
  or shorter filters) and 500 (\`internal\`: the log of the collector says why). An unknown path is answered 404 (\`not_found\`), another method 405
  (\`method_not_allowed\`, with \`Allow\`).
- Paths that query the store may answer 422 (\`query_too_large\`, \`response_too_large\`) and 504 (\`timeout\`): query less, such as a shorter time range; and
  503 (\`store_unavailable\`, \`shard_unavailable\`, \`too_many_queries\`, \`too_many_responses\`): retry after as many seconds as the header \`Retry-After\` says.
- Some paths have a report: with \`Accept: text/markdown\` they return it as Markdown in place of JSON (and 406, \`not_acceptable\`, where \`Accept\`
  refuses JSON by \`q=0\` and does not allow Markdown). [For agents](agents.md).
- What is linked as a type is [below](#types), each type once.
- [How queries work](queries.md) explains search, times and counts.
- TypeScript types and a client of these routes: \`@throughline/trace/client\`.

\`\`\`sh
curl 'http://127.0.0.1:4319/api/v1/traces?service=checkout&status=error&limit=5'
\`\`\`

## On the port of the API
`;

const RECEIVER = `
## On the port for spans

Applications find the collector at the port for OTLP/HTTP, 4318 (\`--otlp-http-port\`): they send their spans to it, and ask what to sample.
[Remote sampling](sampling.md) explains the latter. Errors are written as above, except those of OTLP, which are a \`google.rpc.Status\`
in the encoding of the request.
`;

const TYPES = `
## Types

What the paths above take and return, in the notation of TypeScript. A generator of clients finds the same types, with patterns and bounds, in
\`components.schemas\`, and names for its methods, such as \`searchTraces\`, as each path's \`operationId\`.
`;

/** Markdown, a section for each route and each type. */
export function openApiMarkdown({ paths, components }) {
  const [here, elsewhere] = [false, true].map((isElsewhere) =>
    Object.entries(paths)
      .filter(([, { servers }]) => (servers !== undefined) === isElsewhere)
      .flatMap(([path, item]) =>
        Object.entries(item)
          .filter(([member]) => member !== 'servers')
          .map(([method, operation]) => section(method, path, operation)),
      ),
  );
  const types = Object.entries(components.schemas).map(([name, schema]) => typeSection(name, schema));
  const sections = [INTRODUCTION.trim(), ...here, RECEIVER.trim(), ...elsewhere, TYPES.trim(), ...types];
  return `${sections.join('\n\n')}\n`;
}

function section(method, path, { summary, parameters = [], requestBody, responses, externalDocs }) {
  const { 200: success, ...failures } = responses;
  const taken = requestBody?.content['application/json']?.schema ?? {};
  const types = Object.keys(requestBody?.content ?? {});
  return [
    `### ${method.toUpperCase()} \`${path}\``,
    externalDocs === undefined ? `${summary}.` : `${summary} ([specification](${externalDocs.url})).`,
    ...(parameters.length > 0 ? [table(['parameter', 'in', 'type', 'meaning'], parameters.map(parameterRow))] : []),
    ...(Object.keys(taken).length === 0 ? [] : [withType('The body, as JSON', taken)]),
    ...(types.length < 2 ? [] : [`The body: ${codes(types)}.`]),
    ...(success === undefined ? [] : [returned(success), ...reportOf(success), ...headersOf(success)]),
    `Errors: ${[...ownErrors(failures), ...queryErrors(failures)].join(' · ')}.`,
  ].join('\n\n');
}

/** Those with a reference are of many paths, and said once. */
function ownErrors(failures) {
  return Object.entries(failures)
    .filter(([, { $ref }]) => $ref === undefined)
    .map(([status, { description, content }]) => `${status}, ${lowerFirst(description)}${otherBody(content)}`);
}

function queryErrors(failures) {
  const statuses = Object.keys(failures).filter((status) => failures[status].$ref?.includes('/Query'));
  return statuses.length === 0 ? [] : [`${statuses.join(', ')}, as every query (see above)`];
}

/** Of an error whose body is not that of most. */
function otherBody(content) {
  const { schema } = content['application/json'] ?? {};
  const names = schema === undefined ? [] : [...namesIn(schema)];
  return names.length === 0 || names[0] === 'ApiError' ? '' : ` (${links(schema)})`;
}

function codes(names) {
  return names.map((name) => `\`${name}\``).join(', ');
}

function headersOf({ headers = {} }) {
  return Object.entries(headers).map(
    ([name, { description }]) => `The header \`${name}\`: ${lowerFirst(description)}.`,
  );
}

function returned({ description, content }) {
  const [{ schema }] = Object.values(content);
  return schema === undefined
    ? `Returns ${lowerFirst(description)} (${codes(Object.keys(content))}).`
    : withType(`Returns ${lowerFirst(description)}`, schema);
}

/** What is returned beside the JSON, to whoever prefers it. */
function reportOf({ content: { 'text/markdown': report } }) {
  const description = report?.schema?.description;
  return description === undefined ? [] : [`With \`Accept: text/markdown\`: ${lowerFirst(description)}`];
}

/** A type is linked, and shown where it has no name. */
function withType(sentence, schema) {
  return schema.$ref === undefined
    ? [`${sentence}:`, block(typeText(schema)), ...partsOf(schema)].join('\n\n')
    : `${sentence}: ${links(schema)}.`;
}

function typeSection(name, schema) {
  const { description, externalDocs } = schema;
  return [
    `### ${name}`,
    ...(description === undefined ? [] : [description]),
    ...(externalDocs === undefined ? [] : [`[Specification](${externalDocs.url}).`]),
    block(declaration(name, schema)),
    ...partsOf(schema),
  ].join('\n\n');
}

function partsOf(schema) {
  return namesIn(schema).size === 0 ? [] : [`With ${links(schema)}.`];
}

function links(schema) {
  return [...namesIn(schema)].map((name) => `[\`${name}\`](#${name.toLowerCase()})`).join(', ');
}

function parameterRow({ name, in: place, required, description, schema }) {
  const marks = [place, ...(required ? ['required'] : []), ...(schema.type === 'array' ? ['repeatable'] : [])];
  return [`\`${name}\``, marks.join(', '), valueType(schema.items ?? schema), description];
}

function valueType(schema) {
  if (schema.$ref !== undefined) return links(schema);
  const { type, enum: texts, minimum, maximum, default: usual } = schema;
  if (texts !== undefined) return texts.map((text) => `\`${text}\``).join(', ');
  const range = maximum === undefined ? '' : `, ${grouped(minimum)} to ${grouped(maximum)}`;
  return `${type}${range}${usual === undefined ? '' : `; default ${grouped(usual)}`}`;
}

function grouped(count) {
  return count.toLocaleString('en-US');
}

function table(head, rows) {
  return [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');
}

function row(cells) {
  return `| ${cells.map((cell) => String(cell).replaceAll('|', String.raw`\|`)).join(' | ')} |`;
}

function block(text) {
  return `\`\`\`ts\n${text}\n\`\`\``;
}

/** In the middle of a sentence: names in camel case and acronyms stay as they are. */
function lowerFirst(text) {
  return /^[A-Z][a-z]*(?!\w)/.test(text) ? text[0].toLowerCase() + text.slice(1) : text;
}
