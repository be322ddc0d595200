import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sqlFloat64, sqlHex, sqlIdentifier, sqlInt64, sqlString, sqlUInt64 } from './sql.ts';
import { startEngine, type StartedEngine } from './testing/start-engine.ts';

let store: StartedEngine;
beforeAll(async () => {
  store = await startEngine();
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
});

const anyString = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.string({
    unit: fc.constantFrom(
      "'",
      '\\',
      '\0',
      '\n',
      '\r',
      '\u001a',
      '\u007f',
      '\u0080',
      '\u0085',
      '\u009f',
      '`',
      ';',
      '--',
      '/*',
      '{x:String}',
      '\ud800',
      '\udfff',
      '%',
      '\u2028',
      'x41',
      'a',
    ),
  }),
);

/** What UTF-8 can hold of it. */
const wellFormed = (text: string): string => Buffer.from(text).toString('utf8');

test('a string literal comes back as the string, whatever it holds', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyString, { minLength: 1, maxLength: 20 }), async (texts) => {
      const [row] = await store.rows(`SELECT ${texts.map((text) => `hex(${sqlString(text)})`).join(', ')}`);
      expect(row).toEqual(texts.map((text) => Buffer.from(wellFormed(text)).toString('hex').toUpperCase()));
    }),
    { numRuns: 100, seed: 1 },
  );
});

test('no string leaves its literal', async () => {
  const hostile = [
    "'; DROP TABLE throughline.spans; --",
    "\\'; SELECT 1; --",
    '\n\nDROP DATABASE throughline\n\n',
    "' OR '1'='1",
  ];
  for (const text of hostile) {
    expect(await store.rows(`SELECT count() FROM throughline.spans WHERE service = ${sqlString(text)}`)).toEqual([[0]]);
  }
});

test('64-bit integers come back exactly', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
      fc.bigInt(0n, 2n ** 64n - 1n),
      async (signed, unsigned) => {
        const sql = `SELECT toString(${sqlInt64(signed)}), toString(${sqlUInt64(unsigned)}), toTypeName(${sqlInt64(signed)})`;
        expect(await store.rows(sql)).toEqual([[String(signed), String(unsigned), 'Int64']]);
      },
    ),
    {
      numRuns: 50,
      seed: 2,
      examples: [
        [-(2n ** 63n), 2n ** 64n - 1n],
        [2n ** 63n - 1n, 0n],
      ],
    },
  );
});

test('doubles and bytes come back exactly', async () => {
  await fc.assert(
    fc.asyncProperty(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.uint8Array(), async (double, bytes) => {
      const hex = Buffer.from(bytes).toString('hex');
      const sql = `SELECT hex(reinterpretAsString(reverse(reinterpretAsFixedString(${sqlFloat64(double)})))), hex(${sqlHex(hex)})`;
      const expected = Buffer.alloc(8);
      expected.writeDoubleBE(double);
      const [[found, foundHex] = []] = await store.rows(sql);
      expect(String(found).padEnd(16, '0')).toBe(expected.toString('hex').toUpperCase());
      expect(foundHex).toBe(hex.toUpperCase());
    }),
    { numRuns: 50, seed: 3 },
  );
});

test('what is no literal of its kind is rejected', () => {
  expect(() => sqlInt64(2n ** 63n)).toThrow(RangeError);
  expect(() => sqlUInt64(-1)).toThrow(RangeError);
  expect(() => sqlFloat64(NaN)).toThrow(RangeError);
  expect(() => sqlHex("ab'")).toThrow(RangeError);
  expect(() => sqlHex('abc')).toThrow(RangeError);
  expect(() => sqlIdentifier('a`; DROP')).toThrow(RangeError);
});
