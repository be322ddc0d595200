import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ratioText, probabilityText } from './probability-text.ts';

describe('a probability in words', () => {
  it.each([
    [1, 'all'],
    [0, 'none'],
    [0.05, '1 in 20'],
    [0.1, '1 in 10'],
    [2 / 3, '2 in 3'],
    [0.35, '35 in 100'],
    [0.9999, '99 in 100'],
    [0.0952, '1 in 10.5'],
    [0.1042, '1 in 9.6'],
    [0.03, '1 in 33'],
    [0.0004, '1 in 2,500'],
  ])('writes %d as %s', (probability, text) => {
    expect(ratioText(probability)).toBe(text);
  });

  it('is never far from what is meant', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-9, max: 0.99, noNaN: true }), (probability) => {
        const [numerator = NaN, denominator = NaN] = ratioText(probability)
          .replaceAll(',', '')
          .split(' in ')
          .map(Number);
        expect(Math.abs(numerator / denominator / probability - 1)).toBeLessThan(0.05);
      }),
    );
  });
});

describe('a probability in percent', () => {
  it.each([
    [1, '100%'],
    [0.99999, '99.9%'],
    [1 / 3, '33.3%'],
    [0.05, '5%'],
    [0.000123, '0.0123%'],
    [0, '0%'],
  ])('writes %d as %s', (probability, text) => {
    expect(probabilityText(probability)).toBe(text);
  });
});
