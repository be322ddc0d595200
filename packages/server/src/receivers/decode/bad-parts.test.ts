import * as fc from 'fast-check';
import type { Span } from '@throughline/trace';
import { expect, test } from 'vitest';
import { ByteBuffer } from '../../columns/growable-buffers.ts';
import { RejectedSpans, type Decode } from '../../columns/rejected-spans.ts';
import { BLOCK_LIMITS } from '../../columns/limits.ts';
import { writeNativeBlock } from '../../columns/write-native-block.ts';
import { MalformedRequestError } from '../../columns/ingest-result.ts';
import { SpanBlock } from '../../columns/span-block.ts';
import { parseJson } from '../otlp-json/json-object.ts';
import { decodeOtlp } from '../otlp/decode-otlp.ts';
import { decodeJsonTree } from '../otlp-json/otlp-json-tree.ts';
import { decodeOtlpJson } from '../otlp-json/decode-otlp-json.ts';
import { bytes, encodeOtlp, fixed64, rawVarint, text, varint } from '../testing/encode-otlp.ts';
import { readNativeRows } from '../testing/read-native.ts';

const GOOD: Span = {
  traceId: 'ab'.repeat(16),
  spanId: 'cd'.repeat(8),
  parentSpanId: 'ef'.repeat(8),
  name: 'a',
  kind: 2,
  startTimeUnixNano: '1795000000000000000',
  endTimeUnixNano: '1795000000000000001',
  status: { code: 2, message: 'm' },
};
const LINK = { traceId: '12'.repeat(16), spanId: '34'.repeat(8) };
const TIME_MAX = String(2n ** 63n - 1n);
const BEYOND = String(2n ** 64n - 1n);
const KEPT = { key: 'kept', value: { intValue: '1' } };

interface Outcome {
  readonly rows: unknown[][];
  readonly losses: Record<string, number>;
  readonly message: string;
  readonly rejected: { readonly counts: Record<string, number>; readonly message: string };
}

function outcomeOf(decode: Decode): Outcome {
  const block = new SpanBlock(7);
  const rejected = new RejectedSpans();
  block.mark();
  decode(block, rejected);
  const native = new ByteBuffer();
  if (block.rowCount > 0) writeNativeBlock(block, native);
  return {
    rows: readNativeRows(Buffer.from(native.content())),
    losses: Object.fromEntries(block.losses.counts),
    message: block.losses.message,
    rejected: { counts: Object.fromEntries(rejected.counts), message: rejected.summary.message },
  };
}

const requestOf = (spans: readonly unknown[]) => ({ resourceSpans: [{ scopeSpans: [{ spans }] }] });

const protobufOf = (spans: readonly unknown[]): Buffer =>
  encodeOtlp(requestOf(spans) as Parameters<typeof encodeOtlp>[0]);

/**
 * Every way in: the bytes as they are walked over, the same so written that they are parsed, and protobuf where it has
 * a word for it.
 */
const ways = {
  walked: (spans: readonly unknown[]): Decode => {
    const body = Buffer.from(JSON.stringify(requestOf(spans)));
    return (block, rejected) => decodeOtlpJson(body, block, rejected);
  },
  parsed: (spans: readonly unknown[]): Decode => {
    const request = parseJson(Buffer.from(JSON.stringify(requestOf(spans))));
    return (block, rejected) => decodeJsonTree(request, block, rejected);
  },
  protobuf: (spans: readonly unknown[]): Decode => {
    const body = protobufOf(spans);
    return (block, rejected) => decodeOtlp(body, block, rejected);
  },
};
const JSON_WAYS = [ways.walked, ways.parsed];
const rowsOf = (...spans: Span[]): unknown[][] => outcomeOf(ways.parsed(spans)).rows;

/** The time may be anything. */
const events = (timeUnixNano: unknown) =>
  ({ events: [{ name: 'e', timeUnixNano, attributes: [KEPT] }] }) as Partial<Span>;

test.each<[string, Partial<Span>, Partial<Span>, string]>([
  [
    'a link without ids',
    { links: [LINK, { traceId: '', spanId: '' }] },
    { links: [LINK], droppedLinksCount: 1 },
    'link',
  ],
  [
    'a link with a short trace id, and attributes',
    {
      links: [
        { ...LINK, traceId: 'abcd', attributes: [KEPT] },
        { ...LINK, attributes: [KEPT] },
      ],
      droppedLinksCount: 2,
    },
    { links: [{ ...LINK, attributes: [KEPT] }], droppedLinksCount: 3 },
    'link',
  ],
  ['a link with a long span id', { links: [{ ...LINK, spanId: 'cd'.repeat(16) }] }, { droppedLinksCount: 1 }, 'link'],
  ['a parent id of 2 bytes', { parentSpanId: 'abcd' }, { parentSpanId: '' }, 'parent_span_id'],
  ['a parent id of 16 bytes', { parentSpanId: 'ab'.repeat(16) }, { parentSpanId: '' }, 'parent_span_id'],
  ['an end after 2262', { endTimeUnixNano: BEYOND }, { endTimeUnixNano: TIME_MAX }, 'end_time'],
  ['an event after 2262', events(String(2n ** 63n)), events(TIME_MAX), 'event_time'],
  ['an unknown kind', { kind: 256 }, { kind: 0 }, 'field'],
  ['an unknown status', { status: { code: 0xffff_ffff } }, { status: { code: 0 } }, 'field'],
])('%s costs itself and is counted, whichever way it came', (_what, bad, stored, part) => {
  const expected = rowsOf(GOOD, { ...GOOD, ...stored }, GOOD);
  for (const way of Object.values(ways)) {
    const { rows, losses, message, rejected } = outcomeOf(way([GOOD, { ...GOOD, ...bad }, GOOD]));
    expect(rows).toEqual(expected);
    expect(losses).toEqual({ [part]: 1 });
    expect(message).toMatch(new RegExp(`^1 .*\\(${part}\\)`));
    expect(rejected.counts).toEqual({});
  }
});

test.each<[string, Partial<Span>]>([
  ['an end before the start', { endTimeUnixNano: '1' }],
  ['no end', { endTimeUnixNano: '0' }],
  ['an event without a time', events('0')],
  [
    'a link to an invalid context',
    { links: [{ traceId: '0'.repeat(32), spanId: '0'.repeat(16), attributes: [KEPT] }] },
  ],
  ['a kind that is not known yet', { kind: 99 }],
  ['a trace state that is none', { traceState: '=,;\u0000=,' }],
  ['an empty key, and one twice', { attributes: [{ key: '', value: {} }, KEPT, KEPT] }],
  [
    'NaN and infinity',
    {
      attributes: [
        { key: 'n', value: { doubleValue: 'NaN' } },
        { key: 'i', value: { doubleValue: '-Infinity' } },
      ],
    },
  ],
])('%s is kept as it is, whichever way it came', (_what, fields) => {
  const outcomes = Object.values(ways).map((way) => outcomeOf(way([{ ...GOOD, ...fields }])));
  expect(outcomes[0]).toMatchObject({ losses: {}, message: '', rejected: { counts: {} } });
  expect(outcomes[0]?.rows).toHaveLength(1);
  for (const outcome of outcomes) expect(outcome).toEqual(outcomes[0]);
});

const badValue = (value: unknown) => ({ attributes: [KEPT, { key: 'bad', value }, KEPT] });
const withoutBadValue = { attributes: [KEPT, KEPT], droppedAttributesCount: 1 };

/** What is wrong with a span of JSON, how it is stored, what is counted, and how the message is known. */
const BAD_PARTS: readonly (readonly [string, object, Partial<Span>, Record<string, number>, string | RegExp])[] = [
  ...[
    { intValue: 'abc' },
    { intValue: '9223372036854775808' },
    { intValue: 1.5 },
    { intValue: 1e300 },
    { boolValue: 'true' },
    { stringValue: 5 },
    { stringValue: 'x', intValue: '1' },
    { doubleValue: 'nan' },
    { doubleValue: false },
    { bytesValue: '*' },
    { bytesValue: 5 },
    { arrayValue: [] },
    { arrayValue: { values: {} } },
    { arrayValue: { values: [null] } },
    { arrayValue: { values: [{ intValue: 'x' }] } },
    { kvlistValue: { values: [{ key: 5 }] } },
    { kvlistValue: { values: [{ key: 'k', value: { boolValue: 0 } }] } },
    'text',
    5,
    [],
  ].map((value): [string, object, Partial<Span>, Record<string, number>, string | RegExp] => [
    `a value ${JSON.stringify(value)}`,
    badValue(value),
    withoutBadValue,
    { attribute: 1 },
    'spans[1].attributes[1].value',
  ]),
  [
    'a key that is no text',
    { attributes: [{ key: 5, value: {} }] },
    { droppedAttributesCount: 1 },
    { attribute: 1 },
    /attributes\[0\]\.key: .*found 5/,
  ],
  [
    'an attribute that is null',
    { attributes: [null, KEPT] },
    { attributes: [KEPT], droppedAttributesCount: 1 },
    { attribute: 1 },
    /attributes\[0\]: .*found null/,
  ],
  [
    'attributes as an object',
    { attributes: { a: 1 } },
    { droppedAttributesCount: 1 },
    { attribute: 1 },
    /attributes: .*found an object/,
  ],
  ['a parent id that is no hexadecimal text', { parentSpanId: 'xyz' }, { parentSpanId: '' }, { parent_span_id: 1 }, ''],
  ['a parent id that is a number', { parentSpanId: 5 }, { parentSpanId: '' }, { parent_span_id: 1 }, ''],
  [
    'a link whose id is no hexadecimal text',
    { links: [LINK, { ...LINK, traceId: 'z'.repeat(32) }] },
    { links: [LINK], droppedLinksCount: 1 },
    { link: 1 },
    '',
  ],
  [
    'a link that is none',
    { links: [null, LINK] },
    { links: [LINK], droppedLinksCount: 1 },
    { link: 1 },
    /links\[0\]: .*found null/,
  ],
  ['links as an object', { links: {} }, {}, { field: 1 }, /links: .*an array/],
  [
    'an event that is none',
    { events: ['e'], droppedEventsCount: 1 },
    { droppedEventsCount: 2 },
    { event: 1 },
    /events\[0\]: .*found "e"/,
  ],
  [
    'an event before 1970',
    events('-1'),
    events('0'),
    { event_time: 1 },
    'events[0].timeUnixNano: expected an unsigned 64-bit',
  ],
  ['an event at half a nanosecond', events(1.5), events('0'), { event_time: 1 }, 'timeUnixNano'],
  [
    'an end before 1970',
    { endTimeUnixNano: -1 },
    { endTimeUnixNano: '0' },
    { end_time: 1 },
    'spans[1].endTimeUnixNano',
  ],
  ['an end that is no number', { endTimeUnixNano: 'now' }, { endTimeUnixNano: '0' }, { end_time: 1 }, 'found "now"'],
  ['an end beyond 64 bits', { endTimeUnixNano: '9'.repeat(30) }, { endTimeUnixNano: TIME_MAX }, { end_time: 1 }, ''],
  ['a name that is a number', { name: 5 }, { name: '' }, { field: 1 }, /spans\[1\]\.name: .*found 5/],
  [
    'a kind of another language',
    { kind: 'foo' },
    { kind: 0 },
    { field: 1 },
    /spans\[1\]\.kind: .*0 to 255 .*SPAN_KIND_UNSPECIFIED/,
  ],
  ['a negative kind', { kind: -1 }, { kind: 0 }, { field: 1 }, 'kind'],
  [
    'negative numbers',
    { flags: -1, droppedAttributesCount: -1, droppedEventsCount: '-1', droppedLinksCount: 0.5 },
    {},
    { field: 4 },
    /spans\[1\]\.flags: .*32-bit.*found -1/,
  ],
  ['flags beyond 32 bits', { flags: 4294967296 }, {}, { field: 1 }, 'found 4294967296'],
  ['a status that is none', { status: [] }, { status: {} }, { field: 1 }, /status: .*found an array/],
  [
    'a status message that is none',
    { status: { code: 2, message: {} } },
    { status: { code: 2 } },
    { field: 1 },
    'status.message',
  ],
  ['a trace state that is no text', { traceState: 7 }, {}, { field: 1 }, 'traceState'],
];

test.each(BAD_PARTS)(
  'in JSON %s costs itself, is counted, and the message names where',
  (_what, bad, stored, lost, problem) => {
    const expected = rowsOf(GOOD, { ...GOOD, ...stored }, GOOD);
    for (const way of JSON_WAYS) {
      const { rows, losses, message, rejected } = outcomeOf(way([GOOD, { ...GOOD, ...bad }, GOOD]));
      expect(rows).toEqual(expected);
      expect(losses).toEqual(lost);
      expect(message).toMatch(problem);
      expect(rejected.counts).toEqual({});
    }
  },
);

/** Spans that cannot be stored, the reason as it is counted, and how the message is known. */
const BAD_SPANS: readonly (readonly [string, unknown, string, RegExp])[] = [
  [
    'a trace id in base64',
    { ...GOOD, traceId: 'CvdlGRbNQ92ESOshHIAxnA==' },
    'trace_id',
    /trace id .*32 hexadecimal digits/,
  ],
  ['a trace id with dashes', { ...GOOD, traceId: '1-2-3' }, 'trace_id', /trace id .*32 hexadecimal digits/],
  ['a span id that is a number', { ...GOOD, spanId: 5 }, 'span_id', /span id .*16 hexadecimal digits/],
  ['no span id', { ...GOOD, spanId: null }, 'span_id', /span id .*0 bytes/],
  ['a start before 1970', { ...GOOD, startTimeUnixNano: '-1' }, 'start_time', /start time .*missing/],
  ['no start', { ...GOOD, startTimeUnixNano: undefined }, 'start_time', /start time .*missing/],
  ['a start beyond 64 bits', { ...GOOD, startTimeUnixNano: '9'.repeat(30) }, 'start_time', /start time .*2106/],
  ['null', null, 'trace_id', /resourceSpans\[0\]\.scopeSpans\[0\]\.spans\[1\]: .*found null/],
];

test.each(BAD_SPANS)('in JSON %s costs the span and no other', (_what, bad, code, message) => {
  const expected = rowsOf(GOOD, GOOD);
  for (const way of JSON_WAYS) {
    const { rows, losses, rejected } = outcomeOf(way([GOOD, bad, GOOD]));
    expect(rows).toEqual(expected);
    expect(losses).toEqual({});
    expect(rejected).toEqual({ counts: { [code]: 1 }, message: expect.stringMatching(/^1 span /) });
    expect(rejected.message).toMatch(message);
  }
});

test.each([
  ['a resource', { resource: 5, scopeSpans: [{ spans: [GOOD] }] }],
  ['a scope', { scopeSpans: [{ scope: [], spans: [GOOD] }] }],
  ['a list of entities', { resource: { entityRefs: [7] }, scopeSpans: [{ spans: [GOOD] }] }],
  ['a schema URL', { schemaUrl: {}, scopeSpans: [{ spans: [GOOD] }] }],
  ['a list of spans', { scopeSpans: [{ spans: {} }, { spans: [GOOD] }] }],
  ['a list of scopes', { scopeSpans: [null, { spans: [GOOD] }] }],
])('in JSON %s that is none costs no span that is there', (_what, resourceSpans) => {
  const body = Buffer.from(
    JSON.stringify({ resourceSpans: [resourceSpans, null, requestOf([GOOD]).resourceSpans[0]] }),
  );
  const { rows, losses } = outcomeOf((block, rejected) => decodeOtlpJson(body, block, rejected));
  expect(rows).toEqual(rowsOf(GOOD, GOOD));
  expect(losses).toEqual({ field: 2 });
});

test('an attribute of a resource, a scope, an event and a link is dropped and counted in it', () => {
  const attributes = [{ key: 'a', value: { intValue: {} } }];
  const good = { attributes: [], droppedAttributesCount: 1 };
  const [bad, expected] = [{ attributes }, good].map((owner) => {
    const span = { ...GOOD, events: [{ name: 'e', timeUnixNano: '1', ...owner }], links: [{ ...LINK, ...owner }] };
    const request = { resourceSpans: [{ resource: owner, scopeSpans: [{ scope: owner, spans: [span] }] }] };
    return outcomeOf((block, rejected) => decodeOtlpJson(Buffer.from(JSON.stringify(request)), block, rejected));
  });
  expect(bad?.rows).toEqual(expected?.rows);
  expect(bad?.losses).toEqual({ attribute: 4 });
});

test('a link without ids takes no other link’s place', () => {
  const block = new SpanBlock(7, { ...BLOCK_LIMITS, linksPerSpanMax: 1 });
  block.mark();
  const links = [{}, LINK, {}, LINK];
  decodeOtlpJson(Buffer.from(JSON.stringify(requestOf([{ ...GOOD, links }]))), block, new RejectedSpans());
  expect(block.links.count).toBe(1);
  expect(block.droppedLinks.at(0)).toBe(3);
  expect(Object.fromEntries(block.losses.counts)).toEqual({ link: 2, 'ingest.linksPerSpanMax': 1 });
});

/** A span with all that it may have, for a value to be put anywhere into it. */
const WHOLE = {
  ...GOOD,
  traceState: 'a=b',
  flags: 1,
  attributes: [KEPT, { key: 'k', value: { arrayValue: { values: [{ stringValue: 'x' }] } } }],
  droppedAttributesCount: 1,
  events: [{ name: 'e', timeUnixNano: '1', attributes: [KEPT], droppedAttributesCount: 1 }],
  droppedEventsCount: 1,
  links: [{ ...LINK, traceState: 'c=d', flags: 1, attributes: [KEPT] }],
  droppedLinksCount: 1,
};
const FIRST: Span = { ...GOOD, name: 'first' };
const LAST: Span = { ...GOOD, name: 'last' };

/** A copy with another value at some place in it. */
function changed(whole: unknown, path: readonly number[], value: unknown): unknown {
  if (typeof whole !== 'object' || whole === null || path.length === 0) return value;
  const [step = 0, ...rest] = path;
  if (Array.isArray(whole)) {
    const index = step % Math.max(1, whole.length);
    return whole.map((item, at): unknown => (at === index ? changed(item, rest, value) : item));
  }
  const entries = Object.entries(whole);
  const index = step % Math.max(1, entries.length);
  return Object.fromEntries(entries.map(([key, item], at) => [key, at === index ? changed(item, rest, value) : item]));
}

test('whatever stands in a span of JSON, those beside it are stored as they are', () => {
  const [first, last] = rowsOf(FIRST, LAST);
  const path = fc.array(fc.nat(20), { maxLength: 6 });
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    fc.constantFrom<unknown>(
      -1,
      1.5,
      1e300,
      BEYOND,
      '-1',
      '9'.repeat(50),
      'xyz',
      'ab',
      '',
      '0'.repeat(32),
      {},
      [],
      [null],
    ),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(path, value), { minLength: 1, maxLength: 3 }), (changes) => {
      const bad = changes.reduce<unknown>((span, [where, what]) => changed(span, where, what), WHOLE);
      const spans = [FIRST, bad, LAST];
      const walked = outcomeOf(ways.walked(spans));
      expect(walked).toEqual(outcomeOf(ways.parsed(spans)));
      const { rows, rejected } = walked;
      expect([rows[0], rows.at(-1)]).toEqual([first, last]);
      expect(rows.length + Object.values(rejected.counts).reduce((sum, count) => sum + count, 0)).toBe(3);
    }),
    { numRuns: 500 },
  );
});

/** Any of these fields, in any order. */
const message = (field: number, ...fields: fc.Arbitrary<Buffer>[]) =>
  fc.array(fc.oneof(...fields), { maxLength: 5 }).map((list) => bytes(field, Buffer.concat(list)));

test('whatever the fields of a protobuf span hold, those beside it are stored as they are', () => {
  const [first, last] = rowsOf(FIRST, LAST);
  const uint64 = fc.oneof(fc.bigInt(0n, 2n ** 64n - 1n), fc.constantFrom(0n, 2n ** 63n, 2n ** 64n - 1n));
  const anyBytes = fc.uint8Array({ maxLength: 20 });
  const time = (field: number) => uint64.map((value) => fixed64(field, String(value)));
  const anyText = (field: number) => anyBytes.map((value) => bytes(field, value));
  const numberOf = (field: number) => uint64.map((value) => varint(field, value));
  const attribute = (field: number) =>
    message(field, anyText(1), message(2, anyText(1), numberOf(2), numberOf(3), anyText(7)));
  const span = message(
    2,
    ...[1, 2, 3, 4, 5].map(anyText),
    ...[6, 10, 12, 14].map(numberOf),
    ...[7, 8].map(time),
    attribute(9),
    message(11, time(1), anyText(2), attribute(3), numberOf(4)),
    message(13, anyText(1), anyText(2), anyText(3), attribute(4), numberOf(5)),
    message(15, anyText(2), numberOf(3)),
    fc.nat(1000).map((number) => Buffer.concat([rawVarint(BigInt(20 + number) << 3n), rawVarint(7n)])),
  );
  const ids = Buffer.concat([
    bytes(1, Buffer.alloc(16, 1)),
    bytes(2, Buffer.alloc(8, 1)),
    fixed64(7, GOOD.startTimeUnixNano),
    text(5, 'middle'),
  ]);
  fc.assert(
    fc.property(span, fc.boolean(), (sent, hasIds) => {
      const bad = hasIds ? bytes(2, Buffer.concat([sent.subarray(sent.length < 130 ? 2 : 3), ids])) : sent;
      const body = Buffer.concat([protobufOf([FIRST]), bytes(1, bytes(2, bad)), protobufOf([LAST])]);
      const { rows, rejected } = outcomeOf((block, all) => decodeOtlp(body, block, all));
      expect([rows[0], rows.at(-1)]).toEqual([first, last]);
      expect(rows.length).toBe(hasIds ? 3 : 3 - Object.keys(rejected.counts).length);
    }),
    { numRuns: 500 },
  );
});

test.each(['[]', 'null', '"a"', '{"resourceSpans":{}}', '{"resourceSpans":[', ''])(
  'what is no request at all is malformed: %s',
  (body) => {
    const decode = (): unknown => outcomeOf((block, rejected) => decodeOtlpJson(Buffer.from(body), block, rejected));
    expect(decode).toThrow(MalformedRequestError);
  },
);

/** What both ways of JSON make of a request. */
function jsonOutcomeOf(request: unknown): Outcome {
  const body = Buffer.from(JSON.stringify(request));
  const outcome = outcomeOf((block, rejected) => decodeOtlpJson(body, block, rejected));
  expect(outcome).toEqual(outcomeOf((block, rejected) => decodeJsonTree(parseJson(body), block, rejected)));
  return outcome;
}
const RESOURCE = { attributes: [KEPT] };

/** Requests that have no spans where OTLP/JSON has them, and how the message is known. */
const OTHER_MEMBERS: readonly (readonly [string, object, string])[] = [
  [
    'the records of another signal',
    { resourceLogs: [{}] },
    'the request: expected "resourceSpans", found "resourceLogs"',
  ],
  ['spans alone', { spans: [GOOD] }, 'the request: expected "resourceSpans", found "spans"'],
  ['names in another case', { ResourceSpans: [] }, 'the request: expected "resourceSpans", found "ResourceSpans"'],
  [
    'the name that scopes had before 2022',
    { resourceSpans: [{ resource: RESOURCE, schemaUrl: '', instrumentationLibrarySpans: [{ spans: [GOOD] }] }] },
    'resourceSpans[0]: expected "scopeSpans", found "instrumentationLibrarySpans"',
  ],
  [
    'spans of no scope, the second of two resources',
    { resource_spans: [{ scope_spans: [{ spans: [] }] }, { spans: [GOOD] }] },
    'resourceSpans[1]: expected "scopeSpans", found "spans"',
  ],
  [
    'a list of another name in a scope',
    { resourceSpans: [{ scopeSpans: [{ scope: {}, schema_url: 'a', span: [GOOD] }] }] },
    'resourceSpans[0].scopeSpans[0]: expected "spans", found "span"',
  ],
];

test.each(OTHER_MEMBERS)('%s where spans should be: the message names what OTLP/JSON has', (_, request, problem) => {
  expect(jsonOutcomeOf(request)).toMatchObject({
    rows: [],
    losses: { unknown_member: 1 },
    message: expect.stringMatching(/^1 object .*\(unknown_member\); /) as string,
  });
  expect(jsonOutcomeOf(request).message).toContain(`: ${problem}`);
});

test('the messages are those in bad-parts-messages.golden.txt', async () => {
  const parts = BAD_PARTS.map(([what, bad]) => [what, outcomeOf(ways.walked([{ ...GOOD, ...bad }])).message]);
  const spans = BAD_SPANS.map(([what, bad]) => [what, outcomeOf(ways.walked([bad])).rejected.message]);
  const others = OTHER_MEMBERS.map(([what, request]) => [what, jsonOutcomeOf(request).message]);
  const lines = [...parts, ...spans, ...others].map(([what, told]) => `${what}\n  ${told}\n`);
  await expect(lines.join('\n')).toMatchFileSnapshot('bad-parts-messages.golden.txt');
});

test.each<[string, unknown]>([
  ['nothing', {}],
  ['an empty list', { resourceSpans: [], sentAt: 1 }],
  ['null', { resourceSpans: null, sentAt: 1 }],
  ['a resource without scopes', { resourceSpans: [{ resource: RESOURCE, schemaUrl: 'a' }] }],
  ['members beside spans', { a: 1, resourceSpans: [{ b: 1, scopeSpans: [{ c: 1, spans: [{ ...GOOD, d: 1 }] }] }] }],
  [
    'names in snake case',
    { resource_spans: [{ resource: RESOURCE, scope_spans: [{ schema_url: 'a', spans: [GOOD] }] }] },
  ],
])('%s is no reason to tell', (_, request) => {
  expect(jsonOutcomeOf(request)).toMatchObject({ losses: {}, message: '' });
});
