import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatDuration } from './format-duration.ts';

describe('formatDuration', () => {
  test.each([
    [0, '0 ns'],
    [17, '17 ns'],
    [999, '999 ns'],
    [1_000, '1 µs'],
    [850_000, '850 µs'],
    [999_499, '999 µs'],
    [999_999, '1 ms'],
    [1_234_567, '1.23 ms'],
    [120_000_000, '120 ms'],
    [999_600_000, '1 s'],
    [3_200_000_000, '3.2 s'],
    [4_958_000_000, '4.96 s'],
    [5_020_000_000, '5.02 s'],
    [59_940_000_000, '59.9 s'],
    [59_960_000_000, '1 min'],
    [125_000_000_000, '2 min 5 s'],
    [3_599_600_000_000, '1 h'],
    [12_000_000_000_000, '3 h 20 min'],
    [-3_000_000, '-3 ms'],
  ])('writes %d ns as %s', (ns, text) => {
    expect(formatDuration(ns)).toBe(text);
  });

  test('takes the decimal strings of the API and bigints', () => {
    expect(formatDuration('4958000000')).toBe('4.96 s');
    expect(formatDuration(4_958_000_000n)).toBe('4.96 s');
  });

  test('has a sign for what is no number', () => {
    expect(formatDuration(Number.NaN)).toBe('?');
    expect(formatDuration('soon')).toBe('?');
  });

  test('never shows more than three digits below a minute', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 59_949_999_999 }), (ns) => {
        expect(formatDuration(ns)).toMatch(/^(\d{1,3}|\d\.\d{1,2}|\d\d\.\d) (ns|µs|ms|s)$/);
      }),
    );
  });
});
