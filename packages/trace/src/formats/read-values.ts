import { VALUE_DEPTH_MAX } from '../attributes.ts';
import type { AnyValue, KeyValue } from '../otlp.ts';
import type { Warnings } from './warnings.ts';

/** An object of JSON. Its members may have any name, `__proto__` included: read them by `member`. */
export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(given: unknown): given is JsonObject {
  return typeof given === 'object' && given !== null && !Array.isArray(given);
}

/** A member of its own; undefined for none, for null, and for what every object inherits. */
export function member(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? (object[name] ?? undefined) : undefined;
}

/** An id as lower-case hexadecimal digits, filled with zeros on the left; undefined for what is none, and for zero. */
export function hexId(given: unknown, digits: 16 | 32): string | undefined {
  if (typeof given !== 'string' || given.length > digits || !/^[0-9a-f]+$/i.test(given)) return undefined;
  const id = given.toLowerCase().padStart(digits, '0');
  return /^0+$/.test(id) ? undefined : id;
}

/** The objects of a list, under the first of its names that is there; anything else has a warning. */
export function* objectsIn(
  parent: JsonObject,
  names: readonly string[],
  parentPlace: () => string,
  warnings: Warnings,
): Iterable<[JsonObject, () => string]> {
  const name = names.find((one) => member(parent, one) !== undefined);
  if (name === undefined) return;
  const list = parent[name];
  const place = (): string => joinPath(parentPlace(), name);
  if (!Array.isArray(list)) {
    warnings.add('malformed', place);
    return;
  }
  for (let index = 0; index < list.length; index++) {
    const item: unknown = list[index];
    const itemPlace = (): string => `${place()}[${index}]`;
    if (isObject(item)) yield [item, itemPlace];
    else warnings.add('malformed', itemPlace);
  }
}

export function joinPath(base: string, name: string): string {
  if (base === '') return name;
  return /^line \d+$/.test(base) ? `${base}, ${name}` : `${base}.${name}`;
}

/** A text; '' for none, and, with a warning, for what is none. */
export function textMember(given: JsonObject, name: string, place: () => string, warnings: Warnings): string {
  const value = member(given, name);
  if (value !== undefined && typeof value !== 'string') warnings.add('malformed', () => joinPath(place(), name));
  return typeof value === 'string' ? value : '';
}

/** Microseconds in nanoseconds; undefined for none, and, with a warning, for what is none. */
export function nanosMember(
  given: JsonObject,
  name: string,
  place: () => string,
  warnings: Warnings,
): bigint | undefined {
  const value = member(given, name);
  if (value === undefined) return undefined;
  const nanos = nanosOfMicros(value);
  if (nanos === undefined) warnings.add('malformed', () => joinPath(place(), name));
  else if (isInexact(value)) warnings.add('inexact-number', () => joinPath(place(), name));
  return nanos;
}

const UINT64_MAX = 2n ** 64n - 1n;
const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

/**
 * Microseconds, as JSON has them, in nanoseconds; a part of one is rounded. Undefined for what is no number, negative,
 * or too large for OTLP.
 */
function nanosOfMicros(given: unknown): bigint | undefined {
  if (typeof given === 'string' && /^\d{1,20}$/.test(given)) return withinUint64(BigInt(given) * 1000n);
  if (typeof given !== 'number' || !Number.isFinite(given) || given < 0) return undefined;
  const whole = Math.floor(given);
  return withinUint64(BigInt(whole) * 1000n + BigInt(Math.round((given - whole) * 1000)));
}

export function withinUint64(nanos: bigint): bigint | undefined {
  return nanos <= UINT64_MAX ? nanos : undefined;
}

/** Whether a number of JSON may have lost digits when it was read. */
export function isInexact(given: unknown): boolean {
  return typeof given === 'number' && Number.isInteger(given) && !Number.isSafeInteger(given);
}

/** A 64-bit integer in decimal; undefined for what is none. */
export function int64Text(given: unknown): string | undefined {
  const isDigits = typeof given === 'string' && /^-?\d{1,19}$/.test(given);
  if (!isDigits && !Number.isInteger(given)) return undefined;
  const integer = BigInt(given as string | number);
  return integer <= INT64_MAX && integer >= INT64_MIN ? integer.toString() : undefined;
}

/** A value of plain JSON as a value of an attribute; deeper than 32 levels it is empty. */
export function valueOfPlain(given: unknown, depth = 0): AnyValue {
  if (typeof given === 'string') return { stringValue: given };
  if (typeof given === 'boolean') return { boolValue: given };
  if (typeof given === 'number') {
    return Number.isSafeInteger(given) ? { intValue: String(given) } : { doubleValue: given };
  }
  if (typeof given !== 'object' || given === null || depth >= VALUE_DEPTH_MAX) return {};
  if (Array.isArray(given)) return { arrayValue: { values: given.map((item) => valueOfPlain(item, depth + 1)) } };
  return { kvlistValue: { values: attributesOfPlain(given as JsonObject, depth + 1) } };
}

export function attributesOfPlain(given: JsonObject, depth = 0): KeyValue[] {
  return Object.entries(given).map(([key, value]) => ({ key, value: valueOfPlain(value, depth) }));
}
