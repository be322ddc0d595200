import type { TracesData } from '@throughline/trace';

/** Parts of the text are about so large. */
const CHUNK_CHARACTERS = 65_536;

/** A trace as OTLP JSON in UTF-8, in parts: a large one would not fit into the largest string. */
export function* otlpChunks(data: TracesData): Generator<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  let text = '';
  for (const piece of otlpText(data)) {
    text += piece;
    if (text.length < CHUNK_CHARACTERS) continue;
    yield encoder.encode(text);
    text = '';
  }
  yield encoder.encode(text);
}

/** One piece a span. */
function* otlpText({ resourceSpans }: TracesData): Generator<string> {
  yield '{"resourceSpans":[';
  for (const [r, { resource, scopeSpans, schemaUrl }] of resourceSpans.entries()) {
    yield `${r > 0 ? ',' : ''}{${resource === undefined ? '' : `"resource":${otlpStringify(resource)},`}"scopeSpans":[`;
    for (const [s, { scope, spans, schemaUrl: scopeSchemaUrl }] of scopeSpans.entries()) {
      yield `${s > 0 ? ',' : ''}{${scope === undefined ? '' : `"scope":${otlpStringify(scope)},`}"spans":[`;
      for (const [i, span] of spans.entries()) yield (i > 0 ? ',' : '') + otlpStringify(span);
      yield `]${schemaUrlMember(scopeSchemaUrl)}}`;
    }
    yield `]${schemaUrlMember(schemaUrl)}}`;
  }
  yield ']}\n';
}

function schemaUrlMember(schemaUrl: string | undefined): string {
  return schemaUrl === undefined ? '' : `,"schemaUrl":${JSON.stringify(schemaUrl)}`;
}

/**
 * JSON has a minus zero, JSON.stringify has not, so it arrives here as text. Nothing else can look like this member:
 * inside a string its quotes would be escaped.
 */
function otlpStringify(message: object): string {
  return JSON.stringify(message).replaceAll('"doubleValue":"-0"', '"doubleValue":-0');
}
