import type { ResourceGroup, ScopeGroup } from './trace-groups.ts';
import type { Warnings } from './warnings.ts';

/** Start and duration in whole microseconds, cut, as the mapping has it; 0 for one that is not known. */
export function microsOfNanos(
  { startTimeUnixNano, endTimeUnixNano = '' }: { startTimeUnixNano: string; endTimeUnixNano?: string },
  place: () => string,
  warnings: Warnings,
): { start: number; duration: number } {
  const start = BigInt(startTimeUnixNano || 0);
  const end = BigInt(endTimeUnixNano || 0);
  const length = start > 0n && end > start ? end - start : 0n;
  const startMicros = Number(start / 1000n);
  const duration = Number(length / 1000n);
  if (start % 1000n !== 0n || length % 1000n !== 0n) warnings.add('times-cut', place);
  if (!Number.isSafeInteger(startMicros) || !Number.isSafeInteger(duration)) warnings.add('inexact-number', place);
  return { start: startMicros, duration };
}

/** What neither Jaeger nor Zipkin has of a resource and a scope. */
export function warnOfContext(
  { resource, schemaUrl }: ResourceGroup,
  { scope, schemaUrl: ofScope }: ScopeGroup,
  place: () => string,
  warnings: Warnings,
): void {
  if (schemaUrl || ofScope || (resource?.entityRefs?.length ?? 0) > 0) warnings.add('schema-omitted', place);
  const dropped = (resource?.droppedAttributesCount ?? 0) + (scope?.droppedAttributesCount ?? 0);
  if (dropped > 0) warnings.add('dropped-count-omitted', place);
}
