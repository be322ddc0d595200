import type { AttributeSet } from '../../span/attributes.ts';
import { AttributeEncoder } from '../encode/attribute-encoder.ts';
import { encodeAlone } from '../encode/otlp-encoder.ts';
import { RESOURCE_ATTRIBUTES } from '../encode/otlp-tags.ts';
import type {
  OtlpEvent,
  OtlpKeyValue,
  OtlpLink,
  OtlpRequest,
  OtlpResourceSpans,
  OtlpScope,
  OtlpScopeSpans,
  OtlpSpan,
  OtlpValue,
} from './otlp-json.ts';
import { eachField, ProtobufReader } from './protobuf-reader.ts';

/**
 * An ExportTraceServiceRequest as OTLP's JSON mapping: what the exporters that do not send protobuf start from. It
 * costs many times what encoding did, and runs when a chunk is sent, not when a span ends. Throws for bytes that are no
 * such request.
 */
export function decodeRequest(bytes: Uint8Array): OtlpRequest {
  const request: OtlpRequest = { resourceSpans: [] };
  eachField(new ProtobufReader(bytes), (field, reader) => {
    if (field !== 1) return reader.skip();
    request.resourceSpans.push(readResourceSpans(reader.message()));
  });
  return request;
}

/** The attributes alone, as they would be in a request. */
export function jsonAttributes({ flat }: AttributeSet): OtlpKeyValue[] {
  const bytes = encodeAlone((writer) => new AttributeEncoder().write(writer, RESOURCE_ATTRIBUTES, flat, flat.length));
  return readAttributeList(new ProtobufReader(bytes));
}

function readResourceSpans(message: ProtobufReader): OtlpResourceSpans {
  const resourceSpans: OtlpResourceSpans = { resource: { attributes: [] }, scopeSpans: [] };
  eachField(message, (field, reader) => {
    if (field === 1) resourceSpans.resource = { attributes: readAttributeList(reader.message()) };
    else if (field === 2) resourceSpans.scopeSpans.push(readScopeSpans(reader.message()));
    else if (field === 3) resourceSpans.schemaUrl = reader.text();
    else reader.skip();
  });
  return resourceSpans;
}

function readScopeSpans(message: ProtobufReader): OtlpScopeSpans {
  const scopeSpans: OtlpScopeSpans = { scope: { name: '', version: '', attributes: [] }, spans: [] };
  eachField(message, (field, reader) => {
    if (field === 1) scopeSpans.scope = readScope(reader.message());
    else if (field === 2) scopeSpans.spans.push(readSpan(reader.message()));
    else if (field === 3) scopeSpans.schemaUrl = reader.text();
    else reader.skip();
  });
  return scopeSpans;
}

function readScope(message: ProtobufReader): OtlpScope {
  const scope: OtlpScope = { name: '', version: '', attributes: [] };
  eachField(message, (field, reader) => {
    if (field === 1) scope.name = reader.text();
    else if (field === 2) scope.version = reader.text();
    else if (field === 3) scope.attributes.push(readKeyValue(reader.message()));
    else if (field === 4) scope.droppedAttributesCount = reader.uint();
    else reader.skip();
  });
  return scope;
}

const SPAN_FIELDS: readonly ((span: OtlpSpan, reader: ProtobufReader) => void)[] = [
  (_, reader) => reader.skip(),
  (span, reader) => (span.traceId = reader.hex()),
  (span, reader) => (span.spanId = reader.hex()),
  (span, reader) => (span.traceState = reader.text()),
  (span, reader) => (span.parentSpanId = reader.hex()),
  (span, reader) => (span.name = reader.text()),
  (span, reader) => (span.kind = reader.uint()),
  (span, reader) => (span.startTimeUnixNano = reader.fixed64().toString()),
  (span, reader) => (span.endTimeUnixNano = reader.fixed64().toString()),
  (span, reader) => span.attributes.push(readKeyValue(reader.message())),
  (span, reader) => (span.droppedAttributesCount = reader.uint()),
  (span, reader) => span.events.push(readEvent(reader.message())),
  (span, reader) => (span.droppedEventsCount = reader.uint()),
  (span, reader) => span.links.push(readLink(reader.message())),
  (span, reader) => (span.droppedLinksCount = reader.uint()),
  (span, reader) => (span.status = readStatus(reader.message())),
  (span, reader) => (span.flags = reader.fixed32()),
];

function readSpan(message: ProtobufReader): OtlpSpan {
  const span: OtlpSpan = {
    traceId: '',
    spanId: '',
    flags: 0,
    name: '',
    kind: 0,
    startTimeUnixNano: '0',
    endTimeUnixNano: '0',
    attributes: [],
    events: [],
    links: [],
    status: {},
  };
  eachField(message, (field, reader) => (SPAN_FIELDS[field] ?? SPAN_FIELDS[0])?.(span, reader));
  return span;
}

function readEvent(message: ProtobufReader): OtlpEvent {
  const event: OtlpEvent = { timeUnixNano: '0', name: '', attributes: [] };
  eachField(message, (field, reader) => {
    if (field === 1) event.timeUnixNano = reader.fixed64().toString();
    else if (field === 2) event.name = reader.text();
    else if (field === 3) event.attributes.push(readKeyValue(reader.message()));
    else if (field === 4) event.droppedAttributesCount = reader.uint();
    else reader.skip();
  });
  return event;
}

function readLink(message: ProtobufReader): OtlpLink {
  const link: OtlpLink = { traceId: '', spanId: '', attributes: [] };
  eachField(message, (field, reader) => {
    if (field === 1) link.traceId = reader.hex();
    else if (field === 2) link.spanId = reader.hex();
    else if (field === 3) link.traceState = reader.text();
    else if (field === 4) link.attributes.push(readKeyValue(reader.message()));
    else if (field === 5) link.droppedAttributesCount = reader.uint();
    else if (field === 6) link.flags = reader.fixed32();
    else reader.skip();
  });
  return link;
}

function readStatus(message: ProtobufReader): OtlpSpan['status'] {
  const status: OtlpSpan['status'] = {};
  eachField(message, (field, reader) => {
    if (field === 2) status.message = reader.text();
    else if (field === 3) status.code = reader.uint();
    else reader.skip();
  });
  return status;
}

/** The attributes of a Resource, or the members of a KeyValueList: both are field 1, repeated. */
function readAttributeList(message: ProtobufReader): OtlpKeyValue[] {
  const attributes: OtlpKeyValue[] = [];
  eachField(message, (field, reader) => {
    if (field === 1) attributes.push(readKeyValue(reader.message()));
    else reader.skip();
  });
  return attributes;
}

function readKeyValue(message: ProtobufReader): OtlpKeyValue {
  const keyValue: OtlpKeyValue = { key: '', value: {} };
  eachField(message, (field, reader) => {
    if (field === 1) keyValue.key = reader.text();
    else if (field === 2) keyValue.value = readValue(reader.message());
    else reader.skip();
  });
  return keyValue;
}

function readValue(message: ProtobufReader): OtlpValue {
  const value: OtlpValue = {};
  eachField(message, (field, reader) => {
    if (field === 1) value.stringValue = reader.text();
    else if (field === 2) value.boolValue = reader.uint() !== 0;
    else if (field === 3) value.intValue = reader.int64().toString();
    else if (field === 4) value.doubleValue = jsonDouble(reader.double());
    else if (field === 5) value.arrayValue = { values: readValues(reader.message()) };
    else if (field === 6) value.kvlistValue = { values: readAttributeList(reader.message()) };
    else if (field === 7) value.bytesValue = reader.bytes().toString('base64');
    else reader.skip();
  });
  return value;
}

function readValues(message: ProtobufReader): OtlpValue[] {
  const values: OtlpValue[] = [];
  eachField(message, (field, reader) => {
    if (field === 1) values.push(readValue(reader.message()));
    else reader.skip();
  });
  return values;
}

function jsonDouble(value: number): number | 'NaN' | 'Infinity' | '-Infinity' {
  if (Number.isFinite(value)) return value;
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? 'Infinity' : '-Infinity';
}
