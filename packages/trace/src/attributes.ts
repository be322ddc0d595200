import type { AnyValue, KeyValue } from './otlp.ts';

/**
 * The value of the first attribute with this key; `undefined` if there is none. OTLP forbids repeated keys; of
 * such, the first counts.
 *
 * @example
 * const { attributes } = trace.span(trace.rootIndex);
 * attributeText(findAttribute(attributes, 'http.route')); // '/buy', or '' without a route
 *
 * @see https://opentelemetry.io/docs/specs/otel/common/#attribute-collections
 */
export function findAttribute(attributes: readonly KeyValue[] | undefined, key: string): AnyValue | undefined {
  // A loop: every span is asked for several keys, and a callback for each attribute costs as much as the rest.
  if (attributes === undefined) return undefined;
  for (let at = 0; at < attributes.length; at++) if (attributes[at]!.key === key) return attributes[at]!.value;
  return undefined;
}

/**
 * Keys that are looked for among the attributes of every span. By their lengths, since most attributes are others: to
 * compute the hash of each key, as a set does, takes several times as long.
 */
export class KeySet {
  readonly #byLength: (readonly string[])[] = [];

  constructor(...keys: readonly string[]) {
    for (const key of keys) this.#byLength[key.length] = [...(this.#byLength[key.length] ?? []), key];
  }

  has(key: string): boolean {
    const keys = this.#byLength[key.length];
    if (keys === undefined) return false;
    for (let at = 0; at < keys.length; at++) if (keys[at] === key) return true;
    return false;
  }
}

/**
 * A value as text for people: strings as they are, numbers in decimal, bytes as base64, arrays and key-value lists as
 * JSON, the empty value and `undefined` as ''. Integers beyond 2⁵³ keep all their digits. Never throws, whatever the
 * nesting: deeper than 32 levels it shows `…`.
 *
 * @example
 * attributeText({ intValue: '17' }); // '17'
 * attributeText({ arrayValue: { values: [{ stringValue: 'a' }, { boolValue: true }] } }); // '["a",true]'
 *
 * @see https://opentelemetry.io/docs/specs/otel/common/#anyvalue
 */
export function attributeText(value: AnyValue | undefined): string {
  if (value === undefined || value === null) return '';
  if (value.stringValue !== undefined) return value.stringValue;
  const plain = plainValue(value, 0);
  if (plain === null) return '';
  return typeof plain === 'object' ? JSON.stringify(plain) : String(plain);
}

/** Deeper values would cost a stack frame a level; no instrumentation nests so far. */
export const VALUE_DEPTH_MAX = 32;

type Plain = string | number | boolean | null | Plain[] | { [key: string]: Plain };

function plainValue(value: AnyValue | undefined, depth: number): Plain {
  if (value === undefined || value === null) return null;
  if (depth > VALUE_DEPTH_MAX) return '…';
  if (value.stringValue !== undefined) return value.stringValue;
  if (value.boolValue !== undefined) return value.boolValue;
  if (value.intValue !== undefined) return plainInteger(value.intValue);
  if (value.doubleValue !== undefined) return value.doubleValue;
  if (value.bytesValue !== undefined) return value.bytesValue;
  if (value.arrayValue !== undefined) {
    return (value.arrayValue.values ?? []).map((member) => plainValue(member, depth + 1));
  }
  if (value.kvlistValue !== undefined) {
    const members = (value.kvlistValue.values ?? []).map((member): [string, Plain] => [
      member.key,
      plainValue(member.value, depth + 1),
    ]);
    // fromEntries defines own properties, so that a key such as `__proto__` is only a key.
    return Object.fromEntries(members);
  }
  return null;
}

/** Integers that a double cannot hold stay text: a wrong digit would be a wrong order number. */
function plainInteger(digits: string): number | string {
  const number = Number(digits);
  return Number.isSafeInteger(number) ? number : digits;
}
