import type { Refusal } from './refusal.ts';

/** What a handler answers; the server adds the headers that every answer has. */
export interface ApiResponse {
  readonly status: number;
  readonly contentType: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Pieces are sent one by one, so that no answer needs to be one string. */
  readonly body: string | Uint8Array | Iterable<string | Uint8Array>;
}

/** It has no parameter (RFC 8259, section 11). */
const JSON_TYPE = 'application/json';

export function json(body: unknown, status = 200): ApiResponse & { readonly body: string } {
  return { status, contentType: JSON_TYPE, body: `${JSON.stringify(body)}\n` };
}

/** An error as the API and JSON beside spans write it. */
export function errorJson({ status, code, message, headers = {} }: Refusal): ApiResponse & { readonly body: string } {
  return { ...json({ error: { code, message } }, status), headers };
}

export function otlpJson(chunks: Iterable<Uint8Array>, headers: Readonly<Record<string, string>>): ApiResponse {
  return { status: 200, contentType: JSON_TYPE, headers, body: chunks };
}
