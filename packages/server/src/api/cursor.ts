import { parseTraceId } from '@throughline/trace/client';
import type { TracePosition } from '../query/trace-search.ts';

/** A position in the order of search as opaque text that needs no escaping in a URL. */
export function encodeCursor({ startTimeUnixNano, traceId }: TracePosition): string {
  return Buffer.from(`${startTimeUnixNano}:${traceId}`).toString('base64url');
}

/** Undefined when it is not one of ours. */
export function decodeCursor(cursor: string): TracePosition | undefined {
  if (!/^[\w-]{1,100}$/.test(cursor)) return undefined;
  const parts = /^(\d{1,19}):([0-9a-f]{32})$/.exec(Buffer.from(cursor, 'base64url').toString('latin1'));
  const startTimeUnixNano = BigInt(parts?.[1] ?? -1);
  const traceId = parseTraceId(parts?.[2] ?? '');
  if (traceId === null || startTimeUnixNano >= 2n ** 63n) return undefined;
  return { startTimeUnixNano, traceId };
}
