import type { Attributes as OtelAttributes, HrTime, Link, SpanStatus } from '@opentelemetry/api';
import { StoredMap, type AttributeSet, type FlatAttributes, type StoredValue } from './attributes.ts';
import type { ReadableResource, TimedEvent } from './readable-span.ts';
import type { InstrumentationScope } from './instrumentation-scope.ts';
import type { SpanDetails } from './span-details.ts';

/** What a span is given while it is recorded, in the form in which the standard SDK's spans show it. */
export interface ReadableState {
  readonly attributes: OtelAttributes;
  readonly links: Link[];
  readonly events: TimedEvent[];
  readonly status: SpanStatus;
}

/** What of a span is shown. */
interface ShownSpan {
  readonly ended: boolean;
  readonly flatAttributes: FlatAttributes;
  readonly attributesLength: number;
  readonly details: SpanDetails | undefined;
}

/** Of ended spans: what a processor changes in it the next one sees, as in the standard SDK. */
const ended = new WeakMap<ShownSpan, ReadableState>();

/** Of a span that has not ended each call returns a copy of what is there. */
export function readableState(span: ShownSpan): ReadableState {
  if (!span.ended) return newState(span);
  let state = ended.get(span);
  if (state === undefined) {
    state = newState(span);
    ended.set(span, state);
  }
  return state;
}

function newState({ flatAttributes, attributesLength, details }: ShownSpan): ReadableState {
  return {
    attributes: plainAttributes(flatAttributes, attributesLength),
    links: (details?.links ?? []).map((link) => ({
      context: link.identity.spanContext(),
      ...plainSet(link.attributes),
    })),
    events: (details?.events ?? []).map(({ name, timeHigh, timeLow, attributes }) => ({
      name,
      time: hrTimeOf(timeHigh, timeLow),
      ...plainSet(attributes),
    })),
    status: readableStatus(details?.statusCode, details?.statusMessage),
  };
}

function readableStatus(code = 0, message = ''): SpanStatus {
  return message === '' ? { code } : { code, message };
}

/** An instrumentation scope as the standard SDK's exporters read it. */
export interface ReadableScope {
  readonly name: string;
  readonly version: string;
  readonly schemaUrl: string;
  readonly attributes: OtelAttributes;
  readonly droppedAttributesCount: number;
}

/** One for each scope: exporters may distinguish them by identity. */
const readableScopes = new WeakMap<InstrumentationScope, ReadableScope>();

export function readableScope(scope: InstrumentationScope): ReadableScope {
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

export function hrTimeOf(high: number, low: number): HrTime {
  return hrTimeOfNs(unixNanoOf(high, low));
}

/** The time between two moments, of which the later one comes last. */
export function hrTimeBetween(startHigh: number, startLow: number, endHigh: number, endLow: number): HrTime {
  return hrTimeOfNs(unixNanoOf(endHigh, endLow) - unixNanoOf(startHigh, startLow));
}

function hrTimeOfNs(ns: bigint): HrTime {
  return [Number(ns / 1_000_000_000n), Number(ns % 1_000_000_000n)];
}
