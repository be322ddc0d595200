import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { secondsOf } from './seconds-of.ts';

const SECOND = 1_000_000_000n;

function seconds(nanoseconds: bigint): number {
  return secondsOf(Number(nanoseconds & 0xffff_ffffn), Number(nanoseconds >> 32n));
}

test('whole seconds are exact for every 64-bit count of nanoseconds', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (nanoseconds) => {
      expect(seconds(nanoseconds)).toBe(Number(nanoseconds / SECOND));
    }),
  );
});

test('whole seconds are exact on both sides of the turn of a second', () => {
  const second = fc.bigInt({ min: 1n, max: (2n ** 64n - 2n) / SECOND });
  fc.assert(
    fc.property(second, fc.bigInt({ min: -300n, max: 299n }), (turn, offset) => {
      const nanoseconds = turn * SECOND + offset;
      expect(seconds(nanoseconds)).toBe(Number(nanoseconds / SECOND));
    }),
  );
});
