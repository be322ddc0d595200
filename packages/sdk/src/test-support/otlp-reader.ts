/**
 * Reads OTLP protobuf with nothing of the encoder's: a generic walk over the wire format, then field numbers by name.
 * It throws for anything that is not well-formed.
 */
export interface ReadSpan {
  readonly scope: {
    readonly name: string;
    readonly version: string;
    readonly schemaUrl: string;
    readonly attributes: Record<string, unknown>;
  };
  readonly resource: Record<string, unknown>;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly flags: number;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: bigint;
  readonly endTimeUnixNano: bigint;
  readonly attributes: Record<string, unknown>;
  readonly droppedAttributesCount: number;
  readonly events: readonly ReadEvent[];
  readonly droppedEventsCount: number;
  readonly links: readonly ReadLink[];
  readonly droppedLinksCount: number;
  readonly status: { readonly code: number; readonly message: string };
}

interface ReadEvent {
  readonly timeUnixNano: bigint;
  readonly name: string;
  readonly attributes: Record<string, unknown>;
  readonly droppedAttributesCount: number;
}

interface ReadLink {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceState: string;
  readonly flags: number;
  readonly attributes: Record<string, unknown>;
  readonly droppedAttributesCount: number;
}

/** A value that protobuf alone would not tell from another: an OTLP double. */
export class Double {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

type Field = bigint | Uint8Array;

class Message {
  readonly #fields = new Map<number, Field[]>();

  constructor(bytes: Uint8Array) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let position = 0;
    const varint = (): bigint => {
      let value = 0n;
      for (let shift = 0n; shift < 70n; shift += 7n) {
        const byte = view.getUint8(position++);
        value |= BigInt(byte & 0x7f) << shift;
        if (byte < 0x80) return BigInt.asUintN(64, value);
      }
      throw new Error('varint too long');
    };
    while (position < bytes.length) {
      const tag = Number(varint());
      let value: Field;
      if (tag % 8 === 0) value = varint();
      else if (tag % 8 === 1) {
        value = view.getBigUint64(position, true);
        position += 8;
      } else if (tag % 8 === 5) {
        value = BigInt(view.getUint32(position, true));
        position += 4;
      } else if (tag % 8 === 2) {
        const length = Number(varint());
        if (position + length > bytes.length) throw new Error('field beyond its message');
        value = bytes.subarray(position, position + length);
        position += length;
      } else throw new Error(`wire type ${tag % 8}`);
      const field = Math.floor(tag / 8);
      this.#fields.set(field, [...(this.#fields.get(field) ?? []), value]);
    }
  }

  all(field: number): Message[] {
    return (this.#fields.get(field) ?? []).map((value) => new Message(value as Uint8Array));
  }
  one(field: number): Message {
    return this.all(field)[0] ?? new Message(new Uint8Array());
  }
  has(field: number): boolean {
    return this.#fields.has(field);
  }
  bytes(field: number): Uint8Array {
    return (this.#fields.get(field)?.[0] as Uint8Array | undefined) ?? new Uint8Array();
  }
  text(field: number): string {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.bytes(field));
  }
  hex(field: number): string {
    return Buffer.from(this.bytes(field)).toString('hex');
  }
  bigint(field: number): bigint {
    return (this.#fields.get(field)?.[0] as bigint | undefined) ?? 0n;
  }
  number(field: number): number {
    return Number(this.bigint(field));
  }
}

export function readRequest(bytes: Uint8Array): ReadSpan[] {
  return new Message(bytes).all(1).flatMap((resourceSpans) => {
    const resource = readAttributes(resourceSpans.one(1).all(1));
    return resourceSpans.all(2).flatMap((scopeSpans) => {
      const scope = {
        name: scopeSpans.one(1).text(1),
        version: scopeSpans.one(1).text(2),
        schemaUrl: scopeSpans.text(3),
        attributes: readAttributes(scopeSpans.one(1).all(3)),
      };
      return scopeSpans.all(2).map((span) => readSpan(span, scope, resource));
    });
  });
}

function readSpan(span: Message, scope: ReadSpan['scope'], resource: ReadSpan['resource']): ReadSpan {
  return {
    scope,
    resource,
    traceId: span.hex(1),
    spanId: span.hex(2),
    traceState: span.text(3),
    parentSpanId: span.hex(4),
    name: span.text(5),
    kind: span.number(6),
    startTimeUnixNano: span.bigint(7),
    endTimeUnixNano: span.bigint(8),
    attributes: readAttributes(span.all(9)),
    droppedAttributesCount: span.number(10),
    events: span.all(11).map((event) => ({
      timeUnixNano: event.bigint(1),
      name: event.text(2),
      attributes: readAttributes(event.all(3)),
      droppedAttributesCount: event.number(4),
    })),
    droppedEventsCount: span.number(12),
    links: span.all(13).map((link) => ({
      traceId: link.hex(1),
      spanId: link.hex(2),
      traceState: link.text(3),
      attributes: readAttributes(link.all(4)),
      droppedAttributesCount: link.number(5),
      flags: link.number(6),
    })),
    droppedLinksCount: span.number(14),
    status: { message: span.one(15).text(2), code: span.one(15).number(3) },
    flags: span.number(16),
  };
}

function readAttributes(keyValues: readonly Message[]): Record<string, unknown> {
  const pairs = keyValues.map((keyValue) => [keyValue.text(1), readAnyValue(keyValue.one(2))] as const);
  if (new Set(pairs.map(([key]) => key)).size !== pairs.length) throw new Error('a key stands twice');
  return Object.fromEntries(pairs);
}

/** Integers as bigint, doubles as `Double`, the empty value as null. */
function readAnyValue(value: Message): unknown {
  if (value.has(1)) return value.text(1);
  if (value.has(2)) return value.bigint(2) !== 0n;
  if (value.has(3)) return BigInt.asIntN(64, value.bigint(3));
  if (value.has(4)) {
    const bits = new BigUint64Array([value.bigint(4)]);
    return new Double(new Float64Array(bits.buffer)[0] ?? NaN);
  }
  if (value.has(5)) return value.one(5).all(1).map(readAnyValue);
  if (value.has(6)) return readAttributes(value.one(6).all(1));
  return value.has(7) ? new Uint8Array(value.bytes(7)) : null;
}
