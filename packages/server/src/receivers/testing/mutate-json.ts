import type { Seeded } from '../../columns/testing/seeded.ts';
import { HOSTILE_STRINGS } from './hostile-strings.ts';

/** JSON that is written as it stands: numbers that no double holds, escapes that no encoder writes. */
class Literal {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Members = [name: string, value: Json][];
type Json = string | number | boolean | null | Literal | Json[] | { readonly members: Members };

/** A place in a request whose value can be replaced. */
interface Place {
  readonly value: Json;
  readonly replace: (value: Json) => void;
}

const BYTES_MAX = 128 * 1024;

/**
 * Changes requests in OTLP's JSON encoding, in the tree and in the text; most of them stay JSON, many stay requests.
 */
export class JsonMutator {
  readonly #random: Seeded;
  readonly #corpus: readonly string[];

  constructor(random: Seeded, corpus: readonly string[]) {
    this.#random = random;
    this.#corpus = corpus;
  }

  next(): Buffer {
    const random = this.#random;
    const tree = this.#anyTree();
    for (let changes = random.below(4); changes > 0; changes--) this.#changeTree(tree);
    const bytes = Buffer.from(serialize(tree));
    const changed = random.chance(0.2) ? this.#changeBytes(bytes) : bytes;
    return changed.length > BYTES_MAX ? changed.subarray(0, BYTES_MAX) : changed;
  }

  #anyTree(): Json {
    return toTree(JSON.parse(this.#random.pick(this.#corpus)));
  }

  #changeTree(tree: Json): void {
    const random = this.#random;
    const place = anyPlace(tree, random);
    if (place === null) return;
    const { value, replace } = place;
    switch (random.below(9)) {
      case 0:
        replace(random.pick(LITERALS));
        break;
      case 1:
        replace(random.pick(HOSTILE_STRINGS));
        break;
      case 2:
        replace(new Literal(random.pick(ESCAPES)));
        break;
      case 3:
        replace(nested(random));
        break;
      case 4:
        replace(anyPlace(this.#anyTree(), random)?.value ?? null);
        break;
      case 5:
        if (Array.isArray(value)) {
          const times = random.chance(0.005) ? 500 : 1 + random.below(10);
          value.push(...Array.from({ length: times }, () => copyOf(value[0] ?? null)));
        } else replace(random.pick([[value], [], true, '']));
        break;
      case 6:
        if (typeof value === 'string') replace(/^\d+$/.test(value) ? new Literal(value) : value.toUpperCase());
        else replace({ members: [] });
        break;
      case 7:
        if (isObject(value)) {
          for (const member of value.members) member[0] = snakeCase(member[0]);
        } else replace(null);
        break;
      default:
        if (isObject(value)) {
          const [name, inner] = random.pick(MEMBERS);
          value.members.splice(random.below(value.members.length + 1), 0, [name, copyOf(inner)]);
        } else replace(random.below(2 ** 31));
    }
  }

  #changeBytes(bytes: Buffer): Buffer {
    const random = this.#random;
    const at = random.below(bytes.length + 1);
    const head = bytes.subarray(0, at);
    switch (random.below(5)) {
      case 0:
        return head;
      case 1: {
        const changed = Buffer.from(bytes);
        if (at < bytes.length) changed[at] = (changed[at] ?? 0) ^ (1 << random.below(8));
        return changed;
      }
      case 2:
        return Buffer.concat([head, bytes.subarray(Math.min(bytes.length, at + 1 + random.below(9)))]);
      case 3:
        return Buffer.concat([head, random.pick(NOISE), bytes.subarray(at)]);
      default:
        return Buffer.concat([NOISE[0] ?? head, bytes]);
    }
  }
}

/** A byte order mark, space of both kinds, bytes that are no UTF-8, a lone surrogate in UTF-8, marks out of place. */
const NOISE = [[0xef, 0xbb, 0xbf], [0x20, 0x0a], [0x0b], [0xff], [0xed, 0xa0, 0x80], [0x2c], [0x22], [0x5c], [0]].map(
  (bytes) => Buffer.from(bytes),
);

const LITERALS = [
  '0 -0 -1 1.0 1e3 1E-5 0.5 255 256 4294967295 4294967296 1e400 -1e400 5e-324 9007199254740993 -9223372036854775808',
  '9223372036854775808 18446744073709551615 18446744073709551616 123456789012345678901234567890 0.12345678901234567890',
  '"NaN" "-Infinity" "-0" "0x10" "1e3" "99999999999999999999" true "true" "SPAN_KIND_SERVER" "AQI=" "_-8" "AQ" "00" "abc"',
  `"${'0'.repeat(32)}" "${'Ab'.repeat(16)}" "${'aB'.repeat(8)}"`,
].flatMap((line) => line.split(' ').map((text) => new Literal(text)));

const ESCAPES = [
  String.raw`"\ud800"`,
  String.raw`"\udc00x\ud800"`,
  String.raw`"\ud83d\ude00"`,
  String.raw`"\u0000\u001b"`,
  String.raw`"\/\b\f"`,
  String.raw`"'\\'; DROP TABLE spans\n\n"`,
  String.raw`"\x41"`,
];

const MEMBERS: readonly (readonly [string, Json])[] = [
  ['__proto__', { members: [['spans', []]] }],
  ['constructor', 'x'],
  ['unknown', { members: [['a', [1, null]]] }],
  ['stringValue', 'another'],
  ['intValue', '7'],
  ['arrayValue', { members: [] }],
  ['kvlistValue', { members: [['values', []]] }],
  ['value', { members: [['doubleValue', 1.5]] }],
  ['name', 'twice'],
  ['span_id', 'ab'.repeat(8)],
  ['flags', 4_294_967_295],
];

function nested(random: Seeded): Json {
  let value: Json = { members: [['intValue', '7']] };
  for (let depth = random.pick([1, 2, 31, 32, 33, 200]); depth > 0; depth--) {
    const isMap = random.chance(0.3);
    const item: Json = isMap ? { members: [...pair('key', 'k'), ...pair('value', value)] } : value;
    value = { members: pair(isMap ? 'kvlistValue' : 'arrayValue', { members: pair('values', [item]) }) };
  }
  return value;
}

function pair(name: string, value: Json): Members {
  return [[name, value]];
}

/** Any value inside of the tree, deep ones as often as others. */
function anyPlace(tree: Json, random: Seeded): Place | null {
  let place: Place | null = null;
  let inside = tree;
  do {
    const places = placesIn(inside);
    if (places.length === 0) break;
    place = random.pick(places);
    inside = place.value;
  } while (random.chance(0.85));
  return place;
}

function placesIn(value: Json): Place[] {
  if (Array.isArray(value)) {
    return value.map((item, index) => ({ value: item, replace: (other) => (value[index] = other) }));
  }
  if (!isObject(value)) return [];
  return value.members.map((member) => ({ value: member[1], replace: (other) => (member[1] = other) }));
}

function isObject(value: Json): value is { readonly members: Members } {
  return typeof value === 'object' && value !== null && 'members' in value;
}

function toTree(value: unknown): Json {
  if (Array.isArray(value)) return value.map((item) => toTree(item));
  if (typeof value !== 'object' || value === null) return value as Json;
  return { members: Object.entries(value).map(([name, member]) => [name, toTree(member)]) };
}

/** What is put into a tree may be changed there, and must not come to hold itself. */
function copyOf(value: Json): Json {
  if (Array.isArray(value)) return value.map((item) => copyOf(item));
  return isObject(value) ? { members: value.members.map(([name, member]) => [name, copyOf(member)]) } : value;
}

function serialize(value: Json): string {
  if (value instanceof Literal) return value.text;
  if (Array.isArray(value)) return `[${value.map((item) => serialize(item)).join(',')}]`;
  if (!isObject(value)) return JSON.stringify(value);
  return `{${value.members.map(([name, member]) => `${JSON.stringify(name)}:${serialize(member)}`).join(',')}}`;
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
