import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { SpanEvent } from '@throughline/trace';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteBuffer } from '../../columns/growable-buffers.ts';
import { RejectedSpans, type Decode } from '../../columns/rejected-spans.ts';
import { writeNativeBlock } from '../../columns/write-native-block.ts';
import { MalformedRequestError, RequestTooLargeError } from '../../columns/ingest-result.ts';
import { BLOCK_LIMITS } from '../../columns/limits.ts';
import { SpanBlock } from '../../columns/span-block.ts';
import { OTLP_HTTP_LIMITS } from '../limits.ts';
import type { JsonAnyValue } from './any-value.ts';
import { decodeOtlp } from './decode-otlp.ts';
import { decodeOtlpJson } from '../otlp-json/decode-otlp-json.ts';
import { arbitraryOtlp } from '../testing/arbitrary-otlp.ts';
import { bytes, encodeOtlp, fixed64, text, varint } from '../testing/encode-otlp.ts';

const IS_LONG = process.env['THROUGHLINE_TEST_LONG'] === 'true';

/** The block's Native bytes: two payloads that give the same are the same spans in every column. */
function nativeOf(decode: Decode): Buffer {
  const block = new SpanBlock(7);
  block.mark();
  decode(block, new RejectedSpans());
  const out = new ByteBuffer();
  writeNativeBlock(block, out);
  return Buffer.from(out.content());
}

const fromProtobuf = (payload: Uint8Array): Buffer =>
  nativeOf((block, rejected) => decodeOtlp(payload, block, rejected));
const fromJsonText = (json: string): Buffer =>
  nativeOf((block, rejected) => decodeOtlpJson(Buffer.from(json), block, rejected));
const fromJson = (json: unknown): Buffer => fromJsonText(JSON.stringify(json));

const traceId = bytes(1, Buffer.from('0af7651916cd43dd8448eb211c80319c', 'hex'));
const spanId = bytes(2, Buffer.from('b7ad6b7169203331', 'hex'));
const start = fixed64(7, '1795000000000000000');
const aSpan = (...fields: Buffer[]): Buffer => bytes(2, Buffer.concat([traceId, spanId, start, ...fields]));
const keyValue = (...fields: Buffer[]): Buffer => aRequest(aSpan(bytes(9, Buffer.concat(fields))));
const withScope = (...fields: Buffer[]): Buffer => bytes(2, Buffer.concat(fields));
const withResource = (...fields: Buffer[]): Buffer => bytes(1, Buffer.concat(fields));
const list = (...items: string[]): Buffer => bytes(5, Buffer.concat(items.map((item) => bytes(1, text(1, item)))));
const aRequest = (span: Buffer): Buffer => bytes(1, bytes(2, span));

const ids = `"traceId":"${'ab'.repeat(16)}","spanId":"${'cd'.repeat(8)}"`;
const attribute = (value: string): Buffer =>
  fromJsonText(
    `{"resourceSpans":[{"scopeSpans":[{"spans":[{${ids},"startTimeUnixNano":1,"attributes":[{"key":"k","value":${value}}]}]}]}]}`,
  );

test('the official SDK’s bytes and their JSON are the same spans', () => {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'checkout', 'process.pid': 7 }),
    spanProcessors: [new SimpleSpanProcessor(exporter)],
  });
  const tracer = provider.getTracer('scope', '1.0', { schemaUrl: 'https://example.com/schema' });
  const span = tracer.startSpan('GET /', {
    kind: 1,
    attributes: { text: 'a', int: -5, double: 0.1, bool: false, list: ['x', 'y'] },
  });
  span.addEvent('event', { n: 1 });
  span.setStatus({ code: 2, message: 'no' });
  span.end();
  const payload = ProtobufTraceSerializer.serializeRequest(exporter.getFinishedSpans());
  if (payload === undefined) throw new Error('nothing serialized');
  const native = fromProtobuf(payload);
  for (const expected of [
    'checkout',
    'GET /',
    '{"values":[{"stringValue":"x"},{"stringValue":"y"}]}',
    'https://example.com/schema',
  ]) {
    expect(native.includes(expected)).toBe(true);
  }
});

test('protobuf and JSON of the same spans give the same columns', () => {
  fc.assert(
    fc.property(arbitraryOtlp, (request) => {
      expect(fromJson(request)).toEqual(fromProtobuf(encodeOtlp(request)));
    }),
    { numRuns: IS_LONG ? 200 : 60, seed: 3 },
  );
});

test('snake_case names, numbers for 64-bit integers, names of enums and upper-case ids mean the same', () => {
  const span = {
    traceId: 'AB'.repeat(16),
    spanId: 'CD'.repeat(8),
    name: 'a',
    kind: 2,
    status: { code: 2 },
    droppedEventsCount: 1,
  };
  const usual = {
    ...span,
    startTimeUnixNano: '1795000000123456789',
    attributes: [{ key: 'n', value: { intValue: '-9223372036854775808' } }],
  };
  const snakeCase = `{"resource_spans": [{"scope_spans": [{"spans": [{"trace_id": "${'ab'.repeat(16)}", "span_id": "${'cd'.repeat(8)}",
    "name": "a", "kind": "SPAN_KIND_SERVER", "status": {"code": "STATUS_CODE_ERROR"}, "dropped_events_count": "1",
    "start_time_unix_nano": 1795000000123456789, "unknown": {"a": 1}, "parentSpanId": null,
    "attributes": [{"key": "n", "value": {"int_value": -9223372036854775808}}]}]}]}]}`;
  const native = fromJsonText(snakeCase);
  expect(native).toEqual(fromJson({ resourceSpans: [{ scopeSpans: [{ spans: [usual] }] }] }));
});

test('a resource may stand behind its scopes, a scope behind its spans, and what is rejected counts once', () => {
  const service = bytes(1, Buffer.concat([text(1, 'service.name'), bytes(2, text(1, 'shop'))]));
  const resource = bytes(1, service);
  const scope = bytes(1, text(1, 'scope'));
  const spans = Buffer.concat([aSpan(text(5, 'a')), bytes(2, traceId), aSpan(text(5, 'b'))]);
  const url = text(3, 'https://example.com/schema');
  const inOrder = withResource(resource, withScope(scope, spans, url), url);
  const others = [
    withResource(url, resource, withScope(url, scope, spans)),
    withResource(resource, withScope(spans, url, scope), url),
    withResource(withScope(scope, spans, url), url, resource),
    withResource(url, withScope(spans, scope, url), resource),
  ];
  for (const payload of others) {
    expect(fromProtobuf(payload)).toEqual(fromProtobuf(inOrder));
    const rejected = new RejectedSpans();
    const block = new SpanBlock(7);
    block.mark();
    decodeOtlp(payload, block, rejected);
    expect([block.rowCount, rejected.total]).toEqual([2, 1]);
  }
});

test('the last of a repeated field holds, messages are merged, unknown fields are skipped', () => {
  const plain = aRequest(aSpan(text(5, 'name'), bytes(15, Buffer.concat([text(2, 'why'), varint(3, 2n)]))));
  const unknownGroup = Buffer.from([0x9b, 0x06, 0x08, 0x01, 0x9b, 0x06, 0x9c, 0x06, 0x9c, 0x06]);
  const odd = aRequest(
    aSpan(
      text(5, 'other'),
      unknownGroup,
      bytes(15, text(2, 'why')),
      text(99, 'unknown'),
      text(5, 'name'),
      bytes(15, varint(3, 2n)),
    ),
  );
  expect(fromProtobuf(odd)).toEqual(fromProtobuf(plain));
});

/** An integer that takes the long way. */
const inArray = (value: string): string => `{"arrayValue":{"values":[{"intValue":${value}}]}}`;

test.each([
  ['"007"', '"7"'],
  ['"0000000000000000007"', '"7"'],
  ['"-00000000000000007"', '"-7"'],
  ['"01234567890123456789"', '"1234567890123456789"'],
  ['1234567890123456789', '"1234567890123456789"'],
  ['-9223372036854775808', '"-9223372036854775808"'],
  ['-0', '"0"'],
  ['7.0', '"7"'],
  ['1e3', '"1000"'],
])('the integer %s of JSON is %s, whichever way is taken', (given, canonical) => {
  expect(attribute(`{"intValue":${given}}`)).toEqual(attribute(`{"intValue":${canonical}}`));
  expect(attribute(inArray(given))).toEqual(attribute(inArray(canonical)));
});

test('a known field with another wire type is an unknown field, as for protobuf’s own parsers', () => {
  const group = Buffer.from([0x4b, 0x08, 0x01, 0x4c]);
  const odd = [fixed64(1, '7'), varint(5, 7n), text(7, 'start'), text(16, 'flags'), group, bytes(15, varint(2, 1n))];
  const plain = aRequest(aSpan(text(5, 'name'), bytes(15, Buffer.alloc(0))));
  expect(fromProtobuf(aRequest(aSpan(text(5, 'name'), ...odd)))).toEqual(fromProtobuf(plain));
  const value = Buffer.concat([bytes(2, Buffer.from('true')), varint(5, 1n), varint(1, 1n), text(4, 'double')]);
  expect(fromProtobuf(keyValue(text(1, 'k'), varint(1, 1n), bytes(2, value), varint(2, 1n)))).toEqual(
    fromProtobuf(keyValue(text(1, 'k'), bytes(2, Buffer.alloc(0)))),
  );
  const requestFields = Buffer.concat([varint(1, 1n), plain, fixed64(1, '1')]);
  expect(fromProtobuf(requestFields)).toEqual(fromProtobuf(plain));
});

test('an attribute’s value may come before its key, in pieces, and with several members', () => {
  const usual = fromProtobuf(keyValue(text(1, 'k'), bytes(2, list('a', 'b'))));
  expect(fromProtobuf(keyValue(bytes(2, list('a', 'b')), text(1, 'k')))).toEqual(usual);
  expect(fromProtobuf(keyValue(bytes(2, list('a')), text(1, 'k'), bytes(2, list('b'))))).toEqual(usual);
  const lastMember = bytes(2, Buffer.concat([text(1, 'earlier'), list('a'), list('b')]));
  expect(fromProtobuf(keyValue(text(1, 'k'), lastMember))).toEqual(usual);
});

test.each([
  ['a truncated span', aRequest(aSpan()).subarray(0, -3), /the request: truncated/],
  [
    'a truncated attribute',
    aRequest(aSpan(Buffer.from([0x4a, 0x02, 0x0a, 0x05]))),
    / resource_spans\[0\]\.scope_spans\[0\]\.spans\[0\]\.attributes\[0\]: truncated/,
  ],
  ['a varint that does not end', Buffer.alloc(12, 0xff), /varint .*more than 10 bytes/],
  ['field number 0', Buffer.from([0x00]), 'field number 0'],
  ['a group that does not end', Buffer.from([0x13, 0x08, 0x01]), 'truncated'],
  ['the end of a group that did not begin', Buffer.from([0x14]), /wire type .*end of group/],
  ['text', Buffer.from('hello, world'), /malformed protobuf .*byte \d+/],
])('%s is malformed, and the message says where', (_, payload, message) => {
  expect(() => fromProtobuf(payload)).toThrow(MalformedRequestError);
  expect(() => fromProtobuf(payload)).toThrow(message);
});

const valueOfK = (encoded: Buffer): Buffer => fromProtobuf(keyValue(text(1, 'k'), bytes(2, encoded)));
const jsonValueOfK = (value: string): Buffer =>
  fromJson({
    resourceSpans: [
      {
        scopeSpans: [
          {
            spans: [
              {
                traceId: '0af7651916cd43dd8448eb211c80319c',
                spanId: 'b7ad6b7169203331',
                startTimeUnixNano: '1795000000000000000',
                attributes: [{ key: 'k', value: JSON.parse(value) as unknown }],
              },
            ],
          },
        ],
      },
    ],
  });

test('short and long keys, strings and integers are read alike, whichever way is taken', () => {
  for (const value of [0, 9, 10, 99, 100, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 2 ** 31, 2 ** 32]) {
    expect(valueOfK(varint(3, BigInt(value)))).toEqual(jsonValueOfK(`{"intValue":"${value}"}`));
  }
  for (let length = 0; length < 300; length++) {
    const value = Array.from({ length }, (_, index) => String.fromCharCode(97 + ((index * 7) % 26))).join('');
    expect(valueOfK(text(1, value))).toEqual(jsonValueOfK(`{"stringValue":"${value}"}`));
    const key = fromProtobuf(keyValue(text(1, value), bytes(2, varint(2, 1n))));
    expect(key.includes(value)).toBe(true);
  }
});

test('an attribute that ends in the middle is malformed wherever it is cut', () => {
  for (const value of [text(1, 'some text'), varint(3, 300n), varint(2, 1n)]) {
    const whole = Buffer.concat([text(1, 'key'), bytes(2, value)]);
    for (let length = 1; length < whole.length; length++) {
      // Cut between key and value it is a key without a value, which is whole.
      if (length === text(1, 'key').length) continue;
      expect(() => fromProtobuf(keyValue(whole.subarray(0, length)))).toThrow(MalformedRequestError);
    }
  }
});

const resourceSpans = (...fields: Buffer[]): Buffer =>
  bytes(1, Buffer.concat([bytes(1, Buffer.concat(fields)), bytes(2, aSpan())]));
const jsonWithResource = (fields: string): Buffer =>
  fromJsonText(
    `{"resourceSpans":[{"resource":{${fields}},"scopeSpans":[{"spans":[{${ids},"startTimeUnixNano":1}]}]}]}`,
  );

test('a value that is nested without end costs its attribute, wherever it stands', () => {
  let nested = text(1, 'x');
  for (let depth = 0; depth < 200; depth++) nested = bytes(5, bytes(1, nested));
  const deep = bytes(1, Buffer.concat([text(1, 'b'), bytes(2, nested)]));
  const kept = bytes(1, Buffer.concat([text(1, 'b'), bytes(2, text(1, 'c'))]));
  expect(fromProtobuf(resourceSpans(deep, kept))).toEqual(fromProtobuf(resourceSpans(kept, varint(2, 1n))));
  const levels = 300_000;
  const deepJson = `${'{"arrayValue":{"values":['.repeat(levels)}${']}}'.repeat(levels)}`;
  const one = '{"key":"a","value":{"intValue":1}}';
  expect(jsonWithResource(`"attributes":[{"key":"a","value":${deepJson}},${one}]`)).toEqual(
    jsonWithResource(`"attributes":[${one}],"droppedAttributesCount":1`),
  );
});

test.each([
  ['not JSON', '{"resourceSpans": [', 'malformed JSON'],
  ['an array', '[]', /the request: .* found an array/],
  ['null', 'null', /the request: .* found null/],
  ['a wrong list', '{"resourceSpans": {}}', /resourceSpans: .* found an object/],
])('%s is malformed JSON, and the message says where', (_, json, message) => {
  expect(() => fromJsonText(json)).toThrow(message);
});

test('doubles, integers and bytes are read in every form that JSON has for them', () => {
  expect(attribute('{"doubleValue":"Infinity"}').includes('Infinity')).toBe(true);
  expect(attribute('{"doubleValue":"1.5"}')).toEqual(attribute('{"doubleValue":1.5}'));
  expect(attribute('{"doubleValue":0.12345678901234567}')).toEqual(attribute('{"doubleValue":"0.12345678901234567"}'));
  expect(attribute('{"doubleValue":1e+2}')).toEqual(attribute('{"doubleValue":100}'));
  expect(attribute('{"intValue":9007199254740993}')).toEqual(attribute('{"intValue":"9007199254740993"}'));
  expect(attribute('{"bytesValue":"-_8"}')).toEqual(attribute('{"bytesValue":"+/8="}'));
  expect(
    attribute('{"stringValue":"1234567890123456789, \\"1234567890123456789"}').includes(
      '1234567890123456789, "1234567890123456789',
    ),
  ).toBe(true);
});

/** Either spans or a clear refusal; and in a block that others use, nothing of a refused request stays. */
function leavesNoTrace(decode: Decode): boolean {
  const block = new SpanBlock(7, {
    requestBytesMax: 1024 * 1024,
    spansPerRequestMax: 20,
    attributesMax: 5,
    valueBytesMax: 128,
    valueDepthMax: 3,
    eventsPerSpanMax: 2,
    linksPerSpanMax: 2,
    itemAttributesPerSpanMax: 6,
    daysPerRequestMax: 10,
  });
  block.mark();
  decodeOtlp(aRequest(aSpan(text(5, 'before'))), block, new RejectedSpans());
  const before = new ByteBuffer();
  writeNativeBlock(block, before);
  block.mark();
  try {
    decode(block, new RejectedSpans());
  } catch (error) {
    if (!(error instanceof MalformedRequestError) && !(error instanceof RequestTooLargeError)) throw error;
  }
  block.rollback();
  const after = new ByteBuffer();
  writeNativeBlock(block, after);
  return Buffer.compare(after.content(), before.content()) === 0;
}

test('hostile protobuf never crashes the decoder and is forgotten without a trace', () => {
  const mutations = fc.array(fc.tuple(fc.nat(), fc.constantFrom('set', 'cut', 'insert', 'copy'), fc.nat(255)), {
    minLength: 1,
    maxLength: 8,
  });
  fc.assert(
    fc.property(arbitraryOtlp, mutations, (request, changes) => {
      let payload = encodeOtlp(request);
      for (const [where, kind, byte] of changes) {
        const at = where % (payload.length + 1);
        const [head, tail] = [payload.subarray(0, at), payload.subarray(at)];
        if (kind === 'set') payload = Buffer.concat([head, Buffer.from([byte]), tail.subarray(1)]);
        else if (kind === 'cut') payload = Buffer.concat([head, tail.subarray(byte)]);
        else if (kind === 'insert') payload = Buffer.concat([head, Buffer.from([byte]), tail]);
        else payload = Buffer.concat([head, head.subarray(0, byte), tail]);
      }
      expect(leavesNoTrace((block, rejected) => decodeOtlp(payload, block, rejected))).toBe(true);
    }),
    { numRuns: IS_LONG ? 3_000 : 300, seed: 11 },
  );
});

test('hostile JSON never crashes the decoder and is forgotten without a trace', () => {
  fc.assert(
    fc.property(arbitraryOtlp, fc.nat(), fc.json(), (request, where, json) => {
      const payload = JSON.stringify(request);
      // Any value, or any text, in the place of any other.
      const values = [...payload.matchAll(/"[^"\\]*"(?!:)|-?\d+(?:\.\d+)?(?=[,}\]])|\[\]/g)];
      const target = values[where % Math.max(1, values.length)];
      const at = target?.index ?? 0;
      const replaced = payload.slice(0, at) + json + payload.slice(at + (target?.[0].length ?? 0));
      for (const hostile of [replaced, payload.slice(0, where % payload.length)]) {
        expect(leavesNoTrace((block, rejected) => decodeOtlpJson(Buffer.from(hostile), block, rejected))).toBe(true);
      }
    }),
    { numRuns: IS_LONG ? 1_000 : 150, seed: 12 },
  );
});

test('a small request cannot become many columns', () => {
  const huge = 'x'.repeat(100_000);
  const spans = Array.from({ length: 1_000 }, () => aSpan());
  const amplified = bytes(
    1,
    Buffer.concat([bytes(1, bytes(1, bytes(2, text(1, huge)))), bytes(2, Buffer.concat(spans))]),
  );
  expect(() => fromProtobuf(amplified)).toThrow(RequestTooLargeError);
  const emptyResources = Buffer.concat(Array.from({ length: 2_000_000 }, () => Buffer.from([0x0a, 0x00])));
  expect(() => fromProtobuf(emptyResources)).toThrow(RequestTooLargeError);
});

/** An AnyValue in OTLP's JSON with so many values around it. */
const nested = (depth: number): JsonAnyValue =>
  depth === 0 ? { stringValue: 'x' } : { arrayValue: { values: [nested(depth - 1)] } };

const GOOD = {
  traceId: 'ab'.repeat(16),
  spanId: 'cd'.repeat(8),
  name: 'a',
  startTimeUnixNano: '1795000000000000000',
  endTimeUnixNano: '1795000000000000001',
};
const event = (fields: Partial<SpanEvent>): SpanEvent => ({ name: 'e', timeUnixNano: '1', ...fields });

test('nothing stays of a span that is rejected in the middle', () => {
  const attributes = [
    { key: 'before', value: { intValue: '1' } },
    { key: 'deep', value: nested(40) },
  ];
  const withSpans = (...spans: (typeof GOOD)[]) => ({ resourceSpans: [{ scopeSpans: [{ spans }] }] });
  const refused = { ...GOOD, spanId: 'ab', attributes, events: [event({ attributes })] };
  const expected = fromJson(withSpans(GOOD, GOOD));
  expect(fromJson(withSpans(GOOD, refused, GOOD))).toEqual(expected);
  expect(fromProtobuf(encodeOtlp(withSpans(GOOD, refused, GOOD)))).toEqual(expected);
});

const withEnd = (endTimeUnixNano: string) => ({
  resourceSpans: [{ scopeSpans: [{ spans: [{ ...GOOD, endTimeUnixNano }] }] }],
});

test('times are exact in every form, whatever their size', () => {
  const times = fc.oneof(
    fc.bigInt(0n, 2n ** 63n - 1n),
    fc.bigInt(0n, 2n ** 20n),
    fc.constantFrom(2n ** 32n, 10n ** 18n),
  );
  fc.assert(
    fc.property(times, (time) => {
      const expected = fromProtobuf(encodeOtlp(withEnd(String(time))));
      expect(fromJson(withEnd(String(time)))).toEqual(expected);
      expect(fromJson(withEnd(`0${String(time)}`))).toEqual(expected);
    }),
    { numRuns: IS_LONG ? 500 : 200 },
  );
});

test('JSON with a byte order mark is taken', () => {
  const json = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [GOOD] }] }] });
  expect(fromJsonText(`\ufeff${json}`)).toEqual(fromJsonText(json));
});

const inSpans = (spans: string): Buffer => Buffer.from(`{"resourceSpans":[{"scopeSpans":[{"spans":[${spans}]}]}]}`);

test('more objects than a request may have are rejected before they are parsed, text that looks like them is not', () => {
  const many = inSpans(`${'{},'.repeat(OTLP_HTTP_LIMITS.jsonObjectsMax)}{}`);
  expect(() => fromJsonText(many.toString())).toThrow(/has 1000\d+ objects and arrays/);
  expect(() => fromJsonText(`{"text":"\\"${'[{'.repeat(OTLP_HTTP_LIMITS.jsonObjectsMax)}"}`)).not.toThrow();
});

test('spans that are rejected count towards the bound of a request', () => {
  const block = new SpanBlock(7, { ...BLOCK_LIMITS, requestBytesMax: 100_000 });
  block.mark();
  expect(() => decodeOtlpJson(inSpans(`${'{},'.repeat(1_000)}{}`), block, new RejectedSpans())).toThrow(
    RequestTooLargeError,
  );
});
