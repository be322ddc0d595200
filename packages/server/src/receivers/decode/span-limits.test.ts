import type { AnyValue, Span, SpanEvent, TracesData } from '@throughline/trace';
import { expect, test } from 'vitest';
import { RejectedSpans } from '../../columns/rejected-spans.ts';
import { BLOCK_LIMITS, type BlockLimits } from '../../columns/limits.ts';
import { SpanBlock } from '../../columns/span-block.ts';
import { decodeOtlp } from '../otlp/decode-otlp.ts';
import { decodeOtlpJson } from '../otlp-json/decode-otlp-json.ts';
import { encodeOtlp } from '../testing/encode-otlp.ts';

const GOOD: Span = {
  traceId: 'ab'.repeat(16),
  spanId: 'cd'.repeat(8),
  name: 'a',
  startTimeUnixNano: '1795000000000000000',
  endTimeUnixNano: '1795000000000000001',
};
const event = (fields: Partial<SpanEvent>): SpanEvent => ({ name: 'e', timeUnixNano: '1', ...fields });

/** A value with so many arrays around it. */
function nested(levels: number): AnyValue {
  let value: AnyValue = { stringValue: 'x' };
  for (let level = 0; level < levels; level++) value = { arrayValue: { values: [value] } };
  return value;
}

const aRequest = (span: Span): TracesData => ({ resourceSpans: [{ scopeSpans: [{ spans: [span, GOOD] }] }] });

const attributesOf = ({ keys, values, types, ends }: SpanBlock['attributes']): unknown => [
  Array.from({ length: keys.indexes.length }, (_, index) => keys.entry(keys.indexes.at(index)).toString()),
  Buffer.from(values.content()).toString('latin1'),
  [...types.content()],
  Array.from({ length: ends.length }, (_, index) => ends.at(index)),
];

const numbers = (column: SpanBlock['flags']): number[] =>
  Array.from({ length: column.length }, (_, at) => column.at(at));

const base64 = (length: number): string => Buffer.alloc(length, 7).toString('base64');

/**
 * Both encodings of `sent` give what `stored` gives without limits, and say what was left out. Keys have their order.
 */
function expectStored(
  sent: Span,
  stored: Span,
  lost: Record<string, number>,
  limits: BlockLimits = BLOCK_LIMITS,
): void {
  const expected = rowsOf(new SpanBlock(7), aRequest(stored), 'json');
  for (const encoding of ['json', 'protobuf'] as const) {
    const block = new SpanBlock(7, limits);
    expect(rowsOf(block, aRequest(sent), encoding)).toEqual(expected);
    expect(Object.fromEntries(block.losses.counts)).toEqual(lost);
  }
}

/** Every column's values; dictionaries may hold entries that no row uses any more. */
function rowsOf(block: SpanBlock, request: Parameters<typeof encodeOtlp>[0], encoding: 'json' | 'protobuf'): unknown {
  block.mark();
  if (encoding === 'json') decodeOtlpJson(Buffer.from(JSON.stringify(request)), block, new RejectedSpans());
  else decodeOtlp(encodeOtlp(request), block, new RejectedSpans());
  return [
    block.rowCount,
    [block.attributes, block.events.attributes, block.links.attributes].map(attributesOf),
    [block.droppedAttributes, block.droppedEvents, block.droppedLinks, block.events.dropped, block.links.dropped].map(
      numbers,
    ),
    [block.events.ends, block.links.ends, block.events.attributeCounts].map(numbers),
    numbers(block.names.indexes).map((entry) => block.names.entry(entry).toString()),
    numbers(block.events.names.indexes).map((entry) => block.events.names.entry(entry).toString()),
    Buffer.from(block.statusMessages.content()).toString(),
    [block.traceStates, block.links.traceStates].map((column) => Buffer.from(column.content()).toString()),
    [block.resources.attributes, block.scopes.attributes].map(attributesOf),
    [block.resources.schemaUrls, block.scopes.schemaUrls, block.scopes.names, block.scopes.versions].map((column) =>
      numbers(column.indexes).map((entry) => column.entry(entry).toString()),
    ),
  ];
}

test('a value that is nested too deeply is dropped with its key and counted where it stood', () => {
  const deep = { key: 'deep', value: nested(34) };
  const kept = { key: 'kept', value: nested(32) };
  const sent = {
    ...GOOD,
    attributes: [deep, kept],
    events: [event({ attributes: [kept, deep], droppedAttributesCount: 2 })],
  };
  const stored = {
    ...GOOD,
    attributes: [kept],
    droppedAttributesCount: 1,
    events: [event({ attributes: [kept], droppedAttributesCount: 3 })],
  };
  expectStored(sent, stored, { 'ingest.valueDepthMax': 2 });
});

test('what is beyond the limits of a span is dropped from its end, and counted', () => {
  const limits = { ...BLOCK_LIMITS, attributesMax: 2, eventsPerSpanMax: 1, linksPerSpanMax: 0 };
  const attributes = ['a', 'b', 'c', 'd'].map((key) => ({ key, value: { stringValue: key.repeat(200) } }));
  const link = { traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8), attributes };
  const sent = {
    ...GOOD,
    attributes,
    droppedAttributesCount: 1,
    events: [event({ attributes }), event({ attributes })],
    links: [link, link],
  };
  const stored = {
    ...GOOD,
    attributes: attributes.slice(0, 2),
    droppedAttributesCount: 3,
    events: [event({ attributes: attributes.slice(0, 2), droppedAttributesCount: 2 })],
    droppedEventsCount: 1,
    droppedLinksCount: 2,
  };
  const lost = { 'ingest.attributesMax': 4, 'ingest.eventsPerSpanMax': 1, 'ingest.linksPerSpanMax': 2 };
  expectStored(sent, stored, lost, limits);
});

test('texts and bytes that are too long are cut between characters, arrays and maps dropped', () => {
  const limits = { ...BLOCK_LIMITS, valueBytesMax: 128 };
  const long = '€'.repeat(60);
  const cut = '€'.repeat(42);
  const array = { arrayValue: { values: [{ stringValue: long }] } };
  const sent = {
    ...GOOD,
    name: long,
    status: { message: long, code: 2 },
    attributes: [
      { key: 'text', value: { stringValue: long } },
      { key: 'array', value: array },
      { key: 'bytes', value: { bytesValue: base64(200) } },
      { key: 'fits', value: { stringValue: 'x'.repeat(128) } },
    ],
    events: [event({ name: long })],
  };
  const stored = {
    ...GOOD,
    name: cut,
    status: { message: cut, code: 2 },
    attributes: [
      { key: 'text', value: { stringValue: cut } },
      { key: 'bytes', value: { bytesValue: base64(128) } },
      { key: 'fits', value: { stringValue: 'x'.repeat(128) } },
    ],
    droppedAttributesCount: 1,
    events: [event({ name: cut })],
  };
  expectStored(sent, stored, { 'ingest.valueBytesMax': 6 }, limits);
});

test('a trace state that is too long is cut between two members, of which a part would say something else', () => {
  const limits = { ...BLOCK_LIMITS, valueBytesMax: 128 };
  const member = 'ot=th:8abcdef';
  const ids = { traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8) };
  const exact = `${'a=b,'.repeat(28)}${'x'.repeat(16)}`;
  const sent = {
    ...GOOD,
    traceState: `${'a=b,'.repeat(30)}${member}`,
    links: [
      { ...ids, traceState: `${exact},${member}` },
      { ...ids, traceState: exact },
      { ...ids, traceState: 'x'.repeat(129) },
    ],
  };
  const stored = {
    ...GOOD,
    traceState: 'a=b,'.repeat(30).slice(0, -1),
    links: [
      { ...ids, traceState: exact },
      { ...ids, traceState: exact },
      { ...ids, traceState: '' },
    ],
  };
  expectStored(sent, stored, { 'ingest.valueBytesMax': 3 }, limits);
});

/** With this text wherever a request has a key or the name of a resource's or scope's. */
const named = (name: string, type: string): TracesData => {
  const attributes = [{ key: name, value: { intValue: '1' } }];
  const entityRefs = type === '' ? [] : [{ type }];
  const span = { ...GOOD, attributes };
  const scopeSpans = [{ scope: { name, version: name, attributes }, spans: [span], schemaUrl: name }];
  return { resourceSpans: [{ resource: { attributes, entityRefs }, scopeSpans, schemaUrl: name }] };
};

test('keys, and what resources and scopes are called, are cut as names are', () => {
  const limits = { ...BLOCK_LIMITS, valueBytesMax: 128 };
  const expected = rowsOf(new SpanBlock(7), named('x'.repeat(128), ''), 'json');
  for (const encoding of ['json', 'protobuf'] as const) {
    const block = new SpanBlock(7, limits);
    expect(rowsOf(block, named('x'.repeat(129), 'x'.repeat(129)), encoding)).toEqual(expected);
    expect(block.resources.entityRefs.entry(block.resources.entityRefs.indexes.at(0))).toHaveLength(0);
    expect(Object.fromEntries(block.losses.counts)).toEqual({ 'ingest.valueBytesMax': 8 });
  }
});

test('an array or a map that is longer than a value may be is dropped before what is in it is read', () => {
  const valueBytesMax = 1_000;
  const many = { values: Array.from({ length: 1_000 }, () => ({})) };
  const long = { key: 'long', value: { arrayValue: many } };
  const kept = { key: 'kept', value: { stringValue: 'v' } };
  const array = encodeOtlp(aRequest({ ...GOOD, attributes: [long, kept] }));
  for (const tag of [0x2a, 0x32]) {
    const body = Buffer.from(array);
    body[array.indexOf(Buffer.from([0x2a]), array.indexOf('long'))] = tag;
    const block = new SpanBlock(7, { ...BLOCK_LIMITS, valueBytesMax });
    block.mark();
    // The messages around it, each of which would be too many with a few of its elements.
    decodeOtlp(body, block, new RejectedSpans(), 12);
    expect([numbers(block.droppedAttributes), block.attributes.count]).toEqual([[1, 0], 1]);
    expect(Object.fromEntries(block.losses.counts)).toEqual({ 'ingest.valueBytesMax': 1 });
  }
});
