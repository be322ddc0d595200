import { StoredMap, type FlatAttributes, type StoredValue } from '../../span/attributes.ts';
import { EncodedKey, VALUE } from './encoded-key.ts';
import { SPAN_ATTRIBUTES } from './otlp-tags.ts';
import {
  comparable,
  overwriteValue,
  TEMPLATE_ATTRIBUTES_MAX,
  type SpanTemplate,
  type TemplateAttribute,
} from './span-template.ts';
import {
  encodedField,
  NATIVE_WRITE_CHARACTERS,
  likelyUtf8Length,
  roomFor,
  varintLength,
  type ProtobufWriter,
  type WordBytes,
} from './protobuf-writer.ts';

/** Tags within KeyValue and AnyValue (opentelemetry-proto, `common/v1/common.proto`). */
const KEY = 0x0a;
const STRING_VALUE = 0x0a;
const BOOL_VALUE = 0x10;
const INT_VALUE = 0x18;
const DOUBLE_VALUE = 0x21;
const ARRAY_VALUE = 0x2a;
const KVLIST_VALUE = 0x32;
const BYTES_VALUE = 0x3a;
/** The element of ArrayValue and of KeyValueList. */
const ELEMENT = 0x0a;

/** Distinct keys whose bytes are kept; an application has some hundreds. */
const CACHED_KEYS_MAX = 4096;
const CACHED_KEY_CHARACTERS_MAX = 256;
/** An attribute that is not longer has lengths of one byte each. */
const SHORT_MESSAGE_BYTES = 0x7f;
/** The tag and length that come before a KeyValue. */
const BEFORE_KEY_BYTES = 2;

/** Writes attributes as repeated KeyValue fields. */
export class AttributeEncoder {
  readonly #keys = new Map<string, EncodedKey>();

  /** `tag` is that of the repeated field; `length` places of `flat` are used. */
  write(writer: ProtobufWriter, tag: number, flat: FlatAttributes, length: number): void {
    for (let i = 0; i < length; i += 2) {
      this.#writeAny(writer, tag, this.#encodedKey(flat[i] as string), flat[i + 1] ?? null);
    }
  }

  /**
   * A span's own attributes, the most frequent ones. The writer is where they begin, and the span's bytes begin at
   * `spanStart`. The attributes that the template remembers are there already, as a copy; only what differs is
   * written.
   */
  writeSpanAttributes(
    writer: ProtobufWriter,
    flat: FlatAttributes,
    length: number,
    template: SpanTemplate,
    spanStart: number,
  ): void {
    const { attributes, count: known, start: source, end: sourceEnd } = template;
    let at = writer.position;
    let sourceAt = template.attributesStart;
    let i = 0;
    for (; i < known && 2 * i < length; i++) {
      const attribute = attributes[i] as TemplateAttribute;
      if (attribute.key !== flat[2 * i]) break;
      const value = flat[2 * i + 1] as StoredValue;
      const last = attribute.value;
      const bytes = attribute.end - sourceAt;
      sourceAt = attribute.end;
      // Apart by type, so that each comparison is a machine's and not the language's.
      const isSame = typeof value === 'string' ? typeof last === 'string' && value === last : value === last;
      if (isSame) at += bytes;
      else if (overwriteValue(writer, attribute.encodedKey, last, value, at + bytes, bytes)) {
        attribute.value = value;
        at += bytes;
      } else {
        writer.position = at;
        this.#writeSpanAttribute(writer, attribute.encodedKey, value);
        at = writer.position;
        attribute.value = comparable(value);
        const rest = sourceEnd - sourceAt;
        writer.reserve(rest);
        writer.buffer.copyWithin(at, source + sourceAt, source + sourceEnd);
      }
      attribute.end = at - spanStart;
    }
    writer.position = at;
    for (; 2 * i < length; i++) {
      const name = flat[2 * i] as string;
      const key = this.#encodedKey(name);
      const value = flat[2 * i + 1] as StoredValue;
      this.#writeSpanAttribute(writer, key, value);
      if (i < TEMPLATE_ATTRIBUTES_MAX) template.keep(i, name, key, value, writer.position - spanStart);
    }
    template.count = Math.min(length >> 1, TEMPLATE_ATTRIBUTES_MAX);
  }

  #writeSpanAttribute(writer: ProtobufWriter, key: EncodedKey, value: StoredValue): void {
    if (typeof value === 'string') {
      if (!writeShortString(writer, key, value)) writeStringAttribute(writer, SPAN_ATTRIBUTES, key.field, value);
    } else if (typeof value !== 'number' || !writeSmallInteger(writer, key, value)) {
      this.#writeAny(writer, SPAN_ATTRIBUTES, key, value);
    }
  }

  #writeAny(writer: ProtobufWriter, tag: number, { field }: EncodedKey, value: StoredValue): void {
    if (typeof value === 'string') writeStringAttribute(writer, tag, field, value);
    else if (typeof value === 'number') writeNumberAttribute(writer, tag, field, value);
    else if (typeof value === 'boolean') writeBooleanAttribute(writer, tag, field, value);
    else this.#writeNested(writer, tag, field, value);
  }

  #writeNested(writer: ProtobufWriter, tag: number, key: WordBytes, value: StoredValue): void {
    const keyValue = writer.begin(tag);
    writer.words(key);
    this.#writeAnyValue(writer, VALUE, value);
    writer.end(keyValue);
  }

  /** Depth is bounded where values are copied. */
  #writeAnyValue(writer: ProtobufWriter, tag: number, value: StoredValue): void {
    const anyValue = writer.begin(tag);
    writer.reserve(12);
    if (typeof value === 'string') writeStringValue(writer, value);
    else if (typeof value === 'number') writeNumberValue(writer, value);
    else if (typeof value === 'boolean') writeBooleanValue(writer, value);
    else if (typeof value === 'bigint') {
      writer.byte(INT_VALUE);
      writer.bigint64(value);
    } else if (value instanceof Uint8Array) writer.bytesField(BYTES_VALUE, value);
    else if (value instanceof StoredMap) {
      const list = writer.begin(KVLIST_VALUE);
      this.write(writer, ELEMENT, value.entries, value.entries.length);
      writer.end(list);
    } else if (value !== null) {
      const array = writer.begin(ARRAY_VALUE);
      for (const element of value) this.#writeAnyValue(writer, ELEMENT, element);
      writer.end(array);
    }
    writer.end(anyValue);
  }

  #encodedKey(key: string): EncodedKey {
    return this.#keys.get(key) ?? this.#encodeKey(key);
  }

  #encodeKey(key: string): EncodedKey {
    const encoded = new EncodedKey(encodedField(KEY, key));
    if (this.#keys.size < CACHED_KEYS_MAX && key.length <= CACHED_KEY_CHARACTERS_MAX) this.#keys.set(key, encoded);
    return encoded;
  }
}

/**
 * A short ASCII value; returns false for any other, and has written nothing then. It is one flat function because V8
 * inlines only so much: with the writer's methods it took half as long again.
 */
function writeShortString(writer: ProtobufWriter, key: EncodedKey, value: string): boolean {
  const { words, byteLength } = key.head;
  const { length } = value;
  const messageBytes = byteLength - BEFORE_KEY_BYTES + length;
  if (messageBytes > SHORT_MESSAGE_BYTES) return false;
  const start = writer.position;
  // Three bytes a character, so that the native writer never cuts one off unseen.
  if (start + byteLength + 3 * length + 4 > writer.buffer.length) writer.reserve(byteLength + 3 * length + 4);
  const { buffer, view } = writer;
  for (let i = 0, at = start; i < words.length; i++, at += 4) view.setInt32(at, words[i] as number, true);
  const valueStart = start + byteLength;
  buffer[start + 1] = messageBytes;
  buffer[valueStart - 3] = 2 + length;
  buffer[valueStart - 2] = STRING_VALUE;
  buffer[valueStart - 1] = length;
  if (length >= NATIVE_WRITE_CHARACTERS) {
    writer.position = valueStart;
    if (!writer.utf8(value, length)) {
      writer.position = start;
      return false;
    }
  } else {
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code > 0x7f) return false;
      buffer[valueStart + i] = code;
    }
    writer.position = valueStart + length;
  }
  return true;
}

/**
 * An integer from 0 to 2¹⁴ − 1 under a key that is not long; returns false for any other, and has written nothing then.
 */
function writeSmallInteger(writer: ProtobufWriter, key: EncodedKey, value: number): boolean {
  const { words, byteLength } = key.head;
  if ((value & 0x3fff) !== value || byteLength > SHORT_MESSAGE_BYTES - 2) return false;
  const start = writer.position;
  if (start + byteLength + 8 > writer.buffer.length) writer.reserve(byteLength + 8);
  const { buffer, view } = writer;
  for (let i = 0, at = start; i < words.length; i++, at += 4) view.setInt32(at, words[i] as number, true);
  const afterKey = start + byteLength - 3;
  const bytes = value > 0x7f ? 2 : 1;
  buffer[start + 1] = byteLength - BEFORE_KEY_BYTES - 1 + bytes;
  buffer[afterKey] = 1 + bytes;
  buffer[afterKey + 1] = INT_VALUE;
  buffer[afterKey + 2] = bytes === 1 ? value : (value & 0x7f) | 0x80;
  buffer[afterKey + 3] = value >>> 7;
  writer.position = afterKey + 2 + bytes;
  return true;
}

function writeStringAttribute(writer: ProtobufWriter, tag: number, key: WordBytes, value: string): void {
  const start = writer.position;
  let bytes = likelyUtf8Length(value);
  for (;;) {
    const anyValue = 1 + varintLength(bytes) + bytes;
    const keyValue = key.byteLength + 1 + varintLength(anyValue) + anyValue;
    writer.reserve(key.byteLength + roomFor(value, bytes) + 20);
    writer.byte(tag);
    writer.varint(keyValue);
    writer.words(key);
    writer.byte(VALUE);
    writer.varint(anyValue);
    writer.byte(STRING_VALUE);
    writer.varint(bytes);
    if (writer.utf8(value, bytes)) return;
    writer.position = start;
    bytes = Buffer.byteLength(value);
  }
}

function writeNumberAttribute(writer: ProtobufWriter, tag: number, key: WordBytes, value: number): void {
  const isSmall = value >= 0 && value <= 0x7fffffff && (value | 0) === value;
  if (isSmall || !Number.isSafeInteger(value)) {
    writeAttributeHead(writer, tag, key, isSmall ? 1 + varintLength(value) : 9);
    writeNumberValue(writer, value);
    return;
  }
  const keyValue = writer.begin(tag);
  writer.words(key);
  const anyValue = writer.begin(VALUE);
  writer.reserve(12);
  writeNumberValue(writer, value);
  writer.end(anyValue);
  writer.end(keyValue);
}

function writeBooleanAttribute(writer: ProtobufWriter, tag: number, key: WordBytes, value: boolean): void {
  writeAttributeHead(writer, tag, key, 2);
  writeBooleanValue(writer, value);
}

/** Everything up to an AnyValue of a known length below 128. */
function writeAttributeHead(writer: ProtobufWriter, tag: number, key: WordBytes, anyValueLength: number): void {
  writer.reserve(key.byteLength + 24);
  writer.byte(tag);
  writer.varint(key.byteLength + 2 + anyValueLength);
  writer.words(key);
  writer.byte(VALUE);
  writer.byte(anyValueLength);
}

/** An integer where the number is one that a double holds exactly, else a double. Ten bytes at most. */
function writeNumberValue(writer: ProtobufWriter, value: number): void {
  if (Number.isSafeInteger(value)) {
    writer.byte(INT_VALUE);
    writer.int64(value);
  } else {
    writer.byte(DOUBLE_VALUE);
    writer.double(value);
  }
}

function writeBooleanValue(writer: ProtobufWriter, value: boolean): void {
  writer.byte(BOOL_VALUE);
  writer.byte(value ? 1 : 0);
}

function writeStringValue(writer: ProtobufWriter, value: string): void {
  // An empty string is a value, unlike an empty field elsewhere.
  if (value !== '') writer.stringField(STRING_VALUE, value);
  else {
    writer.byte(STRING_VALUE);
    writer.byte(0);
  }
}
