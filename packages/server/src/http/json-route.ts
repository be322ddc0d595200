import type { IncomingHttpHeaders } from 'node:http';
import type { Refusal } from './refusal.ts';

/** A path that takes and returns JSON, beside those for spans. */
export interface JsonRoute {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly path: string;
  readonly bodyBytesMax: number;
  readonly handle: (request: JsonRequest) => JsonResponse | Refusal | Promise<JsonResponse | Refusal>;
}

export interface JsonRequest {
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Decompressed. */
  readonly body: Uint8Array;
}

export interface JsonResponse {
  readonly status: number;
  readonly body: object;
}
