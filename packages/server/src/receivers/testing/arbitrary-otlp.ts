import * as fc from 'fast-check';
import type { AnyValue, KeyValue, SpanEvent, SpanLink, TracesData } from '@throughline/trace';

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.constantFrom('', 'http.route', "it's \\ \n\n; DROP TABLE x", '\u0000', 'é'.repeat(70), 'x'.repeat(300)),
);
const uint32 = fc.oneof(fc.constantFrom(0, 1, 0xffff_ffff), fc.nat());
const nanos = fc.oneof(
  fc.bigInt(1n, (2n ** 32n - 1n) * 1_000_000_000n),
  fc.constantFrom(1n, 999_999_999n, 1_000_000_000n, 1_795_000_000_999_999_999n, 2n ** 32n * 1_000_000_000n - 1n),
);
const anyNanos = fc.oneof(nanos, fc.constantFrom(0n, 2n ** 63n - 1n));
const id = (bytes: number): fc.Arbitrary<string> =>
  fc
    .uint8Array({ minLength: bytes, maxLength: bytes })
    .map((array) => Buffer.from(array).toString('hex'))
    .filter((hex) => !/^0+$/.test(hex));

const { value } = fc.letrec<{ value: AnyValue; list: AnyValue[]; map: KeyValue[] }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.oneof(
      fc.constant({}),
      text.map((stringValue) => ({ stringValue })),
      fc.boolean().map((boolValue) => ({ boolValue })),
      fc.oneof(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), fc.bigInt(-9n, 9n)).map((int) => ({ intValue: String(int) })),
      fc.double().map((double) => ({ doubleValue: jsonDouble(double) })),
      fc.uint8Array().map((bytes) => ({ bytesValue: Buffer.from(bytes).toString('base64') })),
    ),
    tie('list').map((values) => ({ arrayValue: { values } })),
    tie('map').map((values) => ({ kvlistValue: { values } })),
  ),
  list: fc.array(tie('value'), { maxLength: 3 }),
  map: fc.array(fc.record({ key: text, value: tie('value') }), { maxLength: 3 }),
}));

function jsonDouble(double: number): number | string {
  if (Object.is(double, -0)) return '-0';
  return Number.isFinite(double) ? double : String(double);
}

const attributes = fc.array(fc.record({ key: text, value }), { maxLength: 4 });

const event: fc.Arbitrary<SpanEvent> = fc.record({
  timeUnixNano: anyNanos.map(String),
  name: text,
  attributes,
  droppedAttributesCount: uint32,
});

const link: fc.Arbitrary<SpanLink> = fc.record({
  traceId: id(16),
  spanId: id(8),
  traceState: text,
  attributes,
  droppedAttributesCount: uint32,
  flags: uint32,
});

const span = fc.record({
  traceId: id(16),
  spanId: id(8),
  parentSpanId: fc.oneof(fc.constant(''), id(8)),
  traceState: text,
  flags: uint32,
  name: text,
  kind: fc.nat(5),
  startTimeUnixNano: nanos.map(String),
  endTimeUnixNano: anyNanos.map(String),
  attributes,
  droppedAttributesCount: uint32,
  events: fc.array(event, { maxLength: 3 }),
  droppedEventsCount: uint32,
  links: fc.array(link, { maxLength: 2 }),
  droppedLinksCount: uint32,
  status: fc.record({ message: text, code: fc.nat(2) }),
});

const scopeSpans = fc.record({
  scope: fc.record({ name: text, version: text, attributes, droppedAttributesCount: uint32 }),
  spans: fc.array(span, { maxLength: 4 }),
  schemaUrl: text,
});

const serviceName = text.map((name) => ({ key: 'service.name', value: { stringValue: name } }));

/** Requests with every field of OTLP, good ids and good start times. */
export const arbitraryOtlp: fc.Arbitrary<TracesData> = fc.record({
  resourceSpans: fc.array(
    fc.record({
      resource: fc.record({
        attributes: fc
          .tuple(attributes, fc.option(serviceName, { nil: null }), attributes)
          .map(([before, name, after]) => (name === null ? [...before, ...after] : [...before, name, ...after])),
        droppedAttributesCount: uint32,
        entityRefs: fc.array(
          fc.record({
            schemaUrl: fc.constant('https://example.com/1'),
            type: fc.constant('host'),
            idKeys: fc.constant(['host.id']),
            descriptionKeys: fc.constant(['host.name']),
          }),
          { maxLength: 2 },
        ),
      }),
      scopeSpans: fc.array(scopeSpans, { maxLength: 3 }),
      schemaUrl: text,
    }),
    { maxLength: 3 },
  ),
});
