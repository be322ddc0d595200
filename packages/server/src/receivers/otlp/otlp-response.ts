import type { Signal } from './signals.ts';

/** OTLP's answers, in the encoding of the request: ExportTraceServiceResponse and google.rpc.Status. */
export type OtlpEncoding = 'protobuf' | 'json';

export const CONTENT_TYPES: Readonly<Record<OtlpEncoding, string>> = {
  protobuf: 'application/x-protobuf',
  json: 'application/json',
};

/** google.rpc.Code */
export const StatusCode = {
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

const CODES_BY_STATUS: Readonly<Record<number, number>> = {
  401: StatusCode.unauthenticated,
  403: StatusCode.permissionDenied,
  404: StatusCode.notFound,
  405: StatusCode.unimplemented,
  408: StatusCode.deadlineExceeded,
  410: StatusCode.notFound,
  413: StatusCode.resourceExhausted,
  417: StatusCode.unimplemented,
  429: StatusCode.resourceExhausted,
  431: StatusCode.resourceExhausted,
  500: StatusCode.internal,
  501: StatusCode.unimplemented,
  503: StatusCode.unavailable,
};

/** Returns the code that goes with an HTTP status from 400: those that are not named are the sender's mistake. */
export function statusCodeOf(httpStatus: number): number {
  return CODES_BY_STATUS[httpStatus] ?? StatusCode.invalidArgument;
}

/** What a partial success counts, which is field 1 of all three messages. */
const REJECTED: Readonly<Record<Signal, string>> = {
  traces: 'rejectedSpans',
  metrics: 'rejectedDataPoints',
  logs: 'rejectedLogRecords',
};

/**
 * The answer to a request that was taken: empty, or a partial success if some of its spans, data points or log records
 * were rejected. Without those its message is a warning (OTLP specification, "Partial Success").
 */
export function encodeSuccess(
  encoding: OtlpEncoding,
  rejected: number,
  message: string,
  signal: Signal = 'traces',
): Buffer {
  const isWhole = rejected === 0 && message === '';
  if (encoding === 'json') {
    const partialSuccess = { [REJECTED[signal]]: String(rejected), errorMessage: message };
    return Buffer.from(JSON.stringify(isWhole ? {} : { partialSuccess }));
  }
  if (isWhole) return Buffer.alloc(0);
  const partialSuccess = Buffer.concat([
    rejected === 0 ? Buffer.alloc(0) : varintField(1, rejected),
    bytesField(2, Buffer.from(message)),
  ]);
  return bytesField(1, partialSuccess);
}

export function encodeStatus(encoding: OtlpEncoding, code: number, message: string): Buffer {
  if (encoding === 'json') return Buffer.from(JSON.stringify({ code, message }));
  return Buffer.concat([varintField(1, code), bytesField(2, Buffer.from(message))]);
}

export function varintField(field: number, value: number): Buffer {
  return Buffer.from([field << 3, ...varint(value)]);
}

export function bytesField(field: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([(field << 3) | 2, ...varint(bytes.length)]), bytes]);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value % 0x80) | 0x80, ...varint(Math.floor(value / 0x80))];
}
