/** Walks the fields of one protobuf message. It throws a RangeError for bytes that are none. */
export class ProtobufReader {
  readonly #bytes: Buffer;
  #position = 0;
  /** Of the field that `next` went to: its number · 8 + its wire type. */
  tag = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Goes to the next field and returns its number, or 0 at the end. The caller then reads it once, or skips it. */
  next(): number {
    if (this.#position === this.#bytes.length) return 0;
    this.tag = this.uint();
    if (this.tag < 8) throw new RangeError('no field has the number 0');
    return Math.floor(this.tag / 8);
  }

  /** A varint below 2⁵³. */
  uint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#bytes.readUInt8(this.#position++);
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  int64(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.#bytes.readUInt8(this.#position++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
  }

  fixed32(): number {
    this.#position += 4;
    return this.#bytes.readUInt32LE(this.#position - 4);
  }

  fixed64(): bigint {
    this.#position += 8;
    return this.#bytes.readBigUInt64LE(this.#position - 8);
  }

  double(): number {
    this.#position += 8;
    return this.#bytes.readDoubleLE(this.#position - 8);
  }

  /** A view of the bytes, not a copy. */
  bytes(): Buffer {
    const length = this.uint();
    const start = this.#position;
    if (start + length > this.#bytes.length) throw new RangeError('a field ends beyond its message');
    this.#position += length;
    return this.#bytes.subarray(start, start + length);
  }

  text(): string {
    return this.bytes().toString('utf8');
  }

  hex(): string {
    return this.bytes().toString('hex');
  }

  message(): ProtobufReader {
    return new ProtobufReader(this.bytes());
  }

  skip(): void {
    const wireType = this.tag % 8;
    if (wireType === 0) this.int64();
    else if (wireType === 1) this.#position += 8;
    else if (wireType === 2) this.bytes();
    else if (wireType === 5) this.#position += 4;
    else throw new RangeError(`wire type ${wireType} is not in use`);
  }
}

/** Calls `read` for every field; it must read or skip the value. */
export function eachField(reader: ProtobufReader, read: (field: number, reader: ProtobufReader) => void): void {
  for (let field = reader.next(); field !== 0; field = reader.next()) read(field, reader);
}
