import type { Attributes as OtelAttributes } from '@opentelemetry/api';
import type { AttributeValue } from './attribute-value.ts';
import type { SpanLimits } from './span-limits.ts';
import type { SemanticAttributes } from './semantic-attributes.ts';

/** Any keys; those of the semantic conventions have their own types. A member that is `undefined` is omitted. */
export interface Attributes extends SemanticAttributes {
  [key: string]: AttributeValue | undefined;
}

/**
 * What is taken as attributes: ours, and since version 1.10 of `@opentelemetry/api`, where their values are `unknown`,
 * those of that as well. Before, they are among ours, and the semantic conventions' types are checked. What OTLP cannot
 * carry is counted.
 */
export type AttributesInput = unknown extends OtelAttributes[string] ? Attributes | OtelAttributes : Attributes;

/** A value as it is kept until the span is encoded: a copy, cut to the limits. */
export type StoredValue = string | number | bigint | boolean | null | Uint8Array | StoredValue[] | StoredMap;

/** Keys and values in turn: one array costs a fraction of an object or a Map. */
export type FlatAttributes = (string | StoredValue)[];

/** A nested map. */
export class StoredMap {
  readonly entries: FlatAttributes = [];
}

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/** The copy that is kept of a value, or `undefined` for what OTLP cannot carry. Never throws. */
export function storedValue(value: unknown, limits: SpanLimits): StoredValue | undefined {
  switch (typeof value) {
    case 'string':
      return value.length <= limits.attributeValueLengthLimit ? value : cut(value, limits.attributeValueLengthLimit);
    case 'number':
    case 'boolean':
      return value;
    case 'bigint':
      return value >= INT64_MIN && value <= INT64_MAX ? value : undefined;
    case 'object':
      try {
        return new ValueCopier(limits).copy(value, 0);
      } catch {
        // A getter or proxy of the application threw.
        return undefined;
      }
    default:
      return undefined;
  }
}

/** Copies arrays and maps within the limits of depth and number of elements, which also ends circular ones. */
class ValueCopier {
  readonly #limits: SpanLimits;
  #elementsLeft: number;

  constructor(limits: SpanLimits) {
    this.#limits = limits;
    this.#elementsLeft = limits.attributeValueElementLimit;
  }

  copy(value: unknown, depth: number): StoredValue | undefined {
    if (value === undefined || value === null) return null;
    if (typeof value !== 'object') return storedValue(value, this.#limits);
    if (value instanceof Uint8Array) {
      const length = Math.min(value.length, this.#limits.attributeValueLengthLimit);
      return Uint8Array.prototype.slice.call(value, 0, length);
    }
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : value.toISOString();
    if (depth === this.#limits.attributeValueDepthLimit) return null;
    return Array.isArray(value) ? this.#array(value, depth) : this.#map(value, depth);
  }

  #array(values: readonly unknown[], depth: number): StoredValue[] {
    const copy: StoredValue[] = [];
    for (let i = 0; i < values.length && this.#elementsLeft > 0; i++) {
      this.#elementsLeft--;
      // An element that cannot be carried becomes the empty value: the others keep their places.
      copy.push(this.copy(values[i], depth + 1) ?? null);
    }
    return copy;
  }

  #map(values: object, depth: number): StoredMap {
    const copy = new StoredMap();
    for (const key in values) {
      if (this.#elementsLeft === 0) break;
      if (!Object.hasOwn(values, key)) continue;
      this.#elementsLeft--;
      const value = this.copy(Reflect.get(values, key), depth + 1);
      if (value !== undefined) copy.entries.push(key, value);
    }
    return copy;
  }
}

/** The first `length` UTF-16 units, one fewer where that would split a character in two. */
function cut(text: string, length: number): string {
  const last = text.charCodeAt(length - 1);
  const splits = last >= 0xd800 && last <= 0xdbff;
  return text.slice(0, splits ? length - 1 : length);
}

/** Attributes of an event or link, or of the resource, copied at once; `dropped` are those above `countLimit`. */
export interface AttributeSet {
  readonly flat: FlatAttributes;
  readonly dropped: number;
  readonly invalid: number;
}

const EMPTY: AttributeSet = Object.freeze({ flat: [], dropped: 0, invalid: 0 });

/** Never throws; anything but an object has no attributes. */
export function attributeSet(attributes: unknown, countLimit: number, limits: SpanLimits): AttributeSet {
  if (typeof attributes !== 'object' || attributes === null) return EMPTY;
  const flat: FlatAttributes = [];
  let dropped = 0;
  let invalid = 0;
  try {
    for (const key of Object.keys(attributes)) {
      const value: unknown = Reflect.get(attributes, key);
      if (value === undefined || value === null) continue;
      const stored = key === '' ? undefined : storedValue(value, limits);
      if (stored === undefined) invalid++;
      else if (flat.length >= 2 * countLimit) dropped++;
      else flat.push(key, stored);
    }
  } catch {
    invalid++;
  }
  return { flat, dropped, invalid };
}

const POOLED_ARRAYS_MAX = 256;
const POOLED_LENGTH_MAX = 64;
const pool: FlatAttributes[] = [];

/** An array for a span's attributes. The length in use is kept beside it: shortening an array frees its memory. */
export function takeFlatAttributes(): FlatAttributes {
  return pool.pop() ?? [];
}

/** Gives an array back whose first `length` places were used; the caller must not touch it again. */
export function returnFlatAttributes(flat: FlatAttributes, length: number): void {
  if (pool.length === POOLED_ARRAYS_MAX || flat.length > POOLED_LENGTH_MAX) return;
  // Values may be large; the pool must not keep them alive.
  for (let i = 0; i < length; i++) flat[i] = null;
  pool.push(flat);
}
