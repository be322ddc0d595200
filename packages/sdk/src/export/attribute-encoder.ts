import { StoredMap, type FlatAttributes, type StoredValue } from '../attributes.ts';
import { SPAN_ATTRIBUTES } from './otlp-tags.ts';
import {
  encodedField,
  NATIVE_WRITE_CHARACTERS,
  likelyUtf8Length,
  roomFor,
  varintLength,
  wordBytes,
  type ProtobufWriter,
  type WordBytes,
} from './protobuf-writer.ts';

/** Tags within KeyValue and AnyValue (opentelemetry-proto, `common/v1/common.proto`). */
const KEY = 0x0a;
const VALUE = 0x12;
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
/** Places that `RecentKeys` remembers. */
const RECENT_KEYS_MAX = 32;

/** A value longer than this is not kept to be compared with the next one. */
const KEPT_VALUE_CHARACTERS_MAX = 64;
/** Comparing and keeping costs as much as it saves where values are mostly new: after so many the key is left alone. */
const PATIENCE_VALUES = 64;
/** An attribute that is not longer has lengths of one byte each. */
const SHORT_MESSAGE_BYTES = 0x7f;
/** The tag and length that stand before a KeyValue. */
const BEFORE_KEY_BYTES = 2;

/** A key's bytes, and the last value that stood under it. */
class EncodedKey {
  /** The whole field: tag, length, bytes. */
  readonly field: WordBytes;
  /** A span's short attribute up to its value, with its lengths still empty. */
  readonly head: WordBytes;
  lastValue: string | undefined = undefined;
  /** The whole attribute with that value, once it came twice. */
  lastAttribute: WordBytes | undefined = undefined;
  /** How many new values in a row are still worth being kept. */
  patience = PATIENCE_VALUES;

  constructor(field: Uint8Array) {
    this.field = wordBytes(field);
    this.head = wordBytes(Buffer.concat([Buffer.from([SPAN_ATTRIBUTES, 0]), field, Buffer.from([VALUE, 0, 0, 0])]));
  }
}

/** The keys that a span of some name had last: the next one mostly has the same in the same order, and needs no look-up. */
export class RecentKeys {
  readonly keys: string[] = [];
  readonly encoded: EncodedKey[] = [];
}

/** Writes attributes as repeated KeyValue fields. */
export class AttributeEncoder {
  readonly #keys = new Map<string, EncodedKey>();

  /** `tag` is that of the repeated field; `length` places of `flat` are used. */
  write(writer: ProtobufWriter, tag: number, flat: FlatAttributes, length: number): void {
    for (let i = 0; i < length; i += 2) {
      this.#writeAny(writer, tag, this.#encodedKey(flat[i] as string), flat[i + 1] ?? null);
    }
  }

  /** The same for a span's own attributes, the most frequent ones. */
  writeSpanAttributes(writer: ProtobufWriter, flat: FlatAttributes, length: number, recent: RecentKeys): void {
    const { keys, encoded } = recent;
    for (let i = 0; i < length; i += 2) {
      const name = flat[i] as string;
      const at = i >> 1;
      let key: EncodedKey;
      if (at < keys.length && keys[at] === name) key = encoded[at] as EncodedKey;
      else {
        key = this.#encodedKey(name);
        if (at <= keys.length && at < RECENT_KEYS_MAX) {
          keys[at] = name;
          encoded[at] = key;
        }
      }
      const value = flat[i + 1] as StoredValue;
      if (typeof value === 'string') {
        if (!writeShortString(writer, key, value)) writeStringAttribute(writer, SPAN_ATTRIBUTES, key.field, value);
      } else if (typeof value !== 'number' || !writeSmallInteger(writer, key, value)) {
        this.#writeAny(writer, SPAN_ATTRIBUTES, key, value);
      }
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
 * A short ASCII value, or the one that the key had last; answers false for any other, and has written nothing then. It is one flat
 * function because V8 inlines only so much: with the writer's methods it took half as long again.
 */
function writeShortString(writer: ProtobufWriter, key: EncodedKey, value: string): boolean {
  if (value === key.lastValue && key.lastAttribute !== undefined) {
    writer.words(key.lastAttribute);
    return true;
  }
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
  if (key.patience > 0 && length <= KEPT_VALUE_CHARACTERS_MAX) keepValue(key, value, buffer, start, writer.position);
  return true;
}

/** Most values either come again at once (a method, a host) or never (an id): the second time pays for the copy. */
function keepValue(key: EncodedKey, value: string, buffer: Buffer, start: number, end: number): void {
  if (value === key.lastValue) {
    key.lastAttribute = wordBytes(buffer.subarray(start, end));
    key.patience = PATIENCE_VALUES;
  } else {
    key.lastValue = --key.patience > 0 ? value : undefined;
    key.lastAttribute = undefined;
  }
}

/** An integer from 0 to 2¹⁴ − 1 under a key that is not long; answers false for any other, and has written nothing then. */
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
