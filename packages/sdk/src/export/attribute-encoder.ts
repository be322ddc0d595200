import { StoredMap, type FlatAttributes, type StoredValue } from '../attributes.ts';
import {
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

/** Writes attributes as repeated KeyValue fields. */
export class AttributeEncoder {
  readonly #keys = new Map<string, WordBytes>();

  /** `tag` is that of the repeated field; `length` places of `flat` are used. */
  write(writer: ProtobufWriter, tag: number, flat: FlatAttributes, length: number): void {
    for (let i = 0; i < length; i += 2) {
      const key = this.#encodedKey(flat[i] as string);
      const value = flat[i + 1] ?? null;
      if (typeof value === 'string') writeStringAttribute(writer, tag, key, value);
      else if (typeof value === 'number') writeNumberAttribute(writer, tag, key, value);
      else if (typeof value === 'boolean') writeBooleanAttribute(writer, tag, key, value);
      else this.#writeNested(writer, tag, key, value);
    }
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

  /** The key as a whole field: tag, length, bytes. */
  #encodedKey(key: string): WordBytes {
    return this.#keys.get(key) ?? this.#encodeKey(key);
  }

  #encodeKey(key: string): WordBytes {
    const bytes = Buffer.from(key);
    const header = Buffer.alloc(1 + varintLength(bytes.length));
    header[0] = KEY;
    for (let i = 1, rest = bytes.length; i < header.length; i++, rest >>>= 7) {
      header[i] = (rest & 0x7f) | (i < header.length - 1 ? 0x80 : 0);
    }
    const field = wordBytes(Buffer.concat([header, bytes]));
    if (this.#keys.size < CACHED_KEYS_MAX && key.length <= CACHED_KEY_CHARACTERS_MAX) this.#keys.set(key, field);
    return field;
  }
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
