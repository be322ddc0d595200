import type { AttributeColumns } from '../../columns/attribute-columns.ts';
import type { RejectedSpans } from '../../columns/rejected-spans.ts';
import type { BadPart } from '../../columns/drop-counts.ts';
import type { SpanBlock } from '../../columns/span-block.ts';
import { SpanFields } from '../../columns/span-fields.ts';
import { MalformedRequestError } from '../../columns/ingest-result.ts';
import { appendAttribute, appendUsualAttribute } from './json-attribute.ts';
import type { JsonObject, OnBad } from './json-object.ts';
import { emptyLink, emptyScope, entityRef, ENUMERATION_MAX, SPAN_KINDS, STATUS_CODES } from '../otlp/otlp-fields.ts';
import { TextSource } from './text-source.ts';

/**
 * Appends the spans of a request that has been parsed, and takes all that `walkOtlpJson` leaves. A part of a wrong
 * shape is dropped, and the block's losses say where it is and what is wrong with it. Throws as `decodeOtlpJson`.
 */
export function decodeJsonTree(request: JsonObject, block: SpanBlock, rejected: RejectedSpans): void {
  new OtlpJsonDecoder(block, rejected).decodeRequest(request);
}

class OtlpJsonDecoder {
  readonly #block: SpanBlock;
  readonly #rejected: RejectedSpans;
  readonly #span = new SpanFields();
  /** Holds the strings of one resource, scope or span until it is appended. */
  readonly #text = new TextSource();
  /** Holds one attribute's key and value. */
  readonly #attributeText = new TextSource();
  readonly #badField: OnBad = (problem) => this.#block.losses.addBad('field', problem);
  readonly #badEndTime: OnBad = (problem) => this.#block.losses.addBad('end_time', problem);
  readonly #badEventTime: OnBad = (problem) => this.#block.losses.addBad('event_time', problem);
  readonly #badEvent: OnBad = (problem) => {
    this.#block.dropEvent();
    this.#block.losses.explain(problem);
  };
  readonly #badLink: OnBad = (problem) => {
    this.#block.dropLink();
    this.#block.losses.explain(problem);
  };
  /** A span is rejected for it. */
  readonly #badSpan: OnBad = (problem) => this.#rejected.add({ code: 'trace_id', message: problem });
  readonly #badStartTime: OnBad = () => {};

  constructor(block: SpanBlock, rejected: RejectedSpans) {
    this.#block = block;
    this.#rejected = rejected;
  }

  decodeRequest(request: JsonObject): void {
    this.#tellUnknown(request, 'resourceSpans', []);
    for (const resourceSpans of request.objects('resourceSpans', this.#badField, this.#badField)) {
      this.#decodeResourceSpans(resourceSpans);
    }
  }

  /**
   * Protobuf's readers skip members that they do not know; where spans should be, that would lose all of them without a
   * word.
   */
  #tellUnknown(object: JsonObject, wanted: string, known: readonly string[]): void {
    const problem = object.unknownInsteadOf(wanted, known);
    if (problem !== null) this.#block.losses.addBad('unknown_member', problem);
  }

  #decodeResourceSpans(resourceSpans: JsonObject): void {
    this.#tellUnknown(resourceSpans, 'scopeSpans', ['resource', 'schemaUrl']);
    const resource = resourceSpans.object('resource');
    let dropped = 0;
    let entityRefs = '';
    if (resource !== null) {
      this.#decodeAttributes(resource, this.#block.resources.attributes);
      dropped = resource.uint32('droppedAttributesCount');
      entityRefs = readEntityRefs(resource);
    }
    this.#text.clear();
    const [start, end] = this.#text.add(resourceSpans.string('schemaUrl'));
    this.#block.addResource(this.#text.bytes, start, end, dropped, entityRefs);
    for (const scopeSpans of resourceSpans.objects('scopeSpans')) this.#decodeScopeSpans(scopeSpans);
  }

  #decodeScopeSpans(scopeSpans: JsonObject): void {
    this.#tellUnknown(scopeSpans, 'spans', ['scope', 'schemaUrl']);
    const fields = emptyScope();
    const text = this.#text;
    const scope = scopeSpans.object('scope');
    text.clear();
    if (scope !== null) {
      [fields.nameStart, fields.nameEnd] = text.add(scope.string('name'));
      [fields.versionStart, fields.versionEnd] = text.add(scope.string('version'));
      fields.droppedAttributesCount = scope.uint32('droppedAttributesCount');
      this.#decodeAttributes(scope, this.#block.scopes.attributes);
    }
    [fields.schemaUrlStart, fields.schemaUrlEnd] = text.add(scopeSpans.string('schemaUrl'));
    this.#block.addScope(text.bytes, fields);
    for (const span of scopeSpans.objects('spans', this.#badSpan)) this.#decodeSpan(span);
  }

  #decodeSpan(span: JsonObject): void {
    const block = this.#block;
    const text = this.#text;
    const fields = this.#span;
    text.clear();
    fields.reset(text.bytes);
    block.beginSpan();
    [fields.traceIdStart, fields.traceIdEnd] = span.hex('traceId', text);
    [fields.spanIdStart, fields.spanIdEnd] = span.hex('spanId', text);
    [fields.parentSpanIdStart, fields.parentSpanIdEnd] = span.hex('parentSpanId', text);
    [fields.traceStateStart, fields.traceStateEnd] = text.add(span.string('traceState'));
    [fields.nameStart, fields.nameEnd] = text.add(span.string('name'));
    fields.kind = span.enumeration('kind', SPAN_KINDS, ENUMERATION_MAX);
    [fields.startLow, fields.startHigh] = span.uint64('startTimeUnixNano', this.#badStartTime);
    [fields.endLow, fields.endHigh] = span.uint64('endTimeUnixNano', this.#badEndTime);
    fields.flags = span.uint32('flags');
    fields.droppedAttributesCount = span.uint32('droppedAttributesCount');
    fields.droppedEventsCount = span.uint32('droppedEventsCount');
    fields.droppedLinksCount = span.uint32('droppedLinksCount');
    const status = span.object('status');
    if (status !== null) {
      [fields.statusMessageStart, fields.statusMessageEnd] = text.add(status.string('message'));
      fields.statusCode = status.enumeration('code', STATUS_CODES, ENUMERATION_MAX);
    }
    this.#decodeAttributes(span, block.attributes);
    for (const event of span.objects('events', this.#badEvent)) this.#decodeEvent(event);
    for (const link of span.objects('links', this.#badLink)) this.#decodeLink(link);
    // It may have grown, and moved, with the strings.
    fields.source = text.bytes;
    const rejection = block.endSpan(fields);
    if (rejection !== null) this.#rejected.add(rejection);
  }

  #decodeEvent(event: JsonObject): void {
    this.#decodeAttributes(event, this.#block.events.attributes);
    const [nameStart, nameEnd] = this.#text.add(event.string('name'));
    const [low, high] = event.uint64('timeUnixNano', this.#badEventTime);
    this.#block.addEvent(this.#text.bytes, nameStart, nameEnd, low, high, event.uint32('droppedAttributesCount'));
  }

  #decodeLink(link: JsonObject): void {
    const text = this.#text;
    const fields = emptyLink();
    this.#decodeAttributes(link, this.#block.links.attributes);
    [fields.traceIdStart, fields.traceIdEnd] = link.hex('traceId', text);
    [fields.spanIdStart, fields.spanIdEnd] = link.hex('spanId', text);
    [fields.traceStateStart, fields.traceStateEnd] = text.add(link.string('traceState'));
    fields.flags = link.uint32('flags');
    fields.droppedAttributesCount = link.uint32('droppedAttributesCount');
    this.#block.addLink(text.bytes, fields);
  }

  #decodeAttributes(owner: JsonObject, attributes: AttributeColumns): void {
    const text = this.#attributeText;
    const items = owner.get('attributes') ?? [];
    if (!Array.isArray(items)) {
      this.#appendOrDrop(attributes, () => owner.fail('attributes', 'an array', items));
      return;
    }
    for (let index = 0; index < items.length; index++) {
      const item: unknown = items[index];
      if (appendUsualAttribute(item, attributes, text)) continue;
      this.#appendOrDrop(attributes, () => appendAttribute(owner.item('attributes', index, item), attributes, text));
    }
  }

  /** Drops the attribute that `append` finds a mistake in. */
  #appendOrDrop(attributes: AttributeColumns, append: () => void): void {
    try {
      append();
    } catch (error) {
      if (!(error instanceof MalformedRequestError)) throw error;
      attributes.drop('attribute' satisfies BadPart);
      this.#block.losses.explain(error.message);
    }
  }
}

/** Their OTLP JSON, '' where there are none. */
export function readEntityRefs(resource: JsonObject): string {
  const refs = Array.from(resource.objects('entityRefs'), (entity) =>
    entityRef(
      entity.string('schemaUrl'),
      entity.string('type'),
      entity.strings('idKeys'),
      entity.strings('descriptionKeys'),
    ),
  );
  return refs.length === 0 ? '' : JSON.stringify(refs);
}
