import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { sampleOf } from './window-slices.ts';

const MINUTE_NS = 60_000_000_000n;
const HOUR_NS = 60n * MINUTE_NS;
const window = { fromUnixNano: 1_700_000_000_000_000_000n, toUnixNano: 1_700_000_000_000_000_000n + 24n * HOUR_NS };

test('a window with few spans is read whole', () => {
  expect(sampleOf(window, 100_000, 100_000, MINUTE_NS)).toEqual({ slices: [window], share: 1 });
  expect(sampleOf(window, 0, 100_000, MINUTE_NS)).toEqual({ slices: [window], share: 1 });
});

test('a long window with many spans is read in slices all over it', () => {
  const { slices, share } = sampleOf(window, 10_000_000, 100_000, MINUTE_NS);
  expect(slices).toHaveLength(12);
  expect(share).toBeCloseTo(0.25, 1);
  const firstHour = (slices.at(0)!.fromUnixNano - window.fromUnixNano) / HOUR_NS;
  const lastHour = (slices.at(-1)!.fromUnixNano - window.fromUnixNano) / HOUR_NS;
  expect([firstHour, lastHour]).toEqual([0n, 22n]);
});

test('slices are as long as what is read after each, so that no more is read than twice what is kept', () => {
  const { slices, share } = sampleOf(
    { ...window, toUnixNano: window.fromUnixNano + HOUR_NS },
    180_000_000,
    100_000,
    MINUTE_NS,
  );
  expect(slices.map(({ fromUnixNano, toUnixNano }) => toUnixNano - fromUnixNano)).toEqual([
    MINUTE_NS,
    MINUTE_NS,
    MINUTE_NS,
  ]);
  expect(share).toBeCloseTo(100_000 / 9_000_000);
});

test('slices lie in the window, one after another, and hold with the share about as many spans as are wanted', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 1_000_000n, max: 40n * 24n * HOUR_NS }),
      fc.integer({ min: 0, max: 2_000_000_000 }),
      fc.integer({ min: 1_000, max: 10_000_000 }),
      (length, spanCount, spansMax) => {
        const given = { fromUnixNano: window.fromUnixNano, toUnixNano: window.fromUnixNano + length };
        const { slices, share } = sampleOf(given, spanCount, spansMax, MINUTE_NS);
        expect(share).toBeGreaterThan(0);
        expect(share).toBeLessThanOrEqual(1);
        let at = given.fromUnixNano;
        let read = 0n;
        for (const { fromUnixNano, toUnixNano } of slices) {
          expect(fromUnixNano).toBeGreaterThanOrEqual(at);
          expect(toUnixNano).toBeGreaterThan(fromUnixNano);
          read += toUnixNano - fromUnixNano;
          at = toUnixNano;
        }
        expect(at).toBeLessThanOrEqual(given.toUnixNano);
        const expected = (Number(read) / Number(length)) * share * spanCount;
        expect(expected).toBeLessThanOrEqual(spansMax * 1.2);
      },
    ),
  );
});
