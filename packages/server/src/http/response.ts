import type { Refusal } from './refusal.ts';

/** What a handler answers; the server adds the headers that every answer has. */
export interface ApiResponse {
  readonly status: number;
  readonly contentType: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Pieces are sent one by one, so that no answer needs to be one string. */
  readonly body: string | Uint8Array | Iterable<string | Uint8Array>;
}

declare const SAYS: unique symbol;

/** JSON that says a `T`. Only what writes a `T` makes one, so that a handler keeps to the schema of its route. */
export interface JsonResponse<T> extends ApiResponse {
  /** For the compiler alone. */
  readonly [SAYS]: T;
}

/** It has no parameter (RFC 8259, section 11). */
const JSON_TYPE = 'application/json';

export function json<const T>(body: T, status = 200): JsonResponse<T> & { readonly body: string } {
  const response = { status, contentType: JSON_TYPE, body: `${JSON.stringify(body)}\n` };
  return response as JsonResponse<T> & typeof response;
}

/** A report in Markdown. Only `markdown` makes one, so that no JSON is sent as text by mistake. */
export interface MarkdownResponse extends ApiResponse {
  /** For the compiler alone. */
  readonly [IS_MARKDOWN]: true;
}

declare const IS_MARKDOWN: unique symbol;

export function markdown(text: string, headers: ApiResponse['headers'] = {}): MarkdownResponse {
  // RFC 7763, section 2: the charset is required.
  const response = { status: 200, contentType: 'text/markdown; charset=utf-8', headers, body: text };
  return response as typeof response & MarkdownResponse;
}

/** An error as the API and JSON beside spans write it. */
export function errorJson({ status, code, message, headers = {} }: Refusal): ApiResponse & { readonly body: string } {
  return { ...json({ error: { code, message } }, status), headers };
}

/** Of JSON that is written already, and says a `T`. */
export function writtenJson<T>(chunks: Iterable<Uint8Array>, headers: ApiResponse['headers'] = {}): JsonResponse<T> {
  const response = { status: 200, contentType: JSON_TYPE, headers, body: chunks };
  return response as typeof response & JsonResponse<T>;
}
