import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseTraceId } from './parse-trace-id.ts';

const id = '4bf92f3577b34da6a3ce929d0e0e4736';
const short = 'a3ce929d0e0e4736';
const padded = `0000000000000000${short}`;

const digits = (length: number): fc.Arbitrary<string> =>
  fc
    .array(fc.constantFrom(...Array.from('0123456789abcdef')), { minLength: length, maxLength: length })
    .map((all) => all.join(''))
    .filter((text) => !/^0*$/.test(text));

/** How programs write an id of 128 bits. */
const FORMS_128: readonly ((traceId: string, spanId: string) => string)[] = [
  (traceId) => traceId,
  (traceId) => `0x${traceId}`,
  (traceId) => traceId.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
  (traceId) => `{${traceId.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')}}`,
  (traceId) => `1-${traceId.slice(0, 8)}-${traceId.slice(8)}`,
  (traceId, spanId) => `Root=1-${traceId.slice(0, 8)}-${traceId.slice(8)};Parent=${spanId};Sampled=1`,
  (traceId, spanId) => `00-${traceId}-${spanId}-01`,
  (traceId, spanId) => `traceparent: 00-${traceId}-${spanId}-01`,
  (traceId, spanId) => `${traceId}-${spanId}-1`,
  (traceId, spanId) => `${traceId}:${spanId}:0:1`,
];

/** How programs write an id of 64 bits. */
const FORMS_64: readonly ((traceId: string, spanId: string) => string)[] = [
  (traceId) => traceId,
  (traceId) => `0x${traceId.replace(/^0+/, '')}`,
  (traceId, spanId) => `${traceId}-${spanId}-1`,
  (traceId, spanId) => `${traceId.replace(/^0+/, '')}:${spanId}:0:1`,
];

const asWritten = fc.record({
  before: fc.constantFrom('', ' ', '\t', '\n '),
  behind: fc.constantFrom('', ' ', '\r\n'),
  isUpper: fc.boolean(),
});

describe('parseTraceId', () => {
  it.each([
    [id, id],
    [id.toUpperCase(), id],
    [`  ${id}\n`, id],
    [short, padded],
    [short.slice(2), `${'0'.repeat(18)}${short.slice(2)}`],
    [`0x${short}`, padded],
    ['0xabc', 'abc'.padStart(32, '0')],
    ['366c1005-0cab-a074-8f5e-80ad659a9fed', '366c10050caba0748f5e80ad659a9fed'],
    ['1-5759e988-bd862e3fe1be46a994272793', '5759e988bd862e3fe1be46a994272793'],
    [`00-${id}-00f067aa0ba902b7-01`, id],
  ])('reads %j', (text, expected) => {
    expect(parseTraceId(text)).toBe(expected);
  });

  it.each([
    '',
    'checkout',
    'deadbeef',
    '0'.repeat(16),
    '0'.repeat(32),
    '0x0',
    `${id}0`,
    `${id.slice(1)}g`,
    `${id} ${id}`,
    '366c1005-0cab-a074-8f5e80ad659a9fed',
    '2-5759e988-bd862e3fe1be46a994272793',
    'x'.repeat(1_000_000),
  ])('finds none in %j', (text) => {
    expect(parseTraceId(text)).toBeNull();
  });

  it('reads every id of 128 bits in every form', () => {
    fc.assert(
      fc.property(
        digits(32),
        digits(16),
        fc.constantFrom(...FORMS_128),
        asWritten,
        (traceId, spanId, form, written) => {
          const text = form(traceId, spanId);
          const cased = written.isUpper ? text.toUpperCase() : text;
          expect(parseTraceId(written.before + cased + written.behind)).toBe(traceId);
        },
      ),
    );
  });

  it('reads every id of 64 bits in every form, filled with zeros', () => {
    fc.assert(
      fc.property(digits(16), digits(16), fc.constantFrom(...FORMS_64), (traceId, spanId, form) => {
        expect(parseTraceId(form(traceId, spanId))).toBe(traceId.padStart(32, '0'));
      }),
    );
  });

  it('returns 32 digits or null whatever it is given, and reads its own result as itself', () => {
    const likely = fc
      .array(fc.constantFrom(...Array.from('0123456789abcdefABCDEFx-:; 1')), { maxLength: 64 })
      .map((all) => all.join(''));
    fc.assert(
      fc.property(fc.oneof(fc.string(), likely), (text) => {
        const read = parseTraceId(text);
        if (read === null) return;
        expect(read).toMatch(/^(?!0{32}$)[0-9a-f]{32}$/);
        expect(parseTraceId(read)).toBe(read);
      }),
    );
  });
});
