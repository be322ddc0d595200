import type { AttributeSet } from '../../span/attributes.ts';
import type { LocalTrace } from '../../span/local-trace.ts';
import type { InstrumentationScope } from '../../span/instrumentation-scope.ts';
import { SpanDetails, type RecordedEvent, type RecordedLink } from '../../span/span-details.ts';
import type { RecordingSpan } from '../../span/recording-span.ts';
import { AttributeEncoder } from './attribute-encoder.ts';
import * as Tag from './otlp-tags.ts';
import { encodedField, NO_WRITE_LIMIT, ProtobufWriter, wordBytes, WRITE_LIMIT_REACHED } from './protobuf-writer.ts';
import { SpanTemplate } from './span-template.ts';

/** `SpanFlags`: whether it is known that the parent (or link) is remote, and whether it is. */
const HAS_IS_REMOTE = 0x100;
const IS_REMOTE = 0x200;

/** Tag and length of a nested message. */
const MESSAGE_HEAD_BYTES = 5;
/** The fixed fields of a span take less than this. */
const SPAN_FIXED_BYTES = 128;
/**
 * Distinct names whose bytes and templates are kept. Names should be few; those with an id in them are not worth more.
 */
const CACHED_NAMES_MAX = 1024;
const CACHED_NAME_CHARACTERS_MAX = 256;
/** What a name keeps in a span that was too large. */
const STRIPPED_NAME_CHARACTERS = 1024;

export interface OtlpEncoderOptions {
  readonly resource: AttributeSet;
  readonly resourceSchemaUrl?: string;
  /** The size at which a chunk counts as full. */
  readonly chunkBytes: number;
  readonly spanBytesLimit: number;
}

/** One ExportTraceServiceRequest, ready to be sent. */
export interface Chunk {
  readonly bytes: Uint8Array;
  readonly spanCount: number;
  /** Gives the memory back to the encoder; whoever calls it has nothing under way any more that reads `bytes`. */
  release(): void;
}

/** Buffers that are kept for later chunks: as many as are under way at once in good times. */
const SPARE_BUFFERS_MAX = 4;

/**
 * Writes ended spans as OTLP protobuf into one growing request (`take` hands it over). Nothing of a span is kept but
 * its bytes.
 */
export class OtlpEncoder {
  readonly #attributes = new AttributeEncoder();
  readonly #writer: ProtobufWriter;
  readonly #resource: Uint8Array;
  readonly #chunkBytes: number;
  readonly #spanBytesLimit: number;
  readonly #scopes = new WeakMap<InstrumentationScope, Uint8Array>();
  #scope: InstrumentationScope | undefined;
  readonly #templates = new Map<string, SpanTemplate>();
  #lastTemplate: SpanTemplate | undefined;
  /** Templates that have bytes in the current request. */
  readonly #usedTemplates: SpanTemplate[] = [];
  /** Changes when positions in the buffer lose their meaning. */
  #request = 0;
  #lastTraceState = '';
  #traceStateField = wordBytes(new Uint8Array());
  #resourceSpansStart = 0;
  #scopeSpansStart = 0;
  #spanCount = 0;
  readonly #spareBuffers: Buffer[] = [];

  constructor(options: OtlpEncoderOptions) {
    this.#chunkBytes = options.chunkBytes;
    this.#spanBytesLimit = options.spanBytesLimit;
    this.#writer = new ProtobufWriter(this.#newBuffer(), NO_WRITE_LIMIT);
    this.#resource = encodeAlone((writer) => {
      const start = writer.begin(Tag.RESOURCE_SPANS_RESOURCE);
      this.#attributes.write(writer, Tag.RESOURCE_ATTRIBUTES, options.resource.flat, options.resource.flat.length);
      writer.end(start);
      writer.stringField(Tag.RESOURCE_SPANS_SCHEMA_URL, options.resourceSchemaUrl ?? '');
    });
  }

  get spanCount(): number {
    return this.#spanCount;
  }

  get byteLength(): number {
    return this.#writer.position;
  }

  get isFull(): boolean {
    return this.#writer.position >= this.#chunkBytes;
  }

  /** Adds an ended span. Returns false when it was larger than the limit and kept only its place, times and status. */
  add(span: RecordingSpan): boolean {
    const writer = this.#writer;
    writer.endMax = NO_WRITE_LIMIT;
    if (this.#spanCount === 0) this.#openResourceSpans();
    if (span.scope !== this.#scope) this.#openScopeSpans(span.scope);
    this.#spanCount++;
    const start = writer.position;
    writer.endMax = start + this.#spanBytesLimit;
    try {
      this.#writeSpan(span);
      if (writer.position <= writer.endMax) return true;
    } catch (error) {
      this.#forgetTemplates();
      if (error !== WRITE_LIMIT_REACHED) {
        writer.position = start;
        this.#spanCount--;
        throw error;
      }
    }
    this.#forgetTemplates();
    writer.position = start;
    writer.endMax = NO_WRITE_LIMIT;
    strip(span);
    this.#writeSpan(span);
    return false;
  }

  /** Closes the request and hands it over, or returns `undefined` when no span was added. */
  take(): Chunk | undefined {
    if (this.#spanCount === 0) return undefined;
    const writer = this.#writer;
    this.#forgetTemplates();
    this.#closeScopeSpans();
    writer.end(this.#resourceSpansStart);
    const { buffer, position } = writer;
    const spanCount = this.#spanCount;
    writer.position = 0;
    this.#spanCount = 0;
    this.#scope = undefined;
    let bytes = buffer;
    // A full buffer is given away; a mostly empty one is copied from, so that waiting bytes cost no more than they are.
    if (position < buffer.length / 2) {
      bytes = this.#newBuffer(Math.ceil(position * 1.125));
      buffer.copy(bytes, 0, 0, position);
    }
    if (bytes === buffer || buffer.length !== this.#bufferBytes) writer.use(this.#newBuffer());
    return { bytes: bytes.subarray(0, position), spanCount, release: () => this.#keepSpare(bytes) };
  }

  get #bufferBytes(): number {
    return Math.ceil(this.#chunkBytes * 1.125);
  }

  /** Memory fresh from the system costs more than writing into it does. */
  #newBuffer(bytes = this.#bufferBytes): Buffer {
    const at = this.#spareBuffers.findIndex(({ length }) => length >= bytes && length < bytes * 2);
    return this.#spareBuffers.splice(at, at < 0 ? 0 : 1)[0] ?? Buffer.allocUnsafeSlow(bytes);
  }

  #keepSpare(buffer: Buffer): void {
    // One that grew for a large span would stay large.
    if (buffer.length > this.#bufferBytes) return;
    if (this.#spareBuffers.push(buffer) > SPARE_BUFFERS_MAX) this.#spareBuffers.shift();
  }

  #openResourceSpans(): void {
    this.#resourceSpansStart = this.#writer.begin(Tag.REQUEST_RESOURCE_SPANS);
    this.#writer.raw(this.#resource);
  }

  /** Spans of several scopes that alternate get a ScopeSpans for each run: order is kept and one buffer is enough. */
  #openScopeSpans(scope: InstrumentationScope): void {
    this.#closeScopeSpans();
    this.#scope = scope;
    this.#scopeSpansStart = this.#writer.begin(Tag.RESOURCE_SPANS_SCOPE_SPANS);
    let encoded = this.#scopes.get(scope);
    if (encoded === undefined) {
      encoded = encodeAlone((writer) => this.#writeScope(writer, scope));
      this.#scopes.set(scope, encoded);
    }
    this.#writer.raw(encoded);
  }

  #closeScopeSpans(): void {
    if (this.#scope !== undefined) this.#writer.end(this.#scopeSpansStart);
  }

  #writeScope(writer: ProtobufWriter, scope: InstrumentationScope): void {
    const start = writer.begin(Tag.SCOPE_SPANS_SCOPE);
    writer.stringField(Tag.SCOPE_NAME, scope.name);
    writer.stringField(Tag.SCOPE_VERSION, scope.version);
    this.#attributes.write(writer, Tag.SCOPE_ATTRIBUTES, scope.attributes.flat, scope.attributes.flat.length);
    writeCount(writer, Tag.SCOPE_DROPPED_ATTRIBUTES, scope.attributes.dropped);
    writer.end(start);
    writer.stringField(Tag.SCOPE_SPANS_SCHEMA_URL, scope.schemaUrl);
  }

  #writeSpan(span: RecordingSpan): void {
    const writer = this.#writer;
    const start = writer.position;
    const template = this.#templateOf(span.name);
    const { trace, details } = span;
    if (
      template.request === this.#request &&
      template.hasParent === (span.parent !== undefined) &&
      template.traceState === trace.traceState
    ) {
      const { start: source, end: bytes } = template;
      writer.reserve(bytes + SPAN_FIXED_BYTES);
      writer.buffer.copyWithin(start, source, source + bytes);
      writer.position = start + MESSAGE_HEAD_BYTES;
      writeFixedFields(writer, span);
      writer.position = start + template.attributesStart;
    } else {
      writer.begin(Tag.SCOPE_SPANS_SPANS);
      writer.reserve(SPAN_FIXED_BYTES);
      writeFixedFields(writer, span);
      writer.words(template.nameField);
      if (trace.traceState !== '') this.#writeTraceState(writer, trace.traceState);
      if (template.request !== this.#request) this.#usedTemplates.push(template);
      template.startAnew(this.#request, span.parent !== undefined, trace.traceState, writer.position - start);
    }
    this.#attributes.writeSpanAttributes(writer, span.flatAttributes, span.attributesLength, template, start);
    template.start = start;
    if (details !== undefined) this.#writeDetails(writer, details);
    writer.end(start + MESSAGE_HEAD_BYTES);
  }

  /** Spans have few different names. */
  #templateOf(name: string): SpanTemplate {
    if (name === this.#lastTemplate?.name) return this.#lastTemplate;
    let template = this.#templates.get(name);
    if (template === undefined) {
      template = new SpanTemplate(name);
      if (this.#templates.size < CACHED_NAMES_MAX && name.length <= CACHED_NAME_CHARACTERS_MAX) {
        this.#templates.set(name, template);
      }
    }
    this.#lastTemplate = template;
    return template;
  }

  /** What was written last does not stay, or its buffer is given away. */
  #forgetTemplates(): void {
    this.#request++;
    for (const template of this.#usedTemplates) template.forget();
    this.#usedTemplates.length = 0;
  }

  /** A service's own traces mostly all have the same: the sampling threshold. */
  #writeTraceState(writer: ProtobufWriter, traceState: string): void {
    if (traceState !== this.#lastTraceState) {
      this.#lastTraceState = traceState;
      this.#traceStateField = wordBytes(encodedField(Tag.SPAN_TRACE_STATE, traceState));
    }
    writer.words(this.#traceStateField);
  }

  #writeDetails(writer: ProtobufWriter, details: SpanDetails): void {
    writeCount(writer, Tag.SPAN_DROPPED_ATTRIBUTES, details.droppedAttributes);
    for (const event of details.events) this.#writeEvent(event);
    writeCount(writer, Tag.SPAN_DROPPED_EVENTS, details.droppedEvents);
    for (const link of details.links) this.#writeLink(link);
    writeCount(writer, Tag.SPAN_DROPPED_LINKS, details.droppedLinks);
    if (details.statusCode !== 0) writeStatus(writer, details.statusCode, details.statusMessage);
  }

  #writeEvent(event: RecordedEvent): void {
    const writer = this.#writer;
    const start = writer.begin(Tag.SPAN_EVENTS);
    writer.reserve(9);
    writer.byte(Tag.EVENT_TIME);
    writer.fixed32(event.timeLow);
    writer.fixed32(event.timeHigh);
    writer.stringField(Tag.EVENT_NAME, event.name);
    this.#attributes.write(writer, Tag.EVENT_ATTRIBUTES, event.attributes.flat, event.attributes.flat.length);
    writeCount(writer, Tag.EVENT_DROPPED_ATTRIBUTES, event.attributes.dropped);
    writer.end(start);
  }

  #writeLink(link: RecordedLink): void {
    const writer = this.#writer;
    const start = writer.begin(Tag.SPAN_LINKS);
    writer.reserve(36);
    const { trace, id0, id1, isRemote } = link.identity;
    writeTraceId(writer, Tag.LINK_TRACE_ID, trace);
    writeSpanId(writer, Tag.LINK_SPAN_ID, id0, id1);
    writer.byte(Tag.LINK_FLAGS);
    writer.fixed32(trace.flags | (isRemote ? HAS_IS_REMOTE | IS_REMOTE : HAS_IS_REMOTE));
    writer.stringField(Tag.LINK_TRACE_STATE, trace.traceState);
    this.#attributes.write(writer, Tag.LINK_ATTRIBUTES, link.attributes.flat, link.attributes.flat.length);
    writeCount(writer, Tag.LINK_DROPPED_ATTRIBUTES, link.attributes.dropped);
    writer.end(start);
  }
}

/** Takes a span's details away and counts them as dropped. */
function strip(span: RecordingSpan): void {
  const given = span.details;
  const kept = (span.details = new SpanDetails());
  kept.droppedAttributes = span.attributesLength / 2 + (given?.droppedAttributes ?? 0);
  span.attributesLength = 0;
  kept.droppedEvents = (given?.events.length ?? 0) + (given?.droppedEvents ?? 0);
  kept.droppedLinks = (given?.links.length ?? 0) + (given?.droppedLinks ?? 0);
  kept.statusCode = given?.statusCode ?? 0;
  kept.statusMessage = (given?.statusMessage ?? '').slice(0, STRIPPED_NAME_CHARACTERS);
  span.name = span.name.slice(0, STRIPPED_NAME_CHARACTERS);
}

/** Ids, kind, times and flags in one go with a position of its own: this is the path that every span takes. */
function writeFixedFields(writer: ProtobufWriter, span: RecordingSpan): void {
  const { buffer, view } = writer;
  const { trace, parent } = span;
  let at = writer.position;
  buffer[at] = Tag.SPAN_TRACE_ID;
  buffer[at + 1] = 16;
  view.setInt32(at + 2, trace.id0, false);
  view.setInt32(at + 6, trace.id1, false);
  view.setInt32(at + 10, trace.id2, false);
  view.setInt32(at + 14, trace.id3, false);
  buffer[at + 18] = Tag.SPAN_SPAN_ID;
  buffer[at + 19] = 8;
  view.setInt32(at + 20, span.id0, false);
  view.setInt32(at + 24, span.id1, false);
  at += 28;
  let flags = trace.flags | HAS_IS_REMOTE;
  if (parent !== undefined) {
    buffer[at] = Tag.SPAN_PARENT_SPAN_ID;
    buffer[at + 1] = 8;
    view.setInt32(at + 2, parent.id0, false);
    view.setInt32(at + 6, parent.id1, false);
    at += 10;
    if (parent.isRemote) flags |= IS_REMOTE;
  }
  buffer[at] = Tag.SPAN_KIND;
  // The API's kinds start at internal = 0, OTLP's at unspecified = 0.
  buffer[at + 1] = span.kind + 1;
  buffer[at + 2] = Tag.SPAN_START_TIME;
  view.setInt32(at + 3, span.startLow, true);
  view.setInt32(at + 7, span.startHigh, true);
  buffer[at + 11] = Tag.SPAN_END_TIME;
  view.setInt32(at + 12, span.endLow, true);
  view.setInt32(at + 16, span.endHigh, true);
  buffer[at + 20] = Tag.SPAN_FLAGS[0];
  buffer[at + 21] = Tag.SPAN_FLAGS[1];
  view.setInt32(at + 22, flags, true);
  writer.position = at + 26;
}

export function encodeAlone(write: (writer: ProtobufWriter) => void): Uint8Array {
  const writer = new ProtobufWriter(Buffer.allocUnsafeSlow(256), NO_WRITE_LIMIT);
  write(writer);
  return writer.buffer.subarray(0, writer.position);
}

function writeTraceId(writer: ProtobufWriter, tag: number, trace: LocalTrace): void {
  writer.byte(tag);
  writer.byte(16);
  writer.bigEndian32(trace.id0);
  writer.bigEndian32(trace.id1);
  writer.bigEndian32(trace.id2);
  writer.bigEndian32(trace.id3);
}

function writeSpanId(writer: ProtobufWriter, tag: number, id0: number, id1: number): void {
  writer.byte(tag);
  writer.byte(8);
  writer.bigEndian32(id0);
  writer.bigEndian32(id1);
}

function writeCount(writer: ProtobufWriter, tag: number, count: number): void {
  if (count === 0) return;
  writer.reserve(6);
  writer.byte(tag);
  writer.varint(count);
}

function writeStatus(writer: ProtobufWriter, code: number, message: string): void {
  const start = writer.begin(Tag.SPAN_STATUS);
  writer.stringField(Tag.STATUS_MESSAGE, message);
  writer.reserve(2);
  writer.byte(Tag.STATUS_CODE);
  writer.byte(code);
  writer.end(start);
}
