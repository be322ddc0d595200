import type { AnyValue, KeyValue, TracesData } from '@throughline/trace';
import { expect, test } from 'vitest';
import { ByteBuffer } from '../../columns/growable-buffers.ts';
import { RejectedSpans, type Decode } from '../../columns/rejected-spans.ts';
import { writeNativeBlock } from '../../columns/write-native-block.ts';
import { SpanBlock } from '../../columns/span-block.ts';
import { REPAIRED_TEXTS } from '../../columns/repaired-text.ts';
import { decodeOtlp } from '../otlp/decode-otlp.ts';
import { decodeOtlpJson } from '../otlp-json/decode-otlp-json.ts';
import { encodeOtlp } from '../testing/encode-otlp.ts';

/** Of as many bytes as `BROKEN`, which takes its place. */
const MARK = '\u0001\u0002\u0003\u0004';
/** Begins a character of three bytes and does not end it; a byte that never is in UTF-8; an ASCII character. */
const BROKEN = Buffer.from([0xe2, 0x82, 0xff, 0x28]);
const REPAIRED = '\uFFFD\uFFFD(';

/** The text in every place that takes one. */
function aRequest(text: string): TracesData {
  const string = (key: string): KeyValue => ({ key, value: { stringValue: text } });
  const inner: AnyValue = { kvlistValue: { values: [string(text)] } };
  const list: AnyValue = { arrayValue: { values: [{ stringValue: text }, inner] } };
  const attributes = [string(text), string('key'), { key: 'list', value: list }, { key: 'map', value: inner }];
  const [traceId, spanId] = ['ab'.repeat(16), 'cd'.repeat(8)];
  const span = {
    traceId,
    spanId,
    name: text,
    traceState: text,
    startTimeUnixNano: '1795000000000000000',
    endTimeUnixNano: '1795000000000000000',
    attributes,
    events: [{ timeUnixNano: '1', name: text, attributes }],
    links: [{ traceId, spanId, traceState: text, attributes }],
    status: { code: 2, message: text },
  };
  const entityRefs = [{ schemaUrl: text, type: text, idKeys: [text], descriptionKeys: [text] }];
  const resource = { attributes: [...attributes, string('service.name')], entityRefs };
  const scope = { name: text, version: text, attributes };
  return { resourceSpans: [{ resource, scopeSpans: [{ scope, spans: [span], schemaUrl: text }], schemaUrl: text }] };
}

function broken(body: Buffer, mark: Buffer): Buffer {
  const parts: Buffer[] = [];
  let from = 0;
  for (let at = body.indexOf(mark); at >= 0; at = body.indexOf(mark, from)) {
    parts.push(body.subarray(from, at), BROKEN);
    from = at + mark.length;
  }
  return Buffer.concat([...parts, body.subarray(from)]);
}

function decoded(decode: Decode): { readonly native: Buffer; readonly repaired: number; readonly message: string } {
  const block = new SpanBlock(7);
  block.mark();
  decode(block, new RejectedSpans());
  const native = new ByteBuffer();
  writeNativeBlock(block, native);
  const repaired = block.losses.counts.get(REPAIRED_TEXTS) ?? 0;
  return { native: Buffer.from(native.content()), repaired, message: block.losses.message };
}

const fromProtobuf = (body: Buffer): ReturnType<typeof decoded> =>
  decoded((block, rejected) => decodeOtlp(body, block, rejected));
const fromJson = (body: Buffer): ReturnType<typeof decoded> =>
  decoded((block, rejected) => decodeOtlpJson(body, block, rejected));

test.each([0, 1, 2, 3, 100, 130, 250, 300])(
  'a text with a broken part behind %i letters is repaired alike',
  (letters) => {
    const around = (middle: string): string => 'a'.repeat(letters) + middle;
    const whole = fromJson(Buffer.from(JSON.stringify(aRequest(around(REPAIRED)))));
    expect(whole.repaired).toBe(0);

    const protobuf = fromProtobuf(broken(encodeOtlp(aRequest(around(MARK))), Buffer.from(MARK)));
    expect(protobuf.native).toEqual(whole.native);
    // In keys it is seen once more where the key comes again.
    expect(protobuf.repaired).toBeGreaterThan(30);
    expect(protobuf.message).toMatch(/^\d+ texts were repaired \(not UTF-8\)$/);

    const mark = Buffer.from(JSON.stringify(MARK).slice(1, -1));
    const json = fromJson(broken(Buffer.from(JSON.stringify(aRequest(around(MARK)))), mark));
    expect(json.native).toEqual(whole.native);
    expect(json.message).toBe('1 text was repaired (not UTF-8)');
  },
);

test('a lone surrogate in JSON is repaired alike, inside of arrays and maps as well', () => {
  const whole = fromJson(Buffer.from(JSON.stringify(aRequest('a\uFFFDb\uFFFD'))));
  const escaped = JSON.stringify(aRequest('a\uD800b\uDFFF'));
  expect(escaped).toContain(String.raw`a\ud800b\udfff`);
  expect(fromJson(Buffer.from(escaped)).native).toEqual(whole.native);
});

test('text in UTF-8 is the bytes that were sent', () => {
  const text = '\u0000ä€\u{1F600}\uFEFF\uFFFD\u{10FFFF}';
  const protobuf = fromProtobuf(encodeOtlp(aRequest(text)));
  expect(protobuf.repaired).toBe(0);
  expect(protobuf.native.includes(Buffer.from(text))).toBe(true);
  expect(protobuf.native).toEqual(fromJson(Buffer.from(JSON.stringify(aRequest(text)))).native);
});
