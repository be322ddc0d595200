import type { SpanStatus as OtelSpanStatus } from '@opentelemetry/api';

/**
 * How the work of a span ended: OpenTelemetry's numbers, or `'ok'` and `'error'`. `'unset'` changes nothing, and an
 * `'ok'` is final.
 * @see https://opentelemetry.io/docs/specs/otel/trace/api/#set-status
 */
export interface SpanStatus {
  /** By name, or as OpenTelemetry's number: 0 unset, 1 ok, 2 error. */
  readonly code: OtelSpanStatus['code'] | 'unset' | 'ok' | 'error';
  /** What went wrong; recorded with an error alone. */
  readonly message?: string | undefined;
}

export const STATUS_UNSET = 0;
export const STATUS_OK = 1;
export const STATUS_ERROR = 2;

/** A status' code as a number: given as one, or by its name; whatever is neither is unset. */
export function statusCodeOf(code: unknown): number {
  if (code === STATUS_ERROR || code === 'error') return STATUS_ERROR;
  return code === STATUS_OK || code === 'ok' ? STATUS_OK : STATUS_UNSET;
}
