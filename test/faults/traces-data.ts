import type { AnyValue, KeyValue, ResourceSpans, Span, TracesData } from '../../packages/trace/src/otlp.ts';
import type { GeneratedAttributes, GeneratedSpan } from './incident.ts';

/** OTLP JSON for `POST /v1/traces`; the spans of a resource are together, in the order they come in. */
export function toTracesData(spans: Iterable<GeneratedSpan>): TracesData {
  const byResource = new Map<GeneratedSpan['resource'], ResourceSpans>();
  for (const span of spans) {
    let group = byResource.get(span.resource);
    if (!group) {
      group = {
        resource: { attributes: keyValues(span.resource) },
        scopeSpans: [{ scope: { name: 'simulated' }, spans: [] }],
      };
      byResource.set(span.resource, group);
    }
    group.scopeSpans[0]?.spans.push(otlpSpan(span));
  }
  return { resourceSpans: [...byResource.values()] };
}

function otlpSpan(span: GeneratedSpan): Span {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    ...(span.parentSpanId !== '' && { parentSpanId: span.parentSpanId }),
    ...(span.traceState !== '' && { traceState: span.traceState }),
    name: span.name,
    kind: span.kind,
    startTimeUnixNano: String(span.startUnixNano),
    endTimeUnixNano: String(span.endUnixNano),
    attributes: keyValues(span.attributes),
    events: span.events.map(({ name, timeUnixNano, attributes }) => ({
      name,
      timeUnixNano: String(timeUnixNano),
      attributes: keyValues(attributes),
    })),
    links: span.links.map(({ traceId, spanId }) => ({ traceId, spanId })),
    ...(span.statusCode !== 0 && {
      status: { code: span.statusCode, ...(span.statusMessage !== '' && { message: span.statusMessage }) },
    }),
  };
}

function keyValues(attributes: GeneratedAttributes): KeyValue[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }));
}

function anyValue(value: string | number | boolean): AnyValue {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}
