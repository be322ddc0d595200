import { isUtf8 } from 'node:buffer';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteBuffer } from '../../columns/growable-buffers.ts';
import { RejectedSpans, type Decode } from '../../columns/rejected-spans.ts';
import { BLOCK_LIMITS, type BlockLimits } from '../../columns/limits.ts';
import { writeNativeBlock } from '../../columns/write-native-block.ts';
import { MalformedRequestError, RequestTooLargeError } from '../../columns/ingest-result.ts';
import { SpanBlock } from '../../columns/span-block.ts';
import { Seeded } from '../../columns/testing/seeded.ts';
import { isLong } from '../../storage/testing/sample-of.ts';
import { REPAIRED_TEXTS } from '../../columns/repaired-text.ts';
import { parseJson } from './json-object.ts';
import { checkObjectCount } from './check-object-count.ts';
import { decodeJsonTree } from './otlp-json-tree.ts';
import { OTLP_HTTP_LIMITS } from '../limits.ts';
import { decodeOtlpJson } from './decode-otlp-json.ts';
import { walkOtlpJson } from './walk-otlp-json.ts';
import { arbitraryOtlp } from '../testing/arbitrary-otlp.ts';
import { fuzzCorpus } from '../testing/fuzz-corpus.ts';
import { JsonMutator } from '../testing/mutate-json.ts';
import { readNativeRows } from '../testing/read-native.ts';
import { restyledJson } from '../testing/restyle-json.ts';

/** Each of mutants, and of bodies that are written in other ways. */
const BODIES = isLong ? 1_500 : 250;
const SEED = Number(process.env['THROUGHLINE_TEST_SEED'] ?? 20_261_123);
const corpus = fuzzCorpus();
/** So low that many bodies reach them. */
const TIGHT: BlockLimits = {
  ...BLOCK_LIMITS,
  attributesMax: 3,
  valueBytesMax: 100,
  valueDepthMax: 1,
  eventsPerSpanMax: 1,
  linksPerSpanMax: 1,
  spansPerRequestMax: 3,
  requestBytesMax: 6_000,
};

/** As `decodeOtlpJson` would without its walker. */
function decodeParsed(sent: Uint8Array, block: SpanBlock, rejected: RejectedSpans, objectsMax: number): void {
  const hasMark = sent[0] === 0xef && sent[1] === 0xbb && sent[2] === 0xbf;
  const body = hasMark ? sent.subarray(3) : sent;
  checkObjectCount(body, objectsMax);
  decodeJsonTree(parseJson(body), block, rejected);
  if (!isUtf8(body)) block.losses.add(REPAIRED_TEXTS);
}

/** All that anybody learns of a request, whose block holds another one already. */
function outcomeOf(decode: Decode, limits: BlockLimits): unknown {
  const block = new SpanBlock(7, limits);
  block.mark();
  decodeJsonTree(parseJson(FIRST), block, new RejectedSpans());
  const rejected = new RejectedSpans();
  block.mark(1_000, 2_000_000_000);
  let error = '';
  try {
    decode(block, rejected);
  } catch (thrown) {
    if (!(thrown instanceof MalformedRequestError || thrown instanceof RequestTooLargeError)) throw thrown;
    block.rollback();
    error = `${thrown.name}: ${thrown.message}`;
  }
  const native = new ByteBuffer();
  writeNativeBlock(block, native);
  const { counts, message } = block.losses;
  return {
    error,
    rows: readNativeRows(Buffer.from(native.content())),
    losses: error === '' ? [Object.fromEntries(counts), message] : [],
    rejected: error === '' ? rejected.summary : null,
  };
}

const FIRST = Buffer.from(JSON.stringify(corpus[3]));
const taken = { walked: 0, left: 0 };

/** Throws with the body where the walker makes a difference. */
function expectSame(body: Buffer, limits: BlockLimits, objectsMax = 1_000): void {
  const walk: Decode = (block, rejected) => decodeOtlpJson(body, block, rejected, objectsMax);
  const parse: Decode = (block, rejected) => decodeParsed(body, block, rejected, objectsMax);
  expect(outcomeOf(walk, limits), body.toString('latin1')).toEqual(outcomeOf(parse, limits));
  const block = new SpanBlock(7, limits);
  const rejected = new RejectedSpans();
  block.mark();
  const before = block.byteLength;
  const isWalked = isUtf8(body) && walkOtlpJson(body, block, rejected, objectsMax);
  if (isWalked) taken.walked += 1;
  else taken.left += 1;
  const isAsBefore =
    block.rowCount === 0 && block.byteLength === before && block.losses.message === '' && rejected.message === '';
  if (!isWalked && !isAsBefore) throw new Error(`something of it stays: ${body.toString('latin1')}`);
}

for (const [what, limits] of [
  ['usual limits', BLOCK_LIMITS],
  ['tight limits', TIGHT],
] as const) {
  test(`a mutated body gives what its objects give, with ${what}`, () => {
    const mutator = new JsonMutator(
      new Seeded(SEED),
      corpus.map((request) => JSON.stringify(request)),
    );
    taken.walked = taken.left = 0;
    for (let index = 0; index < BODIES; index++) expectSame(mutator.next(), limits);
    expect(taken.walked).toBeGreaterThan(BODIES / 10);
    expect(taken.left).toBeGreaterThan(BODIES / 10);
  });

  test(`a body gives what its objects give, however it is written, with ${what}`, () => {
    const random = new Seeded(SEED + 1);
    taken.walked = taken.left = 0;
    for (let index = 0; index < BODIES; index++) expectSame(restyledJson(random.pick(corpus), random), limits);
    expect(taken.walked).toBeGreaterThan((BODIES * 2) / 15);
    expect(taken.left).toBeGreaterThan(BODIES / 10);
  });
}

test('a body of any request gives what its objects give', () => {
  fc.assert(
    fc.property(arbitraryOtlp, fc.nat(), (request, seed) => {
      expectSame(restyledJson(request, new Seeded(seed)), BLOCK_LIMITS);
    }),
    { numRuns: isLong ? 300 : 100 },
  );
});

const walks = (text: string): boolean => {
  const block = new SpanBlock(7);
  block.mark();
  return walkOtlpJson(Buffer.from(text), block, new RejectedSpans(), OTLP_HTTP_LIMITS.jsonObjectsMax);
};

test('requests as serializers write them are never left to the parser', () => {
  for (const request of corpus) {
    expect(walks(JSON.stringify(request))).toBe(true);
    expect(walks(JSON.stringify(request, null, 2))).toBe(true);
    // In the order of the names.
    expect(walks(JSON.stringify(sorted(request)))).toBe(true);
    expect(walks(JSON.stringify(request).replaceAll('/', String.raw`\/`))).toBe(true);
    const escaped = JSON.stringify(request).replace(
      /[\u0080-\uffff]/g,
      (unit) => String.raw`\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
    expect(walks(escaped)).toBe(true);
  }
});

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => sorted(item));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(entries.map(([name, member]) => [name, sorted(member)]));
}

const span = (members: string): string =>
  `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"${'aB'.repeat(16)}","spanId":"${'cd'.repeat(8)}","startTimeUnixNano":"1795000000000000000",${members}}]}]}]}`;
const attribute = (value: string): string => span(`"attributes":[{"key":"k","value":${value}}]`);

test.each([
  ['an unknown member', span('"unknown":{"a":[1,{"b":"}"}]}')],
  ['an array and a map', attribute('{"arrayValue":{"values":[{"kvlistValue":{"values":[]}}]}}')],
  ['null', span('"parentSpanId":null,"events":null,"attributes":null')],
  ['a double', attribute('{"doubleValue":0.125}')],
  ['a double with an exponent', attribute('{"doubleValue":1.25e-7}')],
  ['a negative integer', attribute('{"intValue":"-7"}')],
  ['an escape', attribute(String.raw`{"stringValue":"a\n\"\u00e4"}`)],
  ['no value', attribute('{}')],
  ['names of enums', span('"kind":"SPAN_KIND_CLIENT","status":{"code":"STATUS_CODE_ERROR"}')],
  ['snake_case', span('"end_time_unix_nano":1795000000000000001,"parent_span_id":""')],
  ['a value before its key', span('"attributes":[{"value":{"intValue":1},"key":"k"}]')],
])('%s does not leave a whole body to the parser', (_what, body) => {
  expect(walks(body)).toBe(true);
  expectSame(Buffer.from(body), BLOCK_LIMITS);
});

test.each([
  ['a member twice', span('"name":"a","name":"b"')],
  ['the end of the body within a name', '{"'],
  ['the end of the body within a value', attribute('{"stringValue":"')],
  ['a control character behind a backslash', attribute('{"stringValue":"a\\\\\n"}')],
  ['a second value behind the request', `${span('"name":"a"')}{}`],
  ['a resource behind its scopes', '{"resourceSpans":[{"scopeSpans":[{}],"resource":{}}]}'],
  ['an enum number that the column does not hold', span('"kind":256')],
  ['a number that begins with zeros', attribute('{"intValue":007000000000000}')],
  ['an integer beyond 64 bits with its sign', attribute('{"intValue":9223372036854775808}')],
  ['enum names in snake_case', span('"kind":"_s_p_a_n__k_i_n_d__s_e_r_v_e_r"')],
])('%s is for the parser to judge', (_what, body) => {
  expect(walks(body)).toBe(false);
  expectSame(Buffer.from(body), BLOCK_LIMITS);
});

test('of two losses the same is reported first, in whatever order they stand', () => {
  const long = `{"key":"k","value":{"stringValue":"${'x'.repeat(200)}"}}`;
  const many = `"attributes":[${Array(5).fill('{"key":"k","value":{}}').join(',')}]`;
  const body = Buffer.from(span(`"events":[{"timeUnixNano":"1",${many}}],"attributes":[${long}]`));
  const before = taken.walked;
  expectSame(body, TIGHT);
  expect(taken.walked).toBe(before + 1);
});

test('numbers are those that the parser reads, to the last digit', () => {
  const digits = fc.array(fc.nat(9), { maxLength: 21 }).map((list) => list.join(''));
  const number = fc
    .tuple(fc.constantFrom('', '', '-'), digits, fc.constantFrom('', '.'), digits, fc.constantFrom('', '', 'e-7', 'E3'))
    .map((parts) => parts.join(''));
  const quoted = fc.tuple(number, fc.boolean()).map(([text, isQuoted]) => (isQuoted ? `"${text}"` : text));
  fc.assert(
    fc.property(fc.constantFrom('intValue', 'doubleValue'), quoted, quoted, (member, value, time) => {
      expectSame(Buffer.from(attribute(`{"${member}":${value}}`)), BLOCK_LIMITS);
      expectSame(Buffer.from(span(`"endTimeUnixNano":${time}`)), BLOCK_LIMITS);
      expectSame(Buffer.from(span(`"flags":${time}`)), BLOCK_LIMITS);
    }),
    { numRuns: isLong ? 1_000 : 300 },
  );
});

test('a body of as many objects as it may have is walked over, one of more is for the parser to reject', () => {
  for (const request of corpus) {
    for (const space of [undefined, 2]) {
      const body = Buffer.from(JSON.stringify(request, null, space));
      const objects = JSON.stringify(request, (_key, value: unknown) => (typeof value === 'string' ? '' : value));
      const count = objects.match(/[[{]/g)?.length ?? 0;
      for (const objectsMax of [count, count - 1]) {
        const block = new SpanBlock(7);
        block.mark();
        expect(walkOtlpJson(body, block, new RejectedSpans(), objectsMax)).toBe(objectsMax === count);
        expectSame(body, BLOCK_LIMITS, objectsMax);
      }
    }
  }
});
