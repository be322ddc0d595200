import { MalformedRequestError } from '../ingest/result.ts';

/**
 * A JSON object that is read as a protobuf message: absent and null members have protobuf's default, members of a
 * wrong shape throw `MalformedRequestError` with the member's path. Member names are given in camelCase and found in
 * snake_case as well.
 */
export class JsonObject {
  readonly path: string;
  readonly #members: Readonly<Record<string, unknown>>;

  constructor(value: unknown, path: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) fail(path, 'an object', value);
    this.path = path;
    this.#members = value as Record<string, unknown>;
  }

  /** Null where it is absent. */
  object(name: string): JsonObject | null {
    const value = this.get(name);
    return value === null ? null : new JsonObject(value, this.pathOf(name));
  }

  objects(name: string): JsonObject[] {
    return this.#array(name).map((item, index) => new JsonObject(item, `${this.pathOf(name)}[${index}]`));
  }

  string(name: string): string {
    const value = this.get(name) ?? '';
    return typeof value === 'string' ? value : this.fail(name, 'a string', value);
  }

  strings(name: string): string[] {
    return this.#array(name).map((item, index) => {
      return typeof item === 'string' ? item : fail(`${this.pathOf(name)}[${index}]`, 'a string', item);
    });
  }

  hex(name: string): Buffer {
    const text = this.string(name);
    if (!/^(?:[0-9a-fA-F]{2})*$/.test(text)) this.fail(name, 'hexadecimal digits', text);
    return Buffer.from(text, 'hex');
  }

  uint32(name: string): number {
    const value = this.#integer(name);
    return value >= 0n && value <= 0xffff_ffffn ? Number(value) : this.fail(name, 'an unsigned 32-bit integer', value);
  }

  /** Its two words. */
  uint64(name: string): [low: number, high: number] {
    const value = this.#integer(name);
    if (BigInt.asUintN(64, value) !== value) this.fail(name, 'an unsigned 64-bit integer', value);
    return [Number(value & 0xffff_ffffn), Number(value >> 32n)];
  }

  /** Its decimal. */
  int64(name: string): string {
    const value = this.#integer(name);
    return BigInt.asIntN(64, value) === value ? String(value) : this.fail(name, 'a signed 64-bit integer', value);
  }

  /** The position in `names`, or any integer that is given instead. */
  enumeration(name: string, names: readonly string[]): number {
    const value = this.get(name) ?? 0;
    if (typeof value === 'number' && Number.isInteger(value)) return value;
    const index = typeof value === 'string' ? names.indexOf(value) : -1;
    return index >= 0 ? index : this.fail(name, `an integer or one of ${names.join(', ')}`, value);
  }

  /** Null where it is absent. */
  get(name: string): unknown {
    const value = this.#members[name];
    return value ?? this.#members[snakeCase(name)] ?? null;
  }

  pathOf(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }

  fail(name: string, expected: string, found: unknown): never {
    return fail(this.pathOf(name), expected, found);
  }

  #array(name: string): readonly unknown[] {
    const value = this.get(name) ?? [];
    return Array.isArray(value) ? value : this.fail(name, 'an array', value);
  }

  #integer(name: string): bigint {
    const value = this.get(name) ?? 0;
    if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value);
    if (typeof value === 'string' && /^-?[0-9]{1,20}$/.test(value)) return BigInt(value);
    return this.fail(name, 'an integer', value);
  }
}

/** Answers the request's object. Integers that a double cannot hold come as strings. */
export function parseJson(body: Uint8Array): JsonObject {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
  try {
    return new JsonObject(JSON.parse(LONG_INTEGER.test(text) ? quoteLongIntegers(text) : text), '');
  } catch (error) {
    if (error instanceof MalformedRequestError) throw error;
    throw new MalformedRequestError(`malformed JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** 16 digits may be more than 2^53. A number in a string costs a second look and nothing else. */
const LONG_INTEGER = /[:,[\s]-?\d{16}/;

const LONG_INTEGER_HERE = /-?\d{16,}(?![\d.eE])/y;
const NUMBER_HERE = /-?\d[\d.eE+-]*/y;

function quoteLongIntegers(text: string): string {
  const parts: string[] = [];
  let copied = 0;
  let at = 0;
  while (at < text.length) {
    const character = text.charCodeAt(at);
    if (character === 0x22) {
      at = endOfString(text, at);
    } else if (character === 0x2d || (character >= 0x30 && character <= 0x39)) {
      LONG_INTEGER_HERE.lastIndex = at;
      NUMBER_HERE.lastIndex = at;
      const [integer] = LONG_INTEGER_HERE.exec(text) ?? [];
      if (integer !== undefined) {
        parts.push(text.slice(copied, at), '"', integer, '"');
        copied = at + integer.length;
      }
      at += (NUMBER_HERE.exec(text)?.[0] ?? '-').length;
    } else {
      at += 1;
    }
  }
  parts.push(text.slice(copied));
  return parts.join('');
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
  throw new MalformedRequestError(
    `${path === '' ? 'the request' : path}: expected ${expected}, found ${describe(found)}`,
  );
}

function describe(found: unknown): string {
  if (typeof found === 'string') return JSON.stringify(found.slice(0, FOUND_LENGTH_MAX));
  if (Array.isArray(found)) return 'an array';
  return typeof found === 'object' && found !== null ? 'an object' : String(found);
}
