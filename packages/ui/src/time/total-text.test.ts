import { describe, expect, it } from 'vitest';
import { totalText } from './total-text.ts';

describe('what a trace took in total', () => {
  it.each([
    [30e6, 41e9, '41 s total'],
    [0, 2e6, '2 ms total'],
    [100e6, 106e6, '106 ms total'],
    // Not by 5%, not by a millisecond, not at all, not known.
    [100e6, 104e6, ''],
    [1e6, 1.9e6, ''],
    [30e6, 30e6, ''],
    [30e6, 20e6, ''],
    [30e6, Number.NaN, ''],
  ])('beside %d ns of its root, %d ns in all, is %j', (durationNs, extentNs, text) => {
    expect(totalText(durationNs, extentNs)).toBe(text);
  });
});
