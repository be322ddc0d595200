import { SpanKind } from '../otlp.ts';
import { normalMessage } from './normal-message.ts';

/** What a span says of how it ended. */
export interface SpanEnd {
  /** OTLP's SpanKind. */
  readonly kind: number;
  /** OTLP's number: 2 for an error. */
  readonly statusCode: number;
  readonly statusMessage: string;
  /** `error.type`; '' where it has none. The same for the others. */
  readonly errorType: string;
  /** `exception.type` of its first exception. */
  readonly exceptionType: string;
  /** `http.response.status_code`. */
  readonly httpStatus: string;
  /** `rpc.grpc.status_code`, or `rpc.response.status_code`. */
  readonly rpcStatus: string;
}

const OTHER = '_OTHER';

/**
 * One name for failures that are alike: the type of the error, the status of the protocol, or the message without what
 * differs from one to the next. '' for a span that did not fail. An exception that a span survived counts too: it may
 * be all that shows why work was left out.
 *
 * @example
 * const quiet = { errorType: '', exceptionType: '', httpStatus: '', rpcStatus: '' };
 * failureName({ ...quiet, kind: 2, statusCode: 2, statusMessage: 'order 4711 not found' }); // 'order # not found'
 *
 * @see https://opentelemetry.io/docs/specs/semconv/general/recording-errors/
 */
export function failureName(end: SpanEnd): string {
  const { kind, statusCode, errorType, exceptionType, httpStatus, rpcStatus, statusMessage } = end;
  if (statusCode !== 2) {
    // By the conventions a server's answer of 4xx is no error of its span.
    if (kind === SpanKind.server && /^4\d\d$/.test(httpStatus)) return `HTTP ${httpStatus}`;
    return exceptionType === '' ? '' : `${exceptionType} (handled)`;
  }
  if (errorType !== '' && errorType !== OTHER) return /^[1-5]\d\d$/.test(errorType) ? `HTTP ${errorType}` : errorType;
  if (exceptionType !== '') return exceptionType;
  if (/^[45]\d\d$/.test(httpStatus)) return `HTTP ${httpStatus}`;
  if (rpcStatus !== '' && rpcStatus !== '0' && rpcStatus !== 'OK') return `RPC ${rpcStatus}`;
  return normalMessage(statusMessage) || 'error';
}

/** Answers that say what was wrong with the request: not those that refuse a right one, such as 401, 408 and 429. */
const MISTAKES = new Set(
  [400, 404, 405, 406, 409, 410, 411, 413, 414, 415, 416, 422, 428, 431].map((code) => `HTTP ${code}`),
);

/** Whether a failure is that of whoever asked. */
export function isCallersMistake(failure: string): boolean {
  return MISTAKES.has(failure);
}
