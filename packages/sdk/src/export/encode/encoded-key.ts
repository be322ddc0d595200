import { SPAN_ATTRIBUTES } from './otlp-tags.ts';
import { wordBytes, type WordBytes } from './protobuf-writer.ts';

/** The tag of a KeyValue's value (opentelemetry-proto, `common/v1/common.proto`). */
export const VALUE = 0x12;

/** A key's bytes. */
export class EncodedKey {
  /** The whole field: tag, length, bytes. */
  readonly field: WordBytes;
  /** A span's short attribute up to its value, with its lengths still empty. */
  readonly head: WordBytes;

  constructor(field: Uint8Array) {
    this.field = wordBytes(field);
    this.head = wordBytes(Buffer.concat([Buffer.from([SPAN_ATTRIBUTES, 0]), field, Buffer.from([VALUE, 0, 0, 0])]));
  }
}
