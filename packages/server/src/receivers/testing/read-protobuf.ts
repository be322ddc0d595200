import type { AnyValue, KeyValue, Span, TracesData } from '@throughline/trace';
import { BLOCK_LIMITS } from '../../columns/limits.ts';

/** The bytes are no request: what protobuf's encoding forbids. */
export class NoRequestError extends Error {}

export interface PlainRequest {
  /** Every field present. Strings are their UTF-8 as latin1; inside of arrays and maps they are text. */
  readonly data: TracesData;
}

const GROUP_DEPTH_MAX = 100;

/** A value that is nested deeper than `ingest.valueDepthMax`. */
class TooDeepError extends Error {}

/**
 * Reads a request as the protobuf specification says, object by object, for tests: slow, simple, and apart from the
 * decoder that it judges. Throws `NoRequestError`.
 */
export function readProtobuf(bytes: Buffer): PlainRequest {
  const resourceSpans = fieldsOf(bytes, { 1: 2 })
    .all(1)
    .map((outerBody) => {
      const outer = fieldsOf(outerBody, { 1: 2, 2: 2, 3: 2 });
      const resource = fieldsOf(outer.merged(1), { 1: 2, 2: 0, 3: 2 });
      const entityRefs = resource.all(3).map((ref) => entityRef(ref));
      const scopeSpans = outer.all(2).map((scopeBody) => {
        const inner = fieldsOf(scopeBody, { 1: 2, 2: 2, 3: 2 });
        const scope = fieldsOf(inner.merged(1), { 1: 2, 2: 2, 3: 2, 4: 0 });
        return {
          scope: { name: scope.text(1), version: scope.text(2), ...attributes(scope, 3, 4) },
          spans: inner.all(2).map((body) => readSpan(body)),
          schemaUrl: inner.text(3),
        };
      });
      return {
        resource: { ...attributes(resource, 1, 2), entityRefs },
        scopeSpans,
        schemaUrl: outer.text(3),
      };
    });
  return { data: { resourceSpans } };
}

const SPAN_FIELDS = Object.fromEntries(
  [2, 2, 2, 2, 2, 0, 1, 1, 2, 0, 2, 0, 2, 0, 2, 5].map((wireType, index) => [index + 1, wireType]),
);

function readSpan(body: Buffer): Span {
  const span = fieldsOf(body, SPAN_FIELDS);
  const status = fieldsOf(span.merged(15), { 2: 2, 3: 0 });
  return {
    traceId: span.hex(1),
    spanId: span.hex(2),
    traceState: span.text(3),
    parentSpanId: span.hex(4),
    name: span.text(5),
    kind: enumeration(span.number(6)),
    startTimeUnixNano: String(span.number(7)),
    endTimeUnixNano: String(span.number(8)),
    ...attributes(span, 9, 10),
    events: span.all(11).map((eventBody) => {
      const event = fieldsOf(eventBody, { 1: 1, 2: 2, 3: 2, 4: 0 });
      return {
        timeUnixNano: String(event.number(1)),
        name: event.text(2),
        ...attributes(event, 3, 4),
      };
    }),
    droppedEventsCount: span.uint32(12),
    links: span.all(13).map((linkBody) => {
      const link = fieldsOf(linkBody, { 1: 2, 2: 2, 3: 2, 4: 2, 5: 0, 6: 5 });
      return {
        traceId: link.hex(1),
        spanId: link.hex(2),
        traceState: link.text(3),
        ...attributes(link, 4, 5),
        flags: link.uint32(6),
      };
    }),
    droppedLinksCount: span.uint32(14),
    status: { message: status.text(2), code: enumeration(status.number(3)) },
    flags: span.uint32(16),
  };
}

function entityRef(body: Buffer): object {
  const ref = fieldsOf(body, { 1: 2, 2: 2, 3: 2, 4: 2 });
  const [schemaUrl, type] = [utf8(ref.last(1)), utf8(ref.last(2))];
  const [idKeys, descriptionKeys] = [ref.all(3).map(utf8), ref.all(4).map(utf8)];
  return {
    ...(schemaUrl !== '' && { schemaUrl }),
    ...(type !== '' && { type }),
    ...(idKeys.length > 0 && { idKeys }),
    ...(descriptionKeys.length > 0 && { descriptionKeys }),
  };
}

/** The numbers of the two fields; an attribute whose value is too deep is counted instead of kept. */
function attributes(
  owner: Fields,
  listField: number,
  droppedField: number,
): { readonly attributes: KeyValue[]; readonly droppedAttributesCount: number } {
  const kept: KeyValue[] = [];
  let dropped = owner.uint32(droppedField);
  for (const body of owner.all(listField)) {
    try {
      kept.push(attribute(body));
    } catch (error) {
      if (!(error instanceof TooDeepError)) throw error;
      dropped += 1;
    }
  }
  return { attributes: kept, droppedAttributesCount: dropped >>> 0 };
}

function attribute(body: Buffer): KeyValue {
  const fields = fieldsOf(body, { 1: 2, 2: 2 });
  return { key: fields.text(1), value: anyValue(fields.merged(2), 0, repaired) };
}

function anyValue(body: Buffer, depth: number, text: (bytes: Buffer) => string): AnyValue {
  if (depth > BLOCK_LIMITS.valueDepthMax) throw new TooDeepError();
  let value: AnyValue = {};
  for (const field of fieldsOf(body, { 1: 2, 2: 0, 3: 0, 4: 1, 5: 2, 6: 2, 7: 2 }).known) {
    const bytes = typeof field.value === 'bigint' ? Buffer.alloc(0) : field.value;
    const number = typeof field.value === 'bigint' ? field.value : 0n;
    if (field.number === 1) value = { stringValue: text(bytes) };
    else if (field.number === 2) value = { boolValue: number !== 0n };
    else if (field.number === 3) value = { intValue: String(BigInt.asIntN(64, number)) };
    else if (field.number === 4) value = { doubleValue: double(number) };
    else if (field.number === 7) value = { bytesValue: bytes.toString('base64') };
    else {
      const items = fieldsOf(bytes, { 1: 2 }).all(1);
      if (field.number === 5) {
        const before = value.arrayValue?.values ?? [];
        value = { arrayValue: { values: [...before, ...items.map((item) => anyValue(item, depth + 1, utf8))] } };
      } else {
        const before = value.kvlistValue?.values ?? [];
        const pairs = items.map((item) => {
          const pair = fieldsOf(item, { 1: 2, 2: 2 });
          const key = utf8(pair.last(1));
          return { key, value: pair.all(2).length === 0 ? {} : anyValue(pair.merged(2), depth + 1, utf8) };
        });
        value = { kvlistValue: { values: [...before, ...pairs] } };
      }
    }
  }
  return value;
}

function double(bits: bigint): number | string {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, bits);
  const value = view.getFloat64(0);
  if (Object.is(value, -0)) return '-0';
  return Number.isFinite(value) ? value : String(value);
}

/** What has no meaning in any version of OTLP is "unspecified". */
function enumeration(value: bigint): number {
  return value <= 0xffn ? Number(value) : 0;
}

/** As UTF-8 with U+FFFD for what is none; each byte a character, as the rows of strings are compared. */
function repaired(bytes: Buffer): string {
  return Buffer.from(bytes.toString('utf8')).toString('latin1');
}

function utf8(bytes: Buffer): string {
  return bytes.toString('utf8');
}

interface Field {
  readonly number: number;
  readonly value: bigint | Buffer;
}

class Fields {
  readonly known: readonly Field[];
  constructor(known: readonly Field[]) {
    this.known = known;
  }

  all(number: number): Buffer[] {
    return this.known.filter((field) => field.number === number).map(({ value }) => value as Buffer);
  }

  last(number: number): Buffer {
    return this.all(number).at(-1) ?? Buffer.alloc(0);
  }

  /** A message that is in several pieces, each of which is one, is their bytes one after the other. */
  merged(number: number): Buffer {
    const pieces = this.all(number);
    if (pieces.length > 1) for (const piece of pieces) fieldsOf(piece, {});
    return Buffer.concat(pieces);
  }

  number(number: number): bigint {
    return (this.known.findLast((field) => field.number === number)?.value ?? 0n) as bigint;
  }

  uint32(number: number): number {
    return Number(this.number(number) & 0xffff_ffffn);
  }

  text(number: number): string {
    return repaired(this.last(number));
  }

  hex(number: number): string {
    return this.last(number).toString('hex');
  }
}

/** `wireTypes`: of the fields that the message knows. */
function fieldsOf(bytes: Buffer, wireTypes: Readonly<Record<number, number>>): Fields {
  const known: Field[] = [];
  const groups: number[] = [];
  let at = 0;
  const take = (length: number): Buffer => {
    if (length > bytes.length - at) throw new NoRequestError('cut off');
    at += length;
    return bytes.subarray(at - length, at);
  };
  const varint = (): bigint => {
    let value = 0n;
    for (let index = 0n; index < 10n; index++) {
      const byte = take(1).readUInt8();
      value |= BigInt(byte & 0x7f) << (7n * index);
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new NoRequestError('a varint of more than ten bytes');
  };
  while (at < bytes.length) {
    const tag = varint();
    const number = Number(tag >> 3n);
    const wire = Number(tag & 7n);
    if (number === 0 || number >= 2 ** 29) throw new NoRequestError('a field number out of range');
    let value: bigint | Buffer = 0n;
    if (wire === 0) value = varint();
    else if (wire === 1) value = take(8).readBigUInt64LE();
    else if (wire === 2) {
      const length = varint();
      if (length > BigInt(bytes.length)) throw new NoRequestError('cut off');
      value = take(Number(length));
    } else if (wire === 5) value = BigInt(take(4).readUInt32LE());
    else if (wire === 3) groups.push(number);
    else if (wire !== 4 || groups.pop() !== number) throw new NoRequestError('a wire type that does not exist');
    if (groups.length > GROUP_DEPTH_MAX) throw new NoRequestError('groups too deep');
    // A known number with another wire type is an unknown field.
    if (groups.length === 0 && wireTypes[number] === wire) known.push({ number, value });
  }
  if (groups.length > 0) throw new NoRequestError('a group without end');
  return new Fields(known);
}
