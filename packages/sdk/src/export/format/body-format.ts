import { decodeRequest } from './otlp-decoder.ts';
import { property } from '../../runtime/property.ts';
import { decodeExportResponse, shortText, type ExportResponse } from './otlp-response.ts';

/** How requests to one kind of collector, and its responses, are written. */
export interface BodyFormat {
  readonly contentType: string;
  /** The body of a request, from an ExportTraceServiceRequest as protobuf. */
  encode(request: Uint8Array): Uint8Array;
  /** What a successful response states, or `undefined` when no such collector would send it. */
  readResponse(body: Uint8Array): ExportResponse | undefined;
}

/** The bytes as they are. */
export const OTLP_PROTOBUF: BodyFormat = {
  contentType: 'application/x-protobuf',
  encode: (request) => request,
  readResponse: decodeExportResponse,
};

/** OTLP's JSON mapping: ids in hexadecimal, enums as numbers, 64-bit integers as text. */
export const OTLP_JSON: BodyFormat = {
  contentType: 'application/json',
  encode: (request) => Buffer.from(JSON.stringify(decodeRequest(request))),
  readResponse: readJsonResponse,
};

export const NOTHING_REJECTED: ExportResponse = { rejectedSpans: 0, errorMessage: '' };

function readJsonResponse(body: Uint8Array): ExportResponse | undefined {
  if (body.length === 0) return NOTHING_REJECTED;
  let answer: unknown;
  try {
    answer = JSON.parse(Buffer.from(body).toString());
  } catch {
    return undefined;
  }
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) return undefined;
  const partialSuccess = property(answer, 'partialSuccess');
  const errorMessage = property(partialSuccess, 'errorMessage');
  const rejected = property(partialSuccess, 'rejectedSpans') ?? property(partialSuccess, 'rejectedDataPoints');
  return {
    rejectedSpans: Math.max(0, Number(rejected) || 0),
    errorMessage: typeof errorMessage === 'string' ? shortText(errorMessage) : '',
  };
}
