import type { StoredValue } from '../../span/attributes.ts';
import type { EncodedKey } from './encoded-key.ts';
import { SPAN_NAME } from './otlp-tags.ts';
import {
  encodedField,
  NATIVE_WRITE_CHARACTERS,
  varintLength,
  wordBytes,
  type ProtobufWriter,
  type WordBytes,
} from './protobuf-writer.ts';

/** Attributes that a template remembers; those after them are encoded again in every span. */
export const TEMPLATE_ATTRIBUTES_MAX = 32;
/** A value longer than this is not kept to be compared with the next one. */
const KEPT_VALUE_CHARACTERS_MAX = 64;

/**
 * The last span of a name in the current request. Spans of one name mostly have the same keys in the same order and
 * many of the same values, so the next one starts as a copy of these bytes (one call, whatever their number), in which
 * only what differs is written: a third of the time that encoding it from scratch takes.
 */
export class SpanTemplate {
  readonly name: string;
  /** The name as a whole field. */
  readonly nameField: WordBytes;
  /** The request that the positions are of, as the encoder numbers them. */
  request = -1;
  /** Where the span's bytes start in the request's buffer. */
  start = 0;
  hasParent = false;
  traceState = '';
  /** All positions from here on are counted from `start`. The first attribute's: */
  attributesStart = 0;
  /** Attributes that are remembered; `attributes` may be longer. */
  count = 0;
  readonly attributes: TemplateAttribute[] = [];

  constructor(name: string) {
    this.name = name;
    this.nameField = wordBytes(name === '' ? new Uint8Array() : encodedField(SPAN_NAME, name));
  }

  /** Where the remembered attributes end. */
  get end(): number {
    return this.count === 0 ? this.attributesStart : (this.attributes[this.count - 1] as TemplateAttribute).end;
  }

  /** Remembers an attribute at a place that is at most the next one. */
  keep(at: number, key: string, encoded: EncodedKey, value: StoredValue, end: number): void {
    const attribute = this.attributes[at];
    if (attribute === undefined) {
      this.attributes.push(new TemplateAttribute(key, encoded, comparable(value), end));
      return;
    }
    attribute.key = key;
    attribute.encodedKey = encoded;
    attribute.value = comparable(value);
    attribute.end = end;
  }

  /** Begins with a span whose bytes up to its attributes are those of the template from now on. */
  startAnew(request: number, hasParent: boolean, traceState: string, attributesStart: number): void {
    this.request = request;
    this.hasParent = hasParent;
    this.traceState = traceState;
    this.attributesStart = attributesStart;
    this.count = 0;
  }

  /** Lets go of the application's values. */
  forget(): void {
    for (const attribute of this.attributes) attribute.value = undefined;
    this.count = 0;
    this.request = -1;
  }
}

/** An attribute as the last span had it. */
export class TemplateAttribute {
  key: string;
  encodedKey: EncodedKey;
  /** `undefined` for one that is not worth comparing. */
  value: StoredValue | undefined;
  /** Where its bytes end. */
  end: number;

  constructor(key: string, encodedKey: EncodedKey, value: StoredValue | undefined, end: number) {
    this.key = key;
    this.encodedKey = encodedKey;
    this.value = value;
    this.end = end;
  }
}

/** A value as a template keeps it. */
export function comparable(value: StoredValue): StoredValue | undefined {
  if (typeof value === 'string') return value.length <= KEPT_VALUE_CHARACTERS_MAX ? value : undefined;
  return typeof value === 'number' || typeof value === 'boolean' ? value : undefined;
}

/**
 * Writes a value over the one that its attribute had, where that takes as many bytes; returns false where it does not,
 * and may have spoilt the attribute and what follows it then. `end` is where the attribute ends, `bytes` its
 * length.
 */
export function overwriteValue(
  writer: ProtobufWriter,
  { head }: EncodedKey,
  last: StoredValue | undefined,
  value: StoredValue,
  end: number,
  bytes: number,
): boolean {
  const { buffer } = writer;
  if (typeof value === 'string') {
    const { length } = value;
    // As many bytes as characters: the last value was ASCII, and every length of one byte.
    if (typeof last !== 'string' || length !== last.length || bytes !== head.byteLength + length) return false;
    const start = end - length;
    if (length >= NATIVE_WRITE_CHARACTERS) {
      if (start + 3 * length > buffer.length) return false;
      writer.position = start;
      return writer.utf8(value, length);
    }
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code > 0x7f) return false;
      buffer[start + i] = code;
    }
    return true;
  }
  if (typeof value === 'number') {
    if (typeof last !== 'number') return false;
    const valueBytes = bytes - head.byteLength + 1;
    if ((value & 0x7fffffff) === value) {
      if (valueBytes !== varintLength(value)) return false;
      writer.position = end - valueBytes;
      writer.varint(value);
      return true;
    }
    if (valueBytes !== 8 || Number.isSafeInteger(value)) return false;
    writer.view.setFloat64(end - 8, value, true);
    return true;
  }
  if (typeof value !== 'boolean' || typeof last !== 'boolean') return false;
  buffer[end - 1] = value ? 1 : 0;
  return true;
}
