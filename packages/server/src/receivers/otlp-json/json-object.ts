import { randomUUID } from 'node:crypto';
import { MalformedRequestError } from '../../columns/ingest-result.ts';
import type { TextSource } from './text-source.ts';

/** Called with the place of a member of a wrong shape, what was expected, and what was found. */
export type OnBad = (problem: string) => void;

/** A range of no bytes that ends before it begins: what is there is no hexadecimal text. */
const NOT_HEX: [start: number, end: number] = [0, -1];

/**
 * A JSON object that is read as a protobuf message: absent and null members have protobuf's default. So have members of
 * a wrong shape, which `onBad` receives; without it they throw `MalformedRequestError` with the member's path. Member
 * names are given in camelCase and found in snake_case as well.
 */
export class JsonObject {
  readonly #members: Readonly<Record<string, unknown>>;
  readonly #owner: JsonObject | null;
  readonly #name: string;
  readonly #index: number;
  readonly #onBad: OnBad | null;
  #snakeCase: boolean | undefined;

  /**
   * The member `name` of `owner`, or an item of that member. `owner` is null for the request itself. Throws
   * `MalformedRequestError` for what is no object.
   */
  constructor(value: unknown, owner: JsonObject | null = null, name = '', index = -1, onBad: OnBad | null = null) {
    if (!isObject(value)) fail(memberPath(owner, name, index), 'an object', value);
    this.#members = value;
    this.#owner = owner;
    this.#name = name;
    this.#index = index;
    this.#onBad = onBad;
  }

  /** Put together only where it is needed: there are many objects and few mistakes. */
  get path(): string {
    return memberPath(this.#owner, this.#name, this.#index);
  }

  get isEmpty(): boolean {
    for (const _ in this.#members) return false;
    return true;
  }

  /** Null where it is absent. */
  object(name: string): JsonObject | null {
    const value = this.get(name);
    if (value === null) return null;
    if (isObject(value)) return new JsonObject(value, this, name, -1, this.#onBad);
    return this.#bad(name, 'an object', value, null);
  }

  /**
   * One after the other, so that few of them exist at a time; `onBadItem` receives items that are none, and the items
   * report to `onBad` what is wrong with them.
   */
  *objects(name: string, onBadItem = this.#onBad, onBad = this.#onBad): Generator<JsonObject, void, undefined> {
    const items = this.array(name);
    for (let index = 0; index < items.length; index++) {
      const item = items[index];
      if (isObject(item) || onBadItem === null) yield new JsonObject(item, this, name, index, onBad);
      else onBadItem(problemOf(memberPath(this, name, index), 'an object', item));
    }
  }

  /** Lone surrogates, which UTF-8 cannot hold, are U+FFFD. */
  string(name: string): string {
    const value = this.get(name) ?? '';
    return isString(value) ? value.toWellFormed() : this.#bad(name, 'a string', value, '');
  }

  strings(name: string): string[] {
    return this.array(name).flatMap((item, index) => {
      return isString(item) ? [item.toWellFormed()] : this.#bad(`${name}[${index}]`, 'a string', item, []);
    });
  }

  /** A number, or the text that is given instead of one. */
  number(name: string): unknown {
    return unmarked(this.get(name));
  }

  /**
   * Where the bytes are in `text` that the member gives in hexadecimal; a range that ends before it begins where it is
   * another text or none, which is not reported to `onBad`.
   */
  hex(name: string, text: TextSource): [start: number, end: number] {
    const digits = this.get(name) ?? '';
    return (isString(digits) ? text.addHex(digits) : null) ?? NOT_HEX;
  }

  uint32(name: string): number {
    const value = this.#integer(name);
    if (value !== null && value >= 0n && value <= 0xffff_ffffn) return Number(value);
    return this.#bad(name, 'an unsigned 32-bit integer', this.get(name), 0);
  }

  /** Its two words; the largest ones for an integer that is beyond them. */
  uint64(name: string, onBad: OnBad | null = this.#onBad): [low: number, high: number] {
    const given = unmarked(this.get(name));
    if (typeof given === 'string' && given.length <= SAFE_UINT64_DIGITS && /^\d+$/.test(given)) return wordsOf(given);
    const value = this.#integer(name);
    if (value === null || value < 0n) return this.#bad(name, 'an unsigned 64-bit integer', given, [0, 0], onBad);
    if (BigInt.asUintN(64, value) !== value) return [0xffff_ffff, 0xffff_ffff];
    return [Number(value & 0xffff_ffffn), Number(value >> 32n)];
  }

  /** Its decimal. */
  int64(name: string): string {
    const value = this.#integer(name);
    if (value !== null && BigInt.asIntN(64, value) === value) return String(value);
    return this.#bad(name, 'a signed 64-bit integer', this.get(name), '0');
  }

  /** The position in `names`, or an integer from 0 to `max` that is given instead. */
  enumeration(name: string, names: readonly string[], max: number): number {
    const value = this.get(name) ?? 0;
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max) return value;
    const index = typeof value === 'string' ? names.indexOf(value) : -1;
    return index >= 0 ? index : this.#bad(name, `an integer of 0 to ${max} or one of ${names.join(', ')}`, value, 0);
  }

  /** Null where it is absent. A long integer is marked: see `number`. */
  get(name: string): unknown {
    const value = this.#members[name];
    if (value !== undefined && value !== null) return value;
    return this.#hasSnakeCase() ? (this.#members[snakeCase(name)] ?? null) : null;
  }

  /**
   * What is wrong where the object has no member `wanted`, and one that none of `known` is: a list under a name of
   * another format, say. Null defaultValue.
   */
  unknownInsteadOf(wanted: string, known: readonly string[]): string | null {
    const isThere = (name: string): boolean => Object.hasOwn(this.#members, name);
    if (isThere(wanted) || isThere(snakeCase(wanted))) return null;
    for (const name in this.#members) {
      if (known.some((other) => name === other || name === snakeCase(other))) continue;
      return problemOf(this.path, JSON.stringify(wanted), name);
    }
    return null;
  }

  fail(name: string, expected: string, found: unknown): never {
    return fail(memberPath(this, name, -1), expected, found);
  }

  /** Returns `defaultValue` where there is an `onBad`. */
  #bad<T>(name: string, expected: string, found: unknown, defaultValue: T, onBad = this.#onBad): T {
    if (onBad === null) return this.fail(name, expected, found);
    onBad(problemOf(memberPath(this, name, -1), expected, found));
    return defaultValue;
  }

  /** The items as they are. */
  array(name: string): readonly unknown[] {
    const value = this.get(name) ?? [];
    return Array.isArray(value) ? value : this.#bad(name, 'an array', value, []);
  }

  /** An item of that array as an object that throws for what is of a wrong shape, the item itself included. */
  item(name: string, index: number, value: unknown): JsonObject {
    return new JsonObject(value, this, name, index);
  }

  /** Asked once for each object: most members of most objects are absent. */
  #hasSnakeCase(): boolean {
    if (this.#snakeCase !== undefined) return this.#snakeCase;
    this.#snakeCase = false;
    for (const name in this.#members) if (name.includes('_')) this.#snakeCase = true;
    return this.#snakeCase;
  }

  /** Null for what is none. */
  #integer(name: string): bigint | null {
    const value = unmarked(this.get(name)) ?? 0;
    if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value);
    return typeof value === 'string' && INTEGER.test(value) ? BigInt(value) : null;
  }
}

/** With more digits than any that is taken for what it says. */
const INTEGER = /^-?[0-9]{1,40}$/;

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** So many digits are below 2^64. */
const SAFE_UINT64_DIGITS = 19;
const WORD = 0x1_0000_0000;

/** The low and the high word of a decimal. */
function wordsOf(digits: string): [low: number, high: number] {
  let low = 0;
  let high = 0;
  for (let index = 0; index < digits.length; index++) {
    const next = low * 10 + digits.charCodeAt(index) - DIGIT_0;
    const carry = Math.floor(next / WORD);
    low = next - carry * WORD;
    high = high * 10 + carry;
  }
  return [low, high];
}

/** A path that is longer loses its middle. */
const PATH_LENGTH_MAX = 160;

function memberPath(owner: JsonObject | null, name: string, index: number): string {
  const ownerPath = owner === null ? '' : owner.path;
  const path = `${ownerPath === '' ? '' : `${ownerPath}.`}${name}${index < 0 ? '' : `[${index}]`}`;
  return path.length <= PATH_LENGTH_MAX
    ? path
    : `${path.slice(0, PATH_LENGTH_MAX / 2)}…${path.slice(-PATH_LENGTH_MAX / 4)}`;
}

/** Returns the request's object. Throws `MalformedRequestError`. */
export function parseJson(body: Uint8Array): JsonObject {
  return new JsonObject(parseText(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8')));
}

/** Integers that a double cannot hold come as marked strings. Throws `MalformedRequestError`. */
export function parseText(text: string): unknown {
  try {
    if (!LONG_INTEGER.test(text)) return JSON.parse(text);
    try {
      return JSON.parse(quoteLongIntegers(text));
    } catch {
      // What is wrong is quoted in the words of the sender, which do not show our mark.
      return JSON.parse(text);
    }
  } catch (error) {
    throw new MalformedRequestError(`malformed JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Stands before the digits of a long integer, so that it is not taken for a string; no sender can know it. */
const LONG_INTEGER_MARK = `integer ${randomUUID()} `;

/** Whether a value of the parsed JSON was sent as a string. */
export function isString(value: unknown): value is string {
  return typeof value === 'string' && !isMarked(value);
}

function unmarked(value: unknown): unknown {
  return typeof value === 'string' && isMarked(value) ? value.slice(LONG_INTEGER_MARK.length) : value;
}

function isMarked(value: string): boolean {
  return value.length > LONG_INTEGER_MARK.length && value.startsWith(LONG_INTEGER_MARK);
}

/** 16 digits may be more than 2^53. A number in a string costs a second look and nothing else. */
const LONG_INTEGER = /[:,[\s]-?\d{16}/;

function quoteLongIntegers(text: string): string {
  const parts: string[] = [];
  let copied = 0;
  let at = 0;
  while (at < text.length) {
    const character = text.charCodeAt(at);
    if (character === 0x22) {
      at = endOfString(text, at);
    } else if (isNumberPart(character)) {
      const start = at;
      let isInteger = true;
      for (let part = character; isNumberPart(part); part = text.charCodeAt(++at)) {
        const isSign = part === MINUS && at === start;
        if (!isSign && (part < DIGIT_0 || part > DIGIT_9)) isInteger = false;
      }
      const first = text.charCodeAt(start) === MINUS ? start + 1 : start;
      // No number begins with zeros, which is for the parser to say.
      if (isInteger && at - start >= LONG_DIGITS && text.charCodeAt(first) !== DIGIT_0) {
        parts.push(text.slice(copied, start), `"${LONG_INTEGER_MARK}`, text.slice(start, at), '"');
        copied = at;
      }
    } else {
      at += 1;
    }
  }
  parts.push(text.slice(copied));
  return parts.join('');
}

const LONG_DIGITS = 16;
const MINUS = 0x2d;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;

/** A digit or one of - + . e E; outside of strings, what begins with a digit or a minus is a number. */
function isNumberPart(character: number): boolean {
  if (character >= DIGIT_0 && character <= DIGIT_9) return true;
  return character === MINUS || character === 0x2b || character === 0x2e || (character | 0x20) === 0x65;
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length) {
    const character = text.charCodeAt(at);
    if (character === 0x22) return at + 1;
    at += character === 0x5c ? 2 : 1;
  }
  return at;
}

const snakeCases = new Map<string, string>();

function snakeCase(name: string): string {
  let snake = snakeCases.get(name);
  if (snake === undefined) {
    snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    snakeCases.set(name, snake);
  }
  return snake;
}

const FOUND_LENGTH_MAX = 60;

function fail(path: string, expected: string, found: unknown): never {
  throw new MalformedRequestError(problemOf(path, expected, found));
}

function problemOf(path: string, expected: string, found: unknown): string {
  return `${path === '' ? 'the request' : path}: expected ${expected}, found ${describe(found)}`;
}

function describe(found: unknown): string {
  if (unmarked(found) !== found) return String(unmarked(found)).slice(0, FOUND_LENGTH_MAX);
  if (typeof found === 'string') return JSON.stringify(found.slice(0, FOUND_LENGTH_MAX));
  if (Array.isArray(found)) return 'an array';
  return typeof found === 'object' && found !== null ? 'an object' : String(found);
}
