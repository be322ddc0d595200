import { describe, expect, it } from 'vitest';
import { lengthText } from './length-text.ts';

describe('a length of time as text', () => {
  it.each([
    [-3, '0 s'],
    [0.9, '0 s'],
    [40.7, '40 s'],
    [725, '12 min 5 s'],
    [3_600, '1 h'],
    [86_400 * 3 + 4 * 3_600 + 59, '3 d 4 h'],
    [86_400 + 59, '1 d'],
  ])('writes %d seconds as %s', (seconds, text) => {
    expect(lengthText(seconds)).toBe(text);
  });
});
