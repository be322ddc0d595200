import { expect, test } from 'vitest';
import { MalformedRequestError } from '../../columns/ingest-result.ts';
import { RejectedSpans } from '../../columns/rejected-spans.ts';
import { SpanBlock } from '../../columns/span-block.ts';
import { parseJson } from './json-object.ts';
import { decodeOtlpJson } from './decode-otlp-json.ts';
import { TextSource } from './text-source.ts';

const LONG = '1234567890123456789';

test.each(['0000000000000001', '-0000000000000001', '00000000000000000000'])('%s is no JSON', (digits) => {
  expect(() => parseJson(Buffer.from(`{"value":${digits}}`))).toThrow(/^malformed JSON/);
});

test('a fault behind a long integer is reported by its place in what was sent', () => {
  expect(() => parseJson(Buffer.from(`{"value":${LONG}!}`))).toThrow(/position 28\b/);
});

test('an integer that a double cannot hold is exact as an integer, and a string nowhere', () => {
  const request = parseJson(Buffer.from(`{"value":${LONG},"items":[${LONG}],"text":"${LONG}"}`));
  expect(request.int64('value')).toBe(LONG);
  const [low, high] = request.uint64('value');
  expect((BigInt(high) << 32n) | BigInt(low)).toBe(BigInt(LONG));
  expect(request.number('value')).toBe(LONG);
  expect(request.string('text')).toBe(LONG);
  expect(request.hex('value', new TextSource())).toEqual([0, -1]);
  for (const read of [() => request.string('value'), () => request.strings('items')]) {
    expect(read).toThrow(MalformedRequestError);
    expect(read).toThrow(new RegExp(`: expected .*string, found ${LONG}$`));
  }
});

test.each([
  [`{"key":${LONG},"value":{"stringValue":"v"}}`, 'key'],
  [`{"key":"k","value":{"stringValue":${LONG}}}`, 'value.stringValue'],
])('an attribute %s is dropped', (attribute, member) => {
  const body = `{"resourceSpans":[{"resource":{"attributes":[${attribute}]}}]}`;
  const block = new SpanBlock(1);
  block.mark();
  decodeOtlpJson(Buffer.from(body), block, new RejectedSpans());
  expect(block.losses.message).toContain(`resourceSpans[0].resource.attributes[0].${member}: expected `);
  expect(block.losses.message).toContain(` found ${LONG}`);
});
