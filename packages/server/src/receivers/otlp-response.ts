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
} as const;

/**
 * The answer to spans that were taken: empty, or a partial success where some were rejected. Without rejected spans its
 * message is a warning (OTLP specification, "Partial Success").
 */
export function encodeSuccess(encoding: OtlpEncoding, rejectedSpans: number, message: string): Buffer {
  const isWhole = rejectedSpans === 0 && message === '';
  if (encoding === 'json') {
    const partialSuccess = { rejectedSpans: String(rejectedSpans), errorMessage: message };
    return Buffer.from(JSON.stringify(isWhole ? {} : { partialSuccess }));
  }
  if (isWhole) return Buffer.alloc(0);
  const partialSuccess = Buffer.concat([
    rejectedSpans === 0 ? Buffer.alloc(0) : varintField(1, rejectedSpans),
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
