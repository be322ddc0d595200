import { decodeRequest } from '../../packages/sdk/dist/export/format/otlp-decoder.js';

/** A request in OTLP's JSON mapping, made once from the protobuf one, whose ids and times it takes over at each stamp. */
export class JsonTemplate {
  bytes;
  #wire;
  /** Where each span's values stand in the text. */
  #places;

  constructor(wire) {
    this.#wire = wire;
    wire.stamp(0, 0, Date.now());
    this.bytes = Buffer.from(JSON.stringify(decodeRequest(wire.bytes)), 'latin1');
    const text = this.bytes.toString('latin1');
    const placesOf = (key) =>
      [...text.matchAll(new RegExp(`"${key}":"`, 'g'))].map(({ index }) => index + key.length + 4);
    this.#places = ['traceId', 'spanId', 'parentSpanId', 'startTimeUnixNano', 'endTimeUnixNano'].map(placesOf);
  }

  /** The trace id of the first span, as hex. */
  get traceId() {
    return this.#wire.traceId;
  }

  stamp(sender, number, startMs) {
    this.#wire.stamp(sender, number, startMs);
    const { bytes, spans } = this.#wire;
    const [traceIds, spanIds, parentIds, starts, ends] = this.#places;
    const hex = (at, length, place) => this.bytes.write(bytes.toString('hex', at, at + length), place, 'latin1');
    const time = (at, place) => this.bytes.write(String(bytes.readBigUInt64LE(at)), place, 'latin1');
    spans.forEach(({ traceId, spanId, parentId, times }, index) => {
      hex(traceId, 16, traceIds[index]);
      hex(spanId, 8, spanIds[index]);
      hex(parentId, 8, parentIds[index]);
      time(times, starts[index]);
      time(times + 9, ends[index]);
    });
  }
}
