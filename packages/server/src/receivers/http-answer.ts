import type { IncomingMessage } from 'node:http';
import type { IngestResult } from '../ingest/result.ts';
import { CONTENT_TYPES, encodeStatus, encodeSuccess, StatusCode, type OtlpEncoding } from './otlp-response.ts';
import type { Signal } from './signals.ts';

/** An answer, before it is encoded for the sender. */
export interface HttpAnswer {
  readonly status: number;
  readonly body: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The answer to a request whose spans, or records of another signal, were looked at. */
export function toAnswer(result: IngestResult, encoding: OtlpEncoding, signal: Signal): HttpAnswer {
  switch (result.kind) {
    case 'stored':
      return { status: 200, body: encodeSuccess(encoding, result.rejectedSpans, result.message, signal) };
    case 'malformed':
      return status(400, StatusCode.invalidArgument, result.message, encoding);
    case 'tooLarge':
      return status(413, StatusCode.resourceExhausted, result.message, encoding);
    case 'failed':
      return status(500, StatusCode.internal, result.message, encoding);
    default:
      return busy(result.message, result.retryAfterMs, encoding);
  }
}

/** 503: the same request may be sent again after the time. */
export function busy(message: string, retryAfterMs: number, encoding: OtlpEncoding): HttpAnswer {
  const headers = { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) };
  return status(503, StatusCode.unavailable, message, encoding, headers);
}

/** An answer that is an error: google.rpc.Status. */
export function status(
  httpStatus: number,
  code: number,
  message: string,
  encoding: OtlpEncoding,
  headers: Readonly<Record<string, string>> = {},
): HttpAnswer {
  return { status: httpStatus, body: encodeStatus(encoding, code, message), headers };
}

/** Null for a content type that is not OTLP's. */
export function requestEncoding(request: IncomingMessage): OtlpEncoding | null {
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
  if (type === CONTENT_TYPES.protobuf || type === 'application/protobuf') return 'protobuf';
  return type === CONTENT_TYPES.json ? 'json' : null;
}
