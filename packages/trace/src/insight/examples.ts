import type { SpanTable } from './span-table.ts';

const EXAMPLES = 3;

/** Some of the spans, each of another trace: the first by ID, so that they are the same however the spans came. */
export function examplesOf(
  { traceIds, spanIds, trace }: SpanTable,
  spans: readonly number[],
): { readonly traceIds: string[]; readonly spanIds: string[] } {
  const byTrace = new Map<string, string>();
  for (const span of spans) {
    const traceId = traceIds[trace[span]!]!;
    const known = byTrace.get(traceId);
    if (known === undefined || spanIds[span]! < known) byTrace.set(traceId, spanIds[span]!);
  }
  const first = [...byTrace].toSorted(([a], [b]) => (a < b ? -1 : 1)).slice(0, EXAMPLES);
  return { traceIds: first.map(([traceId]) => traceId), spanIds: first.map(([, spanId]) => spanId) };
}
