import { doubleText, type AttributeColumns } from '../../columns/attribute-columns.ts';
import type { ProtobufReader } from './protobuf-reader.ts';

/** A well-formed value that is nested too deeply: its attribute is dropped. */
export class ValueTooDeepError extends Error {
  override readonly name = 'ValueTooDeepError';
}

/** An AnyValue in OTLP's JSON encoding, as arrays and maps are stored. */
export interface JsonAnyValue {
  stringValue?: string;
  boolValue?: boolean;
  intValue?: string;
  doubleValue?: number | string;
  arrayValue?: { values: JsonAnyValue[] };
  kvlistValue?: { values: JsonKeyValue[] };
  bytesValue?: string;
}

export interface JsonKeyValue {
  key: string;
  value: JsonAnyValue;
}

/** The fields' tags of AnyValue, ArrayValue, KeyValueList and KeyValue. */
export const VALUE_TAGS = {
  string: 0x0a,
  bool: 0x10,
  int: 0x18,
  double: 0x21,
  array: 0x2a,
  kvlist: 0x32,
  bytes: 0x3a,
} as const;

/** JSON has no word for some doubles; OTLP writes them as strings. */
export function jsonDouble(value: number): number | string {
  return Number.isFinite(value) && !Object.is(value, -0) ? value : doubleText(value);
}

/**
 * Decodes the message that the reader is in; `before` is what an earlier piece of it held. Of several members the
 * last one holds; a repeated array or map is continued, as protobuf merges messages. Throws `ValueTooDeepError` below
 * so many further levels.
 */
export function decodeAnyValue(reader: ProtobufReader, levels: number, before: JsonAnyValue = {}): JsonAnyValue {
  if (levels < 0) throw new ValueTooDeepError();
  let value = before;
  while (reader.at < reader.end) {
    const tag = reader.tag();
    switch (tag) {
      case VALUE_TAGS.string:
        value = { stringValue: reader.text() };
        break;
      case VALUE_TAGS.bool:
        reader.varint();
        value = { boolValue: reader.low !== 0 || reader.high !== 0 };
        break;
      case VALUE_TAGS.int:
        reader.varint();
        value = { intValue: String(BigInt.asIntN(64, (BigInt(reader.high) << 32n) | BigInt(reader.low))) };
        break;
      case VALUE_TAGS.double:
        value = { doubleValue: jsonDouble(reader.double()) };
        break;
      case VALUE_TAGS.array: {
        const values: JsonAnyValue[] = value.arrayValue?.values ?? [];
        eachItem(reader, () => values.push(decodeAnyValue(reader, levels - 1)));
        value = { arrayValue: { values } };
        break;
      }
      case VALUE_TAGS.kvlist: {
        const values: JsonKeyValue[] = value.kvlistValue?.values ?? [];
        eachItem(reader, () => values.push(decodeKeyValue(reader, levels - 1)));
        value = { kvlistValue: { values } };
        break;
      }
      case VALUE_TAGS.bytes:
        reader.range();
        value = { bytesValue: bufferOf(reader).toString('base64') };
        break;
      default:
        reader.skip(tag);
    }
  }
  return value;
}

const KEY_TAG = 0x0a;
const VALUE_TAG = 0x12;

function decodeKeyValue(reader: ProtobufReader, levels: number): JsonKeyValue {
  let key = '';
  const values: Buffer[] = [];
  while (reader.at < reader.end) {
    const tag = reader.tag();
    if (tag === KEY_TAG) key = reader.text();
    else if (tag === VALUE_TAG) {
      reader.range();
      reader.countMessage();
      values.push(bufferOf(reader));
    } else reader.skip(tag);
  }
  return { key, value: decodeMergedValue(reader, values, levels) };
}

/** An AnyValue that is in several pieces of the reader's bytes; the reader stays where it is. */
export function decodeMergedValue(reader: ProtobufReader, pieces: readonly Buffer[], levels: number): JsonAnyValue {
  const { at } = reader;
  let value: JsonAnyValue = {};
  for (const piece of pieces) {
    const start = piece.byteOffset - reader.bytes.byteOffset;
    const outerEnd = reader.enter(start, start + piece.length);
    value = decodeAnyValue(reader, levels, value);
    reader.at = at;
    reader.end = outerEnd;
  }
  return value;
}

/** ArrayValue and KeyValueList have one field, the items. */
function eachItem(reader: ProtobufReader, decode: () => void): void {
  reader.range();
  const outerEnd = reader.enter(reader.start, reader.stop);
  while (reader.at < reader.end) {
    const tag = reader.tag();
    if (tag !== KEY_TAG) {
      reader.skip(tag);
      continue;
    }
    reader.range();
    const listEnd = reader.enter(reader.start, reader.stop);
    decode();
    reader.leave(listEnd);
  }
  reader.leave(outerEnd);
}

/** A view of the last length-delimited value. */
export function bufferOf({ bytes, start, stop }: Pick<ProtobufReader, 'bytes' | 'start' | 'stop'>): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, stop - start);
}

/** Appends the value of the attribute whose key has just been appended. */
export function appendJsonValue(attributes: AttributeColumns, value: JsonAnyValue): void {
  if (value.stringValue !== undefined) {
    const bytes = Buffer.from(value.stringValue);
    attributes.string(bytes, 0, bytes.length);
  } else if (value.boolValue !== undefined) attributes.bool(value.boolValue);
  else if (value.intValue !== undefined) {
    const bits = BigInt.asUintN(64, BigInt(value.intValue));
    attributes.int(Number(bits & 0xffff_ffffn), Number(bits >> 32n));
  } else if (value.doubleValue !== undefined) attributes.double(Number(value.doubleValue));
  else if (value.bytesValue !== undefined) {
    const bytes = Buffer.from(value.bytesValue, 'base64');
    attributes.bytes(bytes, 0, bytes.length);
  } else if (value.arrayValue !== undefined) {
    attributes.array(JSON.stringify(value.arrayValue));
  } else if (value.kvlistValue !== undefined) {
    attributes.kvlist(JSON.stringify(value.kvlistValue));
  } else attributes.empty();
}
