import { LAST_SECOND, type Seconds } from '../storage/span-visibility.ts';
import { AttributeColumns, limitedEnd } from './attribute-columns.ts';
import { EventColumns, LinkColumns } from './event-columns.ts';
import { ByteBuffer, Uint32Buffer } from './growable-buffers.ts';
import { BLOCK_LIMITS, type BlockLimits } from './limits.ts';
import { DropCounts, type BadPart } from './drop-counts.ts';
import { LowCardinalityColumn } from './low-cardinality-column.ts';
import { RollbackStack } from './rollback-stack.ts';
import { RequestTooLargeError, type SpanRejection } from './ingest-result.ts';
import { ResourceColumns, ScopeColumns, type ScopeFields } from './resource-columns.ts';
import type { LinkFields, SpanFields } from './span-fields.ts';
import { beyond, checkSpan, isLink, startsTooEarly, startsTooLate, TIME_HIGH_MAX } from './span-check.ts';
import { secondsOf } from './seconds-of.ts';
import { REPAIRED_TEXTS } from './repaired-text.ts';
import { DAY_SECONDS } from '../storage/utc-day.ts';
import { countOf } from '../count-of.ts';

/** Bytes of a row in the columns of fixed width and the ends of arrays. */
const FIXED_ROW_BYTES = 200;
/** Bytes of an attribute, event or link beside its text. */
const ATTRIBUTE_BYTES = 6;
const EVENT_BYTES = 24;
const LINK_BYTES = 48;

const TIME_LOW_MAX = 0xffff_ffff;
const COMMA = 0x2c;

/** Bytes of a resource or a scope beside its attributes. */
const SHARED_BYTES = 64;

/**
 * Spans as the columns of the store. A decoder appends, for a resource: its attributes to `resources.attributes`, then
 * `addResource`; for a scope the same; for a span: `beginSpan`, then attributes to `attributes`, `addEvent` and
 * `addLink` in the order sent, then `endSpan`. `rollback` forgets everything since `mark`.
 */
export class SpanBlock {
  readonly traceIds = new ByteBuffer();
  readonly spanIds = new ByteBuffer();
  readonly parentSpanIds = new ByteBuffer();
  readonly names: LowCardinalityColumn;
  readonly kinds = new ByteBuffer();
  readonly statusCodes = new ByteBuffer();
  readonly statusMessages = new ByteBuffer();
  readonly startSeconds = new Uint32Buffer();
  readonly startNs = new Uint32Buffer();
  readonly durationNs = new Uint32Buffer();
  readonly traceStates = new ByteBuffer();
  readonly flags = new Uint32Buffer();
  readonly droppedAttributes = new Uint32Buffer();
  readonly droppedEvents = new Uint32Buffer();
  readonly droppedLinks = new Uint32Buffer();
  /** The row in `resources` and in `scopes` of each span. */
  readonly resourceOf = new Uint32Buffer();
  readonly scopeOf = new Uint32Buffer();
  readonly attributes: AttributeColumns;
  readonly resources: ResourceColumns;
  readonly scopes: ScopeColumns;
  readonly events: EventColumns;
  readonly links: LinkColumns;

  /** What was dropped of spans that were kept, since `mark`. */
  readonly losses = new DropCounts();

  readonly #limits: BlockLimits;
  readonly #requestMark = new RollbackStack();
  readonly #requestDays = new Set<number>();
  /** A second at which one of these days begins; infinity before the first. */
  #dayStart = Number.POSITIVE_INFINITY;
  #requestBytes = 0;
  #requestRows = 0;
  #earliestSecond = 0;
  #latestSecond = Number.POSITIVE_INFINITY;
  /** Events and links of the open span that are beyond its limit, and those that are none. */
  #droppedEvents = 0;
  #droppedLinks = 0;
  #badEvents = 0;
  #badLinks = 0;
  #replicatedBytes = 0;
  /** What the last resource and the last scope take in each row. */
  #sharedRowBytes = 0;
  /** Bytes of everything but spans and their attributes, when it was last summed up. */
  #otherBytes = 0;
  /** Whether the open span has events or links. */
  #hasItems = false;

  /** `seed`: any 32 bits that senders do not know. */
  constructor(seed: number, limits: BlockLimits = BLOCK_LIMITS) {
    this.#limits = limits;
    this.names = new LowCardinalityColumn(seed, this.losses);
    this.attributes = new AttributeColumns(seed, limits, this.losses);
    this.resources = new ResourceColumns(seed, limits, this.losses);
    this.scopes = new ScopeColumns(seed, limits, this.losses);
    this.events = new EventColumns(seed, limits, this.losses);
    this.links = new LinkColumns(seed, limits, this.losses);
  }

  get rowCount(): number {
    return this.kinds.length;
  }

  /** The seconds in which the spans start; the other way round where there is none. */
  get startRange(): Seconds {
    const { items } = this.startSeconds;
    let first = LAST_SECOND;
    let last = 0;
    for (let row = 0; row < this.rowCount; row++) {
      const second = items[row] as number;
      if (second < first) first = second;
      if (second > last) last = second;
    }
    return { first, last };
  }

  /** About the memory that the rows take when they are written. */
  get byteLength(): number {
    return this.#spanBytes + this.#itemAndSharedBytes;
  }

  get #spanBytes(): number {
    return (
      this.rowCount * FIXED_ROW_BYTES +
      this.#replicatedBytes +
      this.statusMessages.length +
      this.traceStates.length +
      this.names.entries.length +
      attributeBytes(this.attributes)
    );
  }

  /** Of what most spans have none of, and of what many have together. */
  get #itemAndSharedBytes(): number {
    return (
      (this.resources.lastRow + this.scopes.lastRow) * SHARED_BYTES +
      attributeBytes(this.resources.attributes) +
      attributeBytes(this.scopes.attributes) +
      attributeBytes(this.events.attributes) +
      attributeBytes(this.links.attributes) +
      this.events.count * EVENT_BYTES +
      this.links.count * LINK_BYTES +
      this.links.traceStates.length
    );
  }

  /** Begins a request, whose spans must start at these seconds or between them. */
  mark(earliestSecond = 0, latestSecond = Number.POSITIVE_INFINITY): void {
    this.#earliestSecond = earliestSecond;
    this.#latestSecond = latestSecond;
    this.losses.clear();
    this.#requestRows = this.rowCount;
    this.#requestMark.clear();
    this.#requestMark.save(this.rowCount);
    this.#requestMark.save(this.statusMessages.length);
    this.#requestMark.save(this.traceStates.length);
    this.#requestMark.save(this.names.entryCount);
    this.#requestMark.save(this.#replicatedBytes);
    this.resources.save(this.#requestMark);
    this.scopes.save(this.#requestMark);
    this.attributes.save(this.#requestMark);
    this.events.save(this.#requestMark);
    this.links.save(this.#requestMark);
    this.#requestDays.clear();
    this.#dayStart = Number.POSITIVE_INFINITY;
    this.#otherBytes = this.#itemAndSharedBytes;
    this.#requestBytes = this.#spanBytes + this.#otherBytes;
  }

  rollback(): void {
    const mark = this.#requestMark;
    this.links.restore(mark);
    this.events.restore(mark);
    this.attributes.restore(mark);
    this.scopes.restore(mark);
    this.resources.restore(mark);
    this.#replicatedBytes = mark.take();
    const names = mark.take();
    this.traceStates.length = mark.take();
    this.statusMessages.length = mark.take();
    this.#truncateRows(mark.take());
    this.names.truncateEntries(names);
  }

  /** Forgets everything since `mark`, and begins that request again. */
  restart(): void {
    this.rollback();
    this.mark(this.#earliestSecond, this.#latestSecond);
  }

  /**
   * The resource of the scopes and spans that follow; its attributes have been appended to `resources.attributes`.
   * `entityRefs` is their OTLP JSON, '' where there are none. Throws `RequestTooLargeError`.
   */
  addResource(
    source: Uint8Array,
    schemaUrlStart: number,
    schemaUrlEnd: number,
    droppedAttributesCount: number,
    entityRefs: string,
  ): void {
    this.resources.add(source, schemaUrlStart, schemaUrlEnd, droppedAttributesCount, entityRefs);
    this.#sharedRowBytes = this.resources.lastRowBytes + this.scopes.lastRowBytes;
    this.#checkAllRequestBytes();
  }

  /** The scope of the spans that follow; its attributes have been appended to `scopes.attributes`. */
  addScope(source: Uint8Array, scope: ScopeFields): void {
    this.scopes.add(source, scope);
    this.#sharedRowBytes = this.resources.lastRowBytes + this.scopes.lastRowBytes;
    this.#checkAllRequestBytes();
  }

  beginSpan(): void {
    this.#hasItems = false;
    this.#droppedEvents = this.#droppedLinks = this.#badEvents = this.#badLinks = 0;
  }

  /**
   * Its attributes have been appended to `events.attributes` before. A time that is too late is replaced by the last
   * one.
   */
  addEvent(
    source: Uint8Array,
    nameStart: number,
    nameEnd: number,
    timeLow: number,
    timeHigh: number,
    droppedAttributesCount: number,
  ): void {
    this.#hasItems = true;
    if (this.events.openCount >= this.#limits.eventsPerSpanMax) {
      this.events.attributes.discard();
      this.#droppedEvents += 1;
      return;
    }
    const shownEnd = this.#textEnd(source, nameStart, nameEnd);
    if (timeHigh <= TIME_HIGH_MAX) {
      this.events.add(source, nameStart, shownEnd, timeLow, timeHigh, droppedAttributesCount);
      return;
    }
    this.losses.addBad('event_time');
    this.events.add(source, nameStart, shownEnd, TIME_LOW_MAX, TIME_HIGH_MAX, droppedAttributesCount);
  }

  /** Counts an event of the open span of which there is nothing to keep. */
  dropEvent(): void {
    this.#hasItems = true;
    this.#badEvents += 1;
  }

  /** The same for a link. */
  dropLink(): void {
    this.#hasItems = true;
    this.#badLinks += 1;
  }

  /** Its attributes have been appended to `links.attributes` before. A link without ids is dropped and counted. */
  addLink(source: Uint8Array, link: LinkFields): void {
    this.#hasItems = true;
    if (!isLink(link)) {
      this.links.attributes.discard();
      this.#badLinks += 1;
    } else if (this.links.openCount >= this.#limits.linksPerSpanMax) {
      this.links.attributes.discard();
      this.#droppedLinks += 1;
    } else this.links.add(source, link, this.#traceStateEnd(source, link.traceStateStart, link.traceStateEnd));
  }

  /**
   * Completes the span, which belongs to the resource and the scope that were added last. Of an invalid parent id or
   * end `losses` show, and `span` has what is stored instead of that end. Returns null, or the reason why this one span
   * is rejected and nothing is kept of it. Throws `RequestTooLargeError`.
   */
  endSpan(span: SpanFields): SpanRejection | null {
    const seconds = secondsOf(span.startLow, span.startHigh);
    const problem = checkSpan(span, seconds) ?? this.#checkLimits(seconds);
    if (problem !== null) return this.#abandonSpan(problem);
    const { source } = span;
    this.traceIds.copy(source, span.traceIdStart, span.traceIdEnd);
    this.spanIds.copy(source, span.spanIdStart, span.spanIdEnd);
    this.#addParent(span);
    this.names.append(source, span.nameStart, this.#textEnd(source, span.nameStart, span.nameEnd));
    this.kinds.byte(span.kind);
    this.statusCodes.byte(span.statusCode);
    const messageStart = span.statusMessageStart;
    const messageEnd = this.#textEnd(source, messageStart, span.statusMessageEnd);
    if (this.statusMessages.text(source, messageStart, messageEnd)) this.losses.add(REPAIRED_TEXTS);
    const stateStart = span.traceStateStart;
    const stateEnd = this.#traceStateEnd(source, stateStart, span.traceStateEnd);
    if (this.traceStates.text(source, stateStart, stateEnd)) this.losses.add(REPAIRED_TEXTS);
    this.startSeconds.push(seconds);
    this.startNs.push(span.startLow);
    this.startNs.push(span.startHigh);
    if (span.endHigh > TIME_HIGH_MAX) this.#replaceEnd(span);
    // Words are taken modulo 2^32, which is what the difference wants.
    const borrow = span.endLow < span.startLow ? 1 : 0;
    this.durationNs.push(span.endLow - span.startLow);
    this.durationNs.push(span.endHigh - span.startHigh - borrow);
    this.flags.push(span.flags);
    this.droppedAttributes.push(span.droppedAttributesCount + this.attributes.settle());
    this.droppedEvents.push(span.droppedEventsCount + this.#droppedEvents + this.#badEvents);
    this.droppedLinks.push(span.droppedLinksCount + this.#droppedLinks + this.#badLinks);
    if (this.#hasItems) this.#countDroppedItems();
    this.resourceOf.push(this.resources.lastRow);
    this.scopeOf.push(this.scopes.lastRow);
    this.attributes.endRow();
    this.events.endRow();
    this.links.endRow();
    this.#replicatedBytes += this.#sharedRowBytes;
    if (this.#hasItems) this.#checkAllRequestBytes();
    else this.#checkRequestBytes();
    return null;
  }

  #replaceEnd(span: SpanFields): void {
    this.losses.addBad('end_time');
    span.endLow = TIME_LOW_MAX;
    span.endHigh = TIME_HIGH_MAX;
  }

  #countDroppedItems(): void {
    if (this.#droppedEvents > 0) this.losses.add('ingest.eventsPerSpanMax', this.#droppedEvents);
    if (this.#droppedLinks > 0) this.losses.add('ingest.linksPerSpanMax', this.#droppedLinks);
    if (this.#badEvents > 0) this.losses.add('event' satisfies BadPart, this.#badEvents);
    if (this.#badLinks > 0) this.losses.add('link' satisfies BadPart, this.#badLinks);
  }

  /** A span whose parent id is none has no parent: it is a root, or one of several. */
  #addParent(span: SpanFields): void {
    const length = span.parentSpanIdEnd - span.parentSpanIdStart;
    if (length === 8) {
      this.parentSpanIds.copy(span.source, span.parentSpanIdStart, span.parentSpanIdEnd);
      return;
    }
    this.parentSpanIds.zeros(8);
    if (length !== 0) this.losses.addBad('parent_span_id');
  }

  /** Rejecting a span costs time as well, so it counts as a row. Throws `RequestTooLargeError`. */
  #abandonSpan(problem: SpanRejection): SpanRejection {
    this.links.abandonRow();
    this.events.abandonRow();
    this.attributes.abandonRow();
    this.#requestBytes -= FIXED_ROW_BYTES;
    this.#checkRequestBytes();
    return problem;
  }

  clear(): void {
    for (const column of [this.traceIds, this.spanIds, this.parentSpanIds, this.statusMessages, this.traceStates]) {
      column.clear();
    }
    this.#truncateRows(0);
    this.names.clear();
    this.attributes.clear();
    this.resources.clear();
    this.scopes.clear();
    this.events.clear();
    this.links.clear();
    this.#replicatedBytes = 0;
  }

  /** After a change of resources, scopes, events or links. */
  #checkAllRequestBytes(): void {
    this.#otherBytes = this.#itemAndSharedBytes;
    this.#checkRequestBytes();
  }

  #checkRequestBytes(): void {
    const { requestBytesMax } = this.#limits;
    if (this.#spanBytes + this.#otherBytes - this.#requestBytes <= requestBytesMax) return;
    throw new RequestTooLargeError(
      'ingest.requestBytesMax',
      `the request takes more than ${requestBytesMax} bytes as columns; send fewer spans in a request`,
    );
  }

  /** Where a name or a message ends that is cut to the limit. */
  #textEnd(source: Uint8Array, start: number, end: number): number {
    return limitedEnd(source, start, end, this.#limits.valueBytesMax, this.losses);
  }

  /**
   * Where a trace state ends that is cut to the limit: between two members, since a part of one may say something else.
   */
  #traceStateEnd(source: Uint8Array, start: number, end: number): number {
    if (end - start <= this.#limits.valueBytesMax) return end;
    this.losses.add('ingest.valueBytesMax');
    let at = start + this.#limits.valueBytesMax;
    while (at > start && source[at] !== COMMA) at -= 1;
    return at;
  }

  #checkLimits(seconds: number): SpanRejection | null {
    const { itemAttributesPerSpanMax, daysPerRequestMax, spansPerRequestMax } = this.#limits;
    if (seconds < this.#earliestSecond) return startsTooEarly(seconds, this.#earliestSecond);
    if (seconds > this.#latestSecond) return startsTooLate(seconds, this.#latestSecond);
    if (this.rowCount - this.#requestRows >= spansPerRequestMax) {
      return beyond('ingest.spansPerRequestMax', `more than ${countOf(spansPerRequestMax, 'span')} in a request`);
    }
    if (Math.max(this.events.attributes.openCount, this.links.attributes.openCount) > itemAttributesPerSpanMax) {
      const message = `more than ${countOf(itemAttributesPerSpanMax, 'attribute')} of events or links in a span`;
      return beyond('ingest.itemAttributesPerSpanMax', message);
    }
    // Nearly always the day of the span before.
    if (seconds >= this.#dayStart && seconds < this.#dayStart + DAY_SECONDS) return null;
    const day = Math.floor(seconds / DAY_SECONDS);
    if (!this.#requestDays.has(day)) {
      if (this.#requestDays.size === daysPerRequestMax) {
        return beyond(
          'ingest.daysPerRequestMax',
          `start times on more than ${countOf(daysPerRequestMax, 'day')} in a request`,
        );
      }
      this.#requestDays.add(day);
    }
    this.#dayStart = day * DAY_SECONDS;
    return null;
  }

  #truncateRows(rows: number): void {
    this.traceIds.length = rows * 16;
    this.spanIds.length = rows * 8;
    this.parentSpanIds.length = rows * 8;
    this.startNs.length = rows * 2;
    this.durationNs.length = rows * 2;
    this.names.indexes.length = rows;
    this.kinds.length = rows;
    this.statusCodes.length = rows;
    this.startSeconds.length = rows;
    this.flags.length = rows;
    this.droppedAttributes.length = rows;
    this.droppedEvents.length = rows;
    this.droppedLinks.length = rows;
    this.resourceOf.length = rows;
    this.scopeOf.length = rows;
  }
}

function attributeBytes(attributes: AttributeColumns): number {
  return attributes.values.length + attributes.count * ATTRIBUTE_BYTES + attributes.keys.entries.length;
}
