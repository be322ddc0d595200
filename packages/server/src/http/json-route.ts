import type { IncomingHttpHeaders } from 'node:http';

/** A path that takes and returns JSON, beside those for spans. */
export interface JsonRoute {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly path: string;
  readonly bodyBytesMax: number;
  handle(request: JsonRequest): JsonAnswer | Promise<JsonAnswer>;
}

export interface JsonRequest {
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Decompressed. */
  readonly body: Uint8Array;
}

/** An error's body is a `google.rpc.Status`. */
export interface JsonAnswer {
  readonly status: number;
  readonly body: object;
}
