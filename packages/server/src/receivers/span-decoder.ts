import type { Refusals } from '../ingest/ingest.ts';
import type { SpanBlock } from '../ingest/span-block.ts';
import { SpanFields, type LinkFields } from '../ingest/span-fields.ts';
import { decodeAttribute } from './attribute-decoder.ts';
import { emptyLink, storedEnumeration } from './otlp-fields.ts';
import { decodeMessage, type ProtobufReader } from './protobuf-reader.ts';

/** Decodes spans of a request, one after the other, into the block's columns. Cases are tags, as in `OtlpDecoder`. */
export class SpanDecoder {
  readonly #reader: ProtobufReader;
  readonly #block: SpanBlock;
  readonly #refusals: Refusals;
  readonly #span = new SpanFields();
  readonly #link: LinkFields = emptyLink();

  constructor(reader: ProtobufReader, block: SpanBlock, refusals: Refusals) {
    this.#reader = reader;
    this.#block = block;
    this.#refusals = refusals;
  }

  /** Appends the span that the reader stands in, or refuses it alone. */
  decodeSpan(): void {
    const reader = this.#reader;
    const span = this.#span;
    const block = this.#block;
    span.reset(reader.bytes);
    block.beginSpan();
    while (reader.at < reader.end) {
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
    const refusal = block.endSpan(span);
    if (refusal !== null) this.#refusals.add(refusal);
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

  #enumeration(): number {
    const reader = this.#reader;
    reader.varint();
    return storedEnumeration(reader.high === 0 ? reader.low : -1);
  }
}
