import type {
  Attributes as OtelAttributes,
  HrTime,
  Link,
  SpanContext,
  SpanStatus as OtelSpanStatus,
} from '@opentelemetry/api';
import {
  attributeSet,
  returnFlatAttributes,
  storedValue,
  takeFlatAttributes,
  type AttributesInput,
  type FlatAttributes,
  type StoredValue,
} from './attributes.ts';
import type { AttributeValue } from './attribute-value.ts';
import { exceptionAttributes } from './exception.ts';
import { property } from '../runtime/property.ts';
import type { TimeAnchor } from './clock.ts';
import { LocalTrace } from './local-trace.ts';
import { hrTimeBetween, hrTimeOf, readableScope, readableState, type ReadableScope } from './readable-state.ts';
import type { ReadableResource, ReadableSpan, TimedEvent } from './readable-span.ts';
import type { SpanOwner } from './span-owner.ts';
import type { InstrumentationScope } from './instrumentation-scope.ts';
import { SpanIdentity } from './span-identity.ts';
import { isTimeInput, type TimeInput } from './time.ts';

import { NonRecordingSpan } from './non-recording-span.ts';
import { nameOf, type Span, type SpanLink } from './span.ts';
import { SpanDetails } from './span-details.ts';
import { STATUS_ERROR, STATUS_OK, STATUS_UNSET, statusCodeOf, type SpanStatus } from './span-status.ts';

/**
 * A span that is recorded. Its fields are for the recorder and the encoder, read once at the end; the object is the
 * caller's to keep, and therefore never used for a second span. Moments are Unix nanoseconds in two signed halves.
 */
export class RecordingSpan extends SpanIdentity implements Span, Omit<ReadableSpan, 'parentSpanContext'> {
  declare readonly recorder: SpanOwner;
  declare readonly scope: InstrumentationScope;
  declare readonly parent: SpanIdentity | undefined;
  declare readonly kind: number;
  declare readonly startHigh: number;
  declare readonly startLow: number;
  declare name: string;
  declare endHigh: number;
  declare endLow: number;
  declare ended: boolean;
  /** Keys and values in turn, `attributesLength` places of it. */
  declare flatAttributes: FlatAttributes;
  declare attributesLength: number;
  declare details: SpanDetails | undefined;

  constructor(
    recorder: SpanOwner,
    scope: InstrumentationScope,
    trace: LocalTrace,
    id0: number,
    id1: number,
    parent: SpanIdentity | undefined,
    name: string,
    kind: number,
    startHigh: number,
    startLow: number,
  ) {
    super(trace, id0, id1);
    this.recorder = recorder;
    this.scope = scope;
    this.parent = parent;
    this.name = name;
    this.kind = kind;
    this.startHigh = startHigh;
    this.startLow = startLow;
    this.endHigh = 0;
    this.endLow = 0;
    this.ended = false;
    this.flatAttributes = takeFlatAttributes();
    this.attributesLength = 0;
    this.details = undefined;
  }

  isRecording(): boolean {
    return !this.ended;
  }

  setAttribute(key: string, value: AttributeValue): this {
    if (this.ended) return this;
    const isAsGiven =
      typeof value === 'string'
        ? value.length <= this.recorder.limits.attributeValueLengthLimit
        : typeof value === 'number' || typeof value === 'boolean';
    if (isAsGiven && typeof key === 'string' && key.length > 0) this.setStored(key, value as StoredValue);
    else this.#setCopy(key, value);
    return this;
  }

  #setCopy(key: unknown, value: unknown): void {
    if (value === undefined || value === null) return;
    const stored = typeof key === 'string' && key !== '' ? storedValue(value, this.recorder.limits) : undefined;
    if (stored === undefined) this.recorder.counters.invalidAttributes++;
    else this.setStored(key as string, stored);
  }

  /** Sets an attribute whose value is a copy already. */
  setStored(key: string, stored: StoredValue): void {
    const { flatAttributes: attributes, attributesLength } = this;
    for (let i = 0; i < attributesLength; i += 2) {
      if (attributes[i] === key) {
        attributes[i + 1] = stored;
        return;
      }
    }
    if (attributesLength >= 2 * this.recorder.limits.attributeCountLimit) {
      this.#ownDetails().droppedAttributes++;
      return;
    }
    attributes[attributesLength] = key;
    attributes[attributesLength + 1] = stored;
    this.attributesLength = attributesLength + 2;
  }

  setAttributes(attributes: AttributesInput): this {
    if (this.ended || typeof attributes !== 'object' || attributes === null) return this;
    try {
      for (const key in attributes) {
        if (!Object.hasOwn(attributes, key)) continue;
        const value = attributes[key];
        if (value !== undefined) this.setAttribute(key, value);
      }
    } catch {
      this.recorder.counters.invalidAttributes++;
    }
    return this;
  }

  addEvent(name: string, attributesOrTime?: AttributesInput | TimeInput, time?: TimeInput): this {
    if (this.ended) return this;
    const { limits } = this.recorder;
    const details = this.#ownDetails();
    if (details.events.length >= limits.eventCountLimit) {
      details.droppedEvents++;
      return this;
    }
    const isTime = isTimeInput(attributesOrTime);
    const attributes = attributeSet(isTime ? undefined : attributesOrTime, limits.attributePerEventCountLimit, limits);
    this.recorder.counters.invalidAttributes += attributes.invalid;
    const anchor = this.trace.seek(isTime ? attributesOrTime : time);
    details.events.push({ timeHigh: anchor.high, timeLow: anchor.low, name: nameOf(name), attributes });
    return this;
  }

  addLink(link: SpanLink): this {
    if (this.ended) return this;
    const { limits } = this.recorder;
    const details = this.#ownDetails();
    if (details.links.length >= limits.linkCountLimit) {
      details.droppedLinks++;
      return this;
    }
    const identity = this.recorder.identityOf(property(link, 'context'));
    const attributes = attributeSet(property(link, 'attributes'), limits.attributePerLinkCountLimit, limits);
    this.recorder.counters.invalidAttributes += attributes.invalid;
    // OpenTelemetry: a link to nowhere is recorded for the attributes that it has.
    if (identity === undefined && attributes.flat.length === 0) details.droppedLinks++;
    else details.links.push({ identity: identity ?? NOWHERE, attributes });
    return this;
  }

  addLinks(links: readonly SpanLink[]): this {
    if (this.ended) return this;
    try {
      if (!Array.isArray(links)) return this;
      const { length } = links;
      const taken = Math.min(length, Math.max(this.recorder.limits.linkCountLimit, LINKS_EXAMINED_MIN));
      for (let i = 0; i < taken; i++) this.addLink(links[i] as SpanLink);
      if (taken < length) this.#ownDetails().droppedLinks += length - taken;
    } catch {
      // A proxy of the application's threw; what came before it stays.
    }
    return this;
  }

  setStatus(status: SpanStatus): this {
    if (this.ended || this.details?.statusCode === STATUS_OK) return this;
    const code = statusCodeOf(property(status, 'code'));
    if (code === STATUS_UNSET) return this;
    const details = this.#ownDetails();
    details.statusCode = code;
    const message = property(status, 'message');
    // OpenTelemetry: a description belongs to an error alone.
    details.statusMessage = code === STATUS_ERROR && typeof message === 'string' ? message : '';
    return this;
  }

  updateName(name: string): this {
    if (!this.ended) this.name = nameOf(name);
    return this;
  }

  recordException(exception: unknown, time?: TimeInput): void {
    if (!this.ended) this.addEvent('exception', exceptionAttributes(exception), time);
  }

  /** Ends the span now, or at a given time; an end before its start becomes its start. A second call does nothing. */
  end(endTime?: TimeInput): void {
    if (this.ended) return;
    const anchor = this.trace.seek(endTime);
    if (anchor.isBefore(this.startHigh, this.startLow)) this.#endNotBefore(anchor, endTime);
    else {
      this.endHigh = anchor.high;
      this.endLow = anchor.low;
    }
    this.recorder.processors?.ending(this);
    // One that a processor has ended meanwhile is done with.
    if (this.ended) return;
    this.ended = true;
    const { recorder } = this;
    if (recorder.processors === undefined) {
      const { flatAttributes, attributesLength } = this;
      recorder.record(this);
      returnFlatAttributes(flatAttributes, attributesLength);
      this.flatAttributes = NO_ATTRIBUTES;
      this.attributesLength = 0;
      this.details?.forgetContents();
    } else this.#endReadable();
  }

  #endNotBefore(anchor: TimeAnchor, endTime: TimeInput | undefined): void {
    const { startHigh, startLow } = this;
    const isPresent = endTime === undefined;
    const { high, low } = isPresent ? anchor.notBefore(startHigh, startLow) : { high: startHigh, low: startLow };
    this.endHigh = high;
    this.endLow = low;
  }

  /** Processors and their exporters read it later, whole, also where it is too large for our own. */
  #endReadable(): void {
    const { name, flatAttributes, attributesLength, details } = this;
    this.recorder.record(this);
    this.name = name;
    this.flatAttributes = flatAttributes;
    this.attributesLength = attributesLength;
    this.details = details;
  }

  [Symbol.dispose](): void {
    this.end();
  }

  // What the standard SDK's span shows besides, under the same names: some libraries read the active span. Without
  // processors an ended span has given its attributes, events and links back, and shows none.
  get startTime(): HrTime {
    return hrTimeOf(this.startHigh, this.startLow);
  }
  /** `[0, 0]` until it has ended. */
  get endTime(): HrTime {
    return hrTimeOf(this.endHigh, this.endLow);
  }
  get duration(): HrTime {
    return this.ended ? hrTimeBetween(this.startHigh, this.startLow, this.endHigh, this.endLow) : [0, 0];
  }
  get attributes(): OtelAttributes {
    return readableState(this).attributes;
  }
  get links(): Link[] {
    return readableState(this).links;
  }
  get events(): TimedEvent[] {
    return readableState(this).events;
  }
  get status(): OtelSpanStatus {
    return readableState(this).status;
  }
  get parentSpanContext(): SpanContext | undefined {
    return this.parent?.spanContext();
  }
  get resource(): ReadableResource {
    return this.recorder.resource;
  }
  get instrumentationScope(): ReadableScope {
    return readableScope(this.scope);
  }
  get droppedAttributesCount(): number {
    return this.details?.droppedAttributes ?? 0;
  }
  get droppedEventsCount(): number {
    return this.details?.droppedEvents ?? 0;
  }
  get droppedLinksCount(): number {
    return this.details?.droppedLinks ?? 0;
  }

  #ownDetails(): SpanDetails {
    return (this.details ??= new SpanDetails());
  }
}

const NO_ATTRIBUTES: FlatAttributes = [];

/** How many of a long list of links are looked at even where fewer can be kept: those at its beginning may be none. */
const LINKS_EXAMINED_MIN = 1024;

/** What a link points to whose context is not valid. */
const NOWHERE = new NonRecordingSpan(new LocalTrace(0, 0, 0, 0, 0, ''), 0, 0);
