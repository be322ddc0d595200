/**
 * The trace id in what a person pastes: 32 hex digits of either case, alone, in a `traceparent` or in an address.
 * Lower case; null where there is none, or only zeros.
 */
export function findTraceId(text: string): string | null {
  const match = /(?<![0-9a-z])[0-9a-f]{32}(?![0-9a-z])/i.exec(text);
  const traceId = match?.[0].toLowerCase() ?? null;
  return traceId === '0'.repeat(32) ? null : traceId;
}
