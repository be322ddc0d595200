import type { RejectedSpans } from '../../columns/rejected-spans.ts';
import type { SpanBlock } from '../../columns/span-block.ts';
import { SpanFields, type LinkFields } from '../../columns/span-fields.ts';
import { walkAttributes } from './walk-attributes.ts';
import { fallBackToParser, type JsonCursor } from './json-cursor.ts';
import { MemberNames } from './member-names.ts';
import { emptyLink, ENUMERATION_MAX, SPAN_KINDS, STATUS_CODES } from '../otlp/otlp-fields.ts';
import type { TextSource } from './text-source.ts';

const QUOTE = 0x22;

/** Walks over spans, one after the other, into the block's columns. */
export class JsonSpanWalker {
  readonly #cursor: JsonCursor;
  readonly #block: SpanBlock;
  readonly #rejected: RejectedSpans;
  readonly #span = new SpanFields();
  readonly #link: LinkFields = emptyLink();
  /** Holds the ids and texts of one span until it is appended. */
  readonly #text: TextSource;
  readonly #attributeText: TextSource;

  constructor(
    cursor: JsonCursor,
    block: SpanBlock,
    rejected: RejectedSpans,
    text: TextSource,
    attributeText: TextSource,
  ) {
    this.#cursor = cursor;
    this.#block = block;
    this.#rejected = rejected;
    this.#text = text;
    this.#attributeText = attributeText;
  }

  /** Appends the span that the cursor is before, or rejects it alone. */
  walkSpan(): void {
    const cursor = this.#cursor;
    const text = this.#text;
    const span = this.#span;
    const block = this.#block;
    let seen = 0;
    text.clear();
    span.reset(text.bytes);
    block.beginSpan();
    for (let more = cursor.enterObject(); more; more = cursor.nextMember()) {
      const member = SPAN_MEMBERS.find(cursor.bytes, cursor.start, cursor.end);
      seen = seenOnce(seen, member);
      if (cursor.isNull()) continue;
      switch (member) {
        case 0:
          span.traceIdStart = walkHex(cursor, text);
          span.traceIdEnd = text.length;
          break;
        case 1:
          span.spanIdStart = walkHex(cursor, text);
          span.spanIdEnd = text.length;
          break;
        case 2:
          span.parentSpanIdStart = walkHex(cursor, text);
          span.parentSpanIdEnd = text.length;
          break;
        case 3:
          span.traceStateStart = walkText(cursor, text);
          span.traceStateEnd = text.length;
          break;
        case 4:
          span.flags = cursor.uint32();
          break;
        case 5:
          span.nameStart = walkText(cursor, text);
          span.nameEnd = text.length;
          break;
        case 6:
          span.kind = walkEnumeration(cursor, KINDS);
          break;
        case 7:
          cursor.uint64();
          span.startLow = cursor.low;
          span.startHigh = cursor.high;
          break;
        case 8:
          cursor.uint64();
          span.endLow = cursor.low;
          span.endHigh = cursor.high;
          break;
        case 9:
          walkAttributes(cursor, block.attributes, this.#attributeText);
          break;
        case 10:
          span.droppedAttributesCount = cursor.uint32();
          break;
        case 11:
          for (let next = cursor.enterArray(); next; next = cursor.nextItem()) this.#walkEvent();
          break;
        case 12:
          span.droppedEventsCount = cursor.uint32();
          break;
        case 13:
          for (let next = cursor.enterArray(); next; next = cursor.nextItem()) this.#walkLink();
          break;
        case 14:
          span.droppedLinksCount = cursor.uint32();
          break;
        case 15:
          this.#walkStatus(span);
          break;
        default:
          skipUnknown(cursor);
      }
    }
    // It may have grown, and moved, with the texts.
    span.source = text.bytes;
    const rejection = block.endSpan(span);
    if (rejection !== null) this.#rejected.add(rejection);
  }

  #walkStatus(span: SpanFields): void {
    const cursor = this.#cursor;
    let seen = 0;
    for (let more = cursor.enterObject(); more; more = cursor.nextMember()) {
      const member = STATUS_MEMBERS.find(cursor.bytes, cursor.start, cursor.end);
      seen = seenOnce(seen, member);
      if (cursor.isNull()) continue;
      if (member === 0) {
        span.statusMessageStart = walkText(cursor, this.#text);
        span.statusMessageEnd = this.#text.length;
      } else if (member === 1) span.statusCode = walkEnumeration(cursor, CODES);
      else skipUnknown(cursor);
    }
  }

  #walkEvent(): void {
    const cursor = this.#cursor;
    const text = this.#text;
    let nameStart = 0;
    let nameEnd = 0;
    let timeLow = 0;
    let timeHigh = 0;
    let dropped = 0;
    let seen = 0;
    for (let more = cursor.enterObject(); more; more = cursor.nextMember()) {
      const member = EVENT_MEMBERS.find(cursor.bytes, cursor.start, cursor.end);
      seen = seenOnce(seen, member);
      if (cursor.isNull()) continue;
      switch (member) {
        case 0:
          cursor.uint64();
          timeLow = cursor.low;
          timeHigh = cursor.high;
          break;
        case 1:
          nameStart = walkText(cursor, text);
          nameEnd = text.length;
          break;
        case 2:
          walkAttributes(cursor, this.#block.events.attributes, this.#attributeText);
          break;
        case 3:
          dropped = cursor.uint32();
          break;
        default:
          skipUnknown(cursor);
      }
    }
    this.#block.addEvent(text.bytes, nameStart, nameEnd, timeLow, timeHigh, dropped);
  }

  #walkLink(): void {
    const cursor = this.#cursor;
    const text = this.#text;
    const link = Object.assign(this.#link, emptyLink());
    let seen = 0;
    for (let more = cursor.enterObject(); more; more = cursor.nextMember()) {
      const member = LINK_MEMBERS.find(cursor.bytes, cursor.start, cursor.end);
      seen = seenOnce(seen, member);
      if (cursor.isNull()) continue;
      switch (member) {
        case 0:
          link.traceIdStart = walkHex(cursor, text);
          link.traceIdEnd = text.length;
          break;
        case 1:
          link.spanIdStart = walkHex(cursor, text);
          link.spanIdEnd = text.length;
          break;
        case 2:
          link.traceStateStart = walkText(cursor, text);
          link.traceStateEnd = text.length;
          break;
        case 3:
          walkAttributes(cursor, this.#block.links.attributes, this.#attributeText);
          break;
        case 4:
          link.droppedAttributesCount = cursor.uint32();
          break;
        case 5:
          link.flags = cursor.uint32();
          break;
        default:
          skipUnknown(cursor);
      }
    }
    this.#block.addLink(text.bytes, link);
  }
}

/** The members of each message in the order of the cases. */
const SPAN_MEMBERS = new MemberNames([
  'traceId',
  'spanId',
  'parentSpanId',
  'traceState',
  'flags',
  'name',
  'kind',
  'startTimeUnixNano',
  'endTimeUnixNano',
  'attributes',
  'droppedAttributesCount',
  'events',
  'droppedEventsCount',
  'links',
  'droppedLinksCount',
  'status',
]);
const STATUS_MEMBERS = new MemberNames(['message', 'code']);
const EVENT_MEMBERS = new MemberNames(['timeUnixNano', 'name', 'attributes', 'droppedAttributesCount']);
const LINK_MEMBERS = new MemberNames([
  'traceId',
  'spanId',
  'traceState',
  'attributes',
  'droppedAttributesCount',
  'flags',
]);
const KINDS = new MemberNames(SPAN_KINDS, (name) => [name]);
const CODES = new MemberNames(STATUS_CODES, (name) => [name]);

/** The members seen of an object, as bits. Of a member that stands twice another may hold. */
export function seenOnce(seen: number, member: number): number {
  if (member < 0) return seen;
  const bit = 1 << member;
  return (seen & bit) === 0 ? seen | bit : fallBackToParser();
}

/** Copies the string that comes next; answers where it begins in `text`, and it ends at the text's end. */
export function walkText(cursor: JsonCursor, text: TextSource): number {
  cursor.string();
  if (!cursor.isEscaped) return text.addBytes(cursor.bytes, cursor.start, cursor.end);
  const start = text.length;
  text.appendEscaped(cursor.bytes, cursor.start, cursor.end);
  return start;
}

/** Whatever it is, as long as it is JSON. */
export function skipUnknown(cursor: JsonCursor): void {
  const start = cursor.skip();
  cursor.parsed(start, cursor.at);
}

function walkHex(cursor: JsonCursor, text: TextSource): number {
  cursor.string();
  const start = text.addHexBytes(cursor.bytes, cursor.start, cursor.end);
  return start >= 0 ? start : fallBackToParser();
}

function walkEnumeration(cursor: JsonCursor, names: MemberNames): number {
  if (cursor.peek() !== QUOTE) {
    const number = cursor.uint32();
    return number <= ENUMERATION_MAX ? number : fallBackToParser();
  }
  cursor.string();
  const value = names.find(cursor.bytes, cursor.start, cursor.end);
  return value >= 0 ? value : fallBackToParser();
}
