import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AttributeValue } from '../../span/attribute-value.ts';
import { startWithOptions } from '../../opentelemetry/adapters.ts';
import type { Span } from '../../span/span.ts';
import { Double, type ReadSpan } from '../../test-support/otlp-reader.ts';
import { newRecorded, START_UNIX_MS, TEST_SCOPE, type Recorded } from '../../test-support/recorded.ts';

function readOne(recorded: Recorded): ReadSpan {
  const [span, ...others] = recorded.read();
  expect(others).toEqual([]);
  if (span === undefined) throw new Error('no span was encoded');
  return span;
}

/** What the reader answers for a value that was set: by OpenTelemetry's mapping of attributes to AnyValue. */
function expected(value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : new Double(value);
  if (typeof value === 'string') return value.toWellFormed?.() ?? Buffer.from(value).toString();
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (Array.isArray(value)) return value.map(expected);
  if (typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [wellFormed(key), expected(inner)]));
}

const wellFormed = (text: string): string => Buffer.from(text).toString();

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
  fc.string({ minLength: 20, maxLength: 300 }),
);
const leaf: fc.Arbitrary<AttributeValue> = fc.oneof(
  text,
  fc.double(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.boolean(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.uint8Array(),
);
const { value: attributeValue } = fc.letrec<{ value: AttributeValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    leaf,
    fc.array(fc.oneof(tie('value'), fc.constant(null))),
    fc.dictionary(fc.string({ minLength: 1 }), tie('value')) as fc.Arbitrary<AttributeValue>,
  ),
}));
const attributes = fc.dictionary(fc.string({ minLength: 1, maxLength: 40 }), attributeValue, { maxKeys: 20 });

describe('the OTLP encoder', () => {
  it('writes every field of a span that OTLP has', () => {
    const recorded = newRecorded({ attributeCountLimit: 2, eventCountLimit: 1, linkCountLimit: 1 });
    const { recorder, clock } = recorded;
    const remote = recorder.identityOf({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      traceFlags: 1,
      isRemote: true,
    });
    const span: Span = startWithOptions(
      recorder,
      TEST_SCOPE,
      'GET /orders',
      remote,
      {
        kind: 1,
        attributes: { a: 'x', b: 2 },
        links: [
          {
            context: { traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1, isRemote: true },
            attributes: { why: 'batch' },
          },
        ],
      },
      undefined,
    );
    span.setAttribute('c', 'one too many');
    clock.nowMs = 1.5;
    span.addEvent('first', { n: 1 }).addEvent('second');
    span.addLink({ context: { traceId: '3'.repeat(32), spanId: '4'.repeat(16), traceFlags: 0 } });
    span.setStatus({ code: 2, message: 'no stock' });
    clock.nowMs = 12.345678;
    span.end();

    expect(readOne(recorded)).toEqual({
      scope: { name: 'test-scope', version: '1.2.3', schemaUrl: 'https://example.com/schema', attributes: {} },
      resource: { 'service.name': 'test' },
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: span.spanContext().spanId,
      parentSpanId: 'b7ad6b7169203331',
      traceState: '',
      flags: 0x301,
      name: 'GET /orders',
      kind: 2,
      startTimeUnixNano: BigInt(START_UNIX_MS) * 1_000_000n,
      endTimeUnixNano: BigInt(START_UNIX_MS) * 1_000_000n + 12_345_678n,
      attributes: { a: 'x', b: 2n },
      droppedAttributesCount: 1,
      events: [
        {
          timeUnixNano: BigInt(START_UNIX_MS) * 1_000_000n + 1_500_000n,
          name: 'first',
          attributes: { n: 1n },
          droppedAttributesCount: 0,
        },
      ],
      droppedEventsCount: 1,
      links: [
        {
          traceId: '1'.repeat(32),
          spanId: '2'.repeat(16),
          traceState: '',
          flags: 0x301,
          attributes: { why: 'batch' },
          droppedAttributesCount: 0,
        },
      ],
      droppedLinksCount: 1,
      status: { code: 2, message: 'no stock' },
    });
  });

  it('says that a local parent is not remote, and of a root only that this is known', () => {
    const recorded = newRecorded();
    const root = recorded.recorder.start(TEST_SCOPE, 'root', undefined, undefined, undefined);
    recorded.recorder.start(TEST_SCOPE, 'child', root, undefined, undefined).end();
    root.end();
    expect(recorded.read().map(({ flags, parentSpanId }) => [flags, parentSpanId])).toEqual([
      [0x103, root.spanContext().spanId],
      [0x103, ''],
    ]);
  });

  it('gives back any attributes that it was given', () => {
    const recorded = newRecorded();
    fc.assert(
      fc.property(text, attributes, text, attributes, (name, spanAttributes, eventName, eventAttributes) => {
        const span: Span = recorded.recorder.start(TEST_SCOPE, name, undefined, 0, undefined);
        span.setAttributes(spanAttributes).addEvent(eventName, eventAttributes).end();
        const read = readOne(recorded);
        expect(read.name).toBe(wellFormed(name));
        expect(read.attributes).toEqual(expected(spanAttributes));
        expect(read.events[0]?.name).toBe(wellFormed(eventName));
        expect(read.events[0]?.attributes).toEqual(expected(eventAttributes));
      }),
      { numRuns: 500, seed: 7 },
    );
  });

  it('gives back any attributes of spans that are alike, whatever the one before had', () => {
    const texts = ['', 'GET', 'PUT', 'POST', 'PÜT', 'x'.repeat(24), 'y'.repeat(24), 'ä'.repeat(24), 'w'.repeat(130)];
    const integers = [0, -0, 1, 127, 128, 404, 16_383, 16_384, 70_000, 2 ** 31 - 1, 2 ** 31, 2 ** 40, -1];
    const others = [1.5, 2.5, NaN, Infinity, true, false, 1n, ['a'], { a: 1 }, new Uint8Array(3)];
    const value = fc.constantFrom<AttributeValue>(...texts, ...integers, ...others);
    const keys = ['http.request.method', 'b', 'c', 'k'.repeat(100), 'ключ', 'f'];
    const alike = fc.record({
      name: fc.constantFrom('GET /orders', 'query'),
      isChild: fc.boolean(),
      failed: fc.boolean(),
      values: fc.array(fc.option(value, { freq: 8 }), { maxLength: keys.length }),
    });
    fc.assert(
      fc.property(fc.array(alike, { minLength: 2, maxLength: 30 }), fc.constantFrom(350, 100_000), (plans, limit) => {
        const recorded = newRecorded({ spanBytesLimit: limit });
        const parent = recorded.recorder.start(TEST_SCOPE, 'parent', undefined, 0, undefined);
        const given = plans.map(({ name, isChild, failed, values }) => {
          const pairs = values.flatMap((each, i) => (each === null ? [] : [[keys[i] ?? '', each] as const]));
          const span: Span = recorded.recorder.start(TEST_SCOPE, name, isChild ? parent : undefined, 0, undefined);
          for (const [key, each] of pairs) span.setAttribute(key, each);
          if (failed) span.setStatus({ code: 2, message: 'no' });
          span.end();
          return { span, name, isChild, failed, pairs };
        });
        const read = recorded.read();
        expect(read).toHaveLength(given.length);
        for (const [i, { span, name, isChild, failed, pairs }] of given.entries()) {
          const isStripped = (read[i]?.droppedAttributesCount ?? 0) > 0;
          expect(read[i]).toMatchObject({
            name,
            spanId: span.spanContext().spanId,
            traceId: span.spanContext().traceId,
            parentSpanId: isChild ? parent.spanContext().spanId : '',
            status: { code: failed ? 2 : 0 },
          });
          const all = Object.fromEntries(pairs.map(([key, each]) => [key, expected(each)]));
          expect(read[i]?.attributes).toEqual(isStripped ? {} : all);
          expect(Object.keys(read[i]?.attributes ?? {})).toEqual(isStripped ? [] : pairs.map(([key]) => key));
          expect(isStripped && limit > 1000).toBe(false);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('keeps any nanosecond of a given time', () => {
    const recorded = newRecorded();
    const time = fc.tuple(fc.integer({ min: 0, max: 4_000_000_000 }), fc.integer({ min: 0, max: 999_999_999 }));
    fc.assert(
      fc.property(time, fc.integer({ min: 0, max: 1e15 }), ([seconds, nanoseconds], durationNs) => {
        const start = BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
        const end = start + BigInt(durationNs);
        const span: Span = recorded.recorder.start(TEST_SCOPE, 'old', undefined, 0, [seconds, nanoseconds]);
        span.end([Number(end / 1_000_000_000n), Number(end % 1_000_000_000n)]);
        const read = readOne(recorded);
        expect([read.startTimeUnixNano, read.endTimeUnixNano]).toEqual([start, end]);
      }),
      { numRuns: 500, seed: 7 },
    );
  });

  it('opens a ScopeSpans for each run of spans of one library', () => {
    const recorded = newRecorded();
    const other = { ...TEST_SCOPE, name: 'other' };
    for (const scope of [TEST_SCOPE, TEST_SCOPE, other, TEST_SCOPE]) {
      recorded.recorder.start(scope, 'x', undefined, 0, undefined).end();
    }
    const names = recorded.read().map(({ scope }) => scope.name);
    expect(names).toEqual(['test-scope', 'test-scope', 'other', 'test-scope']);
  });

  it('keeps a span above the size limit without its details, and says how many', () => {
    const recorded = newRecorded({ spanBytesLimit: 10_000 });
    const span: Span = recorded.recorder.start(TEST_SCOPE, 'n'.repeat(5000), undefined, 0, undefined);
    span
      .setAttribute('big', 'x'.repeat(20_000))
      .setAttribute('small', 1)
      .addEvent('e')
      .setStatus({ code: 2, message: 'm' });
    span.end();
    recorded.recorder.start(TEST_SCOPE, 'next', undefined, 0, undefined).end();
    const [stripped, next] = recorded.read();
    expect(stripped).toMatchObject({
      name: 'n'.repeat(1024),
      attributes: {},
      droppedAttributesCount: 2,
      droppedEventsCount: 1,
      status: { code: 2, message: 'm' },
    });
    expect(next?.name).toBe('next');
    expect(recorded.counters.strippedSpans).toBe(1);
  });

  it('carries strings of a megabyte', () => {
    const recorded = newRecorded();
    const value = 'ä'.repeat(500_000);
    const span: Span = recorded.recorder.start(TEST_SCOPE, 'big', undefined, 0, undefined);
    span.setAttribute('value', value).end();
    expect(readOne(recorded).attributes).toEqual({ value });
  });

  it('is full at its size, and starts again after its chunk was taken', () => {
    const { recorder, encoder, read } = newRecorded();
    let spans = 0;
    for (; !encoder.isFull; spans++) recorder.start(TEST_SCOPE, 'x', undefined, 0, undefined).end();
    expect(encoder.byteLength).toBeGreaterThanOrEqual(4096);
    expect(read()).toHaveLength(spans);
    expect(encoder.take()).toBeUndefined();
    recorder.start(TEST_SCOPE, 'after', undefined, 0, undefined).end();
    expect(read().map(({ name }) => name)).toEqual(['after']);
  });
});
