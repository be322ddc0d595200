import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { carrierGetter, carrierSetter } from './carrier.ts';
import { normalTraceState, traceStateMember, W3cTraceState, withTraceStateMember } from '../span/trace-state.ts';
import { extractTraceContext, injectTraceContext, parseTraceparent } from './w3c-trace-context.ts';

const TRACE_ID = '12345678901234567890123456789012';
const PARENT_ID = '1234567890123456';

const values = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, i) => String.fromCharCode(from + i)).join('');

const members = (count: number): string => Array.from({ length: count }, (_, i) => `k${i}=${i}`).join(',');

describe('traceparent', () => {
  it.each([
    ['00', '01', 1],
    ['00', '00', 0],
    ['00', '03', 3],
    ['00', '02', 2],
    ['00', 'ff', 3],
    ['cc', '01', 1],
    ['cc', '09', 1],
  ])('of version %s keeps of the flags %s what is known', (version, flags, expected) => {
    const span = parseTraceparent(`${version}-${TRACE_ID}-${PARENT_ID}-${flags}`, undefined);
    expect(span?.spanContext()).toEqual({ traceId: TRACE_ID, spanId: PARENT_ID, traceFlags: expected, isRemote: true });
  });

  it('of a future version may go on after another dash', () => {
    expect(parseTraceparent(`cc-${TRACE_ID}-${PARENT_ID}-01-what-the-future`, undefined)).toBeDefined();
    expect(parseTraceparent(`cc-${TRACE_ID}-${PARENT_ID}-01.what`, undefined)).toBeUndefined();
    expect(parseTraceparent(`cc-${TRACE_ID}-${PARENT_ID}-01-`, undefined)).toBeDefined();
  });

  it.each([' ', '\t', ' \t '])('may stand between spaces and tabs', (space) => {
    expect(parseTraceparent(`${space}00-${TRACE_ID}-${PARENT_ID}-01${space}`, undefined)).toBeDefined();
  });

  it.each([
    ['', 'nothing'],
    [`ff-${TRACE_ID}-${PARENT_ID}-01`, 'the forbidden version'],
    [`0-${TRACE_ID}-${PARENT_ID}-01`, 'a short version'],
    [`.0-${TRACE_ID}-${PARENT_ID}-01`, 'a version that is not hex'],
    [`00-${'0'.repeat(32)}-${PARENT_ID}-01`, 'a trace id of zeros'],
    [`00-${TRACE_ID}-${'0'.repeat(16)}-01`, 'a parent id of zeros'],
    [`00-${TRACE_ID.slice(1)}.-${PARENT_ID}-01`, 'a trace id that is not hex'],
    [`00-${TRACE_ID.slice(1)}A-${PARENT_ID}-01`, 'a trace id in upper case'],
    [`00-${TRACE_ID}-${PARENT_ID.slice(1)}.-01`, 'a parent id that is not hex'],
    [`00-${TRACE_ID}1-${PARENT_ID}-01`, 'a long trace id'],
    [`00-${TRACE_ID}-${PARENT_ID}1-01`, 'a long parent id'],
    [`00-${TRACE_ID}-${PARENT_ID}-.1`, 'flags that are not hex'],
    [`00-${TRACE_ID}-${PARENT_ID}-001`, 'long flags'],
    [`00-${TRACE_ID}-${PARENT_ID}-1`, 'short flags'],
    [`00-${TRACE_ID}-${PARENT_ID}-01-more`, 'more than version 00 has'],
    [`00-${TRACE_ID}-${PARENT_ID}-01, 00-${TRACE_ID}-${PARENT_ID}-01`, 'two headers in one'],
    [`00_${TRACE_ID}_${PARENT_ID}_01`, 'other separators'],
  ])('is rejected: %s (%s)', (header) => {
    expect(parseTraceparent(header, undefined)).toBeUndefined();
  });

  it('is rejected when the carrier holds it twice', () => {
    const header = `00-${TRACE_ID}-${PARENT_ID}-01`;
    expect(extractTraceContext({ traceparent: [header] }, carrierGetter)).toBeDefined();
    expect(extractTraceContext({ traceparent: [header, header] }, carrierGetter)).toBeUndefined();
  });
});

describe('tracestate', () => {
  const anyValue = values(0x20, 0x2b) + values(0x2d, 0x3c) + values(0x3e, 0x7e);

  it.each([
    ['foo=1,bar=2', 'foo=1,bar=2'],
    ['foo=1 \t , \t bar=2, \t baz=3', 'foo=1,bar=2,baz=3'],
    [' foo=1\t', 'foo=1'],
    ['foo=1,,bar=2,', 'foo=1,bar=2'],
    ['foo=1,foo=2', 'foo=1'],
    ['0foo=1', '0foo=1'],
    ['0tenant@vendor=1', '0tenant@vendor=1'],
    [`${'z'.repeat(256)}=1`, `${'z'.repeat(256)}=1`],
    [`${'t'.repeat(241)}@${'v'.repeat(14)}=1`, `${'t'.repeat(241)}@${'v'.repeat(14)}=1`],
    // Level 2: an at sign is a character like any other, but at the begin.
    ['foo@=1,bar=2', 'foo@=1,bar=2'],
    ['foo@@bar=1,foo@bar@baz=2', 'foo@@bar=1,foo@bar@baz=2'],
    [`${'t'.repeat(242)}@v=1`, `${'t'.repeat(242)}@v=1`],
    [`t@${'v'.repeat(15)}=1`, `t@${'v'.repeat(15)}=1`],
    [`foo=${'v'.repeat(256)}`, `foo=${'v'.repeat(256)}`],
    [`abcdefghijklmnopqrstuvwxyz0123456789_-*/=${anyValue}`, `abcdefghijklmnopqrstuvwxyz0123456789_-*/=${anyValue}`],
  ])('%s reads as %s', (header, normal) => {
    expect(normalTraceState(header)).toBe(normal);
  });

  it.each([
    'foo =1',
    'FOO=1',
    'foo.bar=1',
    '@foo=1,bar=2',
    `${'z'.repeat(257)}=1`,
    `${'t'.repeat(255)}@v=1`,
    'foo=bar=baz',
    'foo=,bar=3',
    'foo',
    '=1',
    'foo=ä',
    `foo=${'v'.repeat(257)}`,
    'foo=1\u0000',
  ])('with a malformed member is ignored as a whole: %s', (header) => {
    expect(normalTraceState(header)).toBe('');
  });

  it('has at most 32 members', () => {
    expect(normalTraceState(members(32))).toBe(members(32));
    expect(normalTraceState(members(33))).toBe('');
    expect(withTraceStateMember(members(32), 'ot', 'th:0').split(',')).toHaveLength(32);
  });

  it('has a changed member first and its others in order', () => {
    expect(withTraceStateMember('a=1,b=2,c=3', 'b', '4')).toBe('b=4,a=1,c=3');
    expect(withTraceStateMember('a=1,b=2', 'a', '')).toBe('b=2');
    expect(traceStateMember('ab=1,a=2', 'a')).toBe('2');
  });

  it('is an immutable TraceState for OpenTelemetry', () => {
    const state = new W3cTraceState('a=1,b=2');
    expect(state.set('c', '3').unset('a').serialize()).toBe('c=3,b=2');
    expect(state.set('Not Allowed', '3').serialize()).toBe('a=1,b=2');
    expect([state.get('a'), state.get('x'), state.serialize()]).toEqual(['1', undefined, 'a=1,b=2']);
  });
});

describe('extraction', () => {
  it('gives back what was injected, from every kind of carrier', () => {
    const span = parseTraceparent(`00-${TRACE_ID}-${PARENT_ID}-03`, 'a=1');
    if (span === undefined) throw new Error('malformed');
    for (const carrier of [{}, new Map(), new Headers(), [['other', '1']]]) {
      injectTraceContext(span, carrier, carrierSetter);
      injectTraceContext(span, carrier, carrierSetter);
      const extracted = extractTraceContext(carrier, carrierGetter);
      expect(extracted?.spanContext()).toEqual(span.spanContext());
      expect(extracted?.spanContext().traceState?.serialize()).toBe('a=1');
    }
  });

  it('finds header names in any case', () => {
    const carrier = { TraceParent: `00-${TRACE_ID}-${PARENT_ID}-01`, TRACESTATE: 'foo=1' };
    expect(extractTraceContext(carrier, carrierGetter)?.trace.traceState).toBe('foo=1');
    expect(extractTraceContext(Object.entries(carrier), carrierGetter)?.trace.traceState).toBe('foo=1');
  });

  it('joins several tracestate headers', () => {
    const carrier = { traceparent: `00-${TRACE_ID}-${PARENT_ID}-01`, tracestate: ['foo=1', '', 'bar=2'] };
    expect(extractTraceContext(carrier, carrierGetter)?.trace.traceState).toBe('foo=1,bar=2');
  });

  it('never throws, and never answers an invalid identity', () => {
    const headerLike = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom(...'0123456789abcdef-,=@ \t'.split('')) }),
      fc
        .tuple(fc.integer({ min: 0, max: 54 }), fc.string({ unit: 'binary', maxLength: 3 }))
        .map(
          ([at, noise]) =>
            `00-${TRACE_ID}-${PARENT_ID}-01`.slice(0, at) + noise + `00-${TRACE_ID}-${PARENT_ID}-01`.slice(at + 1),
        ),
    );
    const anything = fc.oneof(headerLike, fc.array(headerLike), fc.anything());
    fc.assert(
      fc.property(anything, anything, (traceparent, tracestate) => {
        const span = extractTraceContext({ traceparent, tracestate }, carrierGetter);
        if (span === undefined) return;
        const context = span.spanContext();
        expect(context.traceId).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
        expect(context.spanId).toMatch(/^(?!0{16})[0-9a-f]{16}$/);
        expect(normalTraceState(span.trace.traceState)).toBe(span.trace.traceState);
      }),
      { numRuns: 2000, seed: 7 },
    );
  });

  it('survives a carrier whose getter throws', () => {
    const carrier = new Proxy(
      {},
      {
        get: () => {
          throw new Error('no');
        },
      },
    );
    expect(extractTraceContext(carrier, carrierGetter)).toBeUndefined();
  });
});
