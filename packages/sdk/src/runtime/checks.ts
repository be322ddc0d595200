import { listed, unknownOption, wrongValue } from './config-error.ts';
import { property } from './property.ts';
import { withoutSecrets } from './without-secrets.ts';

/** Timers of Node fire at once when they are set to more than this. */
export const MILLIS_MAX = 2 ** 31 - 1;

// Each check returns the option as it is, `undefined` when it was not given, and throws a `ConfigError` for anything
// that is not accepted.

export function checkNumber(
  setting: string,
  value: unknown,
  min: number,
  max = Infinity,
  accepted = max === Infinity ? `a number ≥ ${min}` : `a number from ${min} to ${max}`,
): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw wrongValue(setting, value, accepted);
}

/** The same for what cannot be a fraction; Infinity, for none, is accepted where `max` is. */
export function checkCount(setting: string, value: unknown, min: number, max = Infinity): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && isCount(value) && value >= min && value <= max) return value;
  throw wrongValue(setting, value, max === Infinity ? `an integer ≥ ${min}` : `an integer from ${min} to ${max}`);
}

export function isCount(value: number): boolean {
  return Number.isInteger(value) || value === Infinity;
}

export function checkBoolean(setting: string, value: unknown): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value;
  throw wrongValue(setting, value, 'true or false');
}

export function checkString(setting: string, value: unknown): string | undefined {
  if (value === undefined || (typeof value === 'string' && value !== '')) return value;
  throw wrongValue(setting, value, 'a non-empty string');
}

export function checkOneOf<T extends string>(setting: string, value: unknown, accepted: readonly T[]): T | undefined {
  if (value === undefined || accepted.includes(value as T)) return value as T | undefined;
  throw wrongValue(setting, value, accepted.map((each) => `'${each}'`).join(' or '));
}

export function checkFunction<T>(setting: string, value: T, accepted: string): T {
  if (value === undefined || typeof value === 'function') return value;
  throw wrongValue(setting, value, accepted);
}

export function checkFunctions(setting: string, values: unknown): void {
  if (values === undefined) return;
  if (Array.isArray(values) && values.every((value) => typeof value === 'function')) return;
  throw wrongValue(setting, values, 'an array of functions');
}

/** Whether it has the methods of the interface that it is said to be. */
export function checkObjectWith(setting: string, value: unknown, methods: readonly string[]): void {
  if (value === undefined || methods.every((name) => typeof property(value, name) === 'function')) return;
  throw wrongValue(setting, value, `an object with the methods ${methods.join(', ')}`);
}

/** Whether each has the methods of the interface that it is said to be. */
export function checkMethods(setting: string, values: unknown, methods: readonly string[]): void {
  if (values === undefined) return;
  const isOne = (value: unknown): boolean => methods.every((name) => typeof property(value, name) === 'function');
  if (Array.isArray(values) && values.every(isOne)) return;
  throw wrongValue(setting, values, `an array of objects with the methods ${methods.join(', ')}`);
}

export function checkUrl(setting: string, value: unknown): URL | undefined {
  if (value === undefined) return undefined;
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined;
  if (url !== undefined && isCollectorUrl(url)) return url;
  throw wrongValue(setting, typeof value === 'string' ? withoutSecrets(value) : value, URL_ACCEPTED);
}

export const URL_ACCEPTED = 'an http://, https:// or unix:/// URL';

/** Whether it is an address that requests can be sent to. */
export function isCollectorUrl({ host, pathname, protocol }: URL): boolean {
  if (protocol === 'unix:')
    return host === '' && pathname.length > 1 && pathname.startsWith('/') && isDecodable(pathname);
  return protocol === 'http:' || protocol === 'https:';
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/** A collector's address for messages, which has neither credentials nor a query. */
export function shownUrl({ origin, pathname, protocol }: URL): string {
  return protocol === 'unix:' ? `unix://${pathname}` : `${origin}${pathname}`;
}

/**
 * Rejects names that no setting has: a typing error must not pass for a default. `path` is '' for the tracer's own
 * options.
 */
export function checkKnownNames(path: string, given: unknown, known: object): void {
  if (given === undefined) return;
  const names = Object.keys(known);
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw wrongValue(path === '' ? 'options' : path, given, `an object with any of ${listed(names)}`);
  }
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(known, name)) throw unknownOption(path, name, names);
  }
}
