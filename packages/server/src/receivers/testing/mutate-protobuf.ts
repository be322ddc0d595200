import { rawVarint } from './encode-otlp.ts';
import type { Seeded } from '../../columns/testing/seeded.ts';
import { HOSTILE_STRINGS } from './hostile-strings.ts';

/**
 * A field on the wire. A message's fields are nodes again, so that a change of one keeps the lengths around it right.
 */
interface Node {
  field: bigint;
  wire: number;
  value: bigint | Buffer | Node[];
  /** Bytes that its tag, its length and its number are stretched to. */
  stretch: number;
  /** Added to the length that is written. */
  lengthError: number;
}

/** Numbers of the fields that are messages, for each message. */
interface Shape {
  readonly [field: number]: Shape;
}
const leaf: Shape = {};
const anyValue: Record<number, Shape> = {};
const keyValue: Shape = { 2: anyValue };
anyValue[5] = { 1: anyValue };
anyValue[6] = { 1: keyValue };
const span: Shape = { 9: keyValue, 11: { 3: keyValue }, 13: { 4: keyValue }, 15: leaf };
const request: Shape = { 1: { 1: { 1: keyValue, 3: leaf }, 2: { 1: { 3: keyValue }, 2: span } } };

const BYTES_MAX = 128 * 1024;

/** Changes requests in the ways in which broken and hostile senders do; most of them stay requests. */
export class ProtobufMutator {
  readonly #random: Seeded;
  readonly #corpus: readonly Buffer[];
  readonly #trees: readonly (readonly Node[])[];

  constructor(random: Seeded, corpus: readonly Buffer[]) {
    this.#random = random;
    this.#corpus = corpus;
    this.#trees = corpus.map((bytes) => parse(bytes, request));
  }

  next(): Buffer {
    const random = this.#random;
    const nodes = copyOf(random.pick(this.#trees));
    for (let changes = random.below(4); changes > 0; changes--) this.#changeTree(nodes);
    let bytes = serialize(nodes);
    if (random.chance(0.35)) bytes = this.#changeBytes(bytes);
    return bytes.length > BYTES_MAX ? bytes.subarray(0, BYTES_MAX) : bytes;
  }

  #changeTree(root: Node[]): void {
    const random = this.#random;
    const list = this.#anyList(root);
    const at = random.below(list.length);
    const node = list.at(at);
    if (node === undefined) return;
    switch (random.below(14)) {
      case 0:
        node.lengthError = random.pick([-1, 1, 7, -8, 127, 128, 2 ** 31, 2 ** 32, -(2 ** 20)]);
        break;
      case 1:
        node.stretch = 1 + random.below(11);
        break;
      case 2:
        node.wire = random.below(8);
        break;
      case 3:
        list[at] = { ...aNode(random.chance(0.5) ? 9n : node.field, 2), value: [aNode(1n, 2, 'deep'), nested(random)] };
        break;
      case 4: {
        const times = random.chance(0.005) ? 2_000 : 1 + random.below(20);
        list.splice(at, 0, ...Array.from({ length: times }, () => node));
        break;
      }
      case 5:
        list.splice(at, 1);
        break;
      case 6:
        list[at] = this.#donor();
        break;
      case 7:
        list.splice(at, 0, this.#donor());
        break;
      case 8:
        list.reverse();
        break;
      case 9:
        list.splice(at, 0, unknown(random));
        break;
      case 10:
        if (typeof node.value === 'bigint') node.value = random.pick(NUMBERS);
        else node.value = Buffer.from(random.pick(HOSTILE_STRINGS));
        break;
      case 11:
        node.value = random.pick(HOSTILE_BYTES);
        node.wire = 2;
        break;
      case 12:
        node.field = BigInt(random.pick([0, 1, 2, 3, 4, 5, 6, 7, 9, 11, 13, 15, 16, 19_000, 2 ** 29 - 1, 2 ** 29]));
        break;
      default:
        // One message in two pieces, which protobuf merges.
        if (Array.isArray(node.value) && node.value.length > 1) {
          const tail = node.value.splice(random.below(node.value.length));
          list.splice(at + 1, 0, { ...node, value: tail });
        } else list.push(node);
    }
  }

  #changeBytes(bytes: Buffer): Buffer {
    const random = this.#random;
    const at = random.below(bytes.length + 1);
    switch (random.below(6)) {
      case 0:
        return bytes.subarray(0, at);
      case 1: {
        const changed = Buffer.from(bytes);
        for (let flips = 1 + random.below(4); flips > 0 && bytes.length > 0; flips--) {
          const byte = random.below(bytes.length);
          changed[byte] = (changed[byte] ?? 0) ^ (1 << random.below(8));
        }
        return changed;
      }
      case 2:
        return Buffer.concat([bytes.subarray(0, at), this.#noise(), bytes.subarray(at)]);
      case 3:
        return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + 1 + random.below(9)))]);
      case 4:
        return Buffer.concat([bytes, random.pick(this.#corpus)]);
      default: {
        const other = random.pick(this.#corpus);
        return Buffer.concat([bytes.subarray(0, at), other.subarray(random.below(other.length + 1))]);
      }
    }
  }

  #noise(): Buffer {
    return Buffer.from(Array.from({ length: 1 + this.#random.below(12) }, () => this.#random.below(256)));
  }

  /** A field from anywhere in another request. */
  #donor(): Node {
    const random = this.#random;
    const list = this.#anyList(copyOf(random.pick(this.#trees)));
    return list.length === 0 ? unknown(random) : random.pick(list);
  }

  /** The fields of a message, at any depth; deep ones as often as the request itself. */
  #anyList(root: Node[]): Node[] {
    let list = root;
    while (this.#random.chance(0.85)) {
      const inner = list.filter((node) => Array.isArray(node.value) && node.value.length > 0);
      if (inner.length === 0) break;
      list = this.#random.pick(inner).value as Node[];
    }
    return list;
  }
}

const NUMBERS = [0n, 1n, 127n, 128n, 255n, 256n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n];

/**
 * No UTF-8: a lone surrogate, a byte out of order, an overlong NUL, a sequence cut off; ids that are too short and
 * zero.
 */
const HOSTILE_BYTES = [
  [0xed, 0xa0, 0x80],
  [0x41, 0xff, 0xfe, 0x42],
  [0xc0, 0x80],
  [0xe2, 0x82],
  [],
  [1],
  Array.from({ length: 16 }, () => 0),
  Array.from({ length: 17 }, () => 7),
].map((bytes) => Buffer.from(bytes));

function aNode(field: bigint, wire: number, text = ''): Node {
  return { field, wire, value: Buffer.from(text), stretch: 0, lengthError: 0 };
}

/** An attribute's value, arrays and maps in each other. */
function nested(random: Seeded): Node {
  let value: Node[] = [{ ...aNode(3n, 0), value: 7n }];
  for (let depth = random.pick([1, 2, 15, 31, 32, 33, 34, 99, 200]); depth > 0; depth--) {
    const isMap = random.chance(0.3);
    const item = isMap ? [aNode(1n, 2, 'k'), { ...aNode(2n, 2), value }] : value;
    value = [{ ...aNode(isMap ? 6n : 5n, 2), value: [{ ...aNode(1n, 2), value: item }] }];
  }
  return { ...aNode(2n, 2), value };
}

function unknown(random: Seeded): Node {
  const field = BigInt(random.pick([17, 31, 32, 100, 2 ** 29 - 1]));
  const depth = random.pick([1, 3, 99, 100, 101]);
  // A group in groups, ended in order.
  if (random.chance(0.4)) {
    const ends = Array.from({ length: depth }, () => aNode(field, 4));
    return { ...aNode(field, 3), value: [...ends.slice(1).map(() => aNode(field, 3)), ...ends] };
  }
  const wire = random.pick([0, 1, 2, 5]);
  return { ...aNode(field, wire), value: wire === 2 ? Buffer.from('unknown') : random.pick(NUMBERS) };
}

function copyOf(nodes: readonly Node[]): Node[] {
  return nodes.map((node) => ({ ...node, value: Array.isArray(node.value) ? copyOf(node.value) : node.value }));
}

function parse(bytes: Buffer, shape: Shape): Node[] {
  const nodes: Node[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++] ?? 0;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const node: Node = { ...aNode(tag >> 3n, Number(tag & 7n)), value: 0n };
    const inner = shape[Number(node.field)];
    if (node.wire === 0) node.value = varint();
    else if (node.wire === 1) {
      node.value = bytes.readBigUInt64LE(at);
      at += 8;
    } else if (node.wire === 5) {
      node.value = BigInt(bytes.readUInt32LE(at));
      at += 4;
    } else {
      const length = Number(varint());
      const content = bytes.subarray(at, at + length);
      at += length;
      node.value = inner === undefined ? content : parse(content, inner);
    }
    nodes.push(node);
  }
  return nodes;
}

function serialize(nodes: readonly Node[]): Buffer {
  const parts: Buffer[] = [];
  for (const { field, wire, value, stretch, lengthError } of nodes) {
    parts.push(stretched((field << 3n) | BigInt(wire), stretch));
    const number = typeof value === 'bigint' ? value : 0n;
    if (wire === 0) parts.push(stretched(number, stretch));
    else if (wire === 1 || wire === 5) {
      const fixed = Buffer.alloc(8);
      fixed.writeBigUInt64LE(BigInt.asUintN(64, number));
      parts.push(fixed.subarray(0, wire === 1 ? 8 : 4));
    } else if (wire !== 4) {
      const content = Array.isArray(value) ? serialize(value) : typeof value === 'bigint' ? rawVarint(value) : value;
      if (wire === 2) parts.push(stretched(BigInt(Math.max(0, content.length + lengthError)), stretch));
      parts.push(content);
    }
  }
  return Buffer.concat(parts);
}

const SHORT_VARINTS = Array.from({ length: 0x80 }, (_, value) => Buffer.from([value]));

/** The number as a varint of at least so many bytes; ten are allowed. */
function stretched(value: bigint, bytes: number): Buffer {
  if (bytes === 0 && value < 0x80n) return SHORT_VARINTS[Number(value)] ?? rawVarint(value);
  const short = rawVarint(BigInt.asUintN(70, value));
  if (bytes <= short.length) return short;
  const long = Buffer.alloc(bytes, 0x80);
  short.copy(long);
  long[short.length - 1] = (short.at(-1) as number) | 0x80;
  long[bytes - 1] = 0;
  return long;
}
