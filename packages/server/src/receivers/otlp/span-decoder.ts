import type { RejectedSpans } from '../../columns/rejected-spans.ts';
import type { SpanBlock } from '../../columns/span-block.ts';
import { SpanFields, type LinkFields } from '../../columns/span-fields.ts';
import { appendUsualAttribute, decodeAttribute } from './attribute-decoder.ts';
import { emptyLink, ENUMERATION_MAX } from './otlp-fields.ts';
import { decodeMessage, type ProtobufReader } from './protobuf-reader.ts';

/** Decodes spans of a request, one after the other, into the block's columns. Cases are tags, as in `OtlpDecoder`. */
export class SpanDecoder {
  readonly #reader: ProtobufReader;
  readonly #block: SpanBlock;
  readonly #rejected: RejectedSpans;
  readonly #span = new SpanFields();
  readonly #link: LinkFields = emptyLink();

  constructor(reader: ProtobufReader, block: SpanBlock, rejected: RejectedSpans) {
    this.#reader = reader;
    this.#block = block;
    this.#rejected = rejected;
  }

  /** Appends the span that the reader is in, or rejects it alone. */
  decodeSpan(): void {
    const reader = this.#reader;
    const span = this.#span;
    const block = this.#block;
    span.reset(reader.bytes);
    block.beginSpan();
    for (;;) {
      this.#decodeUsual();
      if (reader.at >= reader.end) break;
      const tag = reader.tag();
      switch (tag) {
        case 0x0a:
          reader.range();
          span.traceIdStart = reader.start;
          span.traceIdEnd = reader.stop;
          break;
        case 0x12:
          reader.range();
          span.spanIdStart = reader.start;
          span.spanIdEnd = reader.stop;
          break;
        case 0x1a:
          reader.range();
          span.traceStateStart = reader.start;
          span.traceStateEnd = reader.stop;
          break;
        case 0x22:
          reader.range();
          span.parentSpanIdStart = reader.start;
          span.parentSpanIdEnd = reader.stop;
          break;
        case 0x2a:
          reader.range();
          span.nameStart = reader.start;
          span.nameEnd = reader.stop;
          break;
        case 0x30:
          span.kind = this.#enumeration();
          break;
        case 0x39:
          reader.fixed64();
          span.startLow = reader.low;
          span.startHigh = reader.high;
          break;
        case 0x41:
          reader.fixed64();
          span.endLow = reader.low;
          span.endHigh = reader.high;
          break;
        case 0x4a: {
          reader.range();
          const outerEnd = reader.enter(reader.start, reader.stop);
          decodeAttribute(reader, block.attributes);
          reader.leave(outerEnd);
          break;
        }
        case 0x50:
          span.droppedAttributesCount = reader.uint32();
          break;
        case 0x5a:
          decodeMessage(reader, () => this.#decodeEvent());
          break;
        case 0x60:
          span.droppedEventsCount = reader.uint32();
          break;
        case 0x6a:
          decodeMessage(reader, () => this.#decodeLink());
          break;
        case 0x70:
          span.droppedLinksCount = reader.uint32();
          break;
        case 0x7a: {
          reader.range();
          const outerEnd = reader.enter(reader.start, reader.stop);
          this.#decodeStatus(span);
          reader.leave(outerEnd);
          break;
        }
        case 0x85:
          span.flags = reader.fixed32();
          break;
        default:
          reader.skip(tag);
      }
    }
    const rejection = block.endSpan(span);
    if (rejection !== null) this.#rejected.add(rejection);
  }

  /**
   * Reads fields as nearly all of them are, short and of the usual wire types, from the bytes at once; stops before the
   * first other one. The reader's checks are these: what follows the end of a message is never taken for a part of it.
   * Nor is it read: a place that was once answered undefined, behind the end of a body, is read a tenth slower from
   * then on.
   */
  #decodeUsual(): void {
    const reader = this.#reader;
    const span = this.#span;
    const { attributes } = this.#block;
    const { bytes, end, view } = reader;
    let { at } = reader;
    for (;;) {
      const start = at + 2;
      if (start > end) break;
      const byte = bytes[at + 1] as number;
      const stop = start + byte;
      const isRange = byte < 0x80 && stop <= end;
      switch (bytes[at]) {
        case 0x4a:
          if (!isRange || !appendUsualAttribute(bytes, start, stop, attributes)) break;
          at = stop;
          continue;
        case 0x0a:
          if (!isRange) break;
          span.traceIdStart = start;
          at = span.traceIdEnd = stop;
          continue;
        case 0x12:
          if (!isRange) break;
          span.spanIdStart = start;
          at = span.spanIdEnd = stop;
          continue;
        case 0x22:
          if (!isRange) break;
          span.parentSpanIdStart = start;
          at = span.parentSpanIdEnd = stop;
          continue;
        case 0x2a:
          if (!isRange) break;
          span.nameStart = start;
          at = span.nameEnd = stop;
          continue;
        case 0x30:
          if (byte >= 0x80) break;
          span.kind = byte;
          at = start;
          continue;
        case 0x39:
          if (at + 9 > end) break;
          span.startLow = view.getUint32(at + 1, true);
          span.startHigh = view.getUint32(at + 5, true);
          at += 9;
          continue;
        case 0x41:
          if (at + 9 > end) break;
          span.endLow = view.getUint32(at + 1, true);
          span.endHigh = view.getUint32(at + 5, true);
          at += 9;
          continue;
      }
      break;
    }
    reader.at = at;
  }

  #decodeStatus(span: SpanFields): void {
    const reader = this.#reader;
    while (reader.at < reader.end) {
      const tag = reader.tag();
      if (tag === 0x12) {
        reader.range();
        span.statusMessageStart = reader.start;
        span.statusMessageEnd = reader.stop;
      } else if (tag === 0x18) span.statusCode = this.#enumeration();
      else reader.skip(tag);
    }
  }

  #decodeEvent(): void {
    const reader = this.#reader;
    const { attributes } = this.#block.events;
    let nameStart = 0;
    let nameStop = 0;
    let timeLow = 0;
    let timeHigh = 0;
    let dropped = 0;
    while (reader.at < reader.end) {
      const tag = reader.tag();
      switch (tag) {
        case 0x09:
          reader.fixed64();
          timeLow = reader.low;
          timeHigh = reader.high;
          break;
        case 0x12:
          reader.range();
          nameStart = reader.start;
          nameStop = reader.stop;
          break;
        case 0x1a:
          decodeMessage(reader, () => decodeAttribute(reader, attributes));
          break;
        case 0x20:
          dropped = reader.uint32();
          break;
        default:
          reader.skip(tag);
      }
    }
    this.#block.addEvent(reader.bytes, nameStart, nameStop, timeLow, timeHigh, dropped);
  }

  #decodeLink(): void {
    const reader = this.#reader;
    const link = Object.assign(this.#link, emptyLink());
    const { attributes } = this.#block.links;
    while (reader.at < reader.end) {
      const tag = reader.tag();
      switch (tag) {
        case 0x0a:
          reader.range();
          link.traceIdStart = reader.start;
          link.traceIdEnd = reader.stop;
          break;
        case 0x12:
          reader.range();
          link.spanIdStart = reader.start;
          link.spanIdEnd = reader.stop;
          break;
        case 0x1a:
          reader.range();
          link.traceStateStart = reader.start;
          link.traceStateEnd = reader.stop;
          break;
        case 0x22:
          decodeMessage(reader, () => decodeAttribute(reader, attributes));
          break;
        case 0x28:
          link.droppedAttributesCount = reader.uint32();
          break;
        case 0x35:
          link.flags = reader.fixed32();
          break;
        default:
          reader.skip(tag);
      }
    }
    this.#block.addLink(reader.bytes, link);
  }

  /** 0, "unspecified", for a number that the column does not hold. */
  #enumeration(): number {
    const reader = this.#reader;
    reader.varint();
    if (reader.high === 0 && reader.low <= ENUMERATION_MAX) return reader.low;
    this.#block.losses.addBad('field');
    return 0;
  }
}
