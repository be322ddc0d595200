import type { IncomingMessage } from 'node:http';
import type { IngestResult } from '../../columns/result.ts';
import { CONTENT_TYPES, encodeStatus, encodeSuccess, StatusCode, type OtlpEncoding } from '../otlp/otlp-response.ts';
import type { Signal } from '../otlp/signals.ts';

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

/** Null for a content type that is not OTLP's. One that a proxy has repeated is still the one. */
export function requestEncoding(request: IncomingMessage): OtlpEncoding | null {
  const types = (request.headers['content-type'] ?? '').split(',').map((type) => mediaType(type));
  const [type] = types;
  if (types.some((other) => other !== type)) return null;
  if (type === CONTENT_TYPES.protobuf || type === 'application/protobuf') return 'protobuf';
  return type === CONTENT_TYPES.json ? 'json' : null;
}

function mediaType(contentType: string): string | undefined {
  return contentType.split(';', 1)[0]?.trim().toLowerCase();
}

/** The charset that a content type names, where it is another one than JSON's; null otherwise. */
export function foreignCharset(contentType = ''): string | null {
  const charset = /;\s*charset\s*=\s*"?([^\s;",]*)/i.exec(contentType)?.[1] ?? '';
  return /^(?:utf-?8|us-ascii|)$/i.test(charset) ? null : charset;
}
