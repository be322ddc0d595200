import type { TextMapGetter, TextMapSetter } from '@opentelemetry/api';

/**
 * What headers travel in: a plain object, a `Headers`, a `Map`, an array of `[name, value]` pairs, or anything else
 * with a getter and setter of its own.
 */
export type Carrier = object;

/**
 * Reads any of the known carriers; names are matched without regard to case where the carrier does not do that itself.
 */
export const carrierGetter: TextMapGetter<Carrier> = {
  get(carrier, key) {
    if (!isCarrier(carrier)) return undefined;
    if (isMapLike(carrier)) return textValue(carrier.get(key) ?? valueInAnyCase(carrier, key));
    if (Array.isArray(carrier)) {
      const values = (carrier as unknown[]).filter(isPair).filter(([name]) => isSameName(name, key));
      return values.length === 0 ? undefined : values.map(([, value]) => String(value));
    }
    const record = carrier as Record<string, unknown>;
    const direct = record[key];
    if (direct !== undefined) return textValue(direct);
    for (const name in record) if (isSameName(name, key)) return textValue(record[name]);
    return undefined;
  },
  keys(carrier) {
    if (!isCarrier(carrier)) return [];
    if (isMapLike(carrier)) return [...carrier.keys()].map(String);
    if (Array.isArray(carrier)) return (carrier as unknown[]).filter(isPair).map(([name]) => String(name));
    return Object.keys(carrier);
  },
};

export const carrierSetter: TextMapSetter<Carrier> = {
  set(carrier, key, value) {
    if (!isCarrier(carrier)) return;
    if (isMapLike(carrier)) carrier.set(nameInMap(carrier, key), value);
    else if (Array.isArray(carrier)) {
      const others = (carrier as unknown[]).filter((entry) => !isPair(entry) || !isSameName(entry[0], key));
      carrier.splice(0, carrier.length, ...others, [key, value]);
    } else (carrier as Record<string, unknown>)[nameInRecord(carrier, key)] = value;
  },
};

/** A text's characters are no headers, and looking through them takes its time. */
function isCarrier(carrier: unknown): boolean {
  return (typeof carrier === 'object' && carrier !== null) || typeof carrier === 'function';
}

interface MapLike {
  get(key: string): unknown;
  set(key: string, value: string): unknown;
  keys(): Iterable<unknown>;
}

/** `Map` and `Headers` alike, of any realm. */
function isMapLike(carrier: object): carrier is MapLike {
  const { get, set, keys } = carrier as Partial<Record<keyof MapLike, unknown>>;
  return typeof get === 'function' && typeof set === 'function' && typeof keys === 'function';
}

/** A `Headers` knows no case; a `Map` does. */
function valueInAnyCase(carrier: MapLike, key: string): unknown {
  const name = nameInMap(carrier, key);
  return name === key ? undefined : carrier.get(name);
}

/** The name that a header has in the carrier already, in whatever case: a second header would contradict the first. */
function nameInMap(carrier: MapLike, key: string): string {
  if (!(carrier instanceof Map) || carrier.has(key)) return key;
  for (const name of carrier.keys()) if (isSameName(name, key)) return name as string;
  return key;
}

function nameInRecord(carrier: object, key: string): string {
  if (Object.hasOwn(carrier, key)) return key;
  return Object.keys(carrier).find((name) => isSameName(name, key)) ?? key;
}

function isPair(entry: unknown): entry is [unknown, unknown] {
  return Array.isArray(entry) && entry.length === 2;
}

function isSameName(name: unknown, key: string): boolean {
  return typeof name === 'string' && name.length === key.length && name.toLowerCase() === key.toLowerCase();
}

function textValue(value: unknown): string | string[] | undefined {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.filter((entry): entry is string => typeof entry === 'string');
  return undefined;
}
