import type { AttributeColumns } from '../../columns/attribute-columns.ts';
import {
  appendJsonValue,
  bufferOf,
  decodeAnyValue,
  decodeMergedValue,
  ValueTooDeepError,
  VALUE_TAGS,
} from './any-value.ts';
import type { ProtobufReader } from './protobuf-reader.ts';

const KEY_TAG = 0x0a;
const VALUE_TAG = 0x12;

/** Appends the KeyValue that the reader is in. The reader is at the message's end then. */
export function decodeAttribute(reader: ProtobufReader, attributes: AttributeColumns): void {
  const { bytes, at, end } = reader;
  if (appendUsualAttribute(bytes, at, end, attributes)) reader.at = end;
  else decodeAttributeOrDrop(reader, attributes);
}

/**
 * Appends a KeyValue as nearly all are: a short key, then a short scalar value, and nothing else; these are read from
 * the bytes at once. Returns false, and has appended nothing, where it is another.
 */
export function appendUsualAttribute(
  bytes: Uint8Array,
  begin: number,
  end: number,
  attributes: AttributeColumns,
): boolean {
  // Shorter ones have no room for a key and a value: nothing is read behind the bytes.
  if (end - begin < 4) return false;
  const keyStart = begin + 2;
  const keyEnd = keyStart + (bytes[begin + 1] as number);
  const valueStart = keyEnd + 2;
  return (
    bytes[begin] === KEY_TAG &&
    keyEnd - keyStart < 0x80 &&
    valueStart + 1 < end &&
    bytes[keyEnd] === VALUE_TAG &&
    valueStart + (bytes[keyEnd + 1] as number) === end &&
    end - valueStart < 0x80 &&
    appendShortValue(bytes, keyStart, keyEnd, valueStart, end, attributes)
  );
}

/** Returns false, and has appended nothing, where the value is none of the usual ones. */
function appendShortValue(
  bytes: Uint8Array,
  keyStart: number,
  keyEnd: number,
  valueStart: number,
  end: number,
  attributes: AttributeColumns,
): boolean {
  const first = bytes[valueStart + 1] as number;
  switch (bytes[valueStart]) {
    case VALUE_TAGS.string:
      if (valueStart + 2 + first !== end) return false;
      attributes.key(bytes, keyStart, keyEnd);
      attributes.shortString(bytes, valueStart + 1, end);
      return true;
    case VALUE_TAGS.int: {
      let value = first & 0x7f;
      let at = valueStart + 2;
      if (first >= 0x80) {
        const second = bytes[at++] as number;
        value |= (second & 0x7f) << 7;
        if (second >= 0x80) {
          const third = bytes[at++] as number;
          if (third >= 0x80) return false;
          value |= third << 14;
        }
      }
      if (at !== end) return false;
      attributes.key(bytes, keyStart, keyEnd);
      attributes.smallInt(value);
      return true;
    }
    case VALUE_TAGS.bool:
      if (valueStart + 2 !== end || first >= 0x80) return false;
      attributes.key(bytes, keyStart, keyEnd);
      attributes.bool(first !== 0);
      return true;
    default:
      return false;
  }
}

function decodeAttributeOrDrop(reader: ProtobufReader, attributes: AttributeColumns): void {
  const { end } = reader;
  try {
    decodeAnyAttribute(reader, attributes);
  } catch (error) {
    if (!(error instanceof ValueTooDeepError)) throw error;
    attributes.dropOpen('ingest.valueDepthMax');
    reader.at = end;
    reader.end = end;
  }
}

/** The value may come before its key, and in several pieces. Throws `ValueTooDeepError` behind the key. */
function decodeAnyAttribute(reader: ProtobufReader, attributes: AttributeColumns): void {
  const { at: begin } = reader;
  let keyStart = 0;
  let keyStop = 0;
  let valueStart = 0;
  let valueStop = 0;
  let pieces: Buffer[] | null = null;
  while (reader.at < reader.end) {
    const tag = reader.tag();
    if (tag === KEY_TAG) {
      reader.range();
      keyStart = reader.start;
      keyStop = reader.stop;
    } else if (tag === VALUE_TAG) {
      reader.range();
      if (pieces !== null) {
        reader.countMessage();
        pieces.push(bufferOf(reader));
      } else if (valueStop > 0) {
        if (reader.end - begin > attributes.valueBytesMax) {
          attributes.drop('ingest.valueBytesMax');
          reader.at = reader.end;
          return;
        }
        pieces = [bufferOf({ bytes: reader.bytes, start: valueStart, stop: valueStop }), bufferOf(reader)];
      }
      valueStart = reader.start;
      valueStop = reader.stop;
    } else {
      reader.skip(tag);
    }
  }
  attributes.key(reader.bytes, keyStart, keyStop);
  if (pieces !== null) {
    appendJsonValue(attributes, decodeMergedValue(reader, pieces, attributes.valueDepthMax));
    return;
  }
  const outerEnd = reader.enter(valueStart, valueStop);
  decodeValue(reader, attributes);
  reader.leave(outerEnd);
}

/** An AnyValue: nearly always one scalar member and nothing else, which then needs no object. */
function decodeValue(reader: ProtobufReader, attributes: AttributeColumns): void {
  const begin = reader.at;
  if (begin === reader.end) {
    attributes.empty();
    return;
  }
  switch (reader.tag()) {
    case VALUE_TAGS.string:
      reader.range();
      if (reader.at !== reader.end) break;
      attributes.string(reader.bytes, reader.start, reader.stop);
      return;
    case VALUE_TAGS.int:
      reader.varint();
      if (reader.at !== reader.end) break;
      attributes.int(reader.low, reader.high);
      return;
    case VALUE_TAGS.bool:
      reader.varint();
      if (reader.at !== reader.end) break;
      attributes.bool(reader.low !== 0 || reader.high !== 0);
      return;
    case VALUE_TAGS.double: {
      const value = reader.double();
      if (reader.at !== reader.end) break;
      attributes.double(value);
      return;
    }
    case VALUE_TAGS.bytes:
      reader.range();
      if (reader.at !== reader.end) break;
      attributes.bytes(reader.bytes, reader.start, reader.stop);
      return;
  }
  // Objects are made of it, which take fifty times as much memory as an empty element takes bytes; its text is longer
  // than it is.
  if (reader.end - begin > attributes.valueBytesMax) {
    attributes.dropOpen('ingest.valueBytesMax');
    reader.at = reader.end;
    return;
  }
  reader.at = begin;
  appendJsonValue(attributes, decodeAnyValue(reader, attributes.valueDepthMax));
}
