import { describe, expect, it } from 'vitest';
import { SpanStatusCode } from '@opentelemetry/api';
import type { SpanLimits } from './span-limits.ts';
import type { Span } from './span.ts';
import type { ReadSpan } from '../test-support/otlp-reader.ts';
import { newRecorded, START_UNIX_MS, TEST_SCOPE } from '../test-support/recorded.ts';

const START_NS = BigInt(START_UNIX_MS) * 1_000_000n;

/** Records one span and answers what a collector would read of it. */
function recorded(act: (span: Span) => void, limits: Partial<SpanLimits> = {}): ReadSpan {
  const { recorder, read } = newRecorded(limits);
  const span = recorder.start(TEST_SCOPE, 'span', undefined, undefined, undefined);
  act(span);
  span.end();
  const [first] = read();
  if (first === undefined) throw new Error('nothing was recorded');
  return first;
}

describe('attributes', () => {
  it('drop what is above the limit and say so, while overwriting a key is no drop', () => {
    const span = recorded((s) => s.setAttributes({ a: 1, b: 2, c: 3 }).setAttribute('a', 4).setAttribute('d', 5), {
      attributeCountLimit: 2,
    });
    expect(span).toMatchObject({ attributes: { a: 4n, b: 2n }, droppedAttributesCount: 2 });
  });

  it('have a limit of their own in events and links', () => {
    const context = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1 };
    const span = recorded(
      (s) => s.addEvent('e', { a: 1, b: 2 }).addLink({ context, attributes: { a: 1, b: 2, c: 3 } }),
      {
        attributePerEventCountLimit: 1,
        attributePerLinkCountLimit: 1,
      },
    );
    expect(span.events[0]).toMatchObject({ attributes: { a: 1n }, droppedAttributesCount: 1 });
    expect(span.links[0]).toMatchObject({ attributes: { a: 1n }, droppedAttributesCount: 2 });
  });

  it('are cut to the length limit, in arrays, maps and bytes too, and never within a character', () => {
    const span = recorded(
      (s) => s.setAttributes({ s: 'abcdef', l: ['abcdef', 1], m: { k: 'abcdef' }, b: new Uint8Array(9), e: 'ab😀' }),
      {
        attributeValueLengthLimit: 3,
      },
    );
    expect(span.attributes).toEqual({ s: 'abc', l: ['abc', 1n], m: { k: 'abc' }, b: new Uint8Array(3), e: 'ab' });
    expect(span.droppedAttributesCount).toBe(0);
  });

  it('are copied when they are set', () => {
    const list = ['a'];
    const map = { k: 'a' };
    const bytes = new Uint8Array([1]);
    const span = recorded((s) => {
      s.setAttributes({ list, map, bytes });
      list.push('b');
      map.k = 'b';
      bytes[0] = 2;
    });
    expect(span.attributes).toEqual({ list: ['a'], map: { k: 'a' }, bytes: new Uint8Array([1]) });
  });

  it('keep empty elements in their places, and dates as text', () => {
    const span = recorded((s) => s.setAttributes({ l: [1, null, undefined, 'x'], d: new Date(0), n: { a: null } }));
    expect(span.attributes).toEqual({ l: [1n, null, null, 'x'], d: '1970-01-01T00:00:00.000Z', n: { a: null } });
  });

  it('end circular and endless values at their limits', () => {
    const circle: Record<string, unknown> = {};
    for (let i = 0; i < 10; i++) circle[`k${i}`] = circle;
    const span = recorded((s) => s.setAttributes({ circle: circle as never, long: Array(5000).fill(1) }));
    expect(span.attributes['long']).toHaveLength(1024);
    expect(JSON.stringify(span.attributes['circle'])).toMatch(/null/);
  });
});

describe('whatever a span is given', () => {
  const thrower = new Proxy(
    {},
    {
      ownKeys: () => {
        throw new Error('no');
      },
      get: () => {
        throw new Error('no');
      },
    },
  );
  const strange: readonly unknown[] = [
    undefined,
    null,
    NaN,
    Infinity,
    -0,
    '',
    Symbol('s'),
    () => 1,
    2n ** 70n,
    thrower,
    new Date(NaN),
    [thrower],
    { a: thrower },
    Object.create(null),
    new Map([['a', 1]]),
    '\ud800',
    'x'.repeat(1_000_000),
    [[[[1]]]],
    new WeakMap(),
    Promise.resolve(),
  ];

  it('does not throw, in any place', () => {
    const { recorder, read } = newRecorded();
    for (const value of strange) {
      const any = value as never;
      const span: Span = recorder.start(TEST_SCOPE, any, undefined, any, any);
      span.setAttribute('k', any).setAttribute<string>(any, 1).setAttributes(any).setAttributes({ k: any });
      span.addEvent(any, any, any).addEvent('e', { k: any }).addEvent('e', any);
      span
        .addLink(any)
        .addLink({ context: any })
        .addLink({ context: { traceId: any, spanId: any, traceFlags: any } });
      span.addLinks(any).addLinks([any]);
      span.setStatus(any).setStatus({ code: any }).setStatus({ code: 2, message: any });
      span.updateName(any).recordException(any, any);
      span.end(any);
    }
    expect(read().length).toBe(strange.length);
  });

  it('counts what it cannot carry', () => {
    const { recorder, counters } = newRecorded();
    const span: Span = recorder.start(TEST_SCOPE, 'x', undefined, undefined, undefined);
    span
      .setAttribute('', 1)
      .setAttribute('f', (() => 1) as never)
      .addEvent('e', { s: Symbol('s') as never });
    expect(counters.invalidAttributes).toBe(3);
  });
});

describe('a status', () => {
  it.each([
    [
      [
        { code: SpanStatusCode.ERROR, message: 'a' },
        { code: SpanStatusCode.OK, message: 'b' },
      ],
      { code: 1, message: '' },
    ],
    [[{ code: SpanStatusCode.OK }, { code: SpanStatusCode.ERROR, message: 'b' }], { code: 1, message: '' }],
    [[{ code: SpanStatusCode.ERROR, message: 'a' }, { code: SpanStatusCode.UNSET }], { code: 2, message: 'a' }],
    [
      [
        { code: SpanStatusCode.ERROR, message: 'a' },
        { code: SpanStatusCode.ERROR, message: 'b' },
      ],
      { code: 2, message: 'b' },
    ],
    [[{ code: SpanStatusCode.UNSET, message: 'a' }], { code: 0, message: '' }],
    [[{ code: 'error', message: 'a' }, { code: 'unset' }], { code: 2, message: 'a' }],
    [[{ code: 'ok' }, { code: 'error' }], { code: 1, message: '' }],
  ] as const)('of %j becomes %j', (statuses, expected) => {
    expect(recorded((span) => statuses.forEach((status) => span.setStatus(status))).status).toEqual(expected);
  });
});

describe('an exception', () => {
  it.each([
    [Object.assign(new TypeError('bad'), { code: 'E_BAD' }), 'E_BAD', 'bad'],
    [new TypeError('bad'), 'TypeError', 'bad'],
    ['only text', undefined, 'only text'],
    [42, 'number', '42'],
    [{ message: 'like an error' }, 'object', 'like an error'],
  ])('is recorded for %s', (thrown, type, message) => {
    const [event] = recorded((span) => span.recordException(thrown)).events;
    expect(event?.name).toBe('exception');
    expect(event?.attributes['exception.type']).toBe(type);
    expect(event?.attributes['exception.message']).toBe(message);
    expect(typeof event?.attributes['exception.stacktrace']).toBe(thrown instanceof Error ? 'string' : 'undefined');
  });
});

describe('an ended span', () => {
  it('is not recording, never changes, and is exported once', () => {
    const { recorder, read, counters, clock } = newRecorded();
    const span: Span = recorder.start(TEST_SCOPE, 'span', undefined, undefined, undefined);
    clock.nowMs = 5;
    span.end();
    clock.nowMs = 9;
    span.setAttribute('a', 1).addEvent('e').setStatus({ code: SpanStatusCode.ERROR }).updateName('other').end();
    span.recordException(new Error('late'));
    expect(span.isRecording()).toBe(false);
    expect(read()).toMatchObject([
      { name: 'span', attributes: {}, events: [], status: { code: 0 }, endTimeUnixNano: START_NS + 5_000_000n },
    ]);
    expect(counters.ended).toBe(1);
  });

  it('does not see the attributes of a later span that uses its memory', () => {
    const { recorder, read } = newRecorded();
    for (let i = 0; i < 3; i++) {
      const span: Span = recorder.start(TEST_SCOPE, 'x', undefined, undefined, undefined);
      if (i !== 1) span.setAttributes({ a: i, b: i });
      span.end();
    }
    expect(read().map(({ attributes }) => attributes)).toEqual([{ a: 0n, b: 0n }, {}, { a: 2n, b: 2n }]);
  });

  it('ends at the end of a using block', () => {
    const { recorder, read } = newRecorded();
    const span: Span = recorder.start(TEST_SCOPE, 'used', undefined, undefined, undefined);
    span[Symbol.dispose]();
    expect(read()).toHaveLength(1);
  });
});

describe('times', () => {
  it('are taken as HrTime, Date, epoch milliseconds and readings of performance.now()', () => {
    const { recorder, read, clock } = newRecorded();
    clock.nowMs = 100;
    const starts = [[1_700_000_000, 500], new Date(START_UNIX_MS + 7), START_UNIX_MS + 7.25, 40.5] as const;
    for (const start of starts) recorder.start(TEST_SCOPE, 'x', undefined, undefined, start as never).end();
    expect(read().map((span) => span.startTimeUnixNano)).toEqual([
      1_700_000_000_000_000_500n,
      START_NS + 7_000_000n,
      START_NS + 7_250_000n,
      START_NS + 40_500_000n,
    ]);
  });

  it('never make a duration negative', () => {
    const span = recorded((s) => s.end(new Date(0)));
    expect(span.endTimeUnixNano).toBe(span.startTimeUnixNano);
  });
});
