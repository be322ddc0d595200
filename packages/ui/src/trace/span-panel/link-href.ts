import type { SpanLink } from '@throughline/trace';
import { uiPath } from '@throughline/trace/client';

/** The page of the linked span; null where the ids are none, so that it leads nowhere. */
export function linkHref({ traceId, spanId }: SpanLink): string | null {
  if (!/^[0-9a-f]{32}$/i.test(traceId) || /^0+$/.test(traceId)) return null;
  return uiPath('trace', { traceId, search: /^[0-9a-f]{16}$/i.test(spanId) ? `span=${spanId}` : '' });
}
