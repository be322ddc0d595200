import type { AnyValue, KeyValue, TracesData } from '@throughline/trace';

/** Fields of one message, each as its bytes on the wire. */
type Fields = Buffer[];

/** Reorders the fields of a message; protobuf allows any order between different fields. */
export type Arrange = (fields: Fields) => Fields;

/** Encodes OTLP's JSON form as protobuf: written from the .proto files for these tests, apart from the decoder. */
export function encodeOtlp(data: TracesData, arrange: Arrange = (fields) => fields): Buffer {
  const message = (fields: Fields): Buffer => Buffer.concat(arrange(fields));

  const anyValue = (value: AnyValue): Buffer => {
    if (value.stringValue !== undefined) return text(1, value.stringValue);
    if (value.boolValue !== undefined) return varint(2, value.boolValue ? 1n : 0n);
    if (value.intValue !== undefined) return varint(3, BigInt.asUintN(64, BigInt(value.intValue)));
    if (value.doubleValue !== undefined) return double(4, Number(value.doubleValue));
    if (value.arrayValue !== undefined) {
      return bytes(5, message((value.arrayValue.values ?? []).map((item) => bytes(1, anyValue(item)))));
    }
    if (value.kvlistValue !== undefined) {
      return bytes(6, message((value.kvlistValue.values ?? []).map((item) => bytes(1, keyValue(item)))));
    }
    return value.bytesValue === undefined ? Buffer.alloc(0) : bytes(7, Buffer.from(value.bytesValue, 'base64'));
  };
  const keyValue = ({ key, value }: KeyValue): Buffer => message([text(1, key), bytes(2, anyValue(value))]);
  const attributes = (field: number, list: readonly KeyValue[] = []): Fields =>
    list.map((item) => bytes(field, keyValue(item)));

  return message(
    data.resourceSpans.map(({ resource, scopeSpans, schemaUrl }) => {
      const entityRefs = (resource?.entityRefs ?? []).map((ref) =>
        bytes(
          3,
          message([
            text(1, ref.schemaUrl ?? ''),
            text(2, ref.type ?? ''),
            ...(ref.idKeys ?? []).map((key) => text(3, key)),
            ...(ref.descriptionKeys ?? []).map((key) => text(4, key)),
          ]),
        ),
      );
      const scopes = scopeSpans.map((scopeSpan) => {
        const { scope } = scopeSpan;
        const spans = scopeSpan.spans.map((span) => {
          const events = (span.events ?? []).map((event) =>
            bytes(
              11,
              message([
                fixed64(1, event.timeUnixNano),
                text(2, event.name),
                ...attributes(3, event.attributes),
                count(4, event.droppedAttributesCount),
              ]),
            ),
          );
          const links = (span.links ?? []).map((link) =>
            bytes(
              13,
              message([
                hex(1, link.traceId),
                hex(2, link.spanId),
                text(3, link.traceState ?? ''),
                ...attributes(4, link.attributes),
                count(5, link.droppedAttributesCount),
                fixed32(6, link.flags ?? 0),
              ]),
            ),
          );
          const status = message([text(2, span.status?.message ?? ''), count(3, span.status?.code)]);
          return bytes(
            2,
            message([
              hex(1, span.traceId),
              hex(2, span.spanId),
              text(3, span.traceState ?? ''),
              hex(4, span.parentSpanId ?? ''),
              text(5, span.name),
              count(6, span.kind),
              fixed64(7, span.startTimeUnixNano),
              fixed64(8, span.endTimeUnixNano),
              ...attributes(9, span.attributes),
              count(10, span.droppedAttributesCount),
              ...events,
              count(12, span.droppedEventsCount),
              ...links,
              count(14, span.droppedLinksCount),
              bytes(15, status),
              fixed32(16, span.flags ?? 0),
            ]),
          );
        });
        const scopeMessage = message([
          text(1, scope?.name ?? ''),
          text(2, scope?.version ?? ''),
          ...attributes(3, scope?.attributes),
          count(4, scope?.droppedAttributesCount),
        ]);
        return bytes(2, message([bytes(1, scopeMessage), ...spans, text(3, scopeSpan.schemaUrl ?? '')]));
      });
      const resourceMessage = message([
        ...attributes(1, resource?.attributes),
        count(2, resource?.droppedAttributesCount),
        ...entityRefs,
      ]);
      return bytes(1, message([bytes(1, resourceMessage), ...scopes, text(3, schemaUrl ?? '')]));
    }),
  );
}

function count(field: number, value = 0): Buffer {
  return varint(field, BigInt(value));
}

export function varint(field: number, value: bigint): Buffer {
  return Buffer.concat([rawVarint(BigInt(field) << 3n), rawVarint(value)]);
}

export function bytes(field: number, value: Uint8Array): Buffer {
  return Buffer.concat([rawVarint((BigInt(field) << 3n) | 2n), rawVarint(BigInt(value.length)), value]);
}

export function text(field: number, value: string): Buffer {
  return bytes(field, Buffer.from(value));
}

function hex(field: number, value: string): Buffer {
  return bytes(field, Buffer.from(value, 'hex'));
}

export function fixed64(field: number, decimal: string): Buffer {
  const value = Buffer.alloc(8);
  value.writeBigUInt64LE(BigInt(decimal));
  return Buffer.concat([rawVarint((BigInt(field) << 3n) | 1n), value]);
}

function double(field: number, number: number): Buffer {
  const value = Buffer.alloc(8);
  value.writeDoubleLE(number);
  return Buffer.concat([rawVarint((BigInt(field) << 3n) | 1n), value]);
}

function fixed32(field: number, number: number): Buffer {
  const value = Buffer.alloc(4);
  value.writeUInt32LE(number);
  return Buffer.concat([rawVarint((BigInt(field) << 3n) | 5n), value]);
}

export function rawVarint(value: bigint): Buffer {
  const out: number[] = [];
  let rest = value;
  do {
    const byte = Number(rest & 0x7fn);
    rest >>= 7n;
    out.push(rest === 0n ? byte : byte | 0x80);
  } while (rest > 0n);
  return Buffer.from(out);
}
