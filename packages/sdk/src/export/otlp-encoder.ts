import type { AttributeSet } from '../attributes.ts';
import type { LocalTrace } from '../local-trace.ts';
import type { InstrumentationScope } from '../span-recorder.ts';
import type { RecordedEvent, RecordedLink, RecordingSpan } from '../span.ts';
import { AttributeEncoder } from './attribute-encoder.ts';
import * as Tag from './otlp-tags.ts';
import { ProtobufWriter, WRITE_LIMIT_REACHED } from './protobuf-writer.ts';

/** `SpanFlags`: whether it is known that the parent (or link) is remote, and whether it is. */
const HAS_IS_REMOTE = 0x100;
const IS_REMOTE = 0x200;

/** The fixed fields of a span take less than this. */
const SPAN_FIXED_BYTES = 128;
/** What a name keeps in a span that was too large. */
const STRIPPED_NAME_CHARACTERS = 1024;

export interface OtlpEncoderOptions {
  readonly resource: AttributeSet;
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
 * Writes ended spans as OTLP protobuf into one growing request (`take` hands it over). Nothing of a span is kept but its bytes.
 */
export class OtlpEncoder {
  readonly #attributes = new AttributeEncoder();
  readonly #writer: ProtobufWriter;
  readonly #resource: Uint8Array;
  readonly #chunkBytes: number;
  readonly #spanBytesLimit: number;
  readonly #scopes = new WeakMap<InstrumentationScope, Uint8Array>();
  #scope: InstrumentationScope | undefined;
  #resourceSpansStart = 0;
  #scopeSpansStart = 0;
  #spanCount = 0;
  readonly #spareBuffers: Buffer[] = [];

  constructor(options: OtlpEncoderOptions) {
    this.#chunkBytes = options.chunkBytes;
    this.#spanBytesLimit = options.spanBytesLimit;
    this.#writer = new ProtobufWriter(this.#newBuffer(), Infinity);
    this.#resource = encodeAlone((writer) => {
      const start = writer.begin(Tag.RESOURCE_SPANS_RESOURCE);
      this.#attributes.write(writer, Tag.RESOURCE_ATTRIBUTES, options.resource.flat, options.resource.flat.length);
      writer.end(start);
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

  /** Adds an ended span. Answers false when it was larger than the limit and kept only its place, times and status. */
  add(span: RecordingSpan): boolean {
    const writer = this.#writer;
    writer.endMax = Infinity;
    if (this.#spanCount === 0) this.#openResourceSpans();
    if (span.scope !== this.#scope) this.#openScopeSpans(span.scope);
    this.#spanCount++;
    const start = writer.position;
    writer.endMax = start + this.#spanBytesLimit;
    try {
      this.#writeSpan(span);
      if (writer.position <= writer.endMax) return true;
    } catch (error) {
      if (error !== WRITE_LIMIT_REACHED) {
        writer.position = start;
        this.#spanCount--;
        throw error;
      }
    }
    writer.position = start;
    writer.endMax = Infinity;
    strip(span);
    this.#writeSpan(span);
    return false;
  }

  /** Closes the request and hands it over, or answers `undefined` when no span was added. */
  take(): Chunk | undefined {
    if (this.#spanCount === 0) return undefined;
    const writer = this.#writer;
    this.#closeScopeSpans();
    writer.end(this.#resourceSpansStart);
    const { buffer, position } = writer;
    const spanCount = this.#spanCount;
    writer.position = 0;
    this.#spanCount = 0;
    this.#scope = undefined;
    // A full buffer is given away; a mostly empty one is copied from, so that waiting bytes cost no more than they are.
    if (position < buffer.length / 2) {
      const bytes = Buffer.allocUnsafeSlow(position);
      buffer.copy(bytes, 0, 0, position);
      if (buffer.length !== this.#bufferBytes) writer.use(this.#newBuffer());
      return { bytes, spanCount, release: () => undefined };
    }
    writer.use(this.#newBuffer());
    return { bytes: buffer.subarray(0, position), spanCount, release: () => this.#keepSpare(buffer) };
  }

  get #bufferBytes(): number {
    return Math.ceil(this.#chunkBytes * 1.125);
  }

  /** Memory fresh from the system costs more than writing into it does. */
  #newBuffer(): Buffer {
    return this.#spareBuffers.pop() ?? Buffer.allocUnsafeSlow(this.#bufferBytes);
  }

  #keepSpare(buffer: Buffer): void {
    // One that grew for a large span would stay large.
    const isUsual = buffer.length === this.#bufferBytes;
    if (isUsual && this.#spareBuffers.length < SPARE_BUFFERS_MAX) this.#spareBuffers.push(buffer);
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
    const { trace, parent } = span;
    const start = writer.begin(Tag.SCOPE_SPANS_SPANS);
    writer.reserve(SPAN_FIXED_BYTES);
    writeTraceId(writer, Tag.SPAN_TRACE_ID, trace);
    writeSpanId(writer, Tag.SPAN_SPAN_ID, span.id0, span.id1);
    if (parent !== undefined) writeSpanId(writer, Tag.SPAN_PARENT_SPAN_ID, parent.id0, parent.id1);
    writer.byte(Tag.SPAN_KIND);
    // The API's kinds start at internal = 0, OTLP's at unspecified = 0.
    writer.byte(span.kind + 1);
    writer.byte(Tag.SPAN_START_TIME);
    writeUnixNano(writer, trace, span.startNs);
    writer.byte(Tag.SPAN_END_TIME);
    writeUnixNano(writer, trace, span.endNs);
    writer.byte(Tag.SPAN_FLAGS[0]);
    writer.byte(Tag.SPAN_FLAGS[1]);
    writer.fixed32(trace.flags | (parent?.isRemote === true ? HAS_IS_REMOTE | IS_REMOTE : HAS_IS_REMOTE));
    writer.stringField(Tag.SPAN_NAME, span.name);
    writer.stringField(Tag.SPAN_TRACE_STATE, trace.traceState);
    this.#attributes.write(writer, Tag.SPAN_ATTRIBUTES, span.attributes, span.attributesLength);
    writeCount(writer, Tag.SPAN_DROPPED_ATTRIBUTES, span.droppedAttributes);
    if (span.events !== undefined) for (const event of span.events) this.#writeEvent(trace, event);
    writeCount(writer, Tag.SPAN_DROPPED_EVENTS, span.droppedEvents);
    if (span.links !== undefined) for (const link of span.links) this.#writeLink(link);
    writeCount(writer, Tag.SPAN_DROPPED_LINKS, span.droppedLinks);
    if (span.statusCode !== 0) writeStatus(writer, span.statusCode, span.statusMessage);
    writer.end(start);
  }

  #writeEvent(trace: LocalTrace, event: RecordedEvent): void {
    const writer = this.#writer;
    const start = writer.begin(Tag.SPAN_EVENTS);
    writer.reserve(9);
    writer.byte(Tag.EVENT_TIME);
    writeUnixNano(writer, trace, event.timeNs);
    writer.stringField(Tag.EVENT_NAME, event.name);
    this.#attributes.write(writer, Tag.EVENT_ATTRIBUTES, event.attributes.flat, event.attributes.flat.length);
    writeCount(writer, Tag.EVENT_DROPPED_ATTRIBUTES, event.attributes.dropped);
    writer.end(start);
  }

  #writeLink(link: RecordedLink): void {
    const writer = this.#writer;
    const start = writer.begin(Tag.SPAN_LINKS);
    writer.reserve(36);
    writeTraceId(writer, Tag.LINK_TRACE_ID, link.trace);
    writeSpanId(writer, Tag.LINK_SPAN_ID, link.id0, link.id1);
    writer.byte(Tag.LINK_FLAGS);
    writer.fixed32(link.trace.flags | (link.isRemote ? HAS_IS_REMOTE | IS_REMOTE : HAS_IS_REMOTE));
    writer.stringField(Tag.LINK_TRACE_STATE, link.trace.traceState);
    this.#attributes.write(writer, Tag.LINK_ATTRIBUTES, link.attributes.flat, link.attributes.flat.length);
    writeCount(writer, Tag.LINK_DROPPED_ATTRIBUTES, link.attributes.dropped);
    writer.end(start);
  }
}

/** Takes a span's details away and counts them as dropped. */
function strip(span: RecordingSpan): void {
  span.droppedAttributes += span.attributesLength / 2;
  span.attributesLength = 0;
  span.droppedEvents += span.events?.length ?? 0;
  span.events = undefined;
  span.droppedLinks += span.links?.length ?? 0;
  span.links = undefined;
  span.name = span.name.slice(0, STRIPPED_NAME_CHARACTERS);
  span.statusMessage = span.statusMessage.slice(0, STRIPPED_NAME_CHARACTERS);
}

function encodeAlone(write: (writer: ProtobufWriter) => void): Uint8Array {
  const writer = new ProtobufWriter(Buffer.allocUnsafeSlow(256), Infinity);
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

const TWO_POW_16 = 0x10000;
const TWO_POW_32 = 0x100000000;

/**
 * Wall time in nanoseconds as fixed64. It needs 61 bits, doubles hold 53: milliseconds are split at 2¹⁶ so that every
 * product stays exact.
 */
function writeUnixNano(writer: ProtobufWriter, trace: LocalTrace, ns: number): void {
  const sinceMs = Math.floor(ns / 1e6);
  const subMs = Math.round(ns - sinceMs * 1e6) + trace.anchorNs;
  const unixMs = Math.max(0, trace.anchorUnixMs + sinceMs);
  const upperMs = Math.floor(unixMs / TWO_POW_16);
  const upper = upperMs * 1e6;
  const upperHigh = Math.floor(upper / TWO_POW_16);
  const low = (upper - upperHigh * TWO_POW_16) * TWO_POW_16 + (unixMs - upperMs * TWO_POW_16) * 1e6 + subMs;
  const carry = Math.floor(low / TWO_POW_32);
  writer.fixed32(low - carry * TWO_POW_32);
  writer.fixed32(upperHigh + carry);
}
