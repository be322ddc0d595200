// The API reference, docs/api.md, out of the OpenAPI description that a collector serves.

const INTRODUCTION = `# API reference

Made by \`node scripts/api-reference.mjs\` from the description that every collector serves at \`/api/v1/openapi.json\`. The API listens
on port 4319 (\`--http-port\`), beside the UI. Every path that answers \`GET\` answers \`HEAD\`, too.

- Members and parameters whose names end in \`Ns\` or \`UnixNano\` are whole numbers of nanoseconds, written as decimal strings in JSON. Counts are numbers.
- An error is \`{"error": {"code": "…", "message": "…"}}\`: \`code\` is stable and for programs, \`message\` is for people.
- A status of 400 names the parameter that is unknown or not accepted, and what is. Every path may answer 403 (\`host_not_allowed\`, \`origin_not_allowed\`:
  asked under a foreign name, or by a foreign web page) and 431 (\`request_too_long\`: use fewer or shorter filters).
- [How queries work](queries.md) explains search, times and counts.
- TypeScript types and a client of these routes: \`@throughline/trace/client\`.

\`\`\`sh
curl 'http://127.0.0.1:4319/api/v1/traces?service=checkout&status=error&limit=5'
\`\`\`
`;

const BESIDE_SPANS = `
# Beside spans

These paths are on the port for OTLP/HTTP, 4318 (\`--otlp-http-port\`), where applications find the collector. Errors are written as
above. [Remote sampling](sampling.md) explains them.
`;

/** Markdown, a section a route. */
export function openApiMarkdown({ paths }) {
  const [here, elsewhere] = [false, true].map((isElsewhere) =>
    Object.entries(paths)
      .filter(([, { servers }]) => (servers !== undefined) === isElsewhere)
      .flatMap(([path, item]) =>
        Object.entries(item)
          .filter(([member]) => member !== 'servers')
          .map(([method, operation]) => section(method, path, operation)),
      ),
  );
  return `${[INTRODUCTION.trim(), ...here, BESIDE_SPANS.trim(), ...elsewhere].join('\n\n')}\n`;
}

function section(method, path, { summary, parameters = [], requestBody, responses, externalDocs }) {
  const { 200: success, ...failures } = responses;
  const taken = requestBody?.content['application/json']?.schema;
  const body = taken?.type === undefined ? undefined : taken;
  const types = taken?.type === undefined ? Object.keys(requestBody?.content ?? {}) : [];
  return [
    `## ${method.toUpperCase()} \`${path}\``,
    externalDocs === undefined ? `${summary}.` : `${summary} ([specification](${externalDocs.url})).`,
    ...(parameters.length > 0 ? [table(['parameter', 'in', 'meaning'], parameters.map(parameterRow))] : []),
    ...(body === undefined ? [] : ['The body, as JSON:', block(notation(body))]),
    ...(types.length < 2 ? [] : [`The body: ${codes(types)}.`]),
    ...(success === undefined ? [] : [returned(success)]),
    `Errors: ${Object.entries(failures)
      // Of every path, and said once.
      .filter(([, { $ref }]) => $ref === undefined)
      .map(([status, { description }]) => `${status}, ${lowerFirst(description)}`)
      .join(' · ')}.`,
  ].join('\n\n');
}

function codes(names) {
  return names.map((name) => `\`${name}\``).join(', ');
}

function returned({ description, content }) {
  const [{ schema }] = Object.values(content);
  return schema === undefined
    ? `Returns ${lowerFirst(description)} (${codes(Object.keys(content))}).`
    : `Returns ${lowerFirst(description)}:\n\n${block(notation(schema))}`;
}

function parameterRow({ name, in: place, required, description, schema }) {
  const marks = [place, ...(required ? ['required'] : []), ...(schema?.type === 'array' ? ['repeatable'] : [])];
  return [`\`${name}\``, marks.join(', '), description];
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

/** A schema in the notation of TypeScript, with the descriptions of members as comments. */
function notation(schema, indent = '') {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return choices.map((choice) => notation(choice, indent)).join(' | ');
  if (schema.type === 'array') return arrayNotation(schema, indent);
  if (schema.type === 'object') return objectNotation(schema, indent);
  if (schema.type === 'integer') return 'number';
  return schema.type ?? 'unknown';
}

function arrayNotation({ items, minItems, maxItems }, indent) {
  // Older and newer drafts write a tuple in different ways; here both are of one type.
  const item = Array.isArray(items) ? items[0] : items;
  const inner = notation(item ?? {}, indent);
  if (minItems !== undefined && minItems === maxItems) return `[${Array(minItems).fill(inner).join(', ')}]`;
  return inner.includes(' | ') && !inner.startsWith('{') ? `(${inner})[]` : `${inner}[]`;
}

function objectNotation({ properties, required = [], additionalProperties, patternProperties, description }, indent) {
  const values = Object.values(patternProperties ?? {})[0] ?? additionalProperties;
  if (properties === undefined) {
    if (typeof values === 'object') return `Record<string, ${notation(values, indent)}>`;
    return required.length > 0 ? `object /* ${description ?? required.join(', ')} */` : 'object';
  }
  if (Object.keys(properties).length === 0) return '{}';
  const inside = `${indent}  `;
  const members = Object.entries(properties).map(([name, member]) => {
    const comment = member.description === undefined ? '' : `${inside}/** ${member.description}. */\n`;
    const optional = required.includes(name) ? '' : '?';
    return `${comment}${inside}${name}${optional}: ${notation(member, inside)};`;
  });
  return `{\n${members.join('\n')}\n${indent}}`;
}

function lowerFirst(text) {
  return /^[A-Z]([a-z]| )/.test(text) ? text[0].toLowerCase() + text.slice(1) : text;
}
