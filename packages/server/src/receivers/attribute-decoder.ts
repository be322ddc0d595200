import type { AttributeColumns } from '../ingest/attribute-columns.ts';
import { appendJsonValue, bufferOf, decodeAnyValue, decodeMergedValue, VALUE_TAGS } from './any-value.ts';
import type { ProtobufReader } from './protobuf-reader.ts';

const KEY_TAG = 0x0a;
const VALUE_TAG = 0x12;

/** Appends the KeyValue that the reader stands in. Its value may stand before its key, and in several pieces. */
export function decodeAttribute(reader: ProtobufReader, attributes: AttributeColumns): void {
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
      if (pieces !== null) pieces.push(bufferOf(reader));
      else if (valueStop > 0) pieces = [Buffer.from(reader.bytes.subarray(valueStart, valueStop)), bufferOf(reader)];
      valueStart = reader.start;
      valueStop = reader.stop;
    } else {
      reader.skip(tag, 0b110);
    }
  }
  attributes.key(reader.bytes, keyStart, keyStop);
  if (pieces !== null) {
    appendJsonValue(attributes, decodeMergedValue(reader, pieces, 0));
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
  reader.at = begin;
  appendJsonValue(attributes, decodeAnyValue(reader, 0));
}
