/** What a handler answers; the server adds the headers that every answer has. */
export interface ApiResponse {
  readonly status: number;
  readonly contentType: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Pieces are sent one by one, so that no answer needs to be one string. */
  readonly body: string | Uint8Array | Iterable<string | Uint8Array>;
}

const JSON_TYPE = 'application/json; charset=utf-8';

export function json(body: unknown, status = 200): ApiResponse {
  return { status, contentType: JSON_TYPE, body: `${JSON.stringify(body)}\n` };
}

export function otlpJson(chunks: Iterable<Uint8Array>, headers: Readonly<Record<string, string>>): ApiResponse {
  return { status: 200, contentType: JSON_TYPE, headers, body: chunks };
}
