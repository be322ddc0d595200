import type { TracesData } from '@throughline/trace';

/** What a handler answers; the server adds the headers that every answer has. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Pieces are sent one by one, so that no answer needs to be one string. */
  readonly body: string | Uint8Array | Iterable<string>;
}

const JSON_TYPE = 'application/json; charset=utf-8';

export function json(body: unknown, status = 200): Answer {
  return { status, contentType: JSON_TYPE, body: `${JSON.stringify(body)}\n` };
}

export function otlpJson(data: TracesData, headers: Readonly<Record<string, string>>): Answer {
  return { status: 200, contentType: JSON_TYPE, headers, body: otlpText(data) };
}

/** One piece a span: a large trace would not fit into the largest string. */
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
