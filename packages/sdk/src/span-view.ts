import type { Attributes as OtelAttributes, HrTime, Link, SpanContext, SpanStatus } from '@opentelemetry/api';
import { StoredMap, type AttributeSet, type FlatAttributes, type StoredValue } from './attributes.ts';
import type { ReadableResource, TimedEvent } from './span-processor.ts';
import type { InstrumentationScope } from './span-recorder.ts';
import type { RecordingSpan, Span } from './span.ts';

/** What all views of a tracer share. */
export interface ViewSource {
  readonly resource: ReadableResource;
}

/** What a span forgets at its end and a view keeps. */
interface KeptState {
  readonly attributes: OtelAttributes;
  readonly links: Link[];
  readonly events: TimedEvent[];
  readonly status: SpanStatus;
  readonly dropped: readonly [attributes: number, events: number, links: number];
}

/**
 * A span in the form that the standard SDK's processors and exporters read. It shows the span as it is until `keep`, and as it was then
 * from there on.
 */
export class SpanView {
  readonly #span: RecordingSpan;
  readonly #source: ViewSource;
  #kept: KeptState | undefined;

  constructor(span: RecordingSpan, source: ViewSource) {
    this.#span = span;
    this.#source = source;
  }

  /** Takes over what the span gives back at its end. */
  keep(): void {
    this.#kept = this.#state();
  }

  get name(): string {
    return this.#span.name;
  }
  get kind(): number {
    return this.#span.kind;
  }
  get parentSpanContext(): SpanContext | undefined {
    return this.#span.parent?.spanContext();
  }
  get startTime(): HrTime {
    return hrTimeOf(this.#span.startHigh, this.#span.startLow);
  }
  get endTime(): HrTime {
    return hrTimeOf(this.#span.endHigh, this.#span.endLow);
  }
  get duration(): HrTime {
    if (!this.#span.ended) return [0, 0];
    const { startHigh, startLow, endHigh, endLow } = this.#span;
    return hrTimeOfNs(unixNanoOf(endHigh, endLow) - unixNanoOf(startHigh, startLow));
  }
  get ended(): boolean {
    return this.#span.ended;
  }
  get status(): SpanStatus {
    return this.#now().status;
  }
  get attributes(): OtelAttributes {
    return this.#now().attributes;
  }
  get links(): Link[] {
    return this.#now().links;
  }
  get events(): TimedEvent[] {
    return this.#now().events;
  }
  get droppedAttributesCount(): number {
    return this.#now().dropped[0];
  }
  get droppedEventsCount(): number {
    return this.#now().dropped[1];
  }
  get droppedLinksCount(): number {
    return this.#now().dropped[2];
  }
  get resource(): ReadableResource {
    return this.#source.resource;
  }
  get instrumentationScope(): ReadableScope {
    return readableScope(this.#span.scope);
  }

  // Exporters take these two out of the object, as the standard SDK's interface allows.
  readonly spanContext = (): SpanContext => this.#span.spanContext();
  readonly isRecording = (): boolean => this.#span.isRecording();

  setAttribute(...args: Parameters<Span['setAttribute']>): this {
    this.#span.setAttribute(...args);
    return this;
  }
  setAttributes(...args: Parameters<Span['setAttributes']>): this {
    this.#span.setAttributes(...args);
    return this;
  }
  addEvent(...args: Parameters<Span['addEvent']>): this {
    this.#span.addEvent(...args);
    return this;
  }
  addLink(...args: Parameters<Span['addLink']>): this {
    this.#span.addLink(...args);
    return this;
  }
  addLinks(...args: Parameters<Span['addLinks']>): this {
    this.#span.addLinks(...args);
    return this;
  }
  setStatus(...args: Parameters<Span['setStatus']>): this {
    this.#span.setStatus(...args);
    return this;
  }
  updateName(...args: Parameters<Span['updateName']>): this {
    this.#span.updateName(...args);
    return this;
  }
  recordException(...args: Parameters<Span['recordException']>): void {
    this.#span.recordException(...args);
  }
  end(...args: Parameters<Span['end']>): void {
    this.#span.end(...args);
  }

  #now(): KeptState {
    return this.#kept ?? this.#state();
  }

  #state(): KeptState {
    const { attributes, attributesLength, details } = this.#span;
    const { statusCode = 0, statusMessage = '' } = details ?? {};
    return {
      attributes: plainAttributes(attributes, attributesLength),
      links: (details?.links ?? []).map((link) => ({
        context: link.identity.spanContext(),
        ...plainSet(link.attributes),
      })),
      events: (details?.events ?? []).map(({ name, timeHigh, timeLow, attributes: set }) => ({
        name,
        time: hrTimeOf(timeHigh, timeLow),
        ...plainSet(set),
      })),
      status: statusMessage === '' ? { code: statusCode } : { code: statusCode, message: statusMessage },
      dropped: [details?.droppedAttributes ?? 0, details?.droppedEvents ?? 0, details?.droppedLinks ?? 0],
    };
  }
}

/** An instrumentation scope as the standard SDK's exporters read it. */
interface ReadableScope {
  readonly name: string;
  readonly version: string;
  readonly schemaUrl: string;
  readonly attributes: OtelAttributes;
  readonly droppedAttributesCount: number;
}

/** One for each scope: exporters may tell them apart by identity. */
const readableScopes = new WeakMap<InstrumentationScope, ReadableScope>();

function readableScope(scope: InstrumentationScope): ReadableScope {
  let readable = readableScopes.get(scope);
  if (readable === undefined) {
    const { name, version, schemaUrl } = scope;
    readable = { name, version, schemaUrl, ...plainSet(scope.attributes) };
    readableScopes.set(scope, readable);
  }
  return readable;
}

/** A resource as the standard SDK's exporters read it. */
export function readableResource(set: AttributeSet, schemaUrl: string): ReadableResource {
  return resourceWith(plainAttributes(set.flat, set.flat.length), schemaUrl);
}

function resourceWith(attributes: OtelAttributes, schemaUrl: string | undefined): ReadableResource {
  return {
    attributes,
    ...(schemaUrl === undefined || schemaUrl === '' ? {} : { schemaUrl }),
    asyncAttributesPending: false,
    waitForAsyncAttributes: () => Promise.resolve(),
    merge: (other) => resourceWith({ ...attributes, ...other?.attributes }, mergedSchema(schemaUrl, other?.schemaUrl)),
    getRawAttributes: () => Object.entries(attributes),
  };
}

/** By the specification's rule: two that differ are none. */
function mergedSchema(own: string | undefined, other: string | undefined): string | undefined {
  if (own === undefined || own === '') return other;
  return other === undefined || other === '' || other === own ? own : undefined;
}

function plainSet({ flat, dropped }: AttributeSet): { attributes: OtelAttributes; droppedAttributesCount: number } {
  return { attributes: plainAttributes(flat, flat.length), droppedAttributesCount: dropped };
}

function plainAttributes(flat: FlatAttributes, length: number): OtelAttributes {
  const plain: Record<string, unknown> = {};
  for (let i = 0; i < length; i += 2) {
    const key = flat[i] as string;
    const value = plainValue(flat[i + 1] ?? null);
    if (key !== '__proto__') plain[key] = value;
    // A key like any other, and no change of the object's prototype.
    else Object.defineProperty(plain, key, { value, configurable: true, enumerable: true, writable: true });
  }
  // OpenTelemetry's type knows neither maps nor bytes yet; its exporters carry them.
  return plain as OtelAttributes;
}

function plainValue(value: StoredValue): unknown {
  if (value instanceof StoredMap) return plainAttributes(value.entries, value.entries.length);
  // The standard SDK has no bigints, and JSON cannot hold them.
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  return Array.isArray(value) ? value.map(plainValue) : value;
}

function unixNanoOf(high: number, low: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

function hrTimeOf(high: number, low: number): HrTime {
  return hrTimeOfNs(unixNanoOf(high, low));
}

function hrTimeOfNs(ns: bigint): HrTime {
  return [Number(ns / 1_000_000_000n), Number(ns % 1_000_000_000n)];
}
