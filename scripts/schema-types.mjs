// Schemas of an OpenAPI description as TypeScript, with what they say as comments.

const WIDTH = 120;
const REFERENCE = '#/components/schemas/';

/** The type that a schema refers to; undefined where it is none of those with a name. */
export function nameIn({ $ref }) {
  return $ref?.slice(REFERENCE.length);
}

/** The names of the types in a part of a description, each once; with `schemas` also of those in these. */
export function namesIn(part, schemas = {}, found = new Set()) {
  const name = nameIn(part);
  if (name !== undefined && !found.has(name)) {
    found.add(name);
    namesIn(schemas[name] ?? {}, schemas, found);
  }
  for (const each of Object.values(part)) {
    if (typeof each === 'object' && each !== null) namesIn(each, schemas, found);
  }
  return found;
}

/** `modifier` stands before each member and each list: `readonly `, or nothing. */
export function declaration(name, schema, modifier = '') {
  const { type, properties } = schema;
  return type === 'object' && properties !== undefined
    ? `interface ${name} ${typeText(schema, modifier)}`
    : `type ${name} = ${typeText(schema, modifier)};`;
}

export function typeText(schema, modifier = '', indent = '') {
  const name = nameIn(schema);
  if (name !== undefined) return name;
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (schema.anyOf !== undefined) return schema.anyOf.map((choice) => typeText(choice, modifier, indent)).join(' | ');
  if (schema.type === 'array') return arrayText(schema, modifier, indent);
  if (schema.type === 'object') return objectText(schema, modifier, indent);
  if (schema.type === 'integer') return 'number';
  return schema.type ?? 'unknown';
}

function arrayText({ items, minItems, maxItems }, modifier, indent) {
  const item = typeText(items, modifier, indent);
  if (maxItems !== undefined && minItems === maxItems) return `${modifier}[${Array(maxItems).fill(item).join(', ')}]`;
  return modifier + (items.enum !== undefined || items.anyOf !== undefined ? `(${item})[]` : `${item}[]`);
}

function objectText({ properties, required = [], additionalProperties }, modifier, indent) {
  const values = typeof additionalProperties === 'object' ? additionalProperties : undefined;
  if (values !== undefined) {
    const record = `Record<string, ${typeText(values, modifier, indent)}>`;
    return modifier === '' ? record : `Readonly<${record}>`;
  }
  if (properties === undefined) return 'object';
  const inside = `${indent}  `;
  const members = Object.entries(properties).map(([name, member]) => {
    const optional = required.includes(name) ? '' : '?';
    return `${comment(member, inside)}${inside}${modifier}${name}${optional}: ${typeText(member, modifier, inside)};\n`;
  });
  return members.length === 0 ? '{}' : `{\n${members.join('')}${indent}}`;
}

/** As lines with their ends; nothing where there is nothing to say. */
export function comment({ description, externalDocs }, indent = '', open = '/**') {
  if (description === undefined) return '';
  const text = /[.!?]$/.test(description) ? description : `${description}.`;
  const paragraphs = [...text.split('\n\n'), ...(externalDocs === undefined ? [] : [`@see ${externalDocs.url}`])];
  const line = `${indent}${open} ${text} */`;
  if (paragraphs.length === 1 && line.length <= WIDTH) return `${line}\n`;
  const begin = `${indent} * `;
  const lines = paragraphs.map((paragraph) => wrapped(paragraph, WIDTH - begin.length).map((each) => begin + each));
  return `${indent}${open}\n${lines.map((each) => each.join('\n')).join(`\n${indent} *\n`)}\n${indent} */\n`;
}

/** Code between backquotes stays on one line. */
function wrapped(text, width) {
  const lines = [];
  for (const word of text.match(/(?:`[^`]*`|\S)+/g) ?? []) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}
