import { attributeText } from '../attributes.ts';
import { type AnyValue, type KeyValue, type Span, StatusCode } from '../otlp.ts';
import {
  EVENT_FIELD,
  type JaegerLog,
  type JaegerProcess,
  type JaegerReference,
  type JaegerSpan,
  type JaegerTag,
  type JaegerTrace,
  type JaegerTraces,
  REFERENCE_TAG,
  WARNINGS_TAG,
} from './jaeger.ts';
import { spansToWrite, type TracesToWrite, type Written } from './otlp-spans.ts';
import { DESCRIPTION_TAG, ERROR_TAG, eventAttributes, KIND_TAG, kindName, NO_SERVICE, writeTags } from './span-tags.ts';
import { getOrAdd, type ResourceGroup } from './trace-groups.ts';
import { microsOfNanos, warnOfContext } from './write-values.ts';
import { Warnings } from './warnings.ts';

/**
 * Traces as Jaeger's query API has them, which its UI opens by "JSON File", by OpenTelemetry's mapping to Jaeger.
 * Microseconds, types of tags, one process for each resource; arrays and maps become text. `warnings` says what Jaeger
 * cannot hold.
 *
 * @example
 * const { document, warnings } = toJaeger(otlpJson);
 * writeFileSync('trace.json', JSON.stringify(document));
 *
 * @see https://github.com/open-telemetry/opentelemetry-collector-contrib/blob/main/pkg/translator/jaeger/README.md
 */
export function toJaeger(traces: TracesToWrite): Written<JaegerTraces> {
  const warnings = new Warnings();
  const byId = new Map<string, { trace: JaegerTrace; processIds: Map<string, string> }>();
  const ofResource = new Map<ResourceGroup, { key: string; process: JaegerProcess }>();
  for (const { span, resource, scope, place } of spansToWrite(traces, warnings)) {
    warnOfContext(resource, scope, place, warnings);
    const { trace, processIds } = getOrAdd(byId, span.traceId, () => ({
      trace: { traceID: span.traceId, spans: [], processes: {} },
      processIds: new Map<string, string>(),
    }));
    const { key, process } = getOrAdd(ofResource, resource, () => {
      const made = writeProcess(resource, place, warnings);
      return { key: JSON.stringify(made), process: made };
    });
    const processID = getOrAdd(processIds, key, () => {
      const id = `p${processIds.size + 1}`;
      trace.processes[id] = process;
      return id;
    });
    const tags = writeTags(span, scope.scope, ownTags(span), warnings, place);
    trace.spans.push(writeSpan(span, tags, processID, place, warnings));
  }
  return { document: { data: Array.from(byId.values(), ({ trace }) => trace) }, warnings: warnings.list() };
}

function ownTags(span: Span): KeyValue[] {
  const own: KeyValue[] = [];
  const kind = kindName(span.kind);
  if (kind !== undefined) own.push({ key: KIND_TAG, value: { stringValue: kind } });
  if (span.status?.code !== StatusCode.error) return own;
  own.push({ key: ERROR_TAG, value: { boolValue: true } });
  if (span.status.message) own.push({ key: DESCRIPTION_TAG, value: { stringValue: span.status.message } });
  return own;
}

function writeSpan(
  span: Span,
  tags: readonly KeyValue[],
  processID: string,
  place: () => string,
  warnings: Warnings,
): JaegerSpan {
  const told = tags.find(({ key, value }) => key === WARNINGS_TAG && value.arrayValue !== undefined);
  const { start, duration } = microsOfNanos(span, place, warnings);
  return {
    traceID: span.traceId,
    spanID: span.spanId,
    flags: (span.flags ?? 0) & 1,
    operationName: span.name,
    references: writeReferences(span, place, warnings),
    startTime: start,
    duration,
    tags: tags.filter((tag) => tag !== told).map((tag) => writeTag(tag, place, warnings)),
    logs: (span.events ?? []).map((event): JaegerLog => {
      const { start: timestamp } = microsOfNanos({ startTimeUnixNano: event.timeUnixNano }, place, warnings);
      const attributes = eventAttributes(event.attributes, event.droppedAttributesCount);
      const fields = attributes.map((field) => writeTag(field, place, warnings));
      if (attributes.some(({ key }) => key === EVENT_FIELD)) {
        // By the mapping such an attribute has precedence; the name is lost.
        warnings.add('reserved-key', place);
        return { timestamp, fields };
      }
      return { timestamp, fields: [{ key: EVENT_FIELD, type: 'string', value: event.name }, ...fields] };
    }),
    processID,
    warnings: told?.value.arrayValue?.values?.map(attributeText) ?? null,
  };
}

function writeReferences(span: Span, place: () => string, warnings: Warnings): JaegerReference[] {
  const references: JaegerReference[] = [];
  if (span.parentSpanId) references.push({ refType: 'CHILD_OF', traceID: span.traceId, spanID: span.parentSpanId });
  for (const link of span.links ?? []) {
    const isChildOf = link.attributes?.some(
      ({ key, value }) => key === REFERENCE_TAG && value.stringValue === 'child_of',
    );
    const others = link.attributes?.filter(({ key }) => key !== REFERENCE_TAG) ?? [];
    if (others.length > 0 || link.traceState || (link.flags ?? 0) > 0 || (link.droppedAttributesCount ?? 0) > 0) {
      warnings.add('link-part-omitted', place);
    }
    if (link.traceId === span.traceId && !span.parentSpanId) warnings.add('link-as-parent', place);
    const refType = isChildOf === true ? 'CHILD_OF' : 'FOLLOWS_FROM';
    references.push({ refType, traceID: link.traceId, spanID: link.spanId });
  }
  return references;
}

function writeProcess({ resource }: ResourceGroup, place: () => string, warnings: Warnings): JaegerProcess {
  const attributes = resource?.attributes ?? [];
  const at = attributes.findLastIndex(({ key, value }) => key === 'service.name' && attributeText(value) !== '');
  const name = attributes[at]?.value;
  if (name !== undefined && name.stringValue === undefined) warnings.add('value-as-text', place);
  return {
    serviceName: attributeText(name) || NO_SERVICE,
    tags: attributes.filter((_one, index) => index !== at).map((one) => writeTag(one, place, warnings)),
  };
}

function writeTag({ key, value }: KeyValue, place: () => string, warnings: Warnings): JaegerTag {
  const { boolValue, intValue, bytesValue } = value;
  if (value.stringValue !== undefined) return { key, type: 'string', value: value.stringValue };
  if (boolValue !== undefined) return { key, type: 'bool', value: boolValue };
  if (intValue !== undefined) {
    const number = Number(intValue);
    return { key, type: 'int64', value: Number.isSafeInteger(number) ? number : intValue };
  }
  const double = doubleOf(value);
  if (double !== undefined && Number.isFinite(double)) return { key, type: 'float64', value: double };
  if (bytesValue !== undefined) return { key, type: 'binary', value: bytesValue };
  warnings.add('value-as-text', place);
  return { key, type: 'string', value: attributeText(value) };
}

function doubleOf({ doubleValue }: AnyValue): number | undefined {
  return doubleValue === undefined ? undefined : Number(doubleValue);
}
