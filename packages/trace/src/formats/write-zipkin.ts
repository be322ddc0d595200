import { attributeText, findAttribute } from '../attributes.ts';
import { type KeyValue, type Span, type SpanEvent, type SpanLink, SpanKind, StatusCode } from '../otlp.ts';
import { type OtlpSpan, spansToWrite, type TracesToWrite, type Written } from './otlp-spans.ts';
import { ERROR_TAG, eventAttributes, isPlain, kindName, NO_SERVICE, writeTags } from './span-tags.ts';
import { getOrAdd } from './trace-groups.ts';
import { Warnings } from './warnings.ts';
import { microsOfNanos, warnOfContext } from './write-values.ts';
import { DEBUG_KEY, isResourceKey, LINK_TAG_PREFIX, PEER_KEYS, SHARED_KEY, type ZipkinEndpoint } from './zipkin.ts';
import type { ZipkinSpan } from './zipkin.ts';

/**
 * Spans of Zipkin's v2 API, as its UI opens them, by OpenTelemetry's mapping to Zipkin; of several traces, one list for
 * all. Microseconds; every value becomes text; attributes of the resource become tags; a link becomes a tag, as the
 * collector's exporter has it. A server span that has the id of a client span is `shared`. `warnings` says what Zipkin
 * cannot hold.
 *
 * @example
 * const { document, warnings } = toZipkin(otlpJson);
 * await fetch('http://127.0.0.1:9411/api/v2/spans', {
 *   method: 'POST',
 *   headers: { 'content-type': 'application/json' },
 *   body: JSON.stringify(document),
 * });
 *
 * @see https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/zipkin/
 */
export function toZipkin(traces: TracesToWrite): Written<ZipkinSpan[]> {
  const warnings = new Warnings();
  const all = Array.from(spansToWrite(traces, warnings));
  const callers = new Set(all.filter(({ span }) => isCaller(span)).map(({ span }) => `${span.traceId} ${span.spanId}`));
  const shared = ({ span }: OtlpSpan): boolean => {
    const isCalled = span.kind === SpanKind.server || span.kind === SpanKind.consumer;
    return isCalled && callers.has(`${span.traceId} ${span.spanId}`);
  };
  const byTrace = new Map<string, ZipkinSpan[]>();
  for (const one of all) {
    getOrAdd(byTrace, one.span.traceId, (): ZipkinSpan[] => []).push(writeSpan(one, shared(one), warnings));
  }
  return { document: Array.from(byTrace.values()).flat(), warnings: warnings.list() };
}

function isCaller({ kind }: Span): boolean {
  return kind === SpanKind.client || kind === SpanKind.producer;
}

function writeSpan(one: OtlpSpan, isShared: boolean, warnings: Warnings): ZipkinSpan {
  const { span, resource, scope, place } = one;
  warnOfContext(resource, scope, place, warnings);
  const given = span.attributes ?? [];
  const flags = new Set(given.filter(isFlag).map(({ key }) => key));
  const attributes = given.filter((attribute) => !isFlag(attribute) && !isBareError(attribute, span));
  if (attributes.length + flags.size < given.length) warnings.add('reserved-key', place);
  const tags = writeTags({ ...span, attributes }, scope.scope, ownTags(span, place, warnings), warnings, place);
  const { start, duration } = microsOfNanos(span, place, warnings);
  // Zipkin takes 0 for a duration that is not known.
  if (duration === 0) warnings.add('times-cut', place);
  const kind = kindName(span.kind)?.toUpperCase() as ZipkinSpan['kind'];
  const remoteEndpoint = remoteEndpointOf(span);
  const texts = new Map<string, string>();
  for (const { key, value } of tags) {
    if (value.stringValue === undefined) warnings.add('value-as-text', place);
    // A reader would take it for one of the resource.
    if (isResourceKey(key)) warnings.add('reserved-key', place);
    texts.set(key, attributeText(value));
  }
  const serviceName = addResource(one, texts, warnings);
  return {
    traceId: span.traceId,
    ...(span.parentSpanId && { parentId: span.parentSpanId }),
    id: span.spanId,
    ...(kind !== undefined && { kind }),
    ...(span.name !== '' && { name: span.name }),
    ...(start > 0 && { timestamp: start }),
    ...(start > 0 && { duration: Math.max(1, duration) }),
    localEndpoint: { serviceName },
    ...(remoteEndpoint !== undefined && { remoteEndpoint }),
    ...(span.events !== undefined &&
      span.events.length > 0 && { annotations: span.events.map((event) => annotationOf(event, place, warnings)) }),
    // Own properties, whatever their names.
    ...(texts.size > 0 && { tags: Object.fromEntries(texts) }),
    ...(flags.has(DEBUG_KEY) && { debug: true }),
    ...((isShared || flags.has(SHARED_KEY)) && { shared: true }),
  };
}

function isFlag({ key, value }: KeyValue): boolean {
  return (key === DEBUG_KEY || key === SHARED_KEY) && value.boolValue === true;
}

/** Zipkin takes every span with this tag for a failed one, whatever it says. */
function isBareError({ key, value }: KeyValue, span: Span): boolean {
  return key === ERROR_TAG && span.status?.code !== StatusCode.error && attributeText(value) === 'false';
}

function ownTags(span: Span, place: () => string, warnings: Warnings): KeyValue[] {
  const own: KeyValue[] = [];
  if (span.status?.code === StatusCode.error) {
    own.push({ key: ERROR_TAG, value: { stringValue: span.status.message ?? '' } });
  }
  for (const [index, link] of (span.links ?? []).entries()) {
    own.push({ key: `${LINK_TAG_PREFIX}${index}`, value: { stringValue: linkText(link, place, warnings) } });
  }
  return own;
}

function linkText(link: SpanLink, place: () => string, warnings: Warnings): string {
  const { traceId, spanId, traceState = '', attributes = [], droppedAttributesCount = 0, flags = 0 } = link;
  if (flags !== 0) warnings.add('link-part-omitted', place);
  return [traceId, spanId, traceState, plainText(attributes, place, warnings), droppedAttributesCount].join('|');
}

function annotationOf(event: SpanEvent, place: () => string, warnings: Warnings): { timestamp: number; value: string } {
  const { start: timestamp } = microsOfNanos({ startTimeUnixNano: event.timeUnixNano }, place, warnings);
  const attributes = eventAttributes(event.attributes, event.droppedAttributesCount);
  if (attributes.length === 0) return { timestamp, value: event.name };
  return { timestamp, value: `"${event.name}": ${plainText(attributes, place, warnings)}` };
}

/** As JSON; `{}` for none. */
function plainText(attributes: KeyValue[], place: () => string, warnings: Warnings): string {
  for (const { value } of attributes) if (!isPlain(value)) warnings.add('value-as-text', place);
  return attributes.length === 0 ? '{}' : attributeText({ kvlistValue: { values: attributes } });
}

/** Adds the attributes of the resource, and returns the name of the service. */
function addResource({ resource, place }: OtlpSpan, texts: Map<string, string>, warnings: Warnings): string {
  const attributes = resource.resource?.attributes ?? [];
  const at = attributes.findLastIndex(({ key, value }) => key === 'service.name' && attributeText(value) !== '');
  for (const [index, { key, value }] of attributes.entries()) {
    if (index === at) continue;
    if (texts.has(key)) warnings.add('repeated-key', place);
    else texts.set(key, attributeText(value));
    if (!isResourceKey(key)) warnings.add('resource-attribute-moved', place);
    if (value.stringValue === undefined) warnings.add('value-as-text', place);
  }
  return attributeText(attributes[at]?.value) || NO_SERVICE;
}

/** Without one, Zipkin shows no dependency for a call. */
function remoteEndpointOf(span: Span): ZipkinEndpoint | undefined {
  const text = (key: string): string => attributeText(findAttribute(span.attributes, key));
  const address = text('network.peer.address');
  const isAddress = /^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f:.]*:[0-9a-f:.]*)$/i.test(address);
  const serviceName = isCaller(span)
    ? PEER_KEYS.filter((key) => key !== 'network.peer.address' || !isAddress)
        .map(text)
        .find((name) => name !== '')
    : text('peer.service');
  const port = Number(text('network.peer.port') || text('server.port'));
  if (!serviceName && !isAddress) return undefined;
  return {
    ...(serviceName && { serviceName }),
    ...(isAddress && { [address.includes(':') ? 'ipv6' : 'ipv4']: address }),
    ...(Number.isInteger(port) && port > 0 && port <= 0xffff && { port }),
  };
}
