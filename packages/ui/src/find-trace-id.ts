import { parseTraceId } from '@throughline/trace/client';

/**
 * The trace id in what a person pastes: alone in any form that `parseTraceId` reads, in the address of a trace, or 32
 * hexadecimal digits with anything around them. Lower case; null where there is none, or only zeros.
 */
export function findTraceId(text: string): string | null {
  const alone = parseTraceId(text);
  if (alone !== null) return alone;
  const inAddress = /\/traces?\/([^/?#\s]+)/.exec(text)?.[1];
  const found = inAddress ?? /(?<![0-9a-z])[0-9a-f]{32}(?![0-9a-z])/i.exec(text)?.[0] ?? '';
  return parseTraceId(found);
}

/** What is said of a text without one. */
export const NO_TRACE_ID =
  'Not a trace ID. Paste 32 or 16 hexadecimal digits, a UUID, an X-Ray ID, a traceparent or a link.';
