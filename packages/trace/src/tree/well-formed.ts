import { VALUE_DEPTH_MAX } from '../attributes.ts';
import type { InstrumentationScope, Resource, Span } from '../otlp.ts';

/** Counts what cannot be read, and with it what is omitted. */
export interface MalformedParts {
  count: number;
}

/**
 * A span of whatever JSON is in a span's place. What is well-formed is handed back as it is, the same object. A
 * part that is not (an attribute without a key, an event that is none, a time that is no number) is omitted and
 * counted, and the rest of the span stays; members that OTLP requires and that are missing are empty. Undefined for
 * what is no object.
 */
export function readSpan(given: unknown, malformed: MalformedParts): Span | undefined {
  if (isUsualSpan(given)) return given;
  return span(given, malformed, 0) as Span | undefined;
}

export function readResource(given: unknown, malformed: MalformedParts): Resource | undefined {
  return optional(resource)(given, malformed, 0) as Resource | undefined;
}

export function readScope(given: unknown, malformed: MalformedParts): InstrumentationScope | undefined {
  return optional(scope)(given, malformed, 0) as InstrumentationScope | undefined;
}

/** '' where there is none. */
export function readText(given: unknown, malformed: MalformedParts): string {
  return (optional(text)(given, malformed, 0) as string | undefined) ?? '';
}

/** The items of what should be a list, whatever they are; none where it is no list. */
export function readList(given: unknown, malformed: MalformedParts): readonly unknown[] {
  return (optional(listOf((item) => item))(given, malformed, 0) as unknown[] | undefined) ?? [];
}

/**
 * Whether a span is well-formed in a way that most spans are. True for no other, and false also for well-formed ones
 * that are rare: those have to be read member by member, which takes several times as long.
 */
function isUsualSpan(given: unknown): given is Span {
  if (!isObject(given)) return false;
  const span = given as { readonly [Name in keyof Span]?: unknown };
  return (
    typeof span.traceId === 'string' &&
    typeof span.spanId === 'string' &&
    typeof span.name === 'string' &&
    isUsualMoment(span.startTimeUnixNano) &&
    isUsualMoment(span.endTimeUnixNano) &&
    isAbsentOrText(span.parentSpanId) &&
    isAbsentOrText(span.traceState) &&
    isUsualNumber(span.kind, 0xff) &&
    isUsualNumber(span.flags, 0xffff_ffff) &&
    isUsualNumber(span.droppedAttributesCount, 0xffff_ffff) &&
    isUsualNumber(span.droppedEventsCount, 0xffff_ffff) &&
    isUsualNumber(span.droppedLinksCount, 0xffff_ffff) &&
    isUsualList(span.attributes, isUsualAttribute) &&
    isUsualList(span.events, isUsualEvent) &&
    isUsualList(span.links, isUsualLink) &&
    isUsualStatus(span.status)
  );
}

function isAbsentOrText(given: unknown): boolean {
  return given === undefined || typeof given === 'string';
}

/** Of this century: 19 digits, which fit into 64 bits. */
function isUsualMoment(given: unknown): boolean {
  if (typeof given !== 'string' || given.length !== 19) return false;
  for (let at = 0; at < 19; at++) {
    const code = given.charCodeAt(at);
    if (code < 0x30 || code > 0x39) return false;
  }
  return true;
}

function isUsualNumber(given: unknown, max: number): boolean {
  return given === undefined || (typeof given === 'number' && given >= 0 && given <= max && Number.isInteger(given));
}

function isUsualList(given: unknown, isUsual: (item: unknown) => boolean): boolean {
  if (given === undefined) return true;
  if (!Array.isArray(given)) return false;
  for (let index = 0; index < given.length; index++) if (!isUsual(given[index])) return false;
  return true;
}

function isUsualAttribute(given: unknown): boolean {
  if (!isObject(given) || typeof given['key'] !== 'string') return false;
  const { value } = given;
  if (!isObject(value)) return false;
  // Where a text is set, no other member counts.
  if (typeof value['stringValue'] === 'string') return true;
  const { stringValue, boolValue, intValue, doubleValue, bytesValue, arrayValue, kvlistValue } = value;
  if (stringValue !== undefined || bytesValue !== undefined) return false;
  if (arrayValue !== undefined || kvlistValue !== undefined) return false;
  if (intValue === undefined) {
    if (boolValue === undefined) return typeof doubleValue === 'number';
    return typeof boolValue === 'boolean' && doubleValue === undefined;
  }
  return boolValue === undefined && doubleValue === undefined && isUsualInteger(intValue);
}

/** Of so few digits that it fits. */
function isUsualInteger(given: unknown): boolean {
  if (typeof given !== 'string' || given.length === 0 || given.length > 18) return false;
  for (let at = 0; at < given.length; at++) {
    const code = given.charCodeAt(at);
    if (code < 0x30 || code > 0x39) return false;
  }
  return true;
}

function isUsualEvent(given: unknown): boolean {
  return (
    isObject(given) &&
    isUsualMoment(given['timeUnixNano']) &&
    typeof given['name'] === 'string' &&
    isUsualNumber(given['droppedAttributesCount'], 0xffff_ffff) &&
    isUsualList(given['attributes'], isUsualAttribute)
  );
}

function isUsualLink(given: unknown): boolean {
  return (
    isObject(given) &&
    typeof given['traceId'] === 'string' &&
    typeof given['spanId'] === 'string' &&
    isAbsentOrText(given['traceState']) &&
    isUsualNumber(given['flags'], 0xffff_ffff) &&
    isUsualNumber(given['droppedAttributesCount'], 0xffff_ffff) &&
    isUsualList(given['attributes'], isUsualAttribute)
  );
}

function isUsualStatus(given: unknown): boolean {
  if (given === undefined) return true;
  return isObject(given) && isAbsentOrText(given['message']) && isUsualNumber(given['code'], 0xff);
}

/**
 * Returns what is given where that is well-formed, what can be made of it, or undefined, counted, for nothing at all.
 */
type Reader = (given: unknown, malformed: MalformedParts, depth: number) => unknown;

function reject(malformed: MalformedParts): undefined {
  malformed.count++;
}

/** Protobuf's JSON reads null as a member that is not there. */
function optional(read: Reader): Reader {
  return (given, malformed, depth) =>
    given === undefined || given === null ? undefined : read(given, malformed, depth);
}

function isObject(given: unknown): given is Readonly<Record<string, unknown>> {
  return typeof given === 'object' && given !== null && !Array.isArray(given);
}

/**
 * Other members than these are left as they are. @param required the value of a member that is missing or malformed.
 */
function objectOf(members: Readonly<Record<string, Reader>>, required: Readonly<Record<string, unknown>> = {}): Reader {
  const readers = Object.entries(members).map(([name, read]) => ({ name, read, missing: required[name] }));
  return (given, malformed, depth) => {
    if (!isObject(given)) return reject(malformed);
    let copy: Record<string, unknown> | undefined;
    for (const { name, read, missing } of readers) {
      const value = given[name];
      if (value === undefined && missing === undefined) continue;
      const member = value === undefined || value === null ? missing : (read(value, malformed, depth) ?? missing);
      if (member === value) continue;
      copy ??= { ...given };
      if (member === undefined) delete copy[name];
      else copy[name] = member;
    }
    return copy ?? given;
  };
}

/** Items that cannot be read are omitted. */
function listOf(read: Reader): Reader {
  return (given, malformed, depth) => {
    if (!Array.isArray(given)) return reject(malformed);
    let copy: unknown[] | undefined;
    for (let index = 0; index < given.length; index++) {
      const item: unknown = given[index];
      const known = item === undefined || item === null ? reject(malformed) : read(item, malformed, depth);
      if (copy === undefined && known === item) continue;
      copy ??= given.slice(0, index);
      if (known !== undefined) copy.push(known);
    }
    return copy ?? given;
  };
}

const text: Reader = (given, malformed) => (typeof given === 'string' ? given : reject(malformed));

const flag: Reader = (given, malformed) => (typeof given === 'boolean' ? given : reject(malformed));

/** An integer of 0 to `max`; as protobuf's JSON has it, also in quotes. */
function natural(max: number): Reader {
  return (given, malformed) => {
    const number = typeof given === 'string' && /^\d{1,10}$/.test(given) ? Number(given) : given;
    return Number.isInteger(number) && Number(number) >= 0 && Number(number) <= max ? number : reject(malformed);
  };
}

const uint8 = natural(0xff);
const uint32 = natural(0xffff_ffff);

const UINT64_MAX = 2n ** 64n - 1n;

/** Nanoseconds since the epoch, in decimal; '' and 0 are times that are not known. */
const moment: Reader = (given, malformed) => {
  const digits = typeof given === 'number' ? String(given) : given;
  if (digits === '') return digits;
  if (typeof digits !== 'string' || !/^\d{1,20}$/.test(digits)) return reject(malformed);
  return digits.length < 20 || BigInt(digits) <= UINT64_MAX ? digits : reject(malformed);
};

const int64: Reader = (given, malformed) => {
  if (typeof given === 'number') return Number.isInteger(given) ? BigInt(given).toString() : reject(malformed);
  if (typeof given !== 'string' || !/^-?\d{1,19}$/.test(given)) return reject(malformed);
  return given.length < 19 || BigInt.asIntN(64, BigInt(given)) === BigInt(given) ? given : reject(malformed);
};

const double: Reader = (given, malformed) => {
  if (typeof given === 'number') return given;
  if (typeof given !== 'string' || given.trim() === '') return reject(malformed);
  return given === 'NaN' || !Number.isNaN(Number(given)) ? given : reject(malformed);
};

/** A value that cannot be read is OTLP's empty one: its key says something without it. */
const anyValue: Reader = (given, malformed, depth) => {
  // By far the most frequent one; where it is set, no other member counts.
  if (isObject(given) && typeof given['stringValue'] === 'string') return given;
  if (depth > VALUE_DEPTH_MAX) return isObject(given) && isEmpty(given) ? given : (reject(malformed), {});
  const value = oneValue(given, malformed, depth);
  if (value === undefined) return {};
  if (isObject(value) && !isEmpty(value) && !VALUE_MEMBERS.some((name) => name in value)) {
    reject(malformed);
    return {};
  }
  return value;
};

function isEmpty(value: Readonly<Record<string, unknown>>): boolean {
  for (const name in value) if (value[name] !== undefined) return false;
  return true;
}

const oneDeeper =
  (read: Reader): Reader =>
  (given, malformed, depth) =>
    read(given, malformed, depth + 1);

const keyValue: Reader = (given, malformed, depth) => {
  if (!isObject(given) || typeof given['key'] !== 'string') return reject(malformed);
  const { value } = given;
  const known = value === undefined || value === null ? {} : anyValue(value, malformed, depth);
  return known === value ? given : { ...given, value: known };
};
const keyValues = listOf(keyValue);

const VALUE_READERS: Readonly<Record<string, Reader>> = {
  stringValue: text,
  boolValue: flag,
  intValue: int64,
  doubleValue: double,
  bytesValue: text,
  arrayValue: objectOf({ values: oneDeeper(listOf(anyValue)) }),
  kvlistValue: objectOf({ values: oneDeeper(keyValues) }),
};
const VALUE_MEMBERS = Object.keys(VALUE_READERS);
const oneValue = objectOf(VALUE_READERS);

const event = objectOf(
  { timeUnixNano: moment, name: text, attributes: keyValues, droppedAttributesCount: uint32 },
  { timeUnixNano: '', name: '' },
);

const link = objectOf(
  {
    traceId: text,
    spanId: text,
    traceState: text,
    attributes: keyValues,
    droppedAttributesCount: uint32,
    flags: uint32,
  },
  { traceId: '', spanId: '' },
);

const span = objectOf(
  {
    traceId: text,
    spanId: text,
    parentSpanId: text,
    traceState: text,
    flags: uint32,
    name: text,
    kind: uint8,
    startTimeUnixNano: moment,
    endTimeUnixNano: moment,
    attributes: keyValues,
    droppedAttributesCount: uint32,
    events: listOf(event),
    droppedEventsCount: uint32,
    links: listOf(link),
    droppedLinksCount: uint32,
    status: objectOf({ message: text, code: uint8 }),
  },
  { traceId: '', spanId: '', name: '', startTimeUnixNano: '', endTimeUnixNano: '' },
);

const resource = objectOf({ attributes: keyValues, droppedAttributesCount: uint32 });

const scope = objectOf({ name: text, version: text, attributes: keyValues, droppedAttributesCount: uint32 });
