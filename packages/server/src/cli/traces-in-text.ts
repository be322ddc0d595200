import type { ScopeSpans, Span, TracesData } from '@throughline/trace';

export interface TracesInText {
  /** By their IDs, in the order of their first spans. */
  readonly traces: ReadonlyMap<string, TracesData>;
  /** Lines that are no JSON. */
  readonly unreadableLines: number;
}

/**
 * The traces in OTLP JSON: one document, or a document a line as the file exporter of the OpenTelemetry Collector
 * writes. Lines without spans, such as those of logs, count for nothing. Never throws.
 *
 * @see https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/
 */
export function tracesInText(text: string): TracesInText {
  const traces = new Map<string, TracesData>();
  const whole = parse(text);
  if (whole !== undefined) {
    addTraces(traces, whole);
    return { traces, unreadableLines: 0 };
  }
  let unreadableLines = 0;
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    const document = parse(line);
    if (document === undefined) unreadableLines++;
    else addTraces(traces, document);
  }
  return { traces, unreadableLines };
}

function parse(text: string): unknown {
  try {
    // Some tools of Windows begin a file with a mark.
    return JSON.parse(text.replace(/^\ufeff/, ''));
  } catch {
    return undefined;
  }
}

/** `traceFromOtlp` bears everything else that is not as it should be. */
function addTraces(traces: Map<string, TracesData>, document: unknown): void {
  for (const ofResource of listIn(document, 'resourceSpans')) {
    for (const ofScope of listIn(ofResource, 'scopeSpans')) {
      const groups = new Map<string, ScopeSpans>();
      for (const span of listIn(ofScope, 'spans')) {
        const given = (span as { readonly traceId?: unknown } | null)?.traceId;
        const traceId = typeof given === 'string' ? given.toLowerCase() : '';
        let group = groups.get(traceId);
        if (group === undefined) {
          group = { ...(ofScope as ScopeSpans), spans: [] };
          groups.set(traceId, group);
          let data = traces.get(traceId);
          if (data === undefined) traces.set(traceId, (data = { resourceSpans: [] }));
          data.resourceSpans.push({ ...(ofResource as object), scopeSpans: [group] });
        }
        group.spans.push(span as Span);
      }
    }
  }
}

function listIn(value: unknown, key: string): readonly unknown[] {
  const found = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
  return Array.isArray(found) ? found : [];
}
